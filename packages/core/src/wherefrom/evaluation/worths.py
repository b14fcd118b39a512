"""One ablation table for everything that is asked about one example: all metrics, methods, steps and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from attrs import evolve

from wherefrom.adapters import ScoringModel
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.evaluation.contract import Case
from wherefrom.evaluation.embedded import Embedded, embedded
from wherefrom.evaluation.rescoring import Again
from wherefrom.methods.contract import Progress, Question, no_progress
from wherefrom.methods.perturbation.ablation import (
    CONTRAST_LOG_PROBABILITY,
    LOG_PROBABILITIES,
    LOG_PROBABILITY,
    AblationTable,
    quantities,
)
from wherefrom.methods.perturbation.cost import most_passes, passes
from wherefrom.methods.perturbation.growing import GrowingTable
from wherefrom.methods.perturbation.removal import check_baseline
from wherefrom.methods.perturbation.units import Units
from wherefrom.settings import nth_seed

Span = tuple[int, int]


class Worths:
    """What the explained tokens of one question are worth without some units, for one way of removal.

    Of a question with a contrast that is what they are worth between the two.

    A mask is run once, whoever asks for it and for whichever step.
    """

    def __init__(
        self,
        model: ScoringModel,
        question: Question,
        units: Units,
        removal: str | int,
        *,
        tables: str | Path | None = None,
        progress: Progress = no_progress,
    ) -> None:
        """Nothing is run yet.

        Args:
            tables: Folder of ablation tables that perturbation methods filled (their setting ``tables``).
        """
        check_baseline(removal, model, "An evaluation", name="removals")
        self._model = model
        self._question = question
        self.progress = progress
        self._growing = GrowingTable(
            model,
            question,
            units,
            removal,
            wanted={name: one for name, one in quantities(question).items() if name in LOG_PROBABILITIES},
            folder=tables,
            keep=False,
            progress=progress,
        )
        self.units = units
        self.removal = removal
        self._embedded = 0

    @property
    def forwards(self) -> int:
        """Passes that were run so far, those of changed embeddings with them."""
        return self._growing.forwards + self._embedded

    @property
    def table(self) -> AblationTable | None:
        """What is known so far; None: nothing."""
        return self._growing.table

    @property
    def most_passes(self) -> int:
        """Passes that any one mask takes at most."""
        return most_passes(self._question, self.units, self.removal)

    def passes(self, masks: BoolArray) -> int:
        """Passes that these masks take if each is run, a bound. Shape of masks ``(rows, units)``, true: stays."""
        return passes(self._question, self.units, masks, self.removal)

    def ask(self, masks: BoolArray) -> AblationTable:
        """The table with at least these masks. Shape of masks ``(rows, units)``, true: stays."""
        return self._growing.ask(masks)

    def values(self, masks: BoolArray) -> FloatArray:
        """Log-probability of each explained token, nats; of a contrast, where only it and its counterpart may come: 0
        where both are one token.

        Shape of masks ``(rows, units)``, true: stays, to shape ``(rows, steps)``.
        """
        table = self.ask(masks)
        values = table.values_of(masks, LOG_PROBABILITY)
        if CONTRAST_LOG_PROBABILITY not in table.values:
            return values
        between = values - np.logaddexp(values, table.values_of(masks, CONTRAST_LOG_PROBABILITY))
        asked = self._question.target_function
        found: FloatArray = np.where(asked.target_ids == asked.contrast_ids, 0.0, between)
        return found

    def _counted(
        self, answers: Callable[[Iterable[FloatArray]], Iterator[FloatArray]], vectors: Iterable[FloatArray]
    ) -> Iterator[FloatArray]:
        for said in answers(vectors):
            self._embedded += 1
            yield said

    def case(
        self, span: Span, *, gold: BoolArray | None = None, seed: int = 0, with_embeddings: bool = False
    ) -> OutputCase:
        """The metrics' view of one output.

        Args:
            span: Target positions ``(start, end)``, end exclusive: the log-probabilities of its steps are summed.
            gold: The gold units among all of them, shape ``(units,)``.
            seed: Of the example; every output has one of its own from it.
            with_embeddings: Are its inputs wanted as embeddings?

        Raises:
            InputError: The span holds no explained step, or nothing stands before it.
        """
        steps = self._question.steps
        inside = np.flatnonzero((steps >= span[0]) & (steps < span[1]))
        if not len(inside):
            raise InputError(f"The span {span} holds none of the explained steps {steps.tolist()}.")
        members = np.flatnonzero(self.units.visible(steps[inside[:1]])[:, 0])
        if not len(members):
            raise InputError(f"Nothing that could be removed stands before the span {span}.")
        inputs = None
        if with_embeddings:
            inputs = embedded(self._model, self._question, self.units, members, inside)
            inputs = evolve(inputs, answers=partial(self._counted, inputs.answers))
        own = nth_seed(nth_seed(seed, span[0]), span[1])
        return OutputCase(worths=self, members=members, inside=inside, gold=gold, seed=own, inputs=inputs)


class OutputCase:
    """One output: the units that stand before its first step, and its steps."""

    def __init__(
        self,
        *,
        worths: Worths,
        members: IntArray,
        inside: IntArray,
        gold: BoolArray | None,
        seed: int,
        inputs: Embedded | None,
    ) -> None:
        self.members = members
        """Indices of its units among all."""
        self.inside = inside
        """Indices of its steps among the explained ones."""
        self._worths = worths
        self.case = Case(
            count=len(members),
            worth=self._worth,
            gold=None if gold is None else gold[members],
            seed=seed,
            embedded=inputs,
        )

    def of(self, method: Again | None) -> Case:
        """The case of one method's scores; None: no method made them."""
        if method is None:
            return self.case
        tell = self._worths.progress
        return evolve(self.case, rescored=lambda key, change: self.scores(method.scores(key, change, progress=tell)))

    def scores(self, scores: FloatArray) -> FloatArray:
        """Its units' scores, summed over its steps, from scores ``(units, steps)``."""
        chosen: FloatArray = scores[self.members][:, self.inside].sum(axis=1)
        return chosen

    def whole(self, masks: BoolArray) -> BoolArray:
        """Masks over its units as masks over all; the others stay."""
        full = np.ones((len(masks), len(self._worths.units)), bool)
        full[:, self.members] = masks
        return full

    def _worth(self, masks: BoolArray) -> FloatArray:
        full = self.whole(masks)
        values: FloatArray = self._worths.values(full)[:, self.inside].sum(axis=1)
        return values
