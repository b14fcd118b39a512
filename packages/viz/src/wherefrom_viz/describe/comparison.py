"""Two attributions of the same text side by side: A, B, A - B, and how well their rankings agree.

Two tokenizers cut a text differently, and two methods score on different scales. So tokens are aligned by the
characters they cover, merged where the cuts differ, and by default each step's scores become shares of its
total.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen
from wherefrom.errors import InputError
from wherefrom.results.aggregators.merging import step_rule
from wherefrom.results.alignment import boundary_of, common_steps
from wherefrom.results.attribution import Attribution
from wherefrom.results.card import CHANCE, doubtful
from wherefrom.results.comparison import merged_cells, spearman_by_step
from wherefrom.results.provenance import Provenance
from wherefrom.text.common_units import common_units
from wherefrom.text.merging import Span
from wherefrom.text.tokens import Token

from wherefrom_viz.describe import units
from wherefrom_viz.describe.description import (
    Description,
    Normalization,
    Side,
    Unit,
    aggregated,
    and_normalized,
    counted,
    describe,
    divisors_of,
    scale_of,
    unit_of,
)
from wherefrom_viz.describe.spans import check_places

ROUNDING = 1e-6
"""Differences of less than this share of their step's total are none: what single precision leaves of equal scores.
The page has the same."""


@frozen(kw_only=True, eq=False)
class Comparison:
    """Two results on common rows and columns."""

    a: Description
    b: Description
    difference: Description
    """A - B; 0 where one of them could not be seen, or is no finite number, and where they are equal up to
    `ROUNDING`."""
    agreement: npt.NDArray[np.float64]
    """Spearman's rank correlation of each step's scores, shape ``(steps,)``; NaN where a ranking is constant."""

    @property
    def mean_agreement(self) -> float:
        """Mean over steps that have one; NaN if none has."""
        known = self.agreement[np.isfinite(self.agreement)]
        return float(known.mean()) if len(known) else float("nan")


def compare(
    a: Attribution,
    b: Attribution,
    *,
    provenance_a: Provenance | None = None,
    provenance_b: Provenance | None = None,
    normalize: Normalization = "step",
    **options: Any,
) -> Comparison:
    """Align two attributions and set them side by side.

    Args:
        a: One result.
        b: Another of the same text: another method, model or tokenizer.
        provenance_a: How A was made.
        provenance_b: How B was made.
        normalize: ``"step"`` makes the scores of each step shares of their total, so that methods compare.
        **options: As for `describe`; ``spans`` are of both.

    Raises:
        InputError: The two have no explained token in common.
    """
    check_places(options.get("spans", ()), 1)
    left, right = describe(a, provenance_a, **options), describe(b, provenance_b, **options)
    halves = aggregated(a)[0], aggregated(b)[0]
    columns = common_steps(*halves, ([step.token for step in left.steps], [step.token for step in right.steps]))
    if not columns:
        raise InputError(
            "The two attributions explain no token in common, so they cannot be compared. "
            "Compare results of the same text."
        )
    rows, sides, before = [], [], 0
    for side in left.sides:
        other = next((one for one in right.sides if one.name == side.name), None)
        if other is None:
            continue
        shown = _tokens(left, side), _tokens(right, other)
        found = common_units(*shown, boundary=boundary_of(*halves, shown) if side.name == "target" else None)
        rows += [((side.start + a, side.start + b), (other.start + c, other.start + d)) for (a, b), (c, d) in found]
        sides.append(Side(side.name, side.title, before, before + len(found)))
        before += len(found)
    one = _regrouped(left, _ways(a), [x for x, _ in rows], [x for x, _ in columns], sides, normalize)
    two = _regrouped(right, _ways(b), [y for _, y in rows], [y for _, y in columns], sides, normalize)
    both = one.visible & two.visible
    finite = one.finite & two.finite
    change = np.where(both & finite, one.scores - two.scores, 0.0)
    totals = np.maximum(*(np.abs(half.scores).sum(axis=0) for half in (one, two)))
    change[np.abs(change) < ROUNDING * totals] = 0.0
    bound = max(one.scale.bound, two.scale.bound)  # ends that were asked for are those of A and B
    one, two = (evolve(half, scale=evolve(half.scale, bound=bound)) for half in (one, two))
    difference = evolve(
        one,
        title="A - B",
        notes=tuple(dict.fromkeys((*one.notes, *two.notes))),
        finite=finite,
        scores=change,
        visible=both,
        words=evolve(one.words, raises="more in A", lowers="more in B", of="", signed=True),
        scale=scale_of(change[counted(one.inputs)]),
        step_scores={},
        doubtful=(),
        pipeline=_both_pipelines(one, two),
    )
    agreement = spearman_by_step(one.scores, two.scores, both & finite)
    return Comparison(a=one, b=two, difference=difference, agreement=agreement)


def _both_pipelines(one: Description, two: Description) -> tuple[str, ...]:
    """How the scores of both became what they are, said of each where that is not the same."""
    same = one.pipeline == two.pipeline
    return one.pipeline if same else (f"A: {one.pipeline_words} · B: {two.pipeline_words}",)


def _tokens(description: Description, side: Side) -> list[Token]:
    return [unit.token for unit in description.inputs[side.start : side.end]]


def _regrouped(
    description: Description,
    ways: Mapping[str, str],
    rows: Sequence[Span],
    columns: Sequence[Span],
    sides: list[Side],
    normalize: Normalization,
) -> Description:
    """The description with rows and columns merged by sum into the given groups, step scores each in its own way."""
    scores, visible = merged_cells(description.scores, description.visible, rows, columns)
    _, lost = merged_cells(description.scores, ~description.finite, rows, columns)
    if normalize != "none":
        scores = scores / divisors_of(scores, normalize)
    inputs = tuple(_merged(description.inputs[start:end]) for start, end in rows)
    step_scores = {
        name: units.step_scores_of_spans(values, columns, ways[name])
        for name, values in description.step_scores.items()
    }
    return evolve(
        description,
        inputs=inputs,
        steps=tuple(_merged(description.steps[start:end]) for start, end in columns),
        sides=tuple(sides),
        scores=scores,
        visible=visible,
        finite=~lost,
        scale=scale_of(scores[counted(inputs)], *description.scale.given),
        step_scores=step_scores,
        doubtful=tuple(doubtful(step_scores[CHANCE], len(columns))) if CHANCE in step_scores else (),
        prompt_rows=tuple(k for k, (start, _) in enumerate(rows) if start in set(description.prompt_rows)),
        pipeline=and_normalized(description.pipeline, normalize),
    )


def _ways(attribution: Attribution) -> dict[str, str]:
    """How each step score merges over units."""
    return {name: step_rule(attribution, name) for name in attribution.step_scores}


def _merged(parts: Sequence[Unit]) -> Unit:
    if len(parts) == 1:
        return parts[0]
    (token,) = units.merged_tokens([part.token for part in parts], (0,))
    return evolve(
        unit_of(token, None), space_before=parts[0].space_before, template=all(part.template for part in parts)
    )
