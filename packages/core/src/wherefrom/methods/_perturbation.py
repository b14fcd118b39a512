"""What the perturbation methods share: their settings, and the way from a plan of masks to scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

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
from wherefrom.methods.perturbation.uncertainty import (
    Sample,
    intervals,
    largest_relative_error,
    rough_steps,
    standard_error,
)
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
    n_bootstrap: int = field(default=32, validator=validators.ge(0))
    """Resamples for standard errors and confidence intervals, which come in the details; 0: none. They cost no forward
    pass."""
    confidence: float = field(default=0.95, validator=[validators.gt(0.0), validators.lt(1.0)])
    """Probability mass of the intervals."""
    tolerance: float = field(default=0.1, validator=validators.gt(0.0))
    """With ``n_samples="auto"``: samples are added until every step's largest standard error is within this part of its
    largest score."""
    max_samples: int = field(default=1024, validator=validators.ge(1))
    """Budget of ``n_samples="auto"``, in forwards."""


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


def seed_of(seed: int | None, question: Question) -> int:
    """The method's own seed, or that of the whole call."""
    return question.seed if seed is None else seed


def random_of(seed: int | None, question: Question, round_number: int = 0) -> np.random.Generator:
    """The generator of one question: it depends on the seed alone, so batches give what singles give. Later rounds of
    samples have generators of their own."""
    first = seed_of(seed, question)
    return np.random.default_rng([first, round_number] if round_number else first)


def as_samples(value: object) -> int | Literal["auto"]:
    """A number of samples, or ``"auto"``."""
    if value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise SettingsError(f"n_samples = {value!r} is neither a whole number nor 'auto'.")
    return int(value)


def at_least(least: int) -> Any:
    """A validator of ``n_samples``."""

    def check(instance: object, attribute: Any, value: int | str) -> None:
        if isinstance(value, int) and value < least:
            raise SettingsError(f"{attribute.name} must be at least {least} or 'auto', not {value}.")

    return check


def planned_cost(question: Question, units: Units, masks: BoolArray) -> Cost:
    """The clean pass, and one for each different mask that removes what an output sees.

    A bound: what is removed may already be what stands in its place, and a table may know some of the rows.
    """
    seen = units.visible(last_steps(question.target_function, question.steps)).any(axis=1)
    removable = np.array([len(unit.removable) > 0 for unit in units.members], dtype=bool)
    moving = (~masks & (seen & removable)[None, :]).any(axis=1)
    return Cost(forwards=1 + len(np.unique(masks[moving], axis=0)), at_most=True)


def sampled_cost(method: Any, question: Question, units: Units) -> Cost:
    """The cost of one round of a sampled method, or with ``n_samples="auto"`` of its whole budget."""
    masks = method.plan(units, random_of(method.seed, question))
    planned = planned_cost(question, units, masks)
    if method.n_samples != "auto" or method.blocks(masks) is None:
        return planned
    return Cost(forwards=max(planned.forwards, method.max_samples), at_most=True)


def tabulate(
    method: Perturbation,
    model: PredictsSteps,
    question: Question,
    units: Units,
    masks: BoolArray,
    progress: Progress,
    *,
    wanted: dict[str, TargetFunction] | None = None,
    table: AblationTable | None = None,
) -> AblationTable:
    """The ablation table of a question with at least these masks: from ``table``, from the tables folder, or run."""
    if wanted is None:
        wanted = quantities(question, log_probabilities=method.tables is not None)
    path = None
    if method.tables is not None:
        name = question_hash(model, question, units, method.baseline)[:32]
        path = Path(method.tables) / f"{name}.npz"
        table = AblationTable.load(path) if table is None and path.exists() else table
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
    warnings: tuple[str, ...] = ()
    if blocks is not None and len(blocks) > 1 and isinstance(method, SampledSettings) and method.n_bootstrap > 1:
        sample = Sample(masks=masks, values=values, visible=visible, units=units, blocks=blocks)
        drawn = sample.resampled(solver, method.n_bootstrap, seed_of(method.seed, question))
        error = standard_error(drawn)
        details["standard_error"] = error.tolist()
        details["confidence"] = intervals(drawn, method.confidence)
        if len(rough := rough_steps(scores, error, visible)):
            warnings = (
                f"{method.identifier}: at {len(rough)} of {scores.shape[1]} steps (the first is step {rough[0]}) the "
                f"standard errors are as large as the differences between units. Use n_samples='auto' or more samples "
                f"than {len(masks)}, or larger units.",
            )
    return Scores(
        source=source,
        target=target if question.source_ids is None or question.attribute_target else None,
        step_scores=table.step_scores,
        details=details,
        warnings=warnings,
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
        drawn = draw(method, model, question, units, progress)
        yield answer(method, question, drawn.table, drawn.masks, blocks=drawn.blocks)


@frozen(kw_only=True, eq=False)
class Drawn:
    """A plan that was run."""

    table: AblationTable
    masks: BoolArray
    blocks: IntArray | None
    """Independent draws, as rows of indices into ``masks``; None where nothing is random."""


def draw(
    method: Any,
    model: Any,
    question: Question,
    units: Units,
    progress: Progress,
    *,
    wanted: dict[str, TargetFunction] | None = None,
    of: str | None = None,
    solver: Solver | None = None,
) -> Drawn:
    """Draw coalitions and run them: once, or with ``n_samples="auto"`` in rounds until standard errors are small.

    Args:
        wanted: Quantities to record; None: those that the question asks for.
        of: The quantity that is solved for; None: the question's target function.
        solver: What turns values into scores; None: the method itself.
    """
    of = target_function_name(question.target_function) if of is None else of
    solver = method if solver is None else solver
    visible = units.visible(last_steps(question.target_function, question.steps))
    masks, blocks, table, round_number = np.zeros((0, len(units)), bool), [], None, 0
    while True:
        new = method.plan(units, random_of(method.seed, question, round_number))
        own = method.blocks(new)
        table = tabulate(method, model, question, units, new, progress, wanted=wanted, table=table)
        if own is None:  # all coalitions: nothing is random
            return Drawn(table=table, masks=new, blocks=None)
        blocks.append(own + len(masks))
        masks = np.concatenate([masks, new])
        together = np.concatenate(blocks)
        drawn = Drawn(table=table, masks=masks, blocks=together)
        if method.n_samples != "auto" or table.forwards + len(new) > method.max_samples:
            return drawn
        values = question.target_function.grouped(table.values_of(masks, of).T).T
        sample = Sample(masks=masks, values=values, visible=visible, units=units, blocks=together)
        error = standard_error(sample.resampled(solver, max(method.n_bootstrap, 16), seed_of(method.seed, question)))
        scores = solver.solve(masks, values, visible, units)
        if (largest_relative_error(scores, error) <= method.tolerance).all():
            return drawn
        round_number += 1
