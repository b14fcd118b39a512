"""Run a plan of masks: once, or in rounds until what is made of it is sure enough."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen

from wherefrom.adapters import ScoringModel
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.methods.perturbation.ablation import AblationTable, Solver, target_function_name
from wherefrom.methods.perturbation.cost import passes
from wherefrom.methods.perturbation.enough import short_outputs
from wherefrom.methods.perturbation.growing import GrowingTable
from wherefrom.methods.perturbation.settings import PerturbationSettings, SampledSettings
from wherefrom.methods.perturbation.uncertainty import Sample, standard_error
from wherefrom.methods.perturbation.units import Units, last_steps
from wherefrom.methods.sampling.errors import within
from wherefrom.methods.sampling.seeds import random_of, seed_of
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction

FEWEST_RESAMPLES = 16
"""Resamples that decide whether more samples are drawn, where fewer are asked for."""


@frozen(kw_only=True, eq=False)
class Run:
    """A plan that was run, and what the method made of it."""

    table: AblationTable
    forwards: int
    """Passes that were run for it."""
    forwards_alone: int | None
    """Passes that it takes where no table was kept; None: none was."""
    untold: bool
    """Was a folder for tables given, and nothing kept there?"""
    masks: BoolArray
    """Shape ``(rows, units)``."""
    values: FloatArray
    """What each of them is worth to each output. Shape ``(rows, outputs)``."""
    scores: FloatArray
    """Shape ``(units, outputs)``."""
    visible: BoolArray
    """Which units can matter to which output, same shape."""
    blocks: IntArray = field(factory=lambda: np.zeros((0, 0), np.int64))
    """Independent draws, as rows of indices into ``masks``; none where nothing is random."""
    resamples: FloatArray | None = None
    """The scores again for resampled draws, shape ``(resamples, units, outputs)``; None where nothing is random."""
    sure: bool = True
    """Are standard errors as small as ``n_samples="auto"`` asks for? Of a number of samples nothing is asked."""


def run_plan(
    method: PerturbationSettings,
    model: ScoringModel,
    question: Question,
    units: Units,
    masks: BoolArray,
    progress: Progress,
) -> Run:
    """Run these masks, which are all that the method needs."""
    growing = _table_of(method, model, question, units, progress)
    table = growing.ask(masks)
    visible = units.visible(last_steps(question.target_function, question.steps))
    values = _values(question, table, masks, target_function_name(question.target_function))
    scores = method.solve(masks, values, visible, units)
    return Run(table=table, **_spent(growing), masks=masks, values=values, scores=scores, visible=visible)


def draw(
    method: SampledSettings,
    model: ScoringModel,
    question: Question,
    units: Units,
    progress: Progress,
    *,
    wanted: dict[str, TargetFunction] | None = None,
    of: str | None = None,
    solver: Solver | None = None,
    resample: bool = True,
) -> Run:
    """Draw coalitions and run them: once, or with ``n_samples="auto"`` in rounds until standard errors are small.

    Args:
        wanted: Quantities to record; None: those that the question asks for.
        of: The quantity that is solved for; None: the question's target function.
        solver: What turns values into scores; None: the method itself.
        resample: Are the scores wanted again for resampled draws? Otherwise this is done only to decide whether to go
            on.
    """
    of = target_function_name(question.target_function) if of is None else of
    solver = method if solver is None else solver
    auto = method.n_samples == "auto"
    count = max(method.n_bootstrap, FEWEST_RESAMPLES) if auto else method.n_bootstrap
    visible = units.visible(last_steps(question.target_function, question.steps))
    growing = _table_of(method, model, question, units, progress, wanted)
    masks, blocks, round_number = np.zeros((0, len(units)), bool), np.zeros((0, 0), np.int64), 0
    upcoming = method.plan(units, random_of(method.seed, question, round_number))
    while True:
        new = upcoming
        drawn = method.blocks(new)
        if drawn is not None:
            drawn = drawn + len(masks)
            blocks = np.concatenate([blocks, drawn]) if len(blocks) else drawn
        masks = np.concatenate([masks, new])
        table = growing.ask(new)
        ended = drawn is None or not auto
        if not ended:
            upcoming = method.plan(units, random_of(method.seed, question, round_number + 1))
            ended = growing.forwards_alone() + passes(question, units, upcoming, method.baseline) > method.max_samples
        values = _values(question, table, masks, of)
        scores = solver.solve(masks, values, visible, units)
        resamples = None
        if len(blocks) > 1 and count > 1 and (resample or not ended):
            sample = Sample(masks=masks, values=values, visible=visible, units=units, blocks=blocks)
            resamples = sample.resampled(solver, count, seed_of(method.seed, question))
        sure = not auto or drawn is None
        if not sure and resamples is not None and not len(short_outputs(method, masks, blocks, visible)):
            sure = within(scores, standard_error(resamples), method.tolerance)
        if ended or sure:
            return Run(
                table=table,
                **_spent(growing),
                masks=masks,
                values=values,
                scores=scores,
                visible=visible,
                blocks=blocks,
                resamples=resamples,
                sure=sure,
            )
        round_number += 1


def _table_of(
    method: PerturbationSettings,
    model: ScoringModel,
    question: Question,
    units: Units,
    progress: Progress,
    wanted: dict[str, TargetFunction] | None = None,
) -> GrowingTable:
    return GrowingTable(
        model,
        question,
        units,
        method.baseline,
        wanted=wanted,
        chunk=method.chunk,
        folder=method.tables,
        progress=progress,
    )


def _spent(growing: GrowingTable) -> dict[str, Any]:
    alone = growing.forwards_alone() if growing.was_there else None
    return {"forwards": growing.forwards, "forwards_alone": alone, "untold": growing.untold}


def _values(question: Question, table: AblationTable, masks: BoolArray, of: str) -> FloatArray:
    """What these masks are worth to each output. Shape ``(rows, outputs)``."""
    target_function = question.target_function
    said = table.values_of(masks, of).T
    if of != target_function_name(target_function):  # that one was recorded with its weights
        said = target_function.weighed(said)
    values: FloatArray = target_function.grouped(said).T
    return values
