"""A model that repeats the token two places before, and looks at nothing else.

That token alone must have the highest score of each step, without regard to sign: the number is the share of steps
where it has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from wherefrom.evaluation.verify.asking import asked, scores_of
from wherefrom.evaluation.verify.contract import TRUTHS
from wherefrom.testing.known import Kind, shift_copy_model

SHIFT = 2
TEXT = "the cat saw a dog"


@frozen(kw_only=True)
class Copies:
    """What it copies is what counts."""

    kind: Kind
    wanted: float = 1.0

    def value(self, method: Any) -> float:
        seq2seq = self.kind == "encoder-decoder"
        result = asked(
            shift_copy_model(self.kind, shift=SHIFT),
            method,
            TEXT,
            generation_args={"max_new_tokens": 3 if seq2seq else SHIFT},
            attr_pos_start=SHIFT if seq2seq else None,  # before, there is nothing to copy
        )
        scores = np.abs(scores_of(result, "source" if seq2seq else "target"))
        found = []
        for column, step in enumerate(range(result.attr_pos_start, result.attr_pos_end)):
            if 0 <= step - SHIFT < len(scores):
                highest = np.flatnonzero(scores[:, column] == scores[:, column].max())
                found.append(highest.tolist() == [step - SHIFT])
        return float(np.mean(found))


TRUTHS.register("copies", Copies(kind="decoder-only"))
TRUTHS.register("copies (encoder-decoder)", Copies(kind="encoder-decoder"))
