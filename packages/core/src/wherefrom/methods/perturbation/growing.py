"""An ablation table that grows as it is asked: a mask is run once, whoever asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wherefrom.adapters import ScoringModel
from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.methods.perturbation.ablation import (
    AblationTable,
    ablate,
    quantities,
    question_hash,
    target_function_name,
)
from wherefrom.methods.perturbation.units import Units
from wherefrom.progress import Progress, no_progress
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction


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
            folder: Folder of ablation tables, one ``.npz`` per question: what is there is reused.
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
        self._kept_at: Path | None = None
        if folder is not None:
            path = Path(folder) / f"{question_hash(model, question, units, baseline)[:32]}.npz"
            self.table = AblationTable.load(path) if path.exists() else None
            self._kept_at = path if keep else None

    @property
    def forwards(self) -> int:
        """Passes that were run to make what is known."""
        return 0 if self.table is None else self.table.forwards

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
            chunk=self._chunk,
            progress=self._progress,
        )
        if self._kept_at is not None and (before is None or grown.forwards > before.forwards):
            self._kept_at.parent.mkdir(parents=True, exist_ok=True)
            grown.save(self._kept_at, overwrite=True)
        self.table = grown
        return grown

    def worth(self, masks: BoolArray) -> FloatArray:
        """What these masks are worth to each output of the question's target function. Shape ``(rows, outputs)``."""
        target_function = self._question.target_function
        values = self.ask(masks).values_of(masks, target_function_name(target_function))
        worth: FloatArray = target_function.grouped(values.T).T
        return worth
