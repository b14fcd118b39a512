"""How much of each step's mass lies on each part of what was read: turns, documents, the prompt, the output."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom.results.aggregation import aggregated
from wherefrom.results.contributors import joint
from wherefrom.results.data import TRACE, AttributionData
from wherefrom.results.shares import finite_or_zero
from wherefrom.text.segmentation import unit_spans
from wherefrom.text.tokens import Token


@frozen(kw_only=True, eq=False)
class PartShares:
    """A part of the inputs, and what lies on it."""

    label: str
    """Role, document id, ``"prompt"``, ``"source"``, ``"template"`` or ``"output"``; parts of one label are numbered
    where they are told apart."""
    kind: str
    """``"turn"``, ``"document"``, ``"slot"``, ``"template"``; ``"text"`` outside of any."""
    role: str
    """The label without a number."""
    tokens: int
    """Units it has."""
    shares: npt.NDArray[np.float64]
    """Share of each step's magnitude, shape ``(steps,)``."""


@frozen(kw_only=True, eq=False)
class Stop:
    """A sentence of what was generated, as a place that a traced answer goes through."""

    text: str
    start: int
    """Position of its first token."""
    end: int
    """Position behind its last."""
    waiting: npt.NDArray[np.float64]
    """Mass on it after each hop, still to be passed on. Shape ``(columns,)``."""
    visits: float
    """Mass that was passed on from it, all its tokens added: above 1 where the same mass is passed on within it."""


def shares_by_part(attribution: AttributionData, *, by_role: bool = False) -> list[PartShares]:
    """Shares of each step's magnitude by part, in the order of the text; parts without tokens are left out.

    Scores that are not finite count as 0. Each input is in one part, of nested segments the inner one: what a turn has
    outside of its documents. `wherefrom.results.shares.share_on` counts a segment with all that lies in it.

    Args:
        attribution: The result; its default aggregation is applied.
        by_role: Put parts of the same name together: all turns of the user, for instance.
    """
    one = aggregated(attribution)
    scores, visible, places = joint(one)
    sizes = np.where(visible, np.abs(finite_or_zero(scores)), 0.0)
    totals = sizes.sum(axis=0)
    answered = one.answered_from
    names: list[tuple[str, str, int]] = []  # kind, label, which of them
    for side, index in places:
        tokens = one.source if side == "source" else one.target
        names.append(_part_of(one, side, tokens[index], answered))
    found = list(dict.fromkeys(names))
    if by_role:
        names = [(kind, label, 0) for kind, label, _ in names]
        found = list(dict.fromkeys(names))
    numbered = {label for _, label, _ in found if sum(other == label for _, other, _ in found) > 1}
    seen = visible.any(axis=1)
    parts, counts = [], dict.fromkeys(numbered, 0)
    for name in found:
        kind, label, _ = name
        rows = np.array([other == name for other in names]) & seen
        if not rows.any():
            continue
        shown = label
        if label in numbered:
            counts[label] += 1
            shown = f"{label} {counts[label]}"
        shares = np.divide(sizes[rows].sum(axis=0), totals, out=np.zeros(len(totals)), where=totals > 0)
        parts.append(PartShares(label=shown, kind=kind, role=label, tokens=int(rows.sum()), shares=shares))
    return parts


def path_of(attribution: AttributionData) -> list[Stop]:
    """The sentences of the output that a traced answer went through, in the order of the text.

    Empty for results that are no traces, and where nothing was read but the prompt.
    """
    facts: dict[str, Any] | None = attribution.details.get(TRACE)
    if facts is None or attribution.target_attributions is None:
        return []
    first = attribution.generated_from
    before = attribution.target[: attribution.attr_pos_start]
    rows = [index for index, token in enumerate(before) if token.position >= first]
    if not rows:
        return []
    tokens = [attribution.target[index] for index in rows]
    visits = {int(position): float(share) for position, share in facts["visits"]}
    stops = []
    for begin, end in unit_spans(tokens, "sentence"):
        part = tokens[begin:end]
        start, stop = part[0].position, part[-1].position + part[-1].size
        passed = sum(share for position, share in visits.items() if start <= position < stop)
        waiting = attribution.target_attributions[rows[begin] : rows[end - 1] + 1].sum(axis=0)
        if passed > 0 or waiting.any():
            text = "".join(token.text for token in part).strip()
            stops.append(Stop(text=text, start=start, end=stop, waiting=np.asarray(waiting, float), visits=passed))
    return stops


def _part_of(attribution: AttributionData, side: str, token: Token, answered: int) -> tuple[str, str, int]:
    """Kind and label of the part a token is in, and the part's place; of nested segments the inner one."""
    inside = [
        (segment.end - segment.start, number, segment)
        for number, segment in enumerate(attribution.segments)
        if segment.side == side and segment.start <= token.position < segment.end
    ]
    if side == "target" and token.position >= answered:
        return "text", "output", 0
    if inside:
        _, number, segment = min(inside, key=lambda one: one[:2])
        return segment.kind, segment.label or segment.kind, number
    if side == "source":
        return "text", "source", 0
    return "text", "prompt", 0
