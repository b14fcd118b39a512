"""A forward of the user's own: what it answers is read, or it is said what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from transformers import BartForConditionalGeneration, LlamaForCausalLM, PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.inside.layers import layer_gradients
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.row_inside import RowInside

from tests.hf_adapter.architectures import build, of_logits, rows_for
from tests.hf_adapter.test_probe import predictor_of
from tests.zoo.checks import Model


class Tuples(LlamaForCausalLM):
    """Answers a tuple, whatever is asked."""

    def forward(self, *args: Any, **options: Any) -> Any:
        return super().forward(*args, **options).to_tuple()


class Bare(LlamaForCausalLM):
    """Answers logits alone."""

    def forward(self, *args: Any, **options: Any) -> Any:
        return super().forward(*args, **options).logits


class TuplesOfTwo(BartForConditionalGeneration):
    """The same, with an encoder."""

    def forward(self, *args: Any, **options: Any) -> Any:
        return super().forward(*args, **options).to_tuple()


class Tasks(LlamaForCausalLM):
    """Needs what is not given."""

    def forward(self, input_ids: Any, task: int, **options: Any) -> Any:
        return super().forward(input_ids, **options)


class Few(LlamaForCausalLM):
    """Takes less than is given."""

    def forward(self, input_ids: Any, attention_mask: Any = None) -> Any:
        return super().forward(input_ids, attention_mask)


class Scores(LlamaForCausalLM):
    """Answers by another name."""

    def forward(self, *args: Any, **options: Any) -> Any:
        return {"scores": super().forward(*args, **options).logits}


class Last(LlamaForCausalLM):
    """Answers a tuple that does not begin with logits."""

    def forward(self, *args: Any, **options: Any) -> Any:
        output = super().forward(*args, **options)
        return output.logits.sum(), output.logits


class Fails(LlamaForCausalLM):
    """Takes what is given, and fails by itself."""

    def forward(self, *args: Any, **options: Any) -> Any:
        raise TypeError("of the user's own")


def built(kind: type[PreTrainedModel], name: str = "llama") -> PreTrainedModel:
    module = build(name)
    module.__class__ = kind
    return module


def asked(module: PreTrainedModel, row: Row, what: str) -> torch.Tensor:
    predictor = predictor_of(module)
    if what == "predict":
        (predicted,) = predictor.predict([row], None)
        return torch.as_tensor(predicted.logits)
    if what == "gradients":
        (gradients,) = Differentiator(predictor).gradients([of_logits(row)], None, True, True)
        return torch.as_tensor(gradients.target)
    if what == "layers":
        (layers,) = layer_gradients(predictor, [of_logits(row)], module.get_decoder().layers[0], None, None)
        return torch.as_tensor(layers.target)
    (weights,) = attentions(module, [row], fused=False, queries="all", mean_heads=False)
    return torch.as_tensor(weights.decoder)


WAYS = ("predict", "gradients", "layers", "attention")


@pytest.mark.parametrize("what", WAYS)
@pytest.mark.parametrize("kind, name", [(Tuples, "llama"), (Bare, "llama"), (TuplesOfTwo, "bart")])
def test_the_first_of_a_tuple_is_the_logits(kind: type[PreTrainedModel], name: str, what: str) -> None:
    row = rows_for(name)[0]
    torch.testing.assert_close(asked(built(kind, name), row, what), asked(build(name), row, what), rtol=0, atol=0)


@pytest.mark.parametrize("what", WAYS)
@pytest.mark.parametrize(
    "kind, why",
    [
        (Tasks, r"of Tasks cannot be called: missing a required argument: 'task'.*give a default to what else it"),
        (Few, r"of Few cannot be called: got an unexpected keyword argument 'use_cache'.*\*\*kwargs takes what"),
        (Scores, r"of Scores answers dict; expected an object with an attribute logits, or a tuple that begins"),
        (Last, r"of Last answers tuple of a tensor of shape \(\); expected an object with an attribute logits"),
    ],
)
def test_a_forward_that_cannot_be_asked_is_told_what_is_expected(
    kind: type[PreTrainedModel], why: str, what: str
) -> None:
    with pytest.raises(ModelCapabilityError, match=f"^The forward {why}"):
        asked(built(kind), rows_for("llama")[0], what)


def test_errors_of_a_forward_that_takes_what_it_is_given_stay_what_they_are() -> None:
    with pytest.raises(TypeError, match="of the user's own"):
        asked(built(Fails), rows_for("llama")[0], "predict")


def test_hidden_states_that_are_not_answered_are_asked_for_by_name() -> None:
    row = evolve(rows_for("llama")[0], steps=np.array([2]))
    inside = RowInside.of(predictor_of(built(Tuples)), row)
    with pytest.raises(ModelCapabilityError, match=r"Tuples gives no hidden states by number. Ask for those of a part"):
        inside.hidden_states(1, "target")
    assert inside.hidden_states("model.layers.0", "target").shape == (int(row.steps[-1]), 16)


def test_a_forward_that_cannot_generate_is_not_said_to_be_a_matter_of_settings() -> None:
    adapter = Model(built(Tuples))
    adapter.tokenizer = None
    with (
        pytest.warns(UserWarning, match="default `max_length`"),
        pytest.raises(ModelCapabilityError, match=r"^Tuples does not generate \(AttributeError: 'tuple' object"),
    ):
        adapter.generate([np.array([5, 6, 7])], settings={})
