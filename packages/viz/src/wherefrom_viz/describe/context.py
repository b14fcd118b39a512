"""A context attribution as small frozen parts: words with a weight and a mark, for every renderer alike.

Numbers are computed here and nothing of the result is changed: drawing it twice draws the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from wherefrom.context import ContextAttribution


@frozen(kw_only=True)
class Word:
    """A token in running text."""

    text: str
    strength: float = 0.0
    """Score divided by the largest of its kind, in [-1, 1]."""
    value: float = 0.0
    marked: bool = False
    """Is it a cue, or a context-sensitive token?"""
    cue: int | None = None
    """Of a context-sensitive token: which panel is its."""


@frozen(kw_only=True)
class Panel:
    """One context-sensitive token with its contexts."""

    token: str
    position: int
    """Index into the output."""
    score: float
    p_value: float | None
    alternative: str | None
    """What would have been said without the context."""
    contextless: str | None
    input_context: tuple[Word, ...]
    output_context: tuple[Word, ...]
    bound: float
    """Largest absolute score of its contexts."""


@frozen(kw_only=True)
class Matrix:
    """Sentences against the parts of the context, in nats."""

    sentences: tuple[str, ...]
    parts: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    cited: tuple[tuple[int, ...], ...]
    threshold: float


@frozen(kw_only=True)
class ContextDescription:
    """Everything a view shows."""

    metric: str
    method: str
    target: str
    rule: str
    """How tokens were selected, in words."""
    input_context: str | None
    output_context: str | None
    output: tuple[Word, ...]
    panels: tuple[Panel, ...]
    matrix: Matrix | None
    cited_text: str


def describe(result: ContextAttribution) -> ContextDescription:
    """The parts of a result."""
    info = result.info
    panels = tuple(_panel(result, index) for index in range(len(result.cci_scores)))
    places = {cue.cti_idx: index for index, cue in enumerate(result.cci_scores)}
    output = _words(result.texts("output_current"), result.cti_scores, set(places), places)
    return ContextDescription(
        metric=str(info.get("context_sensitivity_metric") or "sensitivity"),
        method=str(info.get("attribution_method") or "attribution"),
        target=str(info.get("attributed_fn") or "probability"),
        rule=_rule(result),
        input_context=result.input_context,
        output_context=result.output_context,
        output=output,
        panels=panels,
        matrix=_matrix(result),
        cited_text=result.cited_text,
    )


def nats(value: float) -> str:
    """A support with its sign and two decimals; never a negative zero."""
    text = f"{value:+.2f}"
    return "0.00" if float(text) == 0 else text


def _panel(result: ContextAttribution, index: int) -> Panel:
    cue = result.cci_scores[index]
    inside, before = result.cues(index)
    bound = max((abs(score) for score in cue.scores), default=0.0)
    texts = result.texts("output_current")
    return Panel(
        token=texts[cue.cti_idx],
        position=cue.cti_idx,
        score=cue.cti_score,
        p_value=cue.p_value,
        alternative=cue.alternative,
        contextless=cue.contextless_output,
        input_context=_words(result.texts("input_context"), cue.input_context_scores, set(inside), bound=bound),
        output_context=_words(result.texts("output_context"), cue.output_context_scores, set(before), bound=bound),
        bound=bound,
    )


def _words(
    texts: Sequence[str],
    scores: Sequence[float] | None,
    marked: set[int],
    cues: dict[int, int] | None = None,
    *,
    bound: float | None = None,
) -> tuple[Word, ...]:
    values = np.array(scores if scores else [0.0] * len(texts), dtype=np.float64)
    largest = bound if bound is not None else float(np.abs(values).max(initial=0.0))
    return tuple(
        Word(
            text=text if index or not text.strip() else text.lstrip(),
            value=float(value),
            strength=float(value) / largest if largest else 0.0,
            marked=index in marked,
            cue=(cues or {}).get(index),
        )
        for index, (text, value) in enumerate(zip(texts, values, strict=True))
    )


def _matrix(result: ContextAttribution) -> Matrix | None:
    if not result.sentences:
        return None
    return Matrix(
        sentences=tuple(one.text.strip() for one in result.sentences),
        parts=tuple(
            f"[{name}]" + ("" if part.label in ("", name) else f" {part.label}")
            for name, part in zip(map(result.cited_as, range(len(result.parts))), result.parts, strict=True)
        ),
        values=tuple(tuple(one.support) for one in result.sentences),
        cited=tuple(tuple(one.citations) for one in result.sentences),
        threshold=result.support_threshold or 0.0,
    )


def _rule(result: ContextAttribution) -> str:
    info = result.info
    top = info.get("context_sensitivity_topk")
    tail = f", at most {top}" if top else ""
    if (rate := info.get("fpr")) is not None:
        return f"permutation test, false-positive rate {rate:g}{tail}"
    deviations = info.get("context_sensitivity_std_threshold")
    return f"mean + {deviations or 0:g} standard deviations{tail}"
