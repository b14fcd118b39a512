"""What a method is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import evolve, field, frozen

from wherefrom.adapters import Row, Side
from wherefrom.arrays import IntArray
from wherefrom.questions.target_function import TargetFunction
from wherefrom.text.tokens import Segment, Token, step_named


@frozen(kw_only=True, eq=False)
class Question:
    """One example as a method sees it: its ids, the steps to explain, and the target function at each.

    It is a method's only view of the example; texts and labels stay outside.
    """

    target_ids: IntArray
    """The decoder's sequence, shape ``(T,)``."""
    steps: IntArray
    """Target positions to explain, shape ``(G,)``, ascending."""
    target_function: TargetFunction
    answer_start: int | None = None
    """First target position that was answered rather than given, whichever steps are explained; None: the first
    explained one. Words and sentences end there."""
    source_ids: IntArray | None = None
    source_tokens: tuple[Token, ...] = ()
    target_tokens: tuple[Token, ...] = ()
    attribute_target: bool = True
    """Encoder-decoder: are scores of the target prefix wanted too? Always true for decoder-only models."""
    kept_source: IntArray = field(factory=lambda: np.zeros(0, np.int64))
    """Source positions that baselines and perturbations leave as they are: special tokens unless asked otherwise."""
    kept_target: IntArray = field(factory=lambda: np.zeros(0, np.int64))
    """Target positions likewise (BOS, EOS, template tokens, the decoder's start token)."""
    sink: IntArray = field(factory=lambda: np.zeros(0, np.int64))
    """The target position that attention rests on where a decoder-only model puts no special token in front: the
    first. Named baselines of paths leave it as it is; perturbations may remove it."""
    scores: Mapping[str, TargetFunction] = field(factory=dict)
    """Step scores wanted from the clean pass, if the method makes one."""
    segments: tuple[Segment, ...] = ()
    """Named stretches of either sequence (chat turns, documents), for methods that score such units."""
    seed: int = 0

    def ids(self, side: Side) -> IntArray | None:
        """The ids of one side; None where the question has no such side."""
        return self.source_ids if side == "source" else self.target_ids

    def kept(self, side: Side) -> IntArray:
        """The positions of one side that baselines and perturbations leave as they are."""
        return self.kept_source if side == "source" else self.kept_target

    def step_named(self, output: int) -> str:
        """What messages call one of the outputs; see `wherefrom.text.tokens.step_named`."""
        groups = self.target_function.groups
        members = self.steps[[output]] if groups is None else self.steps[groups == output]
        first, last = int(members[0]), int(members[-1])
        return step_named(first, "".join(token.text for token in self.target_tokens[first : last + 1]), last)

    def row(self, *, scores: bool = False, **changes: Any) -> Row:
        """The clean pass of this example, with changes; ``scores`` asks for the step scores in the same pass."""
        row = Row(
            target_ids=self.target_ids,
            steps=self.steps,
            source_ids=self.source_ids,
            target_function=self.target_function,
            scores=self.scores if scores else {},
        )
        return evolve(row, **changes) if changes else row
