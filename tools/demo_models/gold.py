"""Gold examples out of held-out passages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from wherefrom_hf.demo import CueSpan, GoldCue

from .passages import Decision, Passage, held_out


def _as_gold(passage: Passage, decision: Decision, identifier: str) -> GoldCue:
    source = passage.source
    if source is None:
        source = passage.target[: decision.decided[0]].rstrip(" ")
    also = [CueSpan(*span) for span in decision.also]
    also += [CueSpan(*span, "target") for span in decision.target_cues]
    in_context = passage.context_stop is not None and decision.decided[0] >= passage.context_stop
    return GoldCue(
        id=identifier,
        dependency=decision.dependency,
        source=source,
        target=passage.target,
        decided=CueSpan(*decision.decided, "target"),
        cues=tuple(CueSpan(*span) for span in decision.cues),
        also=tuple(also),
        contrast_word=decision.foil,
        context_stop=passage.context_stop if passage.source is not None or in_context else None,
    )


def held_out_examples(rules: list[Callable[[random.Random], Passage]], *, each: int, seed: int) -> Iterator[GoldCue]:
    """``each`` examples of every dependency, none of which training could have seen.

    The rules are drawn from in turn; no two examples are alike.
    """
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    seen: set[tuple[str, tuple[int, int]]] = set()
    for _ in range(each * 400):
        for rule in rules:
            passage = rule(rng)
            for decision in passage.decisions:
                mark = (passage.source or passage.target, decision.decided)
                if counts[decision.dependency] < each and mark not in seen and held_out(decision.key):
                    seen.add(mark)
                    identifier = f"{decision.dependency}-{counts[decision.dependency]:03}"
                    counts[decision.dependency] += 1
                    yield _as_gold(passage, decision, identifier)


def write_gold(examples: list[GoldCue], path: Path) -> None:
    """Write ``examples``, one JSON object per line."""
    path.write_bytes(b"".join(msgspec.json.encode(example) + b"\n" for example in examples))
