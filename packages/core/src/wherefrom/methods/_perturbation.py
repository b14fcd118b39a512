"""What the perturbation methods share: their settings, and the way from a plan of masks to scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from attrs import field, frozen, validators

from wherefrom.adapters import PredictsSteps
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import SettingsError
from wherefrom.methods.contract import Scores
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.ablation import (
    AblationTable,
    Solver,
    ablate,
    quantities,
    question_hash,
    target_function_name,
)
from wherefrom.methods.perturbation.removal import as_baseline, check_baseline
from wherefrom.methods.perturbation.units import Units, UnitsSetting, as_units, last_steps, units_of
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction


def _positive(instance: object, attribute: Any, value: int | None) -> None:
    if value is not None and value < 1:
        raise SettingsError(f"{attribute.name} = {value!r} is not a positive number.")


@frozen(kw_only=True)
class PerturbationSettings:
    """Settings of every method that removes units and looks at what is lost."""

    units: UnitsSetting = field(default="token", converter=as_units)
    """What is removed and scored as one: ``"token"``, ``"word"``, ``"sentence"``, ``"turn"``, ``"document"``, spans
    ``[(start, end), ...]``, or one of these per side, ``{"source": ..., "target": ...}``. A unit's score is divided
    equally among its tokens, so that sums over tokens are right."""
    baseline: str | int = field(default="unk", converter=as_baseline)
    """How a unit is removed: a token in its place (``"unk"``, ``"pad"``, ``"mask"``, an id), ``"zero"`` or ``"mean"``
    embedding, ``"hidden"`` from attention, or ``"delete"``."""
    tables: str | None = None
    """Folder for ablation tables, one ``.npz`` per input: what is there is reused, what is new is added."""
    internal_batch_size: int | None = field(default=None, validator=_positive)
    """Rows in one forward pass; None lets the adapter choose."""
    perturbations_per_eval: int | None = field(default=None, validator=_positive)
    """The same, under the name that captum uses."""

    @property
    def chunk(self) -> int | None:
        """Rows at once, by either name."""
        return self.internal_batch_size or self.perturbations_per_eval


@frozen(kw_only=True)
class SampledSettings(PerturbationSettings):
    """Settings of those that draw the coalitions they look at."""

    seed: int | None = None
    """Seed of the draw; None: the one of the whole call. Equal seeds give equal scores."""
    n_bootstrap: int = field(default=0, validator=validators.ge(0))
    """Resamples for confidence intervals, which come in the details; 0: none. They cost no forward pass."""
    confidence: float = field(default=0.95, validator=[validators.gt(0.0), validators.lt(1.0)])
    """Probability mass of the intervals."""


class Perturbation(Protocol):
    """A method that is a plan of masks and a way to solve them."""

    identifier: ClassVar[str]

    @property
    def units(self) -> UnitsSetting: ...

    @property
    def baseline(self) -> str | int: ...

    @property
    def tables(self) -> str | None: ...

    @property
    def chunk(self) -> int | None: ...

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """See `ablation.Solver`."""
        ...


def check_model(method: Perturbation, model: Any) -> None:
    """Raise before any work if the model cannot do what the method needs."""
    check_baseline(method.baseline, model, method.identifier)


def random_of(seed: int | None, question: Question) -> np.random.Generator:
    """The generator of one question: it depends on the seed alone, so batches give what singles give."""
    return np.random.default_rng(question.seed if seed is None else seed)


def planned_cost(question: Question, units: Units, masks: BoolArray) -> Cost:
    """The clean pass, and one for each different mask that removes what an output sees.

    A bound: what is removed may already be what stands in its place, and a table may know some of the rows.
    """
    seen = units.visible(last_steps(question.target_function, question.steps)).any(axis=1)
    removable = np.array([len(unit.removable) > 0 for unit in units.members], dtype=bool)
    moving = (~masks & (seen & removable)[None, :]).any(axis=1)
    return Cost(forwards=1 + len(np.unique(masks[moving], axis=0)), at_most=True)


def tabulate(
    method: Perturbation,
    model: PredictsSteps,
    question: Question,
    units: Units,
    masks: BoolArray,
    progress: Progress,
    *,
    wanted: dict[str, TargetFunction] | None = None,
) -> AblationTable:
    """The ablation table of a question with at least these masks: from the tables folder, or run."""
    if wanted is None:
        wanted = quantities(question, log_probabilities=method.tables is not None)
    table, path = None, None
    if method.tables is not None:
        name = question_hash(model, question, units, method.baseline)[:32]
        path = Path(method.tables) / f"{name}.npz"
        table = AblationTable.load(path) if path.exists() else None
    grown = ablate(
        model,
        question,
        units,
        masks,
        baseline=method.baseline,
        wanted=wanted,
        table=table,
        chunk=method.chunk,
        progress=progress,
    )
    if path is not None and (table is None or grown.forwards > table.forwards):
        grown.save(path)
    return grown


def answer(
    method: Perturbation,
    question: Question,
    table: AblationTable,
    masks: BoolArray,
    *,
    values: FloatArray | None = None,
    blocks: IntArray | None = None,
    solver: Solver | None = None,
) -> Scores:
    """Solve planned masks for every output of the question, and lay the scores out over tokens.

    Args:
        values: What the coalitions are worth, shape ``(len(masks), outputs)``; None: the target function's values.
        solver: What turns values into scores; None: the method itself.
        blocks: Independent draws, as rows of indices into ``masks``, for confidence intervals; None: not a random plan.
    """
    units = table.units
    last = last_steps(question.target_function, question.steps)
    visible = units.visible(last)
    if values is None:
        values = question.target_function.grouped(
            table.values_of(masks, target_function_name(question.target_function)).T
        ).T
    solver = method if solver is None else solver
    scores = solver.solve(masks, values, visible, units)
    source, target = units.spread(scores, last)
    details: dict[str, Any] = {
        "units": units.described(),
        "baseline": method.baseline,
        "samples": len(masks),
        "forwards": table.forwards,
    }
    if blocks is not None and isinstance(method, SampledSettings) and method.n_bootstrap:
        details["confidence"] = _bootstrap(method, solver, masks, values, visible, units, blocks, question)
    return Scores(
        source=source,
        target=target if question.source_ids is None or question.attribute_target else None,
        step_scores=table.step_scores,
        details=details,
    )


def attribute_by_plan(
    method: Any,
    model: Any,
    questions: Sequence[Question],
    progress: Progress,
) -> Iterable[Scores]:
    """Answer questions with a method that has ``plan(units, rng)``, ``blocks(masks)`` and ``solve``."""
    check_model(method, model)
    return _by_plan(method, model, questions, progress)


def _by_plan(method: Any, model: Any, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
    for question in questions:
        units = units_of(question, method.units)
        masks = method.plan(units, random_of(method.seed, question))
        table = tabulate(method, model, question, units, masks, progress)
        yield answer(method, question, table, masks, blocks=method.blocks(masks))


def _bootstrap(
    method: Any,
    solver: Solver,
    masks: BoolArray,
    values: FloatArray,
    visible: BoolArray,
    units: Units,
    blocks: IntArray,
    question: Question,
) -> dict[str, Any]:
    """Percentile intervals of unit scores: draws are resampled with replacement, the rest of the plan stays."""
    rng = np.random.default_rng([int(random_of(method.seed, question).integers(2**31)), 1])
    fixed = np.setdiff1d(np.arange(len(masks)), blocks.ravel())
    drawn = np.empty((method.n_bootstrap, *visible.shape))
    for index in range(method.n_bootstrap):
        rows = np.concatenate([fixed, blocks[rng.integers(len(blocks), size=len(blocks))].ravel()])
        drawn[index] = solver.solve(masks[rows], values[rows], visible, units)
    tail = (1.0 - method.confidence) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    return {"level": method.confidence, "resamples": method.n_bootstrap, "low": low.tolist(), "high": high.tolist()}
