"""Pairs of units that work together: least squares of second order over masked inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from attrs import evolve, field, frozen, validators

from wherefrom.adapters import PredictsSteps, ScoringModel
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import SettingsError
from wherefrom.methods.contract import Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.answering import answer_drawn, check_model
from wherefrom.methods.perturbation.coalitions import all_coalitions, is_complete
from wherefrom.methods.perturbation.cost import sampled_cost
from wherefrom.methods.perturbation.drawing import Run, draw
from wherefrom.methods.perturbation.kernel import enough_of_kernel, kernel_masks
from wherefrom.methods.perturbation.pair_fit import Index, PairFit, pairs_among, shares_of, strongest
from wherefrom.methods.perturbation.settings import SampledSettings
from wherefrom.methods.perturbation.uncertainty import Sample, intervals, standard_error
from wherefrom.methods.perturbation.units import Unit, Units, units_of
from wherefrom.methods.sampling.counts import as_samples
from wherefrom.methods.sampling.seeds import seed_of
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.results.pairs import DETAIL, PairedUnit, PairTable
from wherefrom.settings import counting
from wherefrom.text.merging import merged_token

DEFAULT_SAMPLES = 256
"""Coalitions of one round."""
ROWS_PER_COEFFICIENT = 2
"""So many coalitions at least for everything that is fitted, where they are drawn."""
NO_PAIRS = np.zeros((0, 2), np.int64)


@method("interactions", needs=(PredictsSteps,), signed=True, uses_target_function=True, differentiates=False)
@frozen(kw_only=True)
class Interactions(SampledSettings):
    """What two units are worth together beyond what each is worth: faithful interaction indices of order 2.

    ``f(v) ≈ c0 + Σ c_i v_i + Σ c_ij v_i v_j`` by least squares over coalitions, ``v`` 1 for the units that stay.
    ``c_ij`` is above 0 where a pair matters together (both halves of an answer), below 0 where one is enough (two
    sentences that say the same), 0 where units add up. A unit's score is ``c_i`` and half of its pairs; the pairs
    come in the details and by ``result[0].top_pairs()``. One set of coalitions serves all steps.

    Good for: finding what works only together, or instead of each other, which one number per unit hides. Fails for
    more units than about 25: pairs are then fitted among the strongest alone, and what works only in a pair looks
    weak; use larger ``units``.

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``, in units of the target function. Cost: at most
    ``n_samples`` forwards and the clean one.

    Source:
        Tsai, Yeh & Ravikumar (2023), https://arxiv.org/abs/2203.00870: FBII and FSII.
    """

    index: Index = field(default="fbii", validator=validators.in_(("fbii", "fsii")))
    """``"fbii"``, faithful Banzhaf: all coalitions count alike; ``"fsii"``, faithful Shapley: small and large ones
    count most, and the scores of the units sum to ``f(x) - f(x without all units)``."""
    n_samples: int | Literal["auto"] = field(
        default=DEFAULT_SAMPLES, converter=as_samples, validator=counting(4, auto=True)
    )
    """Coalitions, the full one included. ``"auto"`` adds some until the standard errors of a fit without pairs are
    within ``tolerance``."""
    pairs_among: int = field(default=24, validator=counting(2))
    """Pairs are fitted among so many of the strongest units at most; fewer where the samples would not do."""

    def __attrs_post_init__(self) -> None:
        if self.budget is not None:
            raise SettingsError("interactions has one set of coalitions for all units: its budget is n_samples.")

    def cost(self, question: Question) -> Cost:
        return sampled_cost(self, question, units_of(question, self.units))

    def attribute(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Draw, fit units, then pairs; a model that cannot do what it needs is refused before any work."""
        check_model(self, model)
        return self._answers(model, questions, progress)

    def _answers(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        for question in questions:
            units = units_of(question, self.units)
            alone = PairFit(self.index, NO_PAIRS)  # pairs are chosen once, from all that was drawn: `_answer`
            yield self._answer(question, draw(self, model, question, units, progress, solver=alone, resample=False))

    def plan(self, units: Units, rng: np.random.Generator) -> BoolArray:
        """The full input, then coalitions by the index; all of them where they are no more."""
        count = len(units)
        samples = DEFAULT_SAMPLES if self.n_samples == "auto" else self.n_samples
        if self.index == "fsii":
            return kernel_masks(count, samples, rng)
        if 2.0**count <= samples:
            return all_coalitions(count)
        masks: BoolArray = rng.random((samples, count)) >= 0.5
        masks[0] = True
        return masks

    def enough(self, units: int) -> int:
        """What a fit without pairs needs; with too few for pairs, `pairs` takes fewer units or refuses."""
        return enough_of_kernel(units) if self.index == "fsii" else units + 2

    def blocks(self, masks: BoolArray) -> IntArray | None:
        """Independent draws; None where all coalitions are there."""
        if is_complete(masks):
            return None
        if self.index == "fsii":
            return np.arange(2, len(masks)).reshape(-1, 2)
        return np.arange(1, len(masks))[:, None]

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """Scores of units, pairs fitted as well; see `ablation.Solver`."""
        alone = PairFit(self.index, NO_PAIRS).solve(masks, values, visible, units)
        pairs = self.pairs(masks, alone)
        return shares_of(PairFit(self.index, pairs).solve(masks, values, visible, units), pairs)

    def pairs(self, masks: BoolArray, scores: FloatArray) -> IntArray:
        """The pairs that these coalitions allow to fit, among the units that score most. Shape ``(pairs, 2)``.

        Args:
            scores: Of a fit without pairs, shape ``(units, outputs)``.

        Raises:
            SettingsError: Not even one pair can be fitted.
        """
        count = masks.shape[1]
        if count < 2:
            return NO_PAIRS
        among = min(self.pairs_among, count)
        rows = len(np.unique(masks, axis=0))
        often = 1 if is_complete(masks) else ROWS_PER_COEFFICIENT
        while among > 1 and often * (1 + count + among * (among - 1) // 2) > rows:
            among -= 1
        if among < 2:
            fewest = often * (2 + count)
            raise SettingsError(
                f"{rows} different coalitions are too few for the pairs of {count} units: {fewest} are needed, better "
                f"twice as many. Use n_samples={2 * max(fewest, len(masks))}, or larger units."
            )
        return pairs_among(strongest(scores, among))

    def _answer(self, question: Question, run: Run) -> Scores:
        units = run.table.units
        pairs = self.pairs(run.masks, run.scores)
        fit = PairFit(self.index, pairs)
        solved = fit.solve(run.masks, run.values, run.visible, units)
        resamples = None
        if len(run.blocks) > 1 and self.n_bootstrap > 1:
            sample = Sample(masks=run.masks, values=run.values, visible=run.visible, units=units, blocks=run.blocks)
            resamples = sample.resampled(fit, self.n_bootstrap, seed_of(self.seed, question))
        shares = None if resamples is None else np.stack([shares_of(one, pairs) for one in resamples])
        scores = answer_drawn(self, question, evolve(run, scores=shares_of(solved, pairs), resamples=shares))
        count = len(units)
        among = len(np.unique(pairs))
        table = PairTable(
            index=self.index,
            units=tuple(_paired(question, unit) for unit in units.members),
            alone=solved[:count].tolist(),
            pairs=[(int(first), int(second)) for first, second in pairs],
            scores=solved[count:].tolist(),
            among=among,
            **({} if resamples is None else self._errors(solved[count:], resamples[:, count:], len(run.blocks))),
        )
        warnings = scores.warnings
        if count == 1:
            warnings = (
                *warnings,
                f"{self.identifier}: the input is one unit, so there is no pair. Use smaller units (units='token').",
            )
        elif among < count:
            warnings = (
                *warnings,
                f"{self.identifier}: pairs were fitted among the {among} strongest of {count} units. More n_samples, "
                "a larger pairs_among or larger units fit more of them.",
            )
        return evolve(scores, details={**scores.details, DETAIL: table.to_dict()}, warnings=warnings)

    def _errors(self, scores: FloatArray, resamples: FloatArray, draws: int) -> dict[str, Any]:
        errors = standard_error(resamples)
        bounds = intervals(scores, errors, self.confidence, draws=draws, resamples=len(resamples))
        return {
            "standard_error": errors.tolist(),
            "low": bounds["low"],
            "high": bounds["high"],
            "level": bounds["level"],
        }


def _paired(question: Question, unit: Unit) -> PairedUnit:
    tokens = question.source_tokens if unit.side == "source" else question.target_tokens
    part = tokens[unit.start : unit.end]
    text = merged_token(part).text if part else f"{unit.side} {unit.start} to {unit.end}"
    return PairedUnit(side=unit.side, start=unit.start, end=unit.end, text=text)
