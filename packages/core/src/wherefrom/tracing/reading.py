"""What several steps together read, by any method, in one question."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import evolve, frozen

from wherefrom.arrays import Array, BoolArray, to_numpy
from wherefrom.errors import InputError
from wherefrom.methods.answered import answered
from wherefrom.methods.contract import AnyMethod, Scores
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.results.aggregation import aggregated
from wherefrom.results.attribution import Attribution
from wherefrom.results.hops import Masses
from wherefrom.results.tracing import SignRule, unsigned


@frozen(kw_only=True, eq=False)
class SpanReader:
    """Asks a method what weighted steps read: the target function is the sum of theirs, ``Σ_t w_t f_t``, or its
    negative where ``f`` falls as the model becomes surer, so that what is positive raises the answer.

    Inputs are source tokens, if there are any, then target tokens, as in `wherefrom.results.hops`.
    """

    model: Any
    method: AnyMethod
    signed: bool
    """Do the method's scores carry a sign?"""
    question: Question
    """About all steps that mass is read from, one output per step."""
    left_out: BoolArray
    """Inputs that take no part, shape ``(inputs,)``."""
    rule: SignRule
    progress: Progress

    def asked(self, masses: Masses) -> Question:
        """The question about the steps on which there is mass."""
        sources = len(self.left_out) - len(self.question.target_ids)
        weights = masses[sources + self.question.steps]
        kept = np.flatnonzero(weights > 0)
        function = self.question.target_function.select(kept)
        turned = function.falls and self.method.uses_target_function
        total = -weights.sum() if turned else weights.sum()
        return evolve(
            self.question,
            steps=self.question.steps[kept],
            target_function=evolve(function, groups=np.zeros(len(kept), dtype=np.int64), weights=weights[kept] / total),
            scores={},
        )

    def __call__(self, masses: Masses) -> Masses:
        """Where the mass of some steps goes; see `wherefrom.results.hops.Reader`."""
        question = self.asked(masses)
        (scores,) = answered(self.method, self.model, [question], self.progress)
        read = unsigned(self._per_input(scores, question), self.signed, self.rule, self.method.identifier)
        read[self.left_out] = 0.0
        total = read.sum()
        return read * (masses.sum() / total) if total > 0 else read

    def _per_input(self, scores: Scores, question: Question) -> Masses:
        """One number per input: the method's default aggregation, and nothing where no step could look."""
        last = int(question.steps[-1])
        target = _column(scores.target, last + 1)
        if target is None:
            raise InputError(
                f"{self.method.identifier} gave no scores of the target, so nothing can be followed through it. "
                "Choose another method."
            )
        target[last:] = 0
        made = aggregated(
            Attribution(
                source=question.source_tokens,
                target=question.target_tokens[: last + 1],
                source_attributions=_column(scores.source, len(question.source_tokens)),
                target_attributions=target,
                attr_pos_start=last,
                attr_pos_end=last + 1,
                dimensions=self.method.dimensions,
                default_aggregation=self.method.aggregation,
                signed=self.signed,
            )
        )
        parts = [] if made.source_attributions is None else [made.source_attributions[:, 0]]
        assert made.target_attributions is not None
        behind = np.zeros(len(question.target_ids) - last - 1)
        return np.concatenate([*parts, made.target_attributions[:, 0], behind]).astype(np.float64)


def _column(scores: Array | None, inputs: int) -> Any:
    """Scores of the first inputs, as numpy."""
    return None if scores is None else np.array(to_numpy(scores[:inputs, ...]))
