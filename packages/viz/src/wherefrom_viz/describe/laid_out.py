"""Scores with an inner dimension laid out: a column for each of its entries at each step."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace
from wherefrom.errors import InputError, SettingsError, nearest
from wherefrom.results.attribution import Attribution
from wherefrom.results.breaks import boundaries_of
from wherefrom.results.measured import without_measures
from wherefrom.results.stages import Stage
from wherefrom.settings import is_pair
from wherefrom.text.tokens import Token

LAID_OUT = "laid_out"
"""Name of the stage, of which views tell that what a step could not see is 0."""


def laid_out(attribution: Attribution, dimension: str, between: tuple[int, int] | None = None) -> Attribution:
    """The same scores with one dimension less and as many columns more.

    Rows are what was read, then the output as far as it was attributed; what a step could not see has the score 0.

    Args:
        attribution: Scores with inner dimensions.
        dimension: The one to lay out.
        between: Start and end, exclusive, of the entries of it that are kept; None: all.

    Returns:
        Scores of shape ``(inputs, steps * entries, ...)``; columns of one step stand together, in the order of entries.
        Their positions leave gaps, so that each is a unit of its own, whatever the units of the rows.

    Raises:
        SettingsError: There is no dimension of that name, or ``between`` is no pair of whole numbers.
        InputError: ``between`` keeps nothing.
    """
    axis = axis_of(attribution, dimension)
    blocks: list[npt.NDArray[np.float64]] = []
    tokens: list[Token] = []
    begun: set[int] = set()
    if attribution.source_attributions is not None:
        blocks.append(np.asarray(attribution.source_attributions))
        tokens.extend(attribution.source)
        begun |= boundaries_of(attribution, "source")
    if attribution.target_attributions is not None:
        blocks.append(np.asarray(attribution.target_attributions)[: attribution.attr_pos_end])
        begun |= {len(tokens) + index for index in (0, *boundaries_of(attribution, "target"))}
        tokens.extend(attribution.target[: attribution.attr_pos_end])
    scores = np.moveaxis(np.concatenate(blocks), axis, 2)
    entries = entries_between(dimension, scores.shape[2], between)
    scores = scores[:, :, entries.start : entries.stop]
    steps = [
        replace(token, piece=f"{token.piece}:{name}", text=f"{token.text}:{name}", size=1)
        for token in attribution.steps
        for name in (f"{dimension}{index}" for index in entries)
    ]
    left = tuple(name for name in attribution.dimensions if name != dimension)
    return attribution.replace(
        source=tuple(
            replace(token, position=place) for place, token in zip(_places(tokens, begun), tokens, strict=True)
        ),
        target=tuple(replace(token, position=2 * place) for place, token in enumerate(steps)),
        source_attributions=scores.reshape(len(tokens), len(steps), *scores.shape[3:]),
        target_attributions=None,
        attr_pos_start=0,
        attr_pos_end=len(steps),
        step_scores={
            name: np.repeat(values, len(entries))
            for name, values in without_measures(attribution, {})["step_scores"].items()
        },
        sequence_scores={},
        segments=(),
        details={},
        dimensions=left,
        aggregations=(*attribution.aggregations, Stage(name=LAID_OUT, settings={"dimension": dimension})),
        default_aggregation=attribution.default_aggregation if left else (),
    )


def _places(tokens: Sequence[Token], begun: Collection[int]) -> list[int]:
    """Positions of tokens, with a gap before each that begins a unit in any case."""
    places, at = [], 0
    for index, token in enumerate(tokens):
        at += index in begun
        places.append(at)
        at += token.size
    return places


def axis_of(attribution: Attribution, dimension: str) -> int:
    """The axis of the scores that an inner dimension is.

    Raises:
        SettingsError: There is no dimension of that name.
    """
    names = attribution.dimensions
    if dimension not in names:
        raise SettingsError(
            f"The scores have no dimension {dimension!r}.{nearest(dimension, names)} They have: {', '.join(names)}."
        )
    return 2 + names.index(dimension)


def entries_between(dimension: str, size: int, between: tuple[int, int] | None = None) -> range:
    """The entries of a dimension from a start up to an end, which count from its end where they are negative; all,
    where neither is given.

    Raises:
        InputError: There are none.
        SettingsError: They are no pair of whole numbers.
    """
    if between is not None and not is_pair(between):
        raise SettingsError(f"slice_dims={{{dimension!r}: {between!r}}}: expected (start, end), end exclusive.")
    start, end = (0, size) if between is None else between
    chosen = range(size)[start:end]
    if not chosen:
        raise InputError(f"{start}..{end} keeps nothing of {dimension!r}, which has {size} entries.")
    return chosen
