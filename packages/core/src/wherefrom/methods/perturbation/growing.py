"""An ablation table that grows as it is asked: a mask is run once, whoever asks for it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wherefrom.adapters import ScoringModel, model_fingerprint
from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.errors import WherefromWarning
from wherefrom.methods.perturbation.ablation import (
    AblationTable,
    ablate,
    is_told,
    passes_of,
    quantities,
    question_hash,
    target_function_name,
)
from wherefrom.methods.perturbation.units import Units
from wherefrom.progress import Progress, no_progress
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.code import this_object


class GrowingTable:
    """The ablation table of one question, for one set of units and one way of removal."""

    def __init__(
        self,
        model: ScoringModel,
        question: Question,
        units: Units,
        baseline: str | int,
        *,
        wanted: Mapping[str, TargetFunction] | None = None,
        chunk: int | None = None,
        folder: str | Path | None = None,
        keep: bool = True,
        progress: Progress = no_progress,
    ) -> None:
        """Nothing is run yet.

        Args:
            wanted: Quantities to record, see `quantities`; None: the question's target function, and the
                log-probabilities where there is a folder.
            chunk: Rows at once; None lets the adapter choose.
            folder: Folder of ablation tables, one ``.npz`` per question: what is there is reused, but only that of the
                same model (`wherefrom.adapters.GivesFingerprint`) and the same target functions.
            keep: Is what is new written back to the folder?
        """
        self._model = model
        self._question = question
        self._chunk = chunk
        self._progress = progress
        self._wanted = quantities(question, log_probabilities=folder is not None) if wanted is None else wanted
        self.units = units
        self.baseline = baseline
        self.table: AblationTable | None = None
        """What is known so far; None: nothing."""
        self.forwards = 0
        """Passes that were run for what was asked here."""
        self._kept_at: Path | None = None
        self._asked: BoolArray | None = None
        """Distinct masks that were asked for, where something was known before; None: nothing was."""
        who = None if folder is None else model_fingerprint(model)
        self.untold = folder is not None and who is None
        """Is nothing kept in the folder, because the model cannot be told from others?"""
        self._hash = question_hash(model, question, units, baseline, who=who or this_object(model))
        if folder is not None and who is not None:
            path = Path(folder) / f"{self._hash[:32]}.npz"
            self.table = AblationTable.load(path) if path.exists() else None
            self._kept_at = path if keep else None
            self._asked = None if self.table is None else np.zeros((0, len(units)), bool)

    @property
    def was_there(self) -> bool:
        """Was something known before anything was asked here?"""
        return self._asked is not None

    def forwards_alone(self) -> int:
        """Passes that what was asked here takes where nothing is known before.

        What stops at a number of passes counts these: kept tables spare time, and change no answer.
        """
        if self._asked is None:
            return self.forwards
        return bool(len(self._asked)) + passes_of(self._model, self._question, self.units, self._asked, self.baseline)

    def ask(self, masks: BoolArray) -> AblationTable:
        """The table with at least these masks. Shape of masks ``(rows, units)``, true: stays."""
        before = self.table
        grown = ablate(
            self._model,
            self._question,
            self.units,
            masks,
            baseline=self.baseline,
            wanted=self._wanted,
            table=before,
            known_as=self._hash,
            chunk=self._chunk,
            progress=self._progress,
        )
        ran = grown.forwards - (0 if before is None else before.forwards)
        self.forwards += ran
        if self._asked is not None:
            self._asked = np.unique(np.concatenate([self._asked, masks]), axis=0)
        if ran and self._kept_at is not None:
            self._keep(grown, self._kept_at)
        self.table = grown
        return grown

    def _keep(self, table: AblationTable, path: Path) -> None:
        """Write down the quantities whose names mean the same in every process."""
        names = [name for name in table.values if is_told(name)]
        if not names:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            table.only(names).save(path, overwrite=True)
        except OSError as error:
            self._kept_at = None  # the scores do not need it
            warnings.warn(
                f"tables: nothing more is kept in {path.parent} for this input, which cannot be written ({error}). "
                "The scores are what they are without it.",
                WherefromWarning,
                stacklevel=2,
            )

    def worth(self, masks: BoolArray) -> FloatArray:
        """What these masks are worth to each output of the question's target function. Shape ``(rows, outputs)``."""
        target_function = self._question.target_function
        values = self.ask(masks).values_of(masks, target_function_name(target_function))
        worth: FloatArray = target_function.grouped(values.T).T
        return worth
