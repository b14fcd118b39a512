"""A context attribution as an ordinary one, for every tool that shows, compares or exports those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from wherefrom.context.results import ContextAttribution
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.direction import FALLS
from wherefrom.results.provenance import Provenance
from wherefrom.results.stages import Stage
from wherefrom.step_functions.base import usual_span_aggregation
from wherefrom.text.segmentation import word_indices
from wherefrom.text.tokens import Segment, Token

OUTPUT_CONTEXT = "output context"
"""Label of the segment that was said before the output."""


def as_attributions(result: ContextAttribution) -> Attributions:
    """Contexts as the prompt, the output as the explained steps.

    Column j holds the cues of output token j, and zeros where the token was not selected; the sensitivity is its step
    score. Ids of the vocabulary are not in a context attribution, so tokens have none (-1).
    """
    names = ("input_context", "output_context", "output_current")
    pieces = [getattr(result, f"{name}_tokens") or [] for name in names]
    texts = [result.texts(name) for name in names]
    tokens = _tokens([one for side in pieces for one in side], [one for side in texts for one in side])
    inside, before = len(pieces[0]), len(pieces[1])
    start = inside + before
    scores = np.zeros((len(tokens), len(pieces[2])))
    for cue in result.cci_scores:
        if cue.input_context_scores:
            scores[:inside, cue.cti_idx] = cue.input_context_scores
        if cue.output_context_scores:
            scores[inside:start, cue.cti_idx] = cue.output_context_scores
    segments = [
        Segment(side="target", start=part.start, end=part.end, kind="document", label=part.label)
        for part in result.parts
        if part.end > part.start
    ]
    if before:
        segments.append(Segment(side="target", start=inside, end=start, kind="document", label=OUTPUT_CONTEXT))
    info = result.info
    metric = str(info.get("context_sensitivity_metric", "sensitivity"))
    way = usual_span_aggregation(metric)
    falls = result.falls_with_probability
    return Attributions(
        sequence_attributions=(
            Attribution(
                source=tokens[:start],
                target=tokens,
                attr_pos_start=start,
                attr_pos_end=len(tokens),
                target_attributions=scores,
                step_scores={metric: np.array(result.cti_scores)},
                step_aggregation={} if way is None else {metric: way},
                method=str(info.get("attribution_method", "")),
                signed=bool(falls) or bool((scores < 0).any()),
                segments=tuple(segments),
                aggregations=_stages(info.get("aggregations")),
                details={"context_sensitive": result.selected, **({FALLS: falls} if falls else {})},
            ),
        ),
        provenance=result.provenance or Provenance(),
    )


def _stages(told: Any) -> tuple[Stage, ...]:
    """What was applied to the scores, as far as it is told."""
    try:
        return msgspec.convert(told or (), tuple[Stage, ...])
    except msgspec.ValidationError:
        return ()


def _tokens(pieces: Sequence[str], texts: Sequence[str]) -> tuple[Token, ...]:
    words = word_indices(texts, [False] * len(texts))
    return tuple(
        Token(id=-1, piece=piece, text=text, position=position, word=word)
        for position, (piece, text, word) in enumerate(zip(pieces, texts, words, strict=True))
    )
