"""What a method costs as a formula, found by asking it: `Method.cost` on questions of many sizes.

``n`` is the number of inputs of the last step, ``s`` that of explained tokens. The questions are put about a model of a
few words; nothing is computed on it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen
from wherefrom.errors import WherefromError
from wherefrom.methods.contract import METHODS
from wherefrom.questions.question import Question
from wherefrom.testing import ReferenceModel, question

SIZES = ((20, 1), (20, 4), (24, 2), (27, 5), (30, 1), (30, 3), (33, 6), (36, 2), (40, 8))
"""Inputs and explained tokens of the questions: more than the formula has terms, so that one that fits is one."""
TERMS = ("n*s", "s*s", "n", "s", "")


@frozen(kw_only=True)
class Formula:
    """Rows forward and scalars differentiated with a method's default settings, as text."""

    forward: str
    backward: str
    at_most: bool = False

    def __str__(self) -> str:
        parts = [
            f"{text} {way}" for text, way in ((self.forward, "forward"), (self.backward, "backward")) if text != "0"
        ]
        return ("at most " if self.at_most else "") + (", ".join(parts) or "nothing")


def formula(method: str) -> Formula | None:
    """The cost of a method with its default settings.

    Returns:
        None where the method cannot know, or only with settings that have no default.
    """
    try:
        costs = [METHODS.get(method)().cost(asked) for asked in _questions()]
    except (WherefromError, TypeError):  # needs settings, or refuses as many inputs
        return None
    known = [cost for cost in costs if cost is not None]
    if len(known) != len(costs):
        return None
    return Formula(
        forward=_text([cost.forwards for cost in known]),
        backward=_text([cost.backwards for cost in known]),
        at_most=any(cost.at_most for cost in known),
    )


def fitted(values: npt.ArrayLike) -> dict[str, int] | None:
    """Coefficients of `TERMS` that give these values at `SIZES`, if whole or half numbers do."""
    n, s = np.array(SIZES, dtype=np.float64).T
    terms = np.stack([n * s, s * s, n, s, np.ones_like(n)], axis=1)
    found, *_ = np.linalg.lstsq(terms, np.asarray(values, dtype=np.float64), rcond=None)
    doubled = np.round(2 * found)
    if not np.allclose(terms @ doubled / 2, values, rtol=0, atol=1e-6):
        return None
    return dict(zip(TERMS, doubled.astype(int).tolist(), strict=True))


def _text(values: list[int]) -> str:
    """A formula, or what the largest question costs."""
    doubled = fitted(values)
    if doubled is None:
        if values == [2**n for n, _ in SIZES]:
            return "2^n"
        n, s = SIZES[-1]
        return f"{values[-1]} (n={n}, s={s})"
    parts = [_part(number, term) for term, number in doubled.items() if number]
    return " + ".join(parts).replace("+ -", "- ") or "0"


def _part(doubled: int, term: str) -> str:
    """One term with its coefficient, which is given twice as large."""
    number = str(doubled // 2) if doubled % 2 == 0 else f"{doubled}/2"
    if not term:
        return number
    return {"1": "", "-1": "-"}.get(number, number + "*") + term


@cache
def _questions() -> tuple[Question, ...]:
    """One of each of `SIZES`."""
    model: Any = ReferenceModel("decoder-only")
    made = []
    for inputs, steps in SIZES:
        words = (["the", "cat", "saw", "a", "dog"] * inputs)[:inputs]  # a start token comes before them
        made.append(question(model, " ".join(words[:-steps]), " ".join(words[-steps:])))
    return tuple(made)
