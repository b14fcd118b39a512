"""Two results of one text, described side by side: another method, model or tokenizer.

What corresponds, and how far the rankings agree, says `wherefrom.results.comparison`; here the two are described on
those common units. By default each step's scores become shares of its total, so that methods of different size compare.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen
from wherefrom.arrays import BoolArray
from wherefrom.results import comparison
from wherefrom.results.attribution import Attribution
from wherefrom.results.contributors import joint
from wherefrom.results.provenance import Provenance

from wherefrom_viz.describe import units
from wherefrom_viz.describe.description import (
    Description,
    Normalization,
    Partition,
    Scale,
    aggregated,
    describe,
    partition_of,
    sign_words,
)
from wherefrom_viz.describe.spans import Spans, with_spans
from wherefrom_viz.describe.units import Level, Merge


@frozen(kw_only=True, eq=False)
class Comparison:
    """Two results on common rows and columns."""

    a: Description
    b: Description
    difference: Description
    """A - B. Visible is what both have."""
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
    granularity: Level = "token",
    merge: Merge = "sum",
    spans: Spans = (),
    **options: Any,
) -> Comparison:
    """Align two attributions and set them side by side.

    Args:
        a: One result.
        b: Another of the same text: another method, model or tokenizer.
        provenance_a: How A was made.
        provenance_b: How B was made.
        normalize: ``"step"`` makes the scores of each step shares of their total, so that methods compare.
        granularity: Unit of rows and columns.
        merge: How scores of a unit's tokens are merged.
        spans: Units of ``granularity="span"``, in tokens of either text.
        **options: As for `describe`.

    Raises:
        InputError: The two have no token in common.
    """
    (one, _), (two, _) = aggregated(with_spans(a, spans)), aggregated(with_spans(b, spans))
    found = comparison.on_common_units(one, two)
    shared: dict[str, Any] = {"granularity": granularity, "merge": merge, **options}
    halves = [
        _half(common.replace(segments=found.first.segments), own, made, normalize, shared)
        for common, own, made in ((found.first, one, provenance_a), (found.second, two, provenance_b))
    ]
    left, right = halves
    both = left.visible & right.visible & in_both(found.both, partition_of(found.first, granularity))
    bound = max(left.scale.bound, right.scale.bound)
    left, right = (evolve(half, scale=evolve(half.scale, bound=bound)) for half in halves)
    change = np.where(both, left.scores - right.scores, 0.0)
    difference = evolve(
        left,
        title="A - B",
        scores=change,
        visible=both,
        words=evolve(left.words, raises="more in A", lowers="more in B", of="", signed=True),
        scale=_scale(change),
        step_scores={},
    )
    return Comparison(
        a=left, b=right, difference=difference, agreement=agreement_of(found, granularity=granularity, merge=merge)
    )


def agreement_of(
    found: comparison.CommonUnits, *, granularity: Level = "token", merge: Merge = "sum"
) -> npt.NDArray[np.float64]:
    """Spearman's rank correlation of each unit of the output, over the units that both results have.

    Args:
        found: Two results on common tokens.
        granularity: What is ranked.
        merge: How scores of a unit's tokens become one.

    Returns:
        Shape ``(steps,)``; NaN where a ranking is constant.
    """
    (first, visible, _), (second, _, _) = joint(found.first), joint(found.second)
    if granularity == "token":
        return comparison.rank_correlation(first, second, found.both)
    cut = partition_of(found.first, granularity)
    one, two = (cut.merged(scores, visible, merge) for scores in (first, second))
    return comparison.rank_correlation(one, two, in_both(found.both, cut))


def in_both(both: BoolArray, cut: Partition) -> BoolArray:
    """Which units both results have, wherever any of their tokens is in both. Shape ``(units, steps)``."""
    return units.merge_visible(units.merge_visible(both, cut.rows).T, cut.columns).T


def _half(
    common: Attribution,
    own: Attribution,
    made: Provenance | None,
    normalize: Normalization,
    options: dict[str, Any],
) -> Description:
    """One of the two on the units of both, told about as it was before."""
    shown = describe(
        common.replace(aggregations=own.aggregations),
        made,
        normalize=normalize,
        **options,
    )
    return evolve(shown, words=sign_words(own, made or Provenance()))


def _scale(scores: npt.NDArray[np.float64]) -> Scale:
    low, high = float(scores.min(initial=0.0)), float(scores.max(initial=0.0))
    return Scale(bound=max(-low, high) or 1.0, low=low, high=high)
