"""What running text may be told: where its lines end, and which step score shades the output."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from attrs import frozen
from wherefrom.errors import SettingsError, nearest

from wherefrom_viz.describe.description import Description, Unit
from wherefrom_viz.describe.text_marks import NEWLINE, direction

WrapAfter: TypeAlias = int | str | Sequence[str] | None


@frozen
class Part:
    """A unit in running text, or what of it stands on one line."""

    text: str
    spaced: bool
    """Is there a space before it, unless it begins a line?"""
    ends: bool
    """Does a new line begin after it?"""


def line_parts(text: str, spaced: bool) -> tuple[Part, ...]:
    """A unit's text, cut after each mark of a line's end: what stands after the mark begins the next line.

    Args:
        text: The unit's text, as it is shown.
        spaced: Is there a space before the unit?

    Example:
        >>> [(part.text, part.ends) for part in line_parts("⏎␣␣␣return", False)]
        [('⏎', True), ('␣␣␣return', False)]
    """
    *lines, rest = re.split(f"(?<={NEWLINE})", text)
    parts = [Part(line, spaced and not place, ends=True) for place, line in enumerate(lines)]
    return tuple(parts if parts and not rest else [*parts, Part(rest, spaced and not parts, ends=False)])


def reading_direction(units: Iterable[Unit]) -> Literal["ltr", "rtl"]:
    """How a text is read, whatever special tokens and template parts are in it; as in the page."""
    return direction(unit.text for unit in units if not unit.template and not unit.token.special)


def found_in(units: Sequence[Unit], wanted: str) -> list[int]:
    """Places of units that hold a text: by their names, or in their running text, where a text of several units is
    found in the first of them.

    Args:
        units: One text, in order.
        wanted: In any case; white space around it does not count.
    """
    wanted = wanted.strip().casefold()
    if not wanted:
        return []
    found = {place for place, unit in enumerate(units) if wanted in unit.label.casefold()}
    pieces = []
    for unit in units:
        text = unit.token.text.casefold()
        pieces.append(" " + text if unit.space_before and not text[:1].isspace() else text)
    text, ends = "".join(pieces), list(itertools.accumulate(map(len, pieces)))
    for hit in re.finditer(f"(?={re.escape(wanted)})", text):
        found.add(bisect_right(ends, hit.start()))
    return sorted(found)


def line_ends(units: Sequence[Unit], wrap_after: WrapAfter) -> frozenset[int]:
    """Places of units after which a new line begins.

    Args:
        units: One text, in order.
        wrap_after: A number ends a line after every so many units. A text ends it after units of that text, or of one
            of its characters where it is punctuation (``".!?"``). Several texts: after any of them.

    Raises:
        SettingsError: It is a number below 1, or nothing of these.
    """
    if wrap_after is None:
        return frozenset()
    if isinstance(wrap_after, int) and not isinstance(wrap_after, bool):
        if wrap_after < 1:
            raise SettingsError(f"wrap_after={wrap_after}: expected at least 1 token per line.")
        return frozenset(range(wrap_after - 1, len(units), wrap_after))
    ends = end_texts(wrap_after)
    return frozenset(place for place, unit in enumerate(units) if unit.label.strip() in ends)


def end_texts(wrap_after: WrapAfter) -> frozenset[str]:
    """The texts after which `line_ends` ends a line.

    Raises:
        SettingsError: It is neither a text nor several.
    """
    if wrap_after is None:
        return frozenset()
    words = list(wrap_after) if isinstance(wrap_after, list | tuple) else [wrap_after]
    if not all(isinstance(word, str) and word for word in words):
        raise SettingsError(f"wrap_after={wrap_after!r}: expected a number of tokens, a text or several texts.")
    ends = {str(word).strip() for word in words}
    if isinstance(wrap_after, str) and not any(character.isalnum() for character in wrap_after):
        ends |= set(wrap_after)
    return frozenset(ends)


def highlights(description: Description, step_score: str) -> npt.NDArray[np.float64]:
    """Each step's score as a share of the largest magnitude, in [-1, 1]. Shape ``(steps,)``.

    Raises:
        SettingsError: The result has no step score of that name.
    """
    if step_score not in description.step_scores:
        known = list(description.step_scores)
        raise SettingsError(
            f"highlight={step_score!r}: there is no such step score.{nearest(step_score, known)} There are: "
            f"{', '.join(known) or 'none'}. Ask for it with step_scores=[{step_score!r}]."
        )
    return shares_of_largest(description.step_scores[step_score])


def heights(description: Description, step_score: str) -> npt.NDArray[np.float64]:
    """How high a bar of each step's score is, in [-1, 1]: a probability as it is, others beside the largest magnitude;
    none of one that is not finite. Shape ``(steps,)``."""
    return shares_of_largest(description.step_scores[step_score], 1.0 if step_score == "probability" else None)


def shares_of_largest(values: npt.NDArray[Any], largest: float | None = None) -> npt.NDArray[np.float64]:
    """Numbers as shares of the largest magnitude, in [-1, 1]; those that are not finite are 0, and never the largest.

    Args:
        values: Shape ``(steps,)``.
        largest: Taken instead of the largest magnitude.
    """
    known = np.where(np.isfinite(values), values, 0.0).astype(np.float64)
    bound = float(np.abs(known).max(initial=0.0)) if largest is None else largest
    return known / bound if bound > 0 else known
