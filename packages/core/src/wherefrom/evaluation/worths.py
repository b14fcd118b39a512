"""One ablation table for everything that is asked about one example: all metrics, methods, steps and draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve

from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.evaluation.contract import Case
from wherefrom.evaluation.embedded import Embedded, embedded
from wherefrom.evaluation.rescoring import Again
from wherefrom.methods.contract import Progress, Question, no_progress
from wherefrom.methods.perturbation.ablation import (
    LOG_PROBABILITY,
    AblationTable,
    ablate,
    quantities,
    question_hash,
)
from wherefrom.methods.perturbation.removal import check_baseline
from wherefrom.methods.perturbation.units import Units

Span = tuple[int, int]


class Worths:
    """What the explained tokens of one question are worth without some units, for one way of removal.

    A mask is run once, whoever asks for it and for whichever step.
    """

    def __init__(
        self,
        model: Any,
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
        check_baseline(removal, model, "An evaluation")
        self._model = model
        self._question = question
        self._progress = progress
        self._wanted = {LOG_PROBABILITY: quantities(question)[LOG_PROBABILITY]}
        self.units = units
        self.removal = removal
        self.table: AblationTable | None = None
        if tables is not None:
            path = Path(tables) / f"{question_hash(model, question, units, removal)[:32]}.npz"
            self.table = AblationTable.load(path) if path.exists() else None

    @property
    def forwards(self) -> int:
        """Passes that were run so far."""
        return 0 if self.table is None else self.table.forwards

    def ask(self, masks: BoolArray) -> AblationTable:
        """The table with at least these masks. Shape of masks ``(rows, units)``, true: stays."""
        if self.table is None or (self.table.find(masks) < 0).any():
            self.table = ablate(
                self._model,
                self._question,
                self.units,
                masks,
                baseline=self.removal,
                wanted=self._wanted,
                table=self.table,
                progress=self._progress,
            )
        return self.table

    def case(
        self, span: Span, *, gold: BoolArray | None = None, seed: int = 0, with_embeddings: bool = False
    ) -> OutputCase:
        """The metrics' view of one output.

        Args:
            span: Target positions ``(start, end)``, end exclusive: the log-probabilities of its steps are summed.
            gold: The gold units among all of them, shape ``(units,)``.
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
        inputs = embedded(self._model, self._question, self.units, members, inside) if with_embeddings else None
        return OutputCase(worths=self, members=members, inside=inside, gold=gold, seed=seed, inputs=inputs)


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
        return evolve(self.case, rescored=lambda key, change: self.scores(method.scores(key, change)))

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
        values: FloatArray = self._worths.ask(full).values_of(full, LOG_PROBABILITY)[:, self.inside].sum(axis=1)
        return values
