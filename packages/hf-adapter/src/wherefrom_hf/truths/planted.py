"""The demo models' planted dependencies: the word that decides must be on top.

For held-out examples of each dependency, the first token is explained at which the text and the same text with the
contrast word part ways, as the difference of their logits where the method explains what is asked. The number is the
share of examples where the highest token of the input is a deciding word, or one that carries the same information.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
from attrs import frozen
from wherefrom.evaluation.verify.asking import asked, scores_of
from wherefrom.results.attribution import Attribution

from wherefrom_hf._model import HFModel
from wherefrom_hf.adapter import load
from wherefrom_hf.demo import CueSpan, GoldCue, gold_cues

EXAMPLES = 3
"""Of each dependency."""
SEPARATOR = "<brk>"
"""Decides the format of an answer, not its words."""


@frozen(kw_only=True)
class Planted:
    """What was planted is what counts. A third of the examples is what a mean of random orders stays well below."""

    name: str
    wanted: float = 0.5

    def value(self, method: Any) -> float:
        model = demo(self.name)
        return float(np.mean([found(model, method, example) for example in chosen(self.name)]))


@cache
def demo(name: str) -> HFModel:
    """A demo model, loaded once."""
    return load(f"demo:{name}", device="cpu")


@cache
def chosen(name: str) -> tuple[GoldCue, ...]:
    """The first examples of each dependency."""
    by_kind: dict[str, list[GoldCue]] = defaultdict(list)
    for example in gold_cues(name):
        if example.contrast_word is not None:
            by_kind[example.dependency].append(example)
    return tuple(example for kind in by_kind.values() for example in kind[:EXAMPLES])


def found(model: HFModel, method: Any, example: GoldCue) -> bool:
    """Is a deciding word on top?"""
    other = (
        example.target[: example.decided.start] + str(example.contrast_word) + example.target[example.decided.stop :]
    )
    ids, others = (model.encode(text, side="target").ids for text in (example.target, other))
    shared = min(len(ids), len(others))
    step = int(np.flatnonzero(ids[:shared] != others[:shared])[0])
    contrast: dict[str, Any] = {}
    if method.uses_target_function:
        contrast = {"contrast_targets": other, "contrast_targets_alignments": [[(step, step)]]}
    result = asked(
        model,
        method,
        example.source,
        example.target,
        function="contrast_logits_diff",
        attr_pos_start=step,
        attr_pos_end=step + 1,
        **contrast,
    )
    return bool(_on_top(result, example))


def _on_top(result: Attribution, example: GoldCue) -> bool:
    side = "target" if result.source_attributions is None else "source"
    tokens = result.target if side == "target" else result.source
    scores = scores_of(result, side)[:, 0]
    inside = [
        index
        for index, token in enumerate(tokens)
        if not token.special
        and token.text.strip() != SEPARATOR
        and token.start is not None
        and token.end is not None
        and token.end <= len(example.source)
    ]
    highest = max(inside, key=lambda index: scores[index])
    return any(_touches(tokens[highest], span) for span in (*example.cues, *example.also))


def _touches(token: Any, span: CueSpan) -> bool:
    return bool(span.side == "source" and token.start < span.stop and span.start < token.end)


PLANTED_LM = Planted(name="lm")
PLANTED_MT = Planted(name="mt")
