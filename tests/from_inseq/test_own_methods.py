"""Classes of methods, aggregators and aggregation functions that scripts derive from inseq's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import wherefrom.inseq as inseq
from wherefrom.errors import UnknownNameError
from wherefrom.inseq import NotHereError
from wherefrom.inseq.attr.feat import InternalsAttributionRegistry, SaliencyAttribution
from wherefrom.inseq.attr.feat.feature_attribution import METHOD_NAMES, DummyAttribution
from wherefrom.inseq.data.aggregation_functions import AggregationFunction
from wherefrom.inseq.data.aggregator import Aggregator, SequenceAttributionAggregator, stages_of
from wherefrom.inseq.utils.misc import rgetattr


class NeedsConfiguration(DummyAttribution):
    """Reads the model's configuration."""

    method_name = "needs_configuration"

    def __init__(self, attribution_model: Any, **kwargs: Any) -> None:
        super().__init__(attribution_model, hook_to_model=False)
        self.use_model_config = True
        self.hook(**kwargs)


class OwnSaliency(SaliencyAttribution):
    """inseq's under another name."""

    method_name = "own_saliency"


class Computes(InternalsAttributionRegistry):
    """Scores of its own."""

    method_name = "computes"

    def attribute_step(self, attribute_fn_main_args: Any, attribution_args: Any) -> Any:  # type: ignore[override]
        """Never reached."""


class Median(AggregationFunction):
    """The median."""

    aggregation_function_name = "own_median"

    def __call__(self, scores: torch.Tensor, dim: int, **kwargs: Any) -> torch.Tensor:
        """``scores`` without ``dim``."""
        return scores.median(dim).values


class Largest(SequenceAttributionAggregator):
    """The largest of a cell, as it is."""

    aggregator_name = "own_largest"

    @classmethod
    def aggregate(cls, attr: Any, **kwargs: Any) -> Any:
        """A new result."""
        return super().aggregate(attr, **{**kwargs, "aggregate_fn": "max", "normalize": False})


class OtherScores(SequenceAttributionAggregator):
    """A class with a name that is taken."""

    aggregator_name = "scores"


def test_derived_aggregators_and_functions_are_found_by_their_names(
    gpt2: Any, registered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = gpt2.attribute("the name", "the name of it")
    scores = out[0].target_attributions
    found = out.aggregate("own_median", normalize=False)[0].target_attributions
    torch.testing.assert_close(found, scores.median(-1).values, equal_nan=True)
    by_setting = out.aggregate("scores", aggregate_fn="own_median", normalize=False)[0].target_attributions
    torch.testing.assert_close(by_setting, found, equal_nan=True)
    largest = out.aggregate(["own_largest"])[0].target_attributions
    torch.testing.assert_close(largest, scores.max(-1).values, equal_nan=True)
    assert "own_median" in inseq.list_aggregation_functions()
    assert "own_largest" in inseq.list_aggregators()
    inseq.explain("own_median")
    assert "The median." in capsys.readouterr().out
    merged = {"aggregate_map": {"spans": "own_median"}}
    inseq.register_step_function(lambda args: args.target_ids, "merged_by_own_median", **merged)
    scored = gpt2.attribute("the name", "the name of it", step_scores=["merged_by_own_median"])
    ids = scored[0].step_scores["merged_by_own_median"]
    whole = scored.aggregate(["vnorm", "spans"], target_spans=(scored[0].attr_pos_start, scored[0].attr_pos_end))
    torch.testing.assert_close(whole[0].step_scores["merged_by_own_median"], ids.median(0, keepdim=True).values)
    assert scored.show(display=False, return_html=True)
    with pytest.raises(UnknownNameError, match="Did you mean 'own_median'"):
        out.aggregate("own_medan")


def test_a_name_that_is_taken_stays_that_of_its_class(gpt2: Any) -> None:
    assert OtherScores in Aggregator.subclasses()
    assert stages_of("scores", None) == [(SequenceAttributionAggregator, None)]


def test_a_derived_class_is_found_by_its_name(gpt2: Any) -> None:
    before = gpt2.config
    try:
        bound = gpt2.get_attribution_method("needs_configuration")
        assert isinstance(bound, NeedsConfiguration)
        assert gpt2.config.self_attention_module == "attn"
        assert gpt2.attribute("the name", "the name of", method="needs_configuration")[0].target_attributions is None
    finally:
        gpt2.config = before


def test_it_is_the_method_that_it_derives_from(gpt2: Any) -> None:
    mine, theirs = (gpt2.attribute("the name", "the name of", method=name) for name in ("own_saliency", "saliency"))
    torch.testing.assert_close(mine[0].target_attributions, theirs[0].target_attributions, equal_nan=True)
    assert mine.info["attribution_method"] == "own_saliency"


def test_a_class_with_scores_of_its_own_is_told_the_way(gpt2: Any) -> None:
    with pytest.raises(NotHereError, match=r"Computes computes scores of its own.*a method of wherefrom"):
        gpt2.attribute("the name", "the name of", method="computes")


GRADIENTS = (
    "deeplift",
    "discretized_integrated_gradients",
    "gradient_shap",
    "integrated_gradients",
    "sequential_integrated_gradients",
)
LAYERS = ("layer_deeplift", "layer_gradient_x_activation", "layer_integrated_gradients")
IN_INSEQ = {
    "is_final_step_method": {"attention", "value_zeroing"},
    "use_predicted_target": {*METHOD_NAMES} - {"attention", "reagent", "value_zeroing"},
    "use_attention_weights": {"attention"},
    "use_hidden_states": {"value_zeroing"},
    "use_baselines": {*GRADIENTS, "layer_deeplift", "layer_integrated_gradients", "occlusion"},
    "attribute_batch_ids": {"discretized_integrated_gradients", *LAYERS},
    "forward_batch_embeds": {*METHOD_NAMES} - {*LAYERS},
}
"""Flags of bound methods, with those of inseq 0.7.1 that have them."""


@pytest.mark.parametrize("flag", list(IN_INSEQ))
def test_methods_say_of_themselves_what_they_do_in_inseq(gpt2: Any, flag: str) -> None:
    found = {name for name in METHOD_NAMES if rgetattr(gpt2.get_attribution_method(name), flag)}
    assert found == IN_INSEQ[flag]


def test_a_layer_that_is_explained_is_told(gpt2: Any) -> None:
    for name in LAYERS:
        assert gpt2.get_attribution_method(name).target_layer is gpt2.get_embedding_layer()
    block = gpt2.model.transformer.h[1]
    for given in ("transformer.h.1", "transformer.h[1]", block):
        assert gpt2.get_attribution_method("layer_gradient_x_activation", target_layer=given).target_layer is block
    assert gpt2.get_attribution_method("saliency").target_layer is None
