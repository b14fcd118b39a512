"""Two attributions of the same text side by side: A, B, A - B, and how well their rankings agree.

Two tokenizers cut a text differently, and two methods score on different scales. So tokens are aligned by the
characters they cover, merged where the cuts differ, and by default each step's scores become shares of its
total.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen
from wherefrom.errors import InputError
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance
from wherefrom.text.tokens import Token

from wherefrom_viz.describe import units
from wherefrom_viz.describe.description import (
    Description,
    Normalization,
    Scale,
    Side,
    Unit,
    describe,
    normalized,
    unit_of,
)

Groups: TypeAlias = list[tuple[range, range]]
"""Which tokens of A and of B cover the same characters."""


@frozen(kw_only=True, eq=False)
class Comparison:
    """Two results on common rows and columns."""

    a: Description
    b: Description
    difference: Description
    """A - B."""
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
        **options: As for `describe`.

    Raises:
        InputError: The two have no explained token in common.
    """
    left, right = describe(a, provenance_a, **options), describe(b, provenance_b, **options)
    columns = aligned_groups([step.token for step in left.steps], [step.token for step in right.steps])
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
        found = aligned_groups(_tokens(left, side), _tokens(right, other))
        rows += [
            (range(side.start + x.start, side.start + x.stop), range(other.start + y.start, other.start + y.stop))
            for x, y in found
        ]
        sides.append(Side(side.name, side.title, before, before + len(found)))
        before += len(found)
    one = _regrouped(left, [x for x, _ in rows], [x for x, _ in columns], sides, normalize)
    two = _regrouped(right, [y for _, y in rows], [y for _, y in columns], sides, normalize)
    both = one.visible & two.visible
    change = np.where(both, one.scores - two.scores, 0.0)
    bound = max(one.scale.bound, two.scale.bound)
    one, two = (evolve(half, scale=evolve(half.scale, bound=bound)) for half in (one, two))
    difference = evolve(
        one,
        title="A - B",
        scores=change,
        visible=both,
        words=evolve(one.words, raises="more in A", lowers="more in B", of="", signed=True),
        scale=_scale(change),
        step_scores={},
    )
    return Comparison(a=one, b=two, difference=difference, agreement=rank_agreement(one.scores, two.scores, both))


def aligned_groups(a: Sequence[Token], b: Sequence[Token]) -> Groups:
    """Smallest groups of tokens of ``a`` and ``b`` that cover the same characters, in order.

    White space does not count. Special tokens are aligned where both sequences have the same, else left
    out. If the texts differ, runs of equal tokens are aligned and the rest is left out.

    Example:
        ``["un", "happy"]`` and ``["unhap", "py"]`` give one group; ``["a", "b"]`` twice gives two.
    """
    texts_a, texts_b = [_bare(token) for token in a], [_bare(token) for token in b]
    if texts_a != texts_b:
        keep_a = [index for index, token in enumerate(a) if not token.special]
        keep_b = [index for index, token in enumerate(b) if not token.special]
        plain_a, plain_b = [texts_a[i] for i in keep_a], [texts_b[i] for i in keep_b]
    else:
        keep_a, keep_b, plain_a, plain_b = list(range(len(a))), list(range(len(b))), texts_a, texts_b
    if "".join(plain_a) == "".join(plain_b):
        found = _same_characters(plain_a, plain_b)
    else:
        matcher = difflib.SequenceMatcher(a=plain_a, b=plain_b, autojunk=False)
        found = [
            (range(m.a + k, m.a + k + 1), range(m.b + k, m.b + k + 1))
            for m in matcher.get_matching_blocks()
            for k in range(m.size)
        ]
    return [
        (range(keep_a[x[0]], keep_a[x[-1]] + 1), range(keep_b[y[0]], keep_b[y[-1]] + 1)) for x, y in found if x and y
    ]


def rank_agreement(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], both: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Spearman's rank correlation per column over the rows that both could see. Shape ``(steps,)``."""
    found = np.full(a.shape[1], np.nan)
    for column in range(a.shape[1]):
        seen = both[:, column]
        if seen.sum() < 2:
            continue
        x, y = ranks(a[seen, column]), ranks(b[seen, column])
        x, y = x - x.mean(), y - y.mean()
        size = float(np.sqrt((x @ x) * (y @ y)))
        if size > 0:
            found[column] = float(x @ y) / size
    return found


def ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rank of each value from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[inverse], dtype=np.float64)


def _bare(token: Token) -> str:
    return "".join(token.text.split())


def _same_characters(a: Sequence[str], b: Sequence[str]) -> Groups:
    groups: Groups = []
    i = j = start_i = start_j = read_a = read_b = 0
    while i < len(a) or j < len(b):
        if j >= len(b) or (i < len(a) and read_a <= read_b):
            read_a += len(a[i])
            i += 1
        else:
            read_b += len(b[j])
            j += 1
        if read_a == read_b and i > start_i and j > start_j:
            groups.append((range(start_i, i), range(start_j, j)))
            start_i, start_j = i, j
    if groups and (i > start_i or j > start_j):  # empty tokens at the end
        x, y = groups[-1]
        groups[-1] = (range(x.start, i), range(y.start, j))
    return groups


def _tokens(description: Description, side: Side) -> list[Token]:
    return [unit.token for unit in description.inputs[side.start : side.end]]


def _regrouped(
    description: Description, rows: list[range], columns: list[range], sides: list[Side], normalize: Normalization
) -> Description:
    """The description with rows and columns merged by sum into the given groups."""
    scores = np.array([description.scores[group.start : group.stop].sum(axis=0) for group in rows])
    visible = np.array([description.visible[group.start : group.stop].any(axis=0) for group in rows])
    if not rows:
        scores, visible = description.scores[:0], description.visible[:0]
    scores = np.stack([scores[:, group.start : group.stop].sum(axis=1) for group in columns], axis=1)
    visible = np.stack([visible[:, group.start : group.stop].any(axis=1) for group in columns], axis=1)
    if normalize != "none":
        scores = normalized(scores, normalize)
    return evolve(
        description,
        inputs=tuple(_merged(description.inputs[group.start : group.stop]) for group in rows),
        steps=tuple(_merged(description.steps[group.start : group.stop]) for group in columns),
        sides=tuple(sides),
        scores=scores,
        visible=visible,
        scale=_scale(scores),
        step_scores={
            name: np.array([float(np.mean(values[group.start : group.stop])) for group in columns])
            for name, values in description.step_scores.items()
        },
        prompt_rows=tuple(k for k, group in enumerate(rows) if group.start in set(description.prompt_rows)),
        output_rows={},
        pipeline=(*description.pipeline, *(("share of each step's total",) if normalize == "step" else ())),
    )


def _merged(parts: Sequence[Unit]) -> Unit:
    if len(parts) == 1:
        return parts[0]
    (token,) = units.merged_tokens([part.token for part in parts], (0,))
    return evolve(unit_of(token, None), space_before=parts[0].space_before)


def _scale(scores: npt.NDArray[np.float64]) -> Scale:
    low, high = float(scores.min(initial=0.0)), float(scores.max(initial=0.0))
    return Scale(bound=max(-low, high) or 1.0, low=low, high=high)
