"""Are these scores distinguishable from chance? One ablation table says so, for all steps at once.

Random halves of the input are deleted. Scores that explain a step predict what is left of it: the sum of the scores of
what stays goes with what they explain, see `predicted`. How well it does is the *fit*, a rank correlation; how often
the same scores in another order do as well is the probability of chance.

Sources:
    Park et al. (2023), https://arxiv.org/abs/2303.14186 (linear datamodeling score); Phipson & Smyth (2010),
    https://arxiv.org/abs/1603.05766 (permutation tests).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters import PredictsSteps, ScoringModel, SequenceModel
from wherefrom.adapters.check import lacking
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.methods.answered import answered
from wherefrom.methods.answers import attribution_of, explains_with_sign
from wherefrom.methods.contract import AnyMethod
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.ablation import (
    CONTRAST_LOG_PROBABILITY,
    LOG_PROBABILITIES,
    quantities,
    target_function_name,
)
from wherefrom.methods.perturbation.cost import planned_cost
from wherefrom.methods.perturbation.growing import GrowingTable
from wherefrom.methods.perturbation.unit_scores import unit_scores
from wherefrom.methods.perturbation.units import Units, units_of
from wherefrom.methods.sampling.seeds import CHECK, random_for
from wherefrom.progress import Progress, no_progress
from wherefrom.questions.examples import Example
from wherefrom.questions.question import Question
from wherefrom.questions.spans import Span, additive
from wherefrom.questions.target_function import TargetFunction
from wherefrom.results.attribution import Attribution
from wherefrom.results.card import CHANCE, FIT, STABILITY
from wherefrom.results.comparison import ROUNDING, Values, in_levels, spearman, spearman_of_columns
from wherefrom.results.data import AttributionData
from wherefrom.results.details import pieces_of
from wherefrom.results.direction import becomes_norms
from wherefrom.settings import fields_of, nth_seed

SAMPLES = 64
PERMUTATIONS = 199
REMOVAL = "delete"
Predicted = Literal["target", "log_probability"]
TARGET: Literal["target"] = "target"
SINGLE_STEPS = "check=True holds single steps against the model; leave out attributed_span, or the check."
DRAWING = ("n_samples", "num_probes")
"""Settings that only methods have which draw something."""


@frozen(kw_only=True, eq=False)
class Checked:
    """What was found, per step, NaN where nothing was to be predicted. Shape ``(steps,)`` each."""

    fit: FloatArray
    chance: FloatArray
    forwards: int


def check(
    model: ScoringModel,
    question: Question,
    result: AttributionData,
    *,
    of: Predicted = "log_probability",
    removal: str | int = REMOVAL,
    samples: int = SAMPLES,
    permutations: int = PERMUTATIONS,
    progress: Progress = no_progress,
) -> Checked:
    """Hold one result against random deletions.

    Args:
        question: What the result answers.
        of: What has to be predicted: the log-probability (of a contrast the difference of both), or the question's own
            target function; see `predicted`.
        removal: How units are taken away.
        samples: Random halves, the same for all steps.
        permutations: Other orders of the scores.

    Raises:
        InputError: The result is of spans of steps.
    """
    if question.target_function.groups is not None:
        raise InputError(SINGLE_STEPS)
    units = units_of(question, "token")
    scores = unit_scores(result, units).astype(np.float64)
    rng = random_for(CHECK, question.seed)
    masks = _halves(units, samples, rng)
    if of == TARGET:
        question = evolve(question, target_function=_with_digits(question.target_function))
    own = target_function_name(question.target_function)
    names = (own,) if of == TARGET else LOG_PROBABILITIES
    wanted = {name: function for name, function in quantities(question).items() if name in names}
    table = GrowingTable(model, question, units, removal, wanted=wanted, progress=progress).ask(masks)
    values = table.values_of(masks, names[0])
    if CONTRAST_LOG_PROBABILITY in wanted:
        values = values - table.values_of(masks, CONTRAST_LOG_PROBABILITY)
    visible = units.visible(question.steps)
    pieces = _pieces(result, units)
    found = []
    for step, seen in enumerate(visible.T):
        parts, given = _by_piece(masks[:, seen], scores[seen, step], pieces[seen])
        found.append(_fit(parts, given, values[:, step], permutations, rng))
    return Checked(
        fit=np.array([fit for fit, _ in found]),
        chance=np.array([chance for _, chance in found]),
        forwards=table.forwards,
    )


def require_checkable(model: SequenceModel, span: Span | None) -> None:
    """Refuse a check that cannot be made, before anything is run for it.

    Args:
        span: The ``attributed_span`` of the call.

    Raises:
        InputError: Spans of steps are asked about.
        ModelCapabilityError: The model gives no predictions.
    """
    if span is not None:
        raise InputError(SINGLE_STEPS)
    if not isinstance(model, ScoringModel):
        raise lacking(model, PredictsSteps, "check=True")


def predicted(method: AnyMethod, result: AttributionData) -> Predicted:
    """What a method's scores have to predict.

    Scores with a sign that explain the target function say which way each input moves it, and are held to that: of
    cross-entropy they are negative where an input makes the token likely. All others (sizes of gradients, attention,
    norms that the result's aggregation is still to take) say how much hangs on an input, and are held to the
    log-probability.
    """
    return TARGET if explains_with_sign(method) and not becomes_norms(result) else "log_probability"


def draws(method: AnyMethod) -> bool:
    """Do a method's scores depend on a seed?"""
    return any(name in DRAWING for name in fields_of(type(method)))


def with_another_seed(method: AnyMethod, question: Question) -> tuple[AnyMethod, Question]:
    """The same question with a seed that no neighbouring one leads to."""
    other: Any = method
    if "seed" in fields_of(type(method)) and other.seed is not None:
        other = evolve(other, seed=nth_seed(other.seed, 1))
    return other, evolve(question, seed=nth_seed(question.seed, 1))


def stability(one: AttributionData, other: AttributionData, question: Question) -> FloatArray:
    """Rank correlation of two results' scores, per step. Shape ``(steps,)``."""
    units = units_of(question, "token")
    visible = units.visible(question.steps)
    first, second = unit_scores(one, units), unit_scores(other, units)
    return np.array([spearman(first[seen, step], second[seen, step]) for step, seen in enumerate(visible.T)])


def checked(
    model: SequenceModel,
    method: AnyMethod,
    question: Question,
    example: Example,
    result: Attribution,
    *,
    progress: Progress = no_progress,
) -> Attribution:
    """The result with step scores that say what a check found; methods that draw are run once more. What
    `require_checkable` refuses is not brought here."""
    assert isinstance(model, ScoringModel)
    of = predicted(method, result)
    found = check(model, question, result, of=of, progress=progress)
    stable: FloatArray | None = None
    if draws(method):
        other, again = with_another_seed(method, question)
        (scores,) = answered(other, model, [again], progress)
        redone = attribution_of(example, again, other, scores, {}, {}, clean_special_chars=False)
        stable = stability(result, redone, question)
    return marked(result, found, stable, of=of)


def check_cost(model: object, method: AnyMethod, question: Question) -> Cost:
    """What a check adds, a bound: the table, and a method that draws once more, with another seed and so another
    plan."""
    units = units_of(question, "token")
    table = planned_cost(question, units, _halves(units, SAMPLES, random_for(CHECK, question.seed)), REMOVAL)
    if not draws(method):
        return table
    other, asked = with_another_seed(method, question)
    again = other.cost_on(model, asked)
    return table if again is None else table + again


def marked(
    result: Attribution, found: Checked, stable: FloatArray | None, *, of: Predicted = "log_probability"
) -> Attribution:
    """The result with what a check found, as step scores."""
    scores = {FIT: found.fit, CHANCE: found.chance}
    if stable is not None:
        scores[STABILITY] = stable
    details = {
        "removal": REMOVAL,
        "samples": SAMPLES,
        "permutations": PERMUTATIONS,
        "forwards": found.forwards,
        "predicts": of,
    }
    return result.replace(
        step_scores={**result.step_scores, **scores},
        step_aggregation={**result.step_aggregation, FIT: "mean", CHANCE: "max", STABILITY: "mean"},
        details={**result.details, "check": details},
    )


def _halves(units: Units, samples: int, rng: np.random.Generator) -> BoolArray:
    """Random halves of the units. Shape ``(samples, units)``, true: stays."""
    masks: BoolArray = rng.random((samples, len(units))) < 0.5
    return masks


def _with_digits(target_function: TargetFunction) -> TargetFunction:
    """The logarithm where values multiply: in the same order, and not all 1 where a model is nearly sure."""
    function = target_function.function
    return (
        evolve(target_function, function=additive(function)) if function.span_aggregation == "prod" else target_function
    )


def _pieces(result: AttributionData, units: Units) -> IntArray:
    """Which of the units that the scores were made for each token lies in, those in none alone. Shape ``(units,)``.

    Tokens of one unit share what it scored: their scores are one thing that was found out.
    """
    by_side = {
        side: pieces_of(result.details, tokens, side) or range(len(tokens))
        for side, tokens in (("source", result.source), ("target", result.target))
    }
    numbers: dict[tuple[str, int], int] = {}
    pieces = [(unit.side, by_side[unit.side][unit.start]) for unit in units.members]
    return np.array([numbers.setdefault(piece, len(numbers)) for piece in pieces], dtype=np.int64)


def _by_piece(masks: BoolArray, scores: Values, pieces: IntArray) -> tuple[Values, Values]:
    """Which share of each piece stays, and what each scored, where a piece's tokens score alike; else token by token.

    Args:
        masks: Shape ``(samples, tokens)``.
        scores: Shape ``(tokens,)``.
        pieces: Shape ``(tokens,)``.

    Returns:
        Shapes ``(samples, pieces)`` and ``(pieces,)``.
    """
    _, first, piece, sizes = np.unique(pieces, return_index=True, return_inverse=True, return_counts=True)
    if not np.allclose(scores, scores[first][piece], rtol=1e-6, atol=0.0, equal_nan=True):
        return masks.astype(np.float64), scores
    inside = np.eye(len(first))[piece]
    return masks @ (inside / sizes), inside.T @ scores


def _fit(
    parts: Values, scores: Values, values: FloatArray, permutations: int, rng: np.random.Generator
) -> tuple[float, float]:
    """The rank correlation, and how often shuffled scores reach it: always, if all are alike (0, and 1). NaN where what
    has to be predicted does not vary, as where a token is compared with itself: there is nothing to be told."""
    known: Values = values.astype(np.float64)
    shuffled: Values = rng.permuted(np.tile(scores, (permutations, 1)), axis=1)
    if (known == known[0]).all():
        return float("nan"), float("nan")
    sums = in_levels(parts @ np.concatenate([scores[None], shuffled]).T, ROUNDING * float(np.abs(scores).sum()))
    fit, *others = spearman_of_columns(sums, known)
    if np.isnan(fit):
        return 0.0, 1.0
    return float(fit), float(1 + (np.array(others) >= fit - 1e-12).sum()) / (1 + permutations)  # nan is not reached
