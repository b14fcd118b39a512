"""GradientSHAP: gradients at random points between random baselines and the input."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from attrs import field, frozen, validators

from wherefrom.adapters import GivesGradients, Row, Side
from wherefrom.arrays import Array, IntArray, like, to_numpy
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.output_by_output import times
from wherefrom.methods.output_groups import output_groups
from wherefrom.methods.paths.baselines import DEFAULT, Endpoints, each_baseline, endpoints
from wherefrom.methods.perturbation.units import last_steps
from wherefrom.methods.sampling.counts import as_samples
from wherefrom.methods.sampling.errors import above_tolerance
from wherefrom.methods.sampling.moments import Moments
from wherefrom.methods.sampling.seeds import random_of_round
from wherefrom.progress import Progress, counted, each_told
from wherefrom.questions.question import Question
from wherefrom.settings import counting

ROUND = 8
"""Samples that are added at once."""


@method(
    "gradient_shap",
    needs=(GivesGradients,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class GradientShap(Method[GivesGradients]):
    """Expected gradient between a random baseline and the (noisy) input, times their difference.

    ``E[(x' − b) · d f / d x (b + α (x' − b))]`` over ``α`` uniform in [0, 1], ``b`` drawn from the baselines
    given and ``x'`` the input plus Gaussian noise. Shape ``(inputs, steps, width)``, in units of the score.
    Signed. The shares of a step sum to ``f(x) − E f(b)`` in expectation; ``deltas`` says how far a run is
    from it.

    Good for: several baselines at once. Fails: a handful of samples is noisy; with one baseline and no noise
    it is a random estimate of integrated gradients, which get there exactly.

    Samples are drawn from the question's seed, the same for all steps and for source and target, so that a
    result can be made again. Points are stratified: each of a round's equal stretches of the path gets one. The details
    hold the standard error of every token's score, told from neighbouring stretches: infinite after one sample, and 1.5
    times too large after 8 of a straight line. Baselines are the caller's alone: other examples are never used.

    Source:
        Lundberg & Lee (2017), https://arxiv.org/abs/1705.07874; Erion et al. (2021),
        https://arxiv.org/abs/1906.10670 (expected gradients).
    """

    former_names: ClassVar[dict[str, str]] = {"baselines": "baseline"}

    n_samples: int | Literal["auto"] = field(default="auto", converter=as_samples, validator=counting(1, auto=True))
    """Random points. ``"auto"`` adds rounds of 8 until every step's largest standard error is within ``tolerance`` of
    its largest score, or to ``max_samples``. So many in one go (a number) are spread more evenly."""
    tolerance: float = field(default=0.1, validator=validators.gt(0.0))
    """Largest accepted standard error with ``n_samples="auto"``, as a part of the step's largest token score."""
    max_samples: int = field(default=64, validator=counting(2))
    """Budget of ``n_samples="auto"``, beyond the first round, which is always run."""
    stdevs: float = field(default=0.0, validator=validators.ge(0))
    """Standard deviation of the noise added to the input, in units of the embeddings. What the baseline leaves as it is
    gets none."""
    baseline: Any = DEFAULT
    """One baseline (see `methods.paths.baselines`), or a list of names, mappings or embedding arrays: each sample
    draws one."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Points run at once; None lets the model's adapter choose."""
    return_convergence_delta: bool = False
    """Add the step score ``deltas``: ``Σ shares − (f(x) − mean of f(b))``."""

    def cost(self, question: Question) -> Cost:
        """Baselines that were not drawn need no pass of their own."""
        return self._cost(question, groups=1)

    def cost_on(self, model: GivesGradients, question: Question) -> Cost:
        """The points are run forward once for each group of outputs that the model's memory takes together."""
        return self._cost(question, groups=len(output_groups(model, question.row())))

    def _cost(self, question: Question, *, groups: int) -> Cost:
        ends = 1 if question.scores or self.return_convergence_delta else 0
        if self.return_convergence_delta:
            ends += len(each_baseline(self.baseline))
        samples = max(ROUND, self.max_samples) if self.n_samples == "auto" else self.n_samples
        several = self.return_convergence_delta and len(each_baseline(self.baseline)) > 1
        return Cost(
            forwards=groups * samples + ends,
            backwards=samples * question.target_function.outputs,
            at_most=self.n_samples == "auto" or several,
        )

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """``n_samples`` forward passes per question, as many backward rows per output."""
        work = (self._one(model, question, progress) for question in questions)
        yield from counted(work, "attribute", len(questions), progress)

    def _one(self, model: GivesGradients, question: Question, progress: Progress) -> Scores:
        choices = each_baseline(self.baseline)
        wanted: tuple[Side, ...] = ("source", "target") if question.attribute_target else ("source",)
        paths = [
            {side: ends for side in wanted if (ends := endpoints(model, question, side, choice)) is not None}
            for choice in choices
        ]
        moments, drawn, rounds = Moments(question.target_function.outputs), np.zeros(0, np.int64), 0
        groups = output_groups(model, question.row())
        most = max(self.max_samples, ROUND) if self.n_samples == "auto" else self.n_samples
        tell = each_told("samples", len(groups) * most, progress)
        while True:
            count = ROUND if self.n_samples == "auto" else self.n_samples
            for outputs in groups:  # each goes through the same points
                rng = random_of_round(question.seed, rounds)
                chosen = rng.integers(len(choices), size=count)
                fractions = (rng.permutation(count) + rng.uniform(size=count)) / count
                order = np.argsort(fractions)
                samples = (
                    {side: self._noisy(ends, rng) for side, ends in paths[choice].items()} for choice in chosen[order]
                )
                self._add(model, question, samples, fractions[order].tolist(), outputs, moments, tell)
            drawn, rounds = np.concatenate([drawn, chosen]), rounds + 1
            if self.n_samples != "auto" or len(drawn) + ROUND > self.max_samples or moments.within(self.tolerance):
                break
        step_scores: dict[str, Array] = {}
        if question.scores or self.return_convergence_delta:
            used = sorted(set(drawn.tolist())) if self.return_convergence_delta else []
            ends_of_path = [
                question.row(**{f"{side}_embeds": ends.baseline for side, ends in paths[choice].items()})
                for choice in used
            ]
            clean, *at_baselines = model.predict(
                [question.row(scores=True), *ends_of_path], chunk=self.internal_batch_size
            )
            step_scores.update(clean.scores)
            if self.return_convergence_delta:
                values = [
                    to_numpy(question.target_function.values(one.logits, one.inside)) for one in (clean, *at_baselines)
                ]
                often = np.array([np.mean(drawn == choice) for choice in used])
                expected = values[0] - sum(w * value for w, value in zip(often, values[1:], strict=True))
                total = sum(tokens.sum(axis=0) for tokens in moments.token_means().values())
                step_scores["deltas"] = total - expected
        means = moments.means()
        return Scores(
            source=means.get("source"),
            target=means.get("target"),
            step_scores=step_scores,
            details={
                "seed": question.seed,
                "samples": len(drawn),
                "largest_score": moments.largest().tolist(),
                "standard_error": {side: error.tolist() for side, error in moments.standard_errors().items()},
            },
            warnings=self._warned(question, moments),
            new=True,
        )

    def _add(
        self,
        model: GivesGradients,
        question: Question,
        samples: Iterator[dict[Side, Endpoints]],
        points: list[float],
        outputs: IntArray,
        moments: Moments,
        tell: Callable[[], None],
    ) -> None:
        """One backward pass per sample and output; only sums are kept. ``points``: one of each stretch, in order."""
        waiting: deque[tuple[int, dict[Side, Endpoints]]] = deque()

        def rows() -> Iterator[Row]:
            for stretch, (sample, fraction) in enumerate(zip(samples, points, strict=True)):
                waiting.append((stretch, sample))
                row = question.row(**{f"{side}_embeds": ends.at(fraction) for side, ends in sample.items()})
                yield row.select(outputs)

        for answer in model.gradients(rows(), chunk=self.internal_batch_size, target=question.attribute_target):
            sides: dict[Side, Array] = {"source": answer.source, "target": answer.target}
            stretch, sample = waiting.popleft()
            moments.add(
                {side: map(times(ends.difference), sides[side]) for side, ends in sample.items()},
                outputs,
                stretch,
                len(points),
            )
            del answer, sides  # as large as the scores, and the next ones are about to be made
            tell()

    def _warned(self, question: Question, moments: Moments) -> tuple[str, ...]:
        rough = moments.rough_outputs(last_steps(question.target_function, question.steps))
        said = []
        if len(rough):
            said.append(
                f"gradient_shap: at {len(rough)} steps (the first is {question.step_named(rough[0])}) the standard "
                f"errors are as large as the differences between tokens after {moments.count} samples. Raise "
                "max_samples, or n_samples."
            )
        if self.n_samples == "auto" and (
            left := above_tolerance(
                self.identifier, question, moments.largest_parts(), self.tolerance, moments.count, rough
            )
        ):
            said.append(
                f"{left} Try n_samples={moments.count}, whose points are spread evenly over the whole path, or "
                f"max_samples={4 * moments.count}."
            )
        return tuple(said)

    def _noisy(self, ends: Endpoints, rng: np.random.Generator) -> Endpoints:
        if self.stdevs == 0:
            return ends
        noise = rng.normal(scale=self.stdevs, size=tuple(ends.input.shape)) * ends.moving[:, None]
        return Endpoints(ends.baseline, ends.input + like(ends.input, noise, dtype=ends.input.dtype))
