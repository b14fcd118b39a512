"""A query that sees nothing gets nothing, whatever computes attention."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attrs import evolve
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.running.predict import Predictor

from tests.hf_adapter.architectures import ENCODER_DECODERS, build, rows_for
from tests.hf_adapter.test_probe import predictor_of

FUSED_TOO = ("gpt2", "llama", "mistral", "gemma3", "gpt_neox", "opt", "bart")
PLAIN_ALONE = ("gemma2",)


def hiding_row(name: str, hidden: int = 2) -> Row:
    """Its first positions are hidden, and all of its source; the first steps are asked for."""
    (row,) = rows_for(name, ((5, 8),))
    visible = np.arange(8) >= hidden
    source = np.zeros(5, dtype=bool) if name in ENCODER_DECODERS else None
    return evolve(row, steps=np.arange(1, 4), target_visible=visible, source_visible=source)


def logits(predictor: Predictor, row: Row) -> torch.Tensor:
    (answer,) = predictor.predict([row], None)
    return torch.as_tensor(answer.logits)[:3]


@pytest.mark.parametrize("name", FUSED_TOO)
def test_hidden_beginnings_are_the_same_under_plain_and_fused_attention(name: str) -> None:
    row = hiding_row(name)
    plain, fused = (logits(predictor_of(build(name, attention=kind)), row) for kind in ("eager", "sdpa"))
    torch.testing.assert_close(plain, fused, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [*FUSED_TOO, *PLAIN_ALONE])
def test_behind_a_hidden_beginning_nothing_later_matters(name: str) -> None:
    predictor = predictor_of(build(name, attention="eager"))
    row = hiding_row(name)
    expected = logits(predictor, row)
    later = np.where(np.arange(8) < 4, row.target_ids, (row.target_ids + 1) % 40)
    others = [evolve(row, steps=np.arange(1, 8)), evolve(row, steps=np.arange(1, 8), target_ids=later)]
    if row.source_ids is not None:
        others.append(evolve(row, source_ids=(row.source_ids + 1) % 40))
    for other in others:
        torch.testing.assert_close(logits(predictor, other), expected, rtol=0, atol=1e-5)
    seen = evolve(row, target_visible=None, source_visible=None)
    assert (logits(predictor, seen) - expected).abs().max() > 1e-2


@pytest.mark.parametrize(
    "name, attention", [("bloom", "eager"), ("gptj", "eager"), ("falcon-alibi", "sdpa"), ("t5", "sdpa")]
)
def test_models_that_read_what_is_hidden_there_are_refused(name: str, attention: str) -> None:
    """They compute attention themselves, or add a bias to masks that hide all: hidden and later tokens came in."""
    predictor = predictor_of(build(name, attention=attention))
    row = hiding_row(name)
    with pytest.raises(ModelCapabilityError, match=r"cannot hide all that a token sees.*keep_special=True"):
        logits(predictor, row)
    assert logits(predictor, evolve(row, target_visible=np.arange(8) != 2, source_visible=None)).isfinite().all()
