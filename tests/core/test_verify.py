"""Every method finds what is known, as far as it claims to; broken ones are caught."""

from __future__ import annotations

import pytest
import wherefrom.methods as m
from wherefrom.evaluation.verify import BREAKS, TRUTHS, Broken, verify
from wherefrom.methods import METHODS

MISSES = {("reagent", "copies (encoder-decoder)")}
"""It draws what it puts in place of tokens, and claims nothing of the kind."""


@pytest.mark.parametrize("name", [name for name in METHODS if name != "dummy"])
def test_every_method_gives_the_known_answers(name: str) -> None:
    for one in verify(name):
        assert (one.passed is False) == ((name, one.truth) in MISSES), one
        assert one.passed is not None or one.why, one


def test_a_method_without_scores_does_not_pass() -> None:
    assert [one.passed for one in verify("dummy", truths=["copies"])] == [False]


@pytest.mark.parametrize("way", BREAKS)
@pytest.mark.parametrize(
    "method", [m.InputXGradient(), m.Occlusion(), m.ExactShapley()], ids=lambda one: one.identifier
)
def test_a_broken_method_is_caught(method: object, way: str) -> None:
    broken = verify(Broken(method=method, way=way))
    assert all(not one.why for one in broken), "it was tested, not refused"
    assert any(one.passed is False for one in broken)


@pytest.mark.parametrize(
    "method", [m.InputXGradient(), m.Occlusion(), m.ExactShapley()], ids=lambda one: one.identifier
)
def test_the_same_methods_unbroken_pass_everything(method: object) -> None:
    assert [one.passed for one in verify(method)] == [True] * len(TRUTHS)  # type: ignore[arg-type]
