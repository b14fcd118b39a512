"""The transformers adapter keeps every promise, for each architecture we have a tiny model of."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from wherefrom.adapters.views import with_methods
from wherefrom.testing import Check, ConformanceError, check_adapter
from wherefrom.testing.conformance import CHECKS
from wherefrom_hf.adapter import HFModel, load

MODELS = Path(__file__).parents[1] / "golden" / "data" / "models"
NAMES = ("gpt2-tiny", "llama-tiny", "marian-scaled-tiny", "bart-tiny", "t5-tiny")
TEXTS = (("the name", "of the class"), ("an object is in the list of values", "viid"), ("if x", "no value of the type"))


@cache
def model_of(name: str) -> HFModel:
    torch.set_num_threads(1)
    return load(str(MODELS / name), device="cpu")


@pytest.mark.parametrize("check", CHECKS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_promise(name: str, check: Check) -> None:
    model = model_of(name)
    if not isinstance(model, check.needs):
        pytest.skip(f"{name} has no {check.needs.__name__}")
    check(model, TEXTS)


def _terms(one: Any) -> Any:
    return evolve(one, chunks=(evolve(terms, bias=terms.bias + 1) for terms in one.chunks))


BROKEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "layer_gradients": (
        lambda one: evolve(one, target=one.target * 1.1),
        "Slope along the layer's answer of the target",
    ),
    "zeroed_values": (
        lambda one: evolve(one, decoder=one.decoder.transpose(-1, -2)),
        "States of the decoder move where values of later positions are zeroed",
    ),
    "attention_terms": (_terms, "Terms of decoder attention, layer 0, and its output"),
    "logit_terms": (lambda one: evolve(one, embedding=one.embedding + 1), "Terms of the logits, and the logits"),
    "head_terms": (
        lambda one: evolve(one, layers=[(where, state + len(state)) for where, state in one.layers]),
        "The state of a mixture of one query, decoder attention",
    ),
    "sample": (lambda one: one + torch.rand(()), "Logits with dropout, of a row beside others and alone"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_noticed(name: str) -> None:
    model = model_of("gpt2-tiny")
    spoil, match = BROKEN[name]
    spoilt = with_methods(model, None)

    def spoiling(self: Any, rows: Any, **settings: Any) -> Any:
        return [spoil(one) for one in getattr(model, name)(rows, **settings)]

    setattr(type(spoilt), name, spoiling)
    with pytest.raises(ConformanceError, match=match):
        check_adapter(spoilt, TEXTS)


def test_padding_that_is_read_as_any_other_token_is_noticed() -> None:
    spoilt = with_methods(model_of("gpt2-tiny"), None)
    type(spoilt).reads_as_padding = lambda self, token_id, *, side: True
    with pytest.raises(ConformanceError, match="is True, but the id does what its embedding does"):
        check_adapter(spoilt, TEXTS)
