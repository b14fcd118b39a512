"""A walk as a result: one column after no hop, one after each further hop, beside each other.

Rows are the inputs as they were, up to the end of the span; a column's rows of generated tokens hold the mass that is
still on its way there. Each column sums to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from wherefrom.arrays import BoolArray, IntArray
from wherefrom.errors import InputError, SettingsError
from wherefrom.results.data import TRACE, AttributionData
from wherefrom.results.details import without_steps
from wherefrom.results.direction import without_direction
from wherefrom.results.hops import Masses, Walk
from wherefrom.results.measured import without_measures
from wherefrom.text.places import last_sentence, names_segment, places_of
from wherefrom.text.tokens import Segment, Token

LeftOut = Literal["sink", "special", "nothing"]
SignRule = Literal["positive", "magnitude", "refuse"]

LEFT_OUT: tuple[LeftOut, ...] = ("sink", "special", "nothing")
"""Inputs that take no part: the first of the decoder's sequence, where attention rests that is not needed elsewhere;
that and all special tokens, of an encoder's source too; or none."""
SIGN_RULES: tuple[SignRule, ...] = ("positive", "magnitude", "refuse")
"""What becomes of signed scores: their positive part, their size, or an error."""


def span_of(
    what: Any, tokens: Sequence[Token], segments: Sequence[Segment], first: int, end: int, *, name: str = "span"
) -> IntArray:
    """Indices of the steps, ``first`` to before ``end`` among the tokens, that a span names; None: the last sentence.

    Raises:
        InputError: It names none of them, or others too.
    """
    steps = tokens[first:end]
    if what is None:
        found = last_sentence(steps)
        if not len(found):
            raise InputError(f"{name}: the explained steps have no sentence to begin at. Give a span.")
        return found + first
    if isinstance(what, Segment) or (isinstance(what, str) and names_segment(what)):
        found = places_of(what, tokens, segments, name=name)
        inside = found[(found >= first) & (found < end)]
        if len(inside) != len(found):
            raise InputError(
                f"{name}={what!r} lies outside of the {end - first} explained steps. Explain them too (attr_pos_start),"
                " or name a part of the output; 'all' is the whole of it."
            )
        return inside
    return places_of(what, steps, segments, name=name) + first


def left_out_rows(source: Sequence[Token], target: Sequence[Token], rule: LeftOut) -> BoolArray:
    """Which inputs take no part. Shape ``(inputs,)``: source tokens, where those are inputs of their own, then the
    decoder's."""
    out = np.zeros(len(source) + len(target), dtype=bool)
    if rule != "nothing":
        out[len(source) :][:1] = True
    if rule == "special":
        out |= np.array([token.special for token in (*source, *target)], dtype=bool)
    return out


def unsigned(scores: Masses, signed: bool, rule: SignRule, method: str) -> Masses:
    """Scores without a sign.

    Raises:
        InputError: They are not all finite, or have a sign and that is refused.
    """
    if not np.isfinite(scores).all():
        raise InputError(
            f"Some scores of {method or 'this result'} are no finite numbers, and a trace would carry them everywhere. "
            "Attribute again in float32, or with a method that stays finite."
        )
    if signed and rule == "refuse" and (scores < 0).any():
        raise SettingsError(
            f"{method or 'The result'} has negative scores, and signed='refuse'. A mass cannot be negative: take "
            "signed='positive' (what raises the answer) or 'magnitude'."
        )
    return np.abs(scores) if signed and rule == "magnitude" else np.maximum(scores, 0.0)


def traced(
    attribution: AttributionData, walk: Walk, span: IntArray, first: int, facts: dict[str, Any]
) -> dict[str, Any]:
    """What a result becomes when it shows a walk.

    Args:
        attribution: The result, or one of the same tokens.
        walk: Its inputs are the result's source rows, if it has scores of them, then its target rows.
        span: Indices into ``target`` of the tokens the walk began at.
        first: Index into ``target`` of the first generated token.
        facts: More to write down: settings and costs.

    Returns:
        Fields to replace.
    """
    last = int(span[-1])
    sources = 0 if attribution.source_attributions is None else len(attribution.source)
    end = attribution.target[last]
    columns = tuple(
        Token(
            id=-1,
            piece=label,
            text=f" {label}",
            position=end.position + end.size - 1,
            special=True,
        )
        for label in walk.labels
    )
    scores = walk.columns
    target = np.concatenate([scores[sources : sources + last], np.zeros((len(columns), len(columns)))])
    visits = walk.visits[sources:]
    return {
        "target": (*attribution.target[:last], *columns),
        "attr_pos_start": last,
        "attr_pos_end": last + len(columns),
        "source_attributions": scores[:sources] if sources else None,
        "target_attributions": target,
        "step_scores": {
            "arrived": walk.columns.sum(axis=0) - np.array(walk.waiting),
            "missing": np.array(walk.waiting),
        },
        "step_aggregation": {},
        "sequence_scores": {},
        "dimensions": (),
        "signed": False,
        "default_aggregation": (),
        "details": {
            **without_direction(without_steps(without_measures(attribution, {})["details"])),
            TRACE: {
                "span": "".join(attribution.target[index].text for index in span).strip(),
                "positions": [_positions(attribution.target[index]) for index in span],
                "generated_from": attribution.target[first].position,
                "arrived": list(walk.arrived),
                "missing": walk.missing,
                "lost": walk.lost,
                "visits": [
                    [attribution.target[index].position, float(visits[index])]
                    for index in range(first, last)
                    if visits[index] > 0
                ],
                **facts,
            },
        },
    }


def _positions(token: Token) -> list[int]:
    return [token.position, token.position + token.size]
