"""Step functions that look at more than logits: inputs, states, and gradients through them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from wherefrom.errors import ModelCapabilityError, SettingsError, UnknownAttributeError, UnknownNameError
from wherefrom.methods.contract import METHODS
from wherefrom.step_functions.base import StepPrediction

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
TEXTS = {"gpt2-tiny": ("the name of", "the name of it is"), "marian-tiny": ("the name of", "it is good")}


@pytest.fixture(scope="module", params=TEXTS)
def asked(request: pytest.FixtureRequest) -> tuple[wherefrom.AttributionModel, tuple[str, str]]:
    """A tiny model in double precision, which is the same on every processor, and what to ask it."""
    path, double = str(MODELS / request.param), {"dtype": "float64"}
    return wherefrom.load_model(path, "saliency", model_kwargs=double), TEXTS[request.param]


def squares(prediction: StepPrediction) -> Any:
    """The sum of squares of all embeddings that a step sees: its gradient is twice the embedding."""
    embeddings = prediction.input_embeddings()
    return torch.stack([(embeddings[: int(step)] ** 2).sum() for step in prediction.steps])


def test_gradients_reach_embeddings_that_a_function_reads(asked: Any) -> None:
    model, texts = asked
    out = model.attribute(*texts, method="input_x_gradient", attributed_fn=squares, step_scores=[squares])[0]
    shares = out.aggregate("sum", normalize=False).target_attributions.sum(axis=0)
    np.testing.assert_allclose(shares, 2 * out.step_scores["squares"], rtol=1e-5)
    assert not out.aggregate("sum", normalize=False).target_attributions[~out.target_visible].any()


def test_source_embeddings_are_there_too(asked: Any) -> None:
    model, texts = asked

    def of_source(prediction: StepPrediction) -> Any:
        return (prediction.input_embeddings("source") ** 2).sum() * torch.ones(len(prediction.steps))

    if model.adapter.card.kind == "decoder-only":
        with pytest.raises(ModelCapabilityError, match="no source"):
            model.attribute(*texts, step_scores=[of_source])
        return
    out = model.attribute(*texts, method="input_x_gradient", attributed_fn=of_source, step_scores=[of_source])[0]
    np.testing.assert_allclose(
        out.aggregate("sum", normalize=False).source_attributions.sum(axis=0),
        2 * out.step_scores["of_source"],
        rtol=1e-5,
    )


@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients", "attention", "saliency"])
def test_a_lens_on_the_last_states_is_the_prediction(asked: Any, method: str) -> None:
    model, texts = asked
    bias = getattr(model.module, "final_logits_bias", 0)

    def lens(prediction: StepPrediction) -> Any:
        logits = model.module.get_output_embeddings()(prediction.states_at_steps(-1)) + bias
        return prediction.at_target(logits)

    target = {} if method == "attention" else {"attributed_fn": lens}
    plain = {} if method == "attention" else {"attributed_fn": "logit"}
    out = model.attribute(*texts, method=method, step_scores=[lens, "logit"], **target)[0]
    np.testing.assert_allclose(out.step_scores["lens"], out.step_scores["logit"], rtol=1e-5)
    expected = model.attribute(*texts, method=method, **plain)[0]
    np.testing.assert_allclose(out.target_attributions, expected.target_attributions, atol=1e-4)


def test_states_are_those_of_transformers(asked: Any) -> None:
    model, texts = asked
    seen: dict[str, Any] = {}

    def look(prediction: StepPrediction) -> Any:
        seen["states"] = prediction.hidden_states(1)
        seen["ids"] = prediction.input_ids()
        seen["mask"] = prediction.attention_mask()
        seen["named"] = prediction.hidden_states(block)
        seen["card"] = prediction.card
        return prediction.at_target(prediction.logits)

    block = "transformer.h[0]" if model.adapter.card.kind == "decoder-only" else "model.decoder.layers.0"
    model.attribute(*texts, step_scores=[look])
    ids = seen["ids"][None]
    with torch.no_grad():
        if model.adapter.card.kind == "decoder-only":
            states = model.module(input_ids=ids, output_hidden_states=True).hidden_states
        else:
            source = torch.from_numpy(model.encode(texts[0]).ids)[None]
            answer = model.module(input_ids=source, decoder_input_ids=ids, output_hidden_states=True)
            states = answer.decoder_hidden_states
    torch.testing.assert_close(seen["states"], states[1][0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(seen["named"], states[1][0], rtol=1e-5, atol=1e-5)
    assert seen["mask"].tolist() == [1] * ids.shape[1]
    assert seen["card"].name == model.adapter.card.name


def test_what_is_not_there_is_told(asked: Any) -> None:
    model, texts = asked

    def asking(layer: Any) -> Any:
        def look(prediction: StepPrediction) -> Any:
            return prediction.states_at_steps(layer).sum(-1)

        return look

    with pytest.raises(UnknownNameError, match="hidden states"):
        model.attribute(*texts, step_scores=[asking(99)])
    with pytest.raises(UnknownNameError, match="no part called"):
        model.attribute(*texts, step_scores=[asking("no.such.part")])
    block = "transformer.h[0]" if model.adapter.card.kind == "decoder-only" else "model.decoder.layers.0"
    with pytest.raises(ModelCapabilityError, match="nothing but logits"):
        model.attribute(*texts, method="layer_gradient_x_activation", target_layer=block, attributed_fn=asking(1))


def test_methods_that_see_logits_alone_are_those_that_are_named() -> None:
    """In the error and in the documentation."""
    model, texts = wherefrom.load_model(str(MODELS / "gpt2-tiny"), "saliency"), TEXTS["gpt2-tiny"]

    def look(prediction: StepPrediction) -> Any:
        return prediction.states_at_steps(1).sum(-1)

    asked = {name: METHODS.get(name) for name in METHODS}
    refused, said = set(), ""
    for name, method in asked.items():
        if not method.uses_target_function or not method.differentiates or name == "alti_logit":
            continue
        try:
            model.attribute(*texts, method=name, attributed_fn=look, show_progress=False)
        except ModelCapabilityError as error:
            refused.add(name)
            said = str(error)
    assert len(refused) >= 5
    page = (Path(__file__).parents[2] / "docs" / "targets.md").read_text("utf-8")
    (line,) = (line for line in page.split("\n") if "show logits alone" in line)
    assert [name for name in refused if name not in said] == []
    assert {name for name in asked if f"`{name}`" in line} == refused


def test_words_of_inseq_that_cannot_be_served_name_the_way() -> None:
    model, texts = wherefrom.load_model(str(MODELS / "gpt2-tiny"), "saliency"), TEXTS["gpt2-tiny"]

    def written_for_inseq(args: Any) -> Any:
        return args.attribution_model.device

    with pytest.raises(UnknownAttributeError, match=r"import wherefrom\.inseq"):
        model.attribute(*texts, step_scores=[written_for_inseq])

    def needs_contrast(args: Any, contrast_targets: Any) -> Any:
        return args.logits

    with pytest.raises(SettingsError, match=r"prediction\.contrast"):
        wherefrom.register_step_function(needs_contrast, "needs_contrast")
