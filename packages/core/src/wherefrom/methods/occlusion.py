"""Occlusion: what is lost when a window of the input is taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import field, frozen

from wherefrom.adapters import PredictsSteps, ScoringModel, Side
from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.errors import SettingsError
from wherefrom.methods.contract import Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.answering import answer
from wherefrom.methods.perturbation.budgeted import Budgeted
from wherefrom.methods.perturbation.cost import planned_cost
from wherefrom.methods.perturbation.drawing import run_plan
from wherefrom.methods.perturbation.units import Units, units_of
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.settings import counting


@method("occlusion", needs=(PredictsSteps,), signed=True, uses_target_function=True, differentiates=False)
@frozen(kw_only=True)
class Occlusion(Budgeted):
    """Signed loss of the target function when a sliding window of units is removed.

    The score of a unit is the mean of ``f(x) - f(x without the window)`` over the windows that contain it, in units of
    the target function: positive means that the unit raised it. A step's windows slide over what it can see; the last
    one is cut where it would reach further.

    Good for: a first honest look; exact by definition, no randomness. Fails on redundancy: of two tokens that say the
    same, each alone costs nothing (use Shapley values).

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``. Cost: one forward per window and the clean one, whatever
    the number of steps; in causal models only what follows the window is read. A window whose deletion leaves some
    steps nothing to predict from, and others something, takes two.

    Source:
        Zeiler & Fergus (2014), https://arxiv.org/abs/1311.2901. Where others return the absolute value, the sign stays.
    """

    window: int = field(default=1, validator=counting(1))
    """Units removed at once."""
    stride: int = field(default=1, validator=counting(1))
    """Units from one window to the next; at most ``window``, or some units would be in none."""

    def __attrs_post_init__(self) -> None:
        if self.stride > self.window:
            raise SettingsError(
                f"stride={self.stride} with window={self.window} leaves units between the windows that are never "
                f"removed. Give window={self.stride}, or a stride of at most {self.window}."
            )

    def whole_cost(self, question: Question) -> Cost:
        units = units_of(question, self.units, kept_too=True)
        return planned_cost(question, units, self.plan(units), self.baseline)

    def whole(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        for question in questions:
            units = units_of(question, self.units, kept_too=True)
            yield answer(self, question, run_plan(self, model, question, units, self.plan(units), progress))

    def plan(self, units: Units, rng: np.random.Generator | None = None) -> BoolArray:
        """Everything, then one row without each window, side by side. Nothing is random: ``rng`` is not used."""
        windows = [row for side in ("source", "target") for row in self._windows(units, side)[0]]
        masks = np.ones((1 + len(windows), len(units)), bool)
        for row, window in enumerate(windows, start=1):
            masks[row, window] = False
        return masks

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """Mean loss over the windows that contain a unit; see `ablation.Solver`."""
        clean = values[np.flatnonzero(masks.all(axis=1))[0]]
        rows = {mask.tobytes(): row for row, mask in enumerate(masks)}
        lost, count = np.zeros(visible.shape), np.zeros(visible.shape)
        for side in ("source", "target"):
            windows, reached = self._windows(units, side)
            for window, nearest in zip(windows, reached, strict=True):
                mask = np.ones(len(units), bool)
                mask[window] = False
                # a step uses a window if the one before leaves something that the step can see
                used = np.ones(visible.shape[1], bool) if nearest is None else visible[nearest]
                lost[window] += used * (clean - values[rows[mask.tobytes()]])
                count[window] += used
        scores: FloatArray = visible * lost / np.maximum(count, 1.0)
        return scores

    def _windows(self, units: Units, side: Side) -> tuple[list[slice], list[int | None]]:
        """Windows over one side's units, and for each the unit that must be visible for it to be used."""
        indices = units.of_side(side)
        if not len(indices):
            return [], []
        first, count = int(indices[0]), len(indices)
        last = -(-max(0, count - self.window) // self.stride)
        windows = [
            slice(first + at * self.stride, min(first + at * self.stride + self.window, first + count))
            for at in range(last + 1)
        ]
        return windows, [None, *(first + (at - 1) * self.stride + self.window for at in range(1, last + 1))]
