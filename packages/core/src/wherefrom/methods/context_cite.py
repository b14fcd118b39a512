"""ContextCite: a sparse linear model of the log-odds of a response over random parts of its context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from attrs import field, frozen, validators

from wherefrom.adapters import PredictsSteps, ScoringModel
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.methods.contract import Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.ablation import LOG_PROBABILITY, quantities
from wherefrom.methods.perturbation.answering import answer_drawn
from wherefrom.methods.perturbation.budgeted import Budgeted
from wherefrom.methods.perturbation.coalitions import all_coalitions, is_complete
from wherefrom.methods.perturbation.cost import sampled_cost
from wherefrom.methods.perturbation.drawing import draw
from wherefrom.methods.perturbation.settings import SampledSettings
from wherefrom.methods.perturbation.surrogates import distinct_columns, drawing_weights, lasso
from wherefrom.methods.perturbation.units import Units, units_of
from wherefrom.methods.sampling.counts import as_samples
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.settings import counting

DEFAULT_SAMPLES = 64
"""Coalitions of one round."""


@method(
    "context_cite",
    needs=(PredictsSteps,),
    signed=True,
    uses_target_function=False,
    explains="the log-odds of the response",
    differentiates=False,
)
@frozen(kw_only=True)
class ContextCite(Budgeted, SampledSettings):
    """Which parts of the context made the response likely: few units get a score, the rest exactly 0.

    Each sample keeps every unit with probability 1/2; the log-odds ``log(P / (1 - P))`` of the response, one token or a
    whole span, are fitted by a lasso over the masks. Only what stands before the first explained step is ablated, the
    response stays as it was said. Scores are in nats of log-odds that a unit adds. The target function is not used, but
    its spans are.

    Good for: citing sentences or documents for an answer (``units="sentence"``, ``baseline="delete"``). Fails when the
    answer needs two units together: the fit is linear.

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``, zero from the first step on. Cost: ``n_samples`` forwards
    and the clean one.

    Source:
        Cohen-Wang, Shah, Georgiev & Madry (2024), https://arxiv.org/abs/2409.00729: 64 samples, penalty 0.01 per
        response token on standardised masks.
    """

    n_samples: int | Literal["auto"] = field(
        default=DEFAULT_SAMPLES, converter=as_samples, validator=counting(2, auto=True)
    )
    """Random coalitions. ``"auto"`` adds some until the standard errors are within ``tolerance``."""
    keep_prob: float = field(default=0.5, validator=[validators.gt(0.0), validators.lt(1.0)])
    """Probability that a unit stays."""
    alpha: float = field(default=0.01, validator=validators.ge(0.0))
    """Strength of the lasso's penalty, in nats per response token."""

    def whole_cost(self, question: Question) -> Cost:
        units = units_of(question, self.units, generated=False)
        return sampled_cost(self, question, units)

    def whole(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        for question in questions:
            units = units_of(question, self.units, generated=False)
            wanted = quantities(question)
            if self.tables is None:
                wanted = {LOG_PROBABILITY: wanted[LOG_PROBABILITY]}
            target_function = question.target_function
            tokens = target_function.grouped(target_function.weighed(np.ones(len(question.steps))))
            solver = self.of_sums(np.asarray(tokens))
            run = draw(self, model, question, units, progress, wanted=wanted, of=LOG_PROBABILITY, solver=solver)
            yield answer_drawn(self, question, run)

    def plan(self, units: Units, rng: np.random.Generator) -> BoolArray:
        """Random coalitions, shape ``(n_samples, units)``; all of them where they are no more."""
        samples = DEFAULT_SAMPLES if self.n_samples == "auto" else self.n_samples
        if 2.0 ** len(units) <= samples:
            return all_coalitions(len(units))
        return rng.random((samples, len(units))) < self.keep_prob

    def enough(self, units: int) -> int:
        """Some more than units; the default does for many, as few of them get a score."""
        return min(units + 2, DEFAULT_SAMPLES)

    def blocks(self, masks: BoolArray) -> IntArray | None:
        """Every sample is a draw of its own; None where all coalitions are there."""
        return None if is_complete(masks) else np.arange(len(masks))[:, None]

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """The fit; see `ablation.Solver`. ``values`` are log-probabilities in nats."""
        return _fit(masks, values, visible, np.full(values.shape[1], self.alpha), self.keep_prob)

    def of_sums(self, steps: FloatArray) -> _PerToken:
        """The fit of responses of several tokens; see `ablation.CountsSteps`."""
        return _PerToken(method=self, tokens=steps)


@frozen(kw_only=True, eq=False)
class _PerToken:
    """The same fit with the penalty scaled by how many tokens each output has."""

    method: ContextCite
    tokens: FloatArray

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        return _fit(masks, values, visible, self.method.alpha * self.tokens, self.method.keep_prob)


def _fit(masks: BoolArray, values: FloatArray, visible: BoolArray, alpha: FloatArray, keep_prob: float) -> FloatArray:
    odds, often = log_odds(values), drawing_weights(masks, keep_prob)
    scores = np.zeros(visible.shape)
    for seen, outputs in distinct_columns(visible):
        if seen.any():
            features = masks[:, seen].astype(np.float64)
            fit = lasso(features, odds[:, outputs], often, alpha[outputs], standardize=True)
            scores[np.ix_(np.flatnonzero(seen), outputs)] = fit
    return scores


def log_odds(log_probabilities: FloatArray) -> FloatArray:
    """``log(P / (1 - P))`` of log-probabilities; probabilities within 1e-7 of 1 count as that far from it."""
    nearly = np.minimum(log_probabilities, np.log1p(-1e-7))
    odds: FloatArray = nearly - np.log(-np.expm1(nearly))
    return odds
