"""Which target positions are explained."""

from __future__ import annotations

import pytest
from wherefrom.errors import InputError
from wherefrom.questions.positions import step_positions


@pytest.mark.parametrize(
    "start, end, expected",
    [
        (None, None, [2, 3, 4]),
        (1, None, [1, 2, 3, 4]),
        (-4, None, [1, 2, 3, 4]),
        (-2, -1, [3]),
        (3, 99, [3, 4]),
        (5, None, []),
        (-5, None, []),  # the first token, as seen from the end of this target: it is too short
        (-6, None, []),
        (1, -9, []),
    ],
)
def test_positions_of_a_target_of_five(start: int | None, end: int | None, expected: list[int]) -> None:
    assert step_positions(start, end, length=5, default_start=2).tolist() == expected


@pytest.mark.parametrize("start, end", [(0, None), (3, 2), (-1, -3)])
def test_positions_that_no_target_has_are_refused(start: int, end: int | None) -> None:
    with pytest.raises(InputError):
        step_positions(start, end, length=5, default_start=2)
