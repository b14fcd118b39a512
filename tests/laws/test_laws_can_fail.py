"""Each law refuses a method that breaks it: a law that nothing can break says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np
import pytest
from attrs import evolve
from wherefrom.adapters.views import with_methods
from wherefrom.methods import InputXGradient, IntegratedGradients, Occlusion, Saliency
from wherefrom.methods.contract import Scores

from tests.laws import test_laws as laws
from tests.laws.claims import CLAIMS

CALLS = iter(range(10**9))


class Spoilt:
    """A method whose answers are tampered with; ``spoil`` gets each answer, its question and how many there are."""

    def __init__(self, of: Any, spoil: Callable[..., Scores]) -> None:
        self.of = of
        self.spoil = spoil

    def __getattr__(self, name: str) -> Any:
        return getattr(self.of, name)

    def attribute(self, model: Any, questions: Any, progress: Any) -> Iterator[Scores]:
        questions = list(questions)
        for about, answer in zip(questions, self.of.attribute(model, questions, progress), strict=True):
            yield self.spoil(answer, about, len(questions))


def scaled(by: Callable[..., Any]) -> Callable[..., Scores]:
    """Multiplies target scores by what ``by(question, questions)`` says, an array over the inputs or a number."""

    def spoil(answer: Scores, about: Any, count: int) -> Scores:
        factor = np.asarray(by(about, count), np.float64)
        shaped = factor.reshape(-1, *[1] * (answer.target.ndim - 1)) if factor.ndim else factor  # type: ignore[union-attr]
        return evolve(answer, target=np.asarray(answer.target) * shaped)

    return spoil


def shifted(by: float) -> Callable[..., Scores]:
    return lambda answer, about, count: evolve(answer, target=np.asarray(answer.target) + by)


BREAKS: list[tuple[str, Any, Callable[..., Scores], str]] = [
    ("complete", IntegratedGradients(n_steps=40), scaled(lambda about, count: 1.01), "reference"),
    ("dummy", InputXGradient(), shifted(1e-3), "copy"),
    ("finds", InputXGradient(), scaled(lambda about, count: 1.0 * (about.target_ids == about.target_ids[0])), "copy"),
    ("linear", Occlusion(), scaled(lambda about, count: 1.001), "linear"),
    ("symmetric", Saliency(), scaled(lambda about, count: 1 + 1e-3 * np.arange(len(about.target_ids))), "reference"),
    ("batch", Saliency(), scaled(lambda about, count: 1 + 1e-5 * count), "reference"),
    ("steps", Saliency(), scaled(lambda about, count: 1 + 1e-5 * len(about.steps)), "reference"),
    ("pure", Saliency(), scaled(lambda about, count: next(CALLS)), "gpt2-tiny"),
    ("nudge", Saliency(), scaled(lambda about, count: next(CALLS)), "reference"),
    ("dtype", Saliency(), scaled(lambda about, count: np.nan), "gpt2-tiny"),
    ("seeded", InputXGradient(), shifted(0.0), "reference"),
    ("seeded", InputXGradient(), scaled(lambda about, count: next(CALLS)), "reference"),
]


@pytest.mark.parametrize("law, of, spoil, on", BREAKS, ids=[f"{row[0]}-{i}" for i, row in enumerate(BREAKS)])
def test_a_broken_method_is_refused(
    law: str, of: Any, spoil: Callable[..., Scores], on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Spoilt(of, spoil)
    claim = CLAIMS[of.identifier]
    monkeypatch.setitem(CLAIMS, of.identifier, attrs.evolve(claim, make=lambda **_: broken))
    test = getattr(laws, f"test_law_{law}")
    arguments = (of.identifier,) if law in ("symmetric", "dtype") else (of.identifier, on)
    with pytest.raises(AssertionError):
        test(*arguments)


def test_chunk_and_prefix_laws_see_a_model_that_breaks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """These two are the adapter's to break."""
    model = laws.model_of("reference")

    def predict(self: Any, rows: Any, *, chunk: int | None = None) -> Any:
        for row in rows:
            (answer,) = model.predict([row])
            yield evolve(answer, logits=answer.logits * (1 + 1e-4 * (chunk or 0) + 1e-4 * (row.first_change or 0)))

    careless = with_methods(model, None)
    type(careless).predict = predict  # type: ignore[attr-defined]
    monkeypatch.setattr(laws, "model_of", lambda on: careless)
    for law in ("chunk", "prefix"):
        with pytest.raises(AssertionError):
            getattr(laws, f"test_law_{law}")("occlusion", "reference")


def test_an_undeclared_method_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(CLAIMS, "saliency")
    with pytest.raises(AssertionError, match=r"claims\.py"):
        laws.test_every_method_declares_its_laws()
