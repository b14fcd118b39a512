"""Which document, turn or sentence supports each sentence of the output.

Two questions are asked of each part of a context, in nats of the output sentence's log-probability:

* *necessity*: what is lost when this part alone is taken away?
* *sufficiency*: what is won by this part alone, over no context at all?

Where two documents say the same, neither is necessary and both are sufficient; where only two together tell, both are
necessary and neither is sufficient. **Support** is the larger of the two. Parts are taken away by leaving their ids
out; nothing is encoded again. With D parts this takes 2 D + 2 forward passes for all sentences together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from wherefrom.adapters import PredictsSteps, Row
from wherefrom.arrays import FloatArray, IntArray, to_numpy
from wherefrom.context.readings import ForcedRun
from wherefrom.progress import Progress, counted
from wherefrom.questions.spans import span_targets
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.crossentropy import CrossEntropy

TWICE_AS_LIKELY = float(np.log(2.0))
"""Nats by which a support counts by default: it makes the sentence twice as probable, or more."""


@frozen(kw_only=True, eq=False)
class Support:
    """What each part does for each sentence of the output."""

    sentences: tuple[tuple[int, int], ...]
    """(first, last + 1) indices into the output."""
    necessity: FloatArray
    """Nats lost without the part. Shape ``(sentences, parts)``."""
    sufficiency: FloatArray
    """Nats won by the part alone. Shape ``(sentences, parts)``."""

    @property
    def support(self) -> FloatArray:
        """The larger of both."""
        larger: FloatArray = np.maximum(self.necessity, self.sufficiency)
        return larger


def supported(model: PredictsSteps, full: ForcedRun, progress: Progress) -> Support:
    """Necessity and sufficiency of each part of ``full`` for each sentence of its output."""
    output = full.steps
    spans = tuple(
        (first - full.output_start, end - full.output_start)
        for first, end in span_targets("sentence", full.target_tokens, output).spans
    )
    number = len(full.parts)
    everything = np.concatenate(full.parts)
    rows = [
        _without(full, np.zeros(0, dtype=np.int64)),
        _without(full, everything),
        *(_without(full, part) for part in full.parts),
        *(_without(full, np.setdiff1d(everything, part)) for part in full.parts),
    ]
    answers = counted(model.predict(rows), "support", len(rows), progress)
    steps = np.array([-to_numpy(answer.scores["surprisal"]).astype(np.float64) for answer in answers])
    sums = np.array([steps[:, first:end].sum(axis=1) for first, end in spans])
    return Support(
        sentences=spans,
        necessity=sums[:, :1] - sums[:, 2 : 2 + number],
        sufficiency=sums[:, 2 + number :] - sums[:, 1:2],
    )


def citations(support: FloatArray, threshold: float) -> list[list[int]]:
    """For each sentence the parts that support it by at least ``threshold`` nats, strongest first."""
    listed: Sequence[FloatArray] = list(support)
    return [[int(part) for part in np.argsort(-line, kind="stable") if line[part] >= threshold] for line in listed]


def _without(full: ForcedRun, positions: IntArray) -> Row:
    ids = np.delete(full.before_output(), positions)
    row = full.with_input(ids)
    target_function = TargetFunction(function=CrossEntropy(), target_ids=full.output_ids)
    return Row(
        target_ids=row.target_ids, steps=row.steps, source_ids=row.source_ids, scores={"surprisal": target_function}
    )
