"""What a question costs, in words."""

from __future__ import annotations

import pytest
from wherefrom.methods.cost import Cost


@pytest.mark.parametrize(
    "cost, words",
    [
        (Cost(forwards=0), "0 forward passes"),
        (Cost(forwards=1), "1 forward pass"),
        (Cost(forwards=12_000, at_most=True), "at most 12,000 forward passes"),
        (Cost(forwards=1, backwards=1), "1 forward and 1 backward pass"),
        (Cost(forwards=1, backwards=1_200), "1 forward and 1,200 backward passes"),
    ],
)
def test_a_cost_in_words(cost: Cost, words: str) -> None:
    assert str(cost) == words
