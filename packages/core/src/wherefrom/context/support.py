"""Which document, turn or sentence supports each sentence of the output.

Two questions are asked of each part of a context, in nats of the output sentence's log-probability:

* *necessity*: what is lost when this part alone is taken away?
* *sufficiency*: what is won by this part alone, over no context at all?

Where two documents say the same, neither is necessary and both are sufficient; where only two together tell, both are
necessary and neither is sufficient. **Support** is the larger of the two. Parts are taken away by leaving their ids
out; nothing is encoded again. With D parts this takes 2 D + 2 forward passes for all sentences together.

Any text in front of it may change how likely an output is. So the same two questions are asked of foreign texts, put
one after the other in the places of parts: what is lost when they are taken away again, and what do they win alone?
Part k counts where it does significantly more (`wherefrom.context.significance`). F foreign texts take 2 F passes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from wherefrom.adapters import PredictsSteps, Row
from wherefrom.arrays import BoolArray, FloatArray, IntArray, to_numpy
from wherefrom.context.foreign import Foreign
from wherefrom.context.readings import ForcedRun, text_of
from wherefrom.context.significance import p_values
from wherefrom.progress import Progress, counted
from wherefrom.questions.spans import span_targets
from wherefrom.questions.target_function import TargetFunction
from wherefrom.results.multiple_tests import holm
from wherefrom.step_functions.crossentropy import CrossEntropy

TWICE_AS_LIKELY = float(np.log(2.0))
"""Nats by which a support counts by default: it makes the sentence twice as probable, or more."""


@frozen(kw_only=True, eq=False)
class Support:
    """What each part does for each sentence of the output."""

    sentences: tuple[tuple[int, int], ...]
    """(first, last + 1) indices into the output, of those that have text: marks between them are part of none."""
    necessity: FloatArray
    """Nats lost without the part. Shape ``(sentences, parts)``."""
    sufficiency: FloatArray
    """Nats won by the part alone. Shape ``(sentences, parts)``."""
    null_necessity: FloatArray
    """The same of foreign texts. Shape ``(sentences, texts)``, with no column where none are compared with."""
    null_sufficiency: FloatArray

    @property
    def support(self) -> FloatArray:
        """The larger of both."""
        larger: FloatArray = np.maximum(self.necessity, self.sufficiency)
        return larger

    @property
    def p_values(self) -> FloatArray:
        """The smaller of both measures' p-values, corrected for all that are looked at in a sentence."""
        found: FloatArray = self._measured_p_values().min(axis=1)
        return found

    def citations(self, threshold: float, level: float | None) -> list[list[int]]:
        """For each sentence the parts that support it, strongest first.

        Args:
            threshold: Nats that a part must make up by one of the measures,
            level: and the p-value that it must not exceed by the same measure; None: no test.
        """
        enough: BoolArray = np.stack([self.necessity, self.sufficiency], axis=1) >= threshold
        if level is not None:
            enough = enough & (self._measured_p_values() <= level)
        cited: BoolArray = np.asarray(enough.any(axis=1))
        return [
            [int(part) for part in np.argsort(-line, kind="stable") if kept[part]]
            for line, kept in zip(self.support, cited, strict=True)
        ]

    def _measured_p_values(self) -> FloatArray:
        """Shape ``(sentences, 2, parts)``."""
        measures = ((self.necessity, self.null_necessity), (self.sufficiency, self.null_sufficiency))
        each = [
            holm(np.stack([p_values(effects[index], null[index]) for effects, null in measures]))
            for index in range(len(self.sentences))
        ]
        return np.stack(each) if each else np.zeros((0, 2, self.necessity.shape[1]))


def supported(model: PredictsSteps, full: ForcedRun, foreign: Sequence[Foreign], progress: Progress) -> Support:
    """Necessity and sufficiency of each part of ``full`` for each sentence of its output.

    Args:
        foreign: Foreign texts in the places of parts, for a test; none: no test.
    """
    output = full.steps
    spans = tuple(
        (first - full.output_start, end - full.output_start)
        for first, end in span_targets("sentence", full.target_tokens, output).spans
        if text_of(full.target_tokens[first:end])
    )
    number = len(full.parts)
    everything = np.concatenate(full.parts)
    nowhere = np.zeros(0, dtype=np.int64)
    rows = [
        _without(full, nowhere),
        _without(full, everything),
        *(_without(full, part) for part in full.parts),
        *(_without(full, np.setdiff1d(everything, part)) for part in full.parts),
    ]
    for one in foreign:
        rows.append(_without(full, nowhere, one))
        rows.append(_without(full, np.setdiff1d(everything, full.parts[one.part]), one))
    answers = counted(model.predict(rows), "support", len(rows), progress)
    steps = np.array([-to_numpy(answer.scores["surprisal"]).astype(np.float64) for answer in answers])
    sums = np.array([steps[:, first:end].sum(axis=1) for first, end in spans]).reshape(len(spans), len(rows))
    whole, bare = sums[:, :1], sums[:, 1:2]
    without, alone = sums[:, 2 : 2 + number], sums[:, 2 + number : 2 + 2 * number]
    exchanged, foreign_alone = sums[:, 2 + 2 * number :: 2], sums[:, 3 + 2 * number :: 2]
    return Support(
        sentences=spans,
        necessity=whole - without,
        sufficiency=alone - bare,
        null_necessity=exchanged - without[:, [one.part for one in foreign]],
        null_sufficiency=foreign_alone - bare,
    )


def _without(full: ForcedRun, positions: IntArray, foreign: Foreign | None = None) -> Row:
    """The pass without some positions, and with a foreign text in the place of its part's own."""
    everything = full.before_output()
    kept = np.delete(np.arange(len(everything)), positions)
    ids = everything[kept]
    if foreign is not None:
        place = np.flatnonzero(np.isin(kept, full.own_texts[foreign.part]))
        ids = np.concatenate([ids[: place[0]], foreign.ids, ids[place[-1] + 1 :]]).astype(np.int64)
    row = full.with_input(ids)
    target_function = TargetFunction(function=CrossEntropy(), target_ids=full.output_ids)
    return Row(
        target_ids=row.target_ids, steps=row.steps, source_ids=row.source_ids, scores={"surprisal": target_function}
    )
