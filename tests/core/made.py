"""Small attributions with known tokens, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from wherefrom.results.attribution import Attribution
from wherefrom.text.tokens import Token

from tests.core import golden


def spelt(
    texts: list[str], *, special: tuple[int, ...] = (), words: list[int | None] | None = None
) -> tuple[Token, ...]:
    """Tokens of the given texts, spelt as byte-level vocabularies do, with character offsets."""
    made, end = [], 0
    for index, text in enumerate(texts):
        known = index not in special
        made.append(
            Token(
                id=100 + index,
                piece=text.replace(" ", "Ġ"),
                text=text,
                position=index,
                start=end if known else None,
                end=end + len(text) if known else None,
                special=not known,
                word=None if words is None else words[index],
            )
        )
        end += len(text) * known
    return tuple(made)


def attribution(
    source: list[str] | None,
    target: list[str],
    start: int,
    *,
    sizes: tuple[int, ...] = (),
    special: tuple[int, ...] = (),
    seed: int = 0,
    **changes: Any,
) -> Attribution:
    """An attribution of the given texts with random scores; without a source of a decoder-only model."""
    rng = np.random.default_rng(seed)
    tokens = spelt(target, special=special)
    steps = len(target) - start
    made = Attribution(
        source=tokens[:start] if source is None else spelt(source),
        target=tokens,
        attr_pos_start=start,
        attr_pos_end=len(target),
        source_attributions=None
        if source is None
        else rng.normal(size=(len(source), steps, *sizes)).astype(np.float32),
        target_attributions=rng.normal(size=(len(target), steps, *sizes)).astype(np.float32),
        step_scores={
            "probability": rng.random(steps).astype(np.float32),
            "entropy": rng.random(steps).astype(np.float32),
        },
        step_aggregation={"probability": "prod", "entropy": "sum"},
        dimensions={0: (), 1: ("width",), 2: ("layer", "head")}[len(sizes)],
        method="made",
        default_aggregation=(golden.VNORM if len(sizes) == 1 else golden.MEAN * len(sizes)),
    )
    seen = made.target_visible.reshape(len(target), steps, *(1,) * len(sizes))
    return made.replace(target_attributions=np.where(seen, made.target_attributions, np.float32(0)), **changes)
