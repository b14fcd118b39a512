"""Classes of methods that scripts derive from inseq's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from wherefrom.inseq import NotHereError
from wherefrom.inseq.attr.feat import InternalsAttributionRegistry, SaliencyAttribution
from wherefrom.inseq.attr.feat.feature_attribution import DummyAttribution


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
