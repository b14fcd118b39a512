"""The models that laws are tested on, and scores as the laws compare them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from attrs import evolve
from wherefrom.arrays import to_numpy
from wherefrom.methods.contract import METHODS
from wherefrom.progress import no_progress
from wherefrom.questions.question import Question
from wherefrom.testing import NumpyModel, ReferenceModel, linear_model, question, shift_copy_model
from wherefrom_hf.adapter import load

GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "models"
TEXTS = (("the cat", "sat on the mat"), ("a small dog saw the house", "was old"))
REFERENCES = ("reference", "reference-seq2seq")
HF = ("gpt2-tiny", "t5-tiny")
HF_TEXTS = (("the name", "of the class"), ("if x", "is no value"))
"""Short enough in the golden tokenizers for games that are counted out."""

Scores = dict[str, npt.NDArray[Any]]


@cache
def model_of(name: str, dtype: str = "float32") -> Any:
    """A model by name, built once."""
    torch.set_num_threads(1)
    kind = "encoder-decoder" if name.endswith("seq2seq") else "decoder-only"
    if name.startswith("reference"):
        return ReferenceModel(kind)  # type: ignore[arg-type]
    if name.startswith("linear"):
        return linear_model(kind)  # type: ignore[arg-type]
    if name.startswith("copy"):
        return shift_copy_model(kind, shift=2)  # type: ignore[arg-type]
    return load(str(GOLDEN / name), device="cpu", model_kwargs={"dtype": getattr(torch, dtype)})


def has_what_it_needs(identifier: str, model: Any) -> bool:
    """Does the model have the capabilities that the method needs?"""
    return all(isinstance(model, need) for need in METHODS.get(identifier).needs)


def questions(model: Any, function: str = "probability", **changes: Any) -> list[Question]:
    """The examples, of different lengths."""
    texts = TEXTS if isinstance(model, NumpyModel) else HF_TEXTS
    return [evolve(question(model, *pair, function=function), **changes) for pair in texts]


def scores(method: Any, model: Any, asked: Sequence[Question]) -> list[Scores]:
    """What the method answers, as numpy, zero where a step cannot see."""
    answers = list(method.attribute(model, asked, no_progress))
    assert len(answers) == len(asked)
    return [_seen(one, about) for one, about in zip(answers, asked, strict=True)]


def _seen(answer: Any, about: Question) -> Scores:
    found: Scores = {}
    if answer.source is not None:
        found["source"] = to_numpy(answer.source).astype(np.float64)
    if answer.target is not None:
        raw = to_numpy(answer.target).astype(np.float64)
        seen = np.arange(len(raw))[:, None] < about.steps[None, :]
        found["target"] = np.where(seen.reshape(*seen.shape, *[1] * (raw.ndim - 2)), np.nan_to_num(raw), 0)
    return found


def per_token(found: Scores) -> Scores:
    """Scores summed over everything but input and step."""
    return {side: values.reshape(*values.shape[:2], -1).sum(-1) for side, values in found.items()}


def require_same(came: Scores, expected: Scores, part: float, what: str) -> None:
    """Scores agree to ``part`` of the largest."""
    assert came.keys() == expected.keys(), what
    assert came or what
    scale = max((np.abs(values).max() for values in expected.values() if values.size), default=0.0)
    for side, values in expected.items():
        assert came[side].shape == values.shape, f"{what}: {side} {came[side].shape}, expected {values.shape}"
        gap = np.abs(came[side] - values).max(initial=0)
        assert gap <= part * scale + 1e-12, f"{what}: {side} off by {gap:.3g}, largest {scale:.3g}"
