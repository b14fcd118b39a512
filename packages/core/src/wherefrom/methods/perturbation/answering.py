"""Lay what a plan gave out over tokens, and tell how sure it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import evolve

from wherefrom.adapters import ScoringModel
from wherefrom.arrays import IntArray
from wherefrom.methods.contract import Scores
from wherefrom.methods.perturbation.drawing import Run, draw
from wherefrom.methods.perturbation.enough import needed, short_outputs
from wherefrom.methods.perturbation.removal import check_baseline
from wherefrom.methods.perturbation.settings import PerturbationSettings, SampledSettings
from wherefrom.methods.perturbation.uncertainty import intervals, standard_error
from wherefrom.methods.perturbation.units import last_steps, units_of
from wherefrom.methods.sampling.errors import above_tolerance, largest_parts, rough_outputs
from wherefrom.progress import Progress
from wherefrom.questions.question import Question

ALONE = "forwards_without_tables"
"""The detail that says what an answer would have cost where no table was kept."""
UNTOLD = (
    "tables= kept and reused nothing, because the model cannot be told from others with the same name: it has hooks or "
    "a replaced forward, or its adapter gives no fingerprint."
)


def check_model(method: PerturbationSettings, model: ScoringModel) -> None:
    """Raise before any work if the model cannot do what the method needs."""
    check_baseline(method.baseline, model, method.identifier)


def answer(method: PerturbationSettings, question: Question, run: Run) -> Scores:
    """The scores of units as scores of tokens."""
    source, target = run.table.units.spread(run.scores, last_steps(question.target_function, question.steps))
    alone = {} if run.forwards_alone is None else {ALONE: run.forwards_alone}
    warnings = (f"{method.identifier}: {note}.",) if (note := run.table.units.note) else ()
    return Scores(
        source=source,
        target=target if question.source_ids is None or question.attribute_target else None,
        step_scores=run.table.step_scores,
        details={
            "units": run.table.units.described(),
            "baseline": method.baseline,
            "samples": len(run.masks),
            "forwards": run.forwards,
            **alone,
        },
        warnings=(*warnings, f"{method.identifier}: {UNTOLD}") if run.untold else warnings,
    )


def answer_drawn(method: SampledSettings, question: Question, run: Run) -> Scores:
    """The same of a plan that was drawn, with standard errors, intervals, and a warning where the scores are rough."""
    scores = answer(method, question, run)
    spent = run.forwards if run.forwards_alone is None else run.forwards_alone
    if method.n_samples == "auto" and len(run.blocks) and spent > method.max_samples:
        note = (
            f"{method.identifier}: the first round took {spent} forwards, more than max_samples={method.max_samples}."
        )
        scores = evolve(scores, warnings=(*scores.warnings, f"{note} Set n_samples to run fewer."))
    short = short_outputs(method, run.masks, run.blocks, run.visible)
    if len(short):
        scores = evolve(scores, warnings=(*scores.warnings, _too_few(method, question, run, short)))
    if run.resamples is None or method.n_bootstrap < 2:
        return scores
    resamples = run.resamples[: method.n_bootstrap]
    error = standard_error(resamples)
    warnings = scores.warnings
    if len(rough := np.setdiff1d(rough_outputs(run.scores, error, run.visible), short)):
        warnings += (
            f"{method.identifier}: at {len(rough)} of {run.scores.shape[1]} steps (the first is "
            f"{question.step_named(rough[0])}) the standard errors are as large as the differences between units. Use "
            f"{_more(method, run)}, or larger units.",
        )
    if not run.sure and (
        left := above_tolerance(
            method.identifier,
            question,
            largest_parts(run.scores, error),
            method.tolerance,
            len(run.masks),
            np.concatenate([rough, short]),
        )
    ):
        warnings += (f"{left} Use a larger max_samples than {method.max_samples}, or larger units.",)
    details = {
        "largest_score": np.abs(run.scores).max(axis=0, initial=0.0).tolist(),
        "standard_error": error.tolist(),
        "confidence": intervals(run.scores, error, method.confidence, draws=len(run.blocks), resamples=len(resamples)),
    }
    return evolve(scores, details={**scores.details, **details}, warnings=warnings)


def _too_few(method: SampledSettings, question: Question, run: Run, short: IntArray) -> str:
    """Says that samples do not do for the units, and how many would."""
    units = int(run.visible[:, short].sum(axis=0).max())
    fewest = needed(method, units)
    if method.n_samples == "auto":
        drawn, more = len(run.masks), f"a larger max_samples than {method.max_samples}"
    elif method.budget is not None:
        drawn, more = method.n_samples, f"a larger budget than {method.budget}"
    else:
        drawn, more = method.n_samples, f"n_samples={2 * max(fewest, method.n_samples)}"
    return (
        f"{method.identifier}: {drawn} samples are too few for {units} units, at {len(short)} of {run.scores.shape[1]} "
        f"steps (the first is {question.step_named(short[0])}): scores may be far off, by more than a standard error "
        f"says. {fewest} different ones are needed, better twice as many. Use {more}, or larger units."
    )


def _more(method: SampledSettings, run: Run) -> str:
    """What makes the scores surer."""
    if method.n_samples == "auto":
        return f"a larger max_samples than {method.max_samples}, a smaller tolerance than {method.tolerance:g}"
    if method.budget is not None:  # it left too little for the samples that were asked for
        return f"a larger budget than {method.budget}"
    return f"n_samples='auto' or more samples than {len(run.masks)}"


def by_plan(
    method: SampledSettings, model: ScoringModel, questions: Sequence[Question], progress: Progress
) -> Iterator[Scores]:
    """Answer questions with a sampled method, each from coalitions of its own."""
    for question in questions:
        run = draw(method, model, question, units_of(question, method.units), progress)
        yield answer_drawn(method, question, run)
