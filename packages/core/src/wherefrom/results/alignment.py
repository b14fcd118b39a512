"""What of two results corresponds: their tokens, and the steps that both explain.

Whole texts are aligned, prompts with prompts and answers with answers, and the explained steps are cut out after: the
steps alone would be aligned with others that say the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from wherefrom.results.breaks import answers_begin
from wherefrom.results.data import AttributionData
from wherefrom.text.common_units import Aligned, aligned_units, common_units
from wherefrom.text.merging import Span
from wherefrom.text.tokens import Token


def aligned_sides(one: AttributionData, other: AttributionData) -> dict[str, list[Aligned]]:
    """Side to the parts of both that correspond, as `wherefrom.text.common_units.aligned_units` gives them."""
    return {
        "source": aligned_units(one.source, other.source),
        "target": aligned_units(one.target, other.target, boundary=answers_begin(one, other)),
    }


def common_steps(
    one: AttributionData, other: AttributionData, shown: tuple[Sequence[Token], Sequence[Token]]
) -> list[Aligned]:
    """The steps that say the same and that both explain, as spans of the units that steps are shown as.

    Args:
        one: A result.
        other: Another one.
        shown: The units of its explained steps that each is shown as, such as words, in order.
    """
    sides = list(zip((one, other), shown, strict=True))
    texts = [(*half.target[: half.attr_pos_start], *steps, *half.target[half.attr_pos_end :]) for half, steps in sides]
    explained = [(half.attr_pos_start, half.attr_pos_start + len(steps)) for half, steps in sides]
    return steps_among(common_units(*texts, boundary=boundary_of(one, other, texts)), explained)


def boundary_of(
    one: AttributionData, other: AttributionData, shown: Sequence[Sequence[Token]]
) -> tuple[int, int] | None:
    """How many of the units that each result's target is shown as begin before its answer; None as of
    `wherefrom.results.breaks.answers_begin`."""
    begin = answers_begin(one, other)
    if begin is None:
        return None
    first, second = (
        _units_before(half, index, units) for half, index, units in zip((one, other), begin, shown, strict=True)
    )
    return first, second


def steps_among(units: Sequence[Aligned], explained: Sequence[Span]) -> list[Aligned]:
    """Those of some units of two texts that both explain as a whole, counted from the first step of each.

    Args:
        units: Spans of the one and of the other.
        explained: The first step of each, and the end of its last.
    """
    (first, _), (begin, _) = explained
    return [
        ((a - first, b - first), (c - begin, d - begin))
        for (a, b), (c, d) in units
        if within(explained[0], (a, b)) and within(explained[1], (c, d))
    ]


def within(explained: Span, unit: Span) -> bool:
    """Are all tokens of a unit explained?"""
    return explained[0] <= unit[0] and unit[1] <= explained[1]


def _units_before(attribution: AttributionData, index: int, units: Sequence[Token]) -> int:
    """How many units of a target begin before one of its tokens does."""
    before = {token.position for token in attribution.target[:index]}
    return sum(unit.position in before for unit in units)
