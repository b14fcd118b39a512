"""`wherefrom fit-attention`, and `attribute` with what it learned and with a budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom.adapters import PredictsSteps, SequenceModel
from wherefrom.adapters.views import only
from wherefrom.attribute import AttributionModel
from wherefrom.methods.head_weights import HeadWeights
from wherefrom.results.attribution import Attributions
from wherefrom.testing import ReferenceModel
from wherefrom_cli.request import ModelRequest

Run = Callable[..., Any]
TEXTS = (
    "Mary sees the green car.",
    "George was sick yesterday.",
    "The teacher saw the doctor.",
    "The weather was nice.",
)


def test_weights_are_learned_and_used(wherefrom: Run, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    ran = wherefrom(
        "fit-attention", "texts.txt", "-m", "demo:lm", "-o", "heads.npz", "--n-masks", 8, "--max-new-tokens", 3,
        "--held-out", 0.25, "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    weights = HeadWeights.load(tmp_path / "heads.npz")
    assert said["heads"] == weights.decoder.size
    assert said["texts"] == len(TEXTS)
    assert 0 < said["outputs"] <= 3 * 3
    assert -1 <= said["held_out"] <= 1
    assert np.abs(weights.decoder).max() > 0
    shown = wherefrom(
        "attribute", "-m", "demo:lm", "-a", "learned_attention", "--set", "weights=heads.npz", "-i", TEXTS[0],
        "--max-new-tokens", 2, "--json",
    )  # fmt: skip
    assert shown.code == 0, shown.err
    assert np.abs(Attributions.from_bytes(shown.out.encode())[0].target_attributions).max() > 0


def test_without_weights_it_says_how_to_get_them(wherefrom: Run) -> None:
    ran = wherefrom("attribute", "-m", "demo:lm", "-a", "learned_attention", "-i", TEXTS[0], "--max-new-tokens", 1)
    assert ran.code != 0
    assert "fit-attention" in ran.err


def test_texts_that_are_not_there(wherefrom: Run) -> None:
    ran = wherefrom("fit-attention", "none.txt", "-m", "demo:lm", "-o", "heads.npz")
    assert ran.code == 2
    assert "none.txt" in ran.err


def test_a_budget_is_kept(wherefrom: Run) -> None:
    text = " ".join(TEXTS)
    ran = wherefrom(
        "attribute", "-m", "demo:lm", "-a", "occlusion", "--budget", 14, "-i", text, "--max-new-tokens", 1, "--json"
    )
    assert ran.code == 0, ran.err
    (one,) = Attributions.from_bytes(ran.out.encode())
    assert one.details["forwards"] <= 14
    assert one.details["left_whole"]


def test_an_adapter_without_attention_is_refused(
    wherefrom: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts.txt").write_text(TEXTS[0])
    plain = only(ReferenceModel("decoder-only"), SequenceModel, PredictsSteps)
    monkeypatch.setattr(ModelRequest, "load", lambda self: AttributionModel(plain))
    ran = wherefrom("fit-attention", "texts.txt", "-m", "reference", "-o", "heads.npz")
    assert ran.code != 0
    assert "fit-attention needs a model that can show its attention weights, and the adapter of" in ran.err
    assert "reference" in ran.err


@pytest.mark.parametrize(
    "option, said", [("--units=sentences", "Did you mean 'sentence'"), ("--baseline=zeros", "Use a token id or one of")]
)
def test_what_is_removed_and_how_must_be_known(wherefrom: Run, tmp_path: Path, option: str, said: str) -> None:
    (tmp_path / "texts.txt").write_text(TEXTS[0])
    ran = wherefrom("fit-attention", "texts.txt", "-m", "demo:lm", "-o", "heads.npz", "--max-new-tokens", 2, option)
    assert ran.code == 2
    assert said in ran.err
    assert not (tmp_path / "heads.npz").exists()
