"""Formulas of what methods cost are found by asking, and hold where nobody asked."""

from __future__ import annotations

import pytest
from wherefrom.methods import METHODS
from wherefrom.testing import ReferenceModel, question
from wherefrom_cli.cost_formula import SIZES, fitted, formula

OTHER = ((22, 3), (35, 7))
"""Sizes that no formula was made from."""


@pytest.mark.parametrize(
    "method, text",
    [
        ("saliency", "1 forward, s backward"),
        ("attention", "1 forward"),
        ("occlusion", "at most n + 1 forward"),
        ("exact_shapley", "at most 2^n forward"),
        ("dummy", "nothing"),
    ],
)
def test_formula(method: str, text: str) -> None:
    assert str(formula(method)) == text


def test_method_that_cannot_know_has_none() -> None:
    assert formula("captum:Saliency") is None


@pytest.mark.parametrize("method", METHODS)
def test_formula_holds_for_other_questions(method: str) -> None:
    told = formula(method)
    assert told is not None
    model = ReferenceModel("decoder-only")
    for n, s in OTHER:
        words = (["the", "cat", "saw", "a", "dog"] * n)[:n]
        cost = METHODS.get(method)().cost(question(model, " ".join(words[:-s]), " ".join(words[-s:])))
        assert cost is not None
        for text, rows in ((told.forward, cost.forwards), (told.backward, cost.backwards)):
            if "=" in text:  # no formula: what one question costs is said
                continue
            assert eval(text.replace("^", "**"), {}, {"n": n, "s": s}) == rows, (method, text)


def test_what_fits_no_formula_gets_none() -> None:
    assert fitted([n**3 for n, _ in SIZES]) is None
    assert fitted([3 * n * s + 2 for n, s in SIZES]) == {"n*s": 6, "s*s": 0, "n": 0, "s": 0, "": 4}
