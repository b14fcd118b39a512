"""ReAGent: importance learnt by replacing random tokens until the important ones suffice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil

import numpy as np
from attrs import define, evolve, field, frozen, validators

from wherefrom.adapters import PredictsSteps, Row, ScoringModel, Side
from wherefrom.arrays import Array, BoolArray, FloatArray, IntArray, to_numpy
from wherefrom.errors import SettingsError
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.removal import Removed, in_place, with_ids
from wherefrom.methods.perturbation.samplers import Candidates, Sampler, as_sampler, sampler_passes, sides_of
from wherefrom.methods.perturbation.units import Units, UnitsSetting, as_units, last_steps, units_of
from wherefrom.methods.sampling.seeds import seed_of
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.settings import a_seed, counting
from wherefrom.step_functions.base import StepFunction
from wherefrom.step_functions.probability import Probability
from wherefrom.step_functions.rank import Rank

_LOG_PROBABILITY = Probability(logprob=True)
_CLOSEST = 1e-6


def _a_sampler(_: object, __: object, value: str | Sampler) -> None:
    as_sampler(value)


@method(
    "reagent",
    needs=(PredictsSteps,),
    signed=False,
    uses_target_function=False,
    explains="the token being predicted",
    differentiates=False,
)
@frozen(kw_only=True)
class Reagent(Method[ScoringModel]):
    """Probability mass of importance over the input: which tokens suffice for the one that was said.

    Several probes start from random scores. Each round replaces every unit with probability ``replacing_ratio`` by
    what a sampler proposes, and moves the scores of replaced units up, and of the others down, by
    ``logit((1 + p(y|x) - p(y|x')) / 2)``. A probe's importance is the softmax of its scores; it stops once the target
    is among the model's ``stopping_condition_top_k`` choices although only its ``keep_top_n`` most important units are
    left in place. The result is the mean over the probes that stopped, or over all of them, with a warning, if none
    did. Scores sum to 1 for every step.

    Good for: models of which only predictions are known, where gradients are not. Fails when nothing suffices: then
    probes run to ``max_probe_steps``. It is random; set ``seed``. The target function is not used: the probability of
    the target is part of the method (of a whole span, the product over its tokens).

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``, without unit. Cost: each round one forward per probe for
    all steps together, and one per probe and step that has not stopped; before them the untouched input, and one where
    the model itself is the sampler.

    Source:
        Zhao & Shan (2024), https://arxiv.org/abs/2402.00794. Departures: a replacement always differs from what was
        there; the samplers; one random replacement serves all steps.
    """

    sampler: str | Sampler = field(default="model", validator=_a_sampler)
    """Who proposes replacements: ``"model"``, ``"uniform"``, ``"unigram:TEXT"``, another registered name such as
    ``"masked_lm:NAME"`` or ``"part_of_speech"``, or a sampler object."""
    keep_top_n: int = field(default=5, validator=counting(0))
    """Units left in place when a probe is asked whether it may stop; 0: use ``keep_ratio``."""
    keep_ratio: float | None = field(
        default=None, validator=validators.optional([validators.gt(0.0), validators.le(1.0)])
    )
    """The same as a share of the units that a step sees, where ``keep_top_n`` is 0."""
    invert_keep: bool = False
    """Replace the most important units instead, and leave the others in place."""
    stopping_condition_top_k: int = field(default=3, validator=counting(1))
    """How far up the target has to be."""
    replacing_ratio: float = field(default=0.3, validator=[validators.gt(0.0), validators.lt(1.0)])
    """Probability that a unit is replaced in a round."""
    max_probe_steps: int = field(default=200, validator=counting(1))
    """Rounds after which a probe is given up."""
    num_probes: int = field(default=16, validator=counting(1))
    """Probes whose importances are averaged."""
    units: UnitsSetting = field(default="auto", converter=as_units)
    """What is replaced and scored as one; see the other perturbation methods."""
    budget: int | None = field(default=None, validator=counting(1, most=10**8))
    """Forward passes at most: no round begins that might need more. None: as many as the rounds take."""
    seed: int | None = field(default=None, validator=a_seed)
    """Seed of everything random; None: the one of the whole call."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Rows in one forward pass; None lets the adapter choose."""

    def __attrs_post_init__(self) -> None:
        if not self.keep_top_n and self.keep_ratio is None:
            raise SettingsError("reagent: keep_top_n is 0, so keep_ratio is needed: give the share of units to keep.")

    def cost(self, question: Question) -> Cost:
        """Probes stop when what they keep suffices: usually far below this."""
        forwards = self.first_cost(question) + self.max_probe_steps * self.round_cost(question)
        return Cost(forwards=forwards if self.budget is None else min(forwards, self.budget), at_most=True)

    def cost_on(self, model: ScoringModel, question: Question) -> Cost:
        """What it costs, or the refusal of a budget: no price for what will not be done."""
        self._require_budget(question)
        return self.cost(question)

    def _require_budget(self, question: Question) -> None:
        """Raise: SettingsError: The budget is less than one round costs."""
        least = self.first_cost(question) + self.round_cost(question)
        if self.budget is not None and self.budget < least:
            raise SettingsError(
                f"reagent: budget={self.budget} is less than one round of {self.num_probes} probes costs, {least} "
                "passes. Give more, or fewer probes (num_probes)."
            )

    def first_cost(self, question: Question) -> int:
        """Passes before the first round: the untouched input, and what the sampler asks of the model."""
        return 1 + sampler_passes(as_sampler(self.sampler), question)

    def round_cost(self, question: Question) -> int:
        """Passes of a round while no probe has stopped."""
        return self.num_probes * (1 + question.target_function.outputs)

    def attribute(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        return self._answers(model, as_sampler(self.sampler), questions, progress)

    def _answers(
        self, model: ScoringModel, sampler: Sampler, questions: Sequence[Question], progress: Progress
    ) -> Iterator[Scores]:
        for question in questions:
            self._require_budget(question)
            yield _Search.begin(self, model, sampler, question).run(progress)

    def kept(self, units: int) -> int:
        """How many of so many units are left in place when a probe is checked."""
        return min(units, self.keep_top_n or ceil((self.keep_ratio or 0.0) * units))


@define(kw_only=True, eq=False)
class _Search:
    """The probes of one question on their way."""

    settings: Reagent
    model: ScoringModel
    question: Question
    units: Units
    candidates: dict[Side, Candidates]
    visible: BoolArray
    """Shape ``(units, outputs)``."""
    scores: FloatArray
    """Shape ``(probes, units, outputs)``."""
    running: BoolArray
    """Which probes have not stopped, shape ``(probes, outputs)``."""
    stopped: BoolArray
    """Which found what they looked for."""
    clean: FloatArray
    """Log-probabilities of the targets in the untouched input, in nats, shape ``(G,)``."""
    ranks: FloatArray
    """How many tokens are likelier than each target there, shape ``(G,)``."""
    step_scores: dict[str, FloatArray]
    rounds: np.random.Generator
    checks: list[np.random.Generator]
    """One per output, so that no output's luck depends on which others are asked about."""
    forwards: int

    @classmethod
    def begin(cls, settings: Reagent, model: ScoringModel, sampler: Sampler, question: Question) -> _Search:
        units = units_of(question, settings.units)
        last = last_steps(question.target_function, question.steps)
        seed = seed_of(settings.seed, question)
        checks = [np.random.default_rng([seed, 1, int(step)]) for step in last]
        said = next(iter(model.predict([question.row(scores=True, target_function=None)])))
        probes = settings.num_probes
        return cls(
            settings=settings,
            model=model,
            question=question,
            units=units,
            candidates={side: sampler.candidates(model, question, side) for side in sides_of(question)},
            visible=units.visible(last),
            scores=np.stack([rng.random((probes, len(units))) for rng in checks], axis=2),
            running=np.ones((probes, len(last)), bool),
            stopped=np.zeros((probes, len(last)), bool),
            clean=_of_tokens(_LOG_PROBABILITY, said.logits, question.target_function.target_ids),
            ranks=_of_tokens(Rank(), said.logits, question.target_function.target_ids),
            step_scores={name: to_numpy(values) for name, values in said.scores.items()},
            rounds=np.random.default_rng([seed, 0]),
            checks=checks,
            forwards=1 + sampler_passes(sampler, question),
        )

    def run(self, progress: Progress) -> Scores:
        """Rounds until every probe stopped or was given up, then the mean importance."""
        self.running &= self.visible.any(axis=0)
        most = self.settings.max_probe_steps
        done = 0

        def tell() -> None:  # within a round
            progress("probes", done, most)

        while done < most and self.running.any() and self._affordable():
            self._learn(tell)
            self._check(tell)
            done += 1
            progress("probes", done, most)
        progress("probes", most, most)
        counted = np.where(self.stopped.any(axis=0), self.stopped, True)
        weights = counted / counted.sum(axis=0)
        importance = np.einsum("rk,rpk->pk", weights, self._importance())
        lost = np.flatnonzero(~self.stopped.any(axis=0) & self.visible.any(axis=0))
        last = last_steps(self.question.target_function, self.question.steps)
        source, target = self.units.spread(importance, last)
        return Scores(
            source=source,
            target=target if self.question.source_ids is None or self.question.attribute_target else None,
            step_scores=self.step_scores,
            details={
                "units": self.units.described(),
                "rounds": done,
                "forwards": self.forwards,
                "stopped": self.stopped.sum(axis=0).tolist(),
            },
            warnings=((f"reagent: {self.units.note}.",) if self.units.note else ()) + self._warnings(lost, done),
        )

    def _affordable(self) -> bool:
        """Is another round within the budget, whatever it finds?"""
        budget = self.settings.budget
        return budget is None or self.forwards + int(self.running.any(axis=1).sum() + self.running.sum()) <= budget

    def _warnings(self, lost: IntArray, rounds: int) -> tuple[str, ...]:
        if not len(lost):
            return ()
        more = "budget, max_probe_steps" if rounds < self.settings.max_probe_steps else "max_probe_steps"
        kept = "keep_top_n" if self.settings.keep_top_n else "keep_ratio"
        least = "lower" if self.settings.invert_keep else "raise"  # then the fewer are replaced, the sooner it stops
        some = ", ".join(map(self.question.step_named, lost[:8])) + (", ..." if len(lost) > 8 else "")
        return (
            f"reagent: no probe stopped within {rounds} rounds at {some}; all "
            f"{self.settings.num_probes} probes are averaged there. Raise {more} or stopping_condition_top_k, or "
            f"{least} {kept}.",
        )

    def _importance(self) -> FloatArray:
        """Softmax of the scores over the units an output sees. Shape ``(probes, units, outputs)``."""
        seen = np.where(self.visible, self.scores, -np.inf)
        highest = np.max(seen, axis=1, keepdims=True, initial=-1e300)
        grown = np.where(self.visible, np.exp(seen - highest), 0.0)
        importance: FloatArray = grown / np.maximum(grown.sum(axis=1, keepdims=True), 1e-300)
        return importance

    def _learn(self, tell: Callable[[], None]) -> None:
        """One random replacement per probe, and what it teaches all outputs that still run."""
        replaced = self.rounds.random((len(self.scores), len(self.units))) < self.settings.replacing_ratio
        changed = [self._replaced(mask, self.rounds) for mask in replaced]
        asked = [probe for probe in range(len(changed)) if self.running[probe].any()]
        before = self._probabilities(self.clean)
        after = np.tile(before[None], (len(changed), 1))
        for probe, item, logits in self._predicted(asked, changed, tell):
            said = self.clean.copy()
            ids = self.question.target_function.target_ids[item.asked]
            said[item.asked] = _of_tokens(_LOG_PROBABILITY, logits, ids)
            after[probe] = self._probabilities(said)
        drop = np.clip((1.0 + before - after) / 2.0, _CLOSEST, 1.0 - _CLOSEST)
        gain = np.log(drop / (1.0 - drop)) * self.running
        self.scores += np.where(replaced, 1.0, -1.0)[:, :, None] * gain[:, None, :]

    def _check(self, tell: Callable[[], None]) -> None:
        """Stop the probes whose most important units suffice."""
        importance = self._importance()
        pairs: list[tuple[int, int]] = []
        changed: list[Removed | None] = []
        target_function = self.question.target_function
        for output in range(self.running.shape[1]):
            inside = target_function.steps_of(np.array([output]))
            seen = np.flatnonzero(self.visible[:, output])
            kept = self.settings.kept(len(seen))
            for probe in np.flatnonzero(self.running[:, output]).tolist():
                top = np.zeros(len(self.units), bool)
                top[seen[np.argsort(-importance[probe, seen, output], kind="stable")[:kept]]] = True
                gone = (top if self.settings.invert_keep else ~top) & self.visible[:, output]
                item = self._replaced(gone, self.checks[output])
                pairs.append((probe, output))
                changed.append(None if item is None else _only(item, inside, self.question))
        ranks = np.tile(self.ranks, (len(pairs), 1))
        for index, item, logits in self._predicted(range(len(pairs)), changed, tell):
            ranks[index, item.asked] = _of_tokens(Rank(), logits, target_function.target_ids[item.asked])
        for (probe, output), found in zip(pairs, ranks, strict=True):
            reached = found[target_function.steps_of(np.array([output]))] <= self.settings.stopping_condition_top_k
            self.stopped[probe, output] = reached.all()
        self.running &= ~self.stopped

    def _replaced(self, gone: BoolArray, rng: np.random.Generator) -> Removed | None:
        """The question with fresh draws in place of some units."""
        row = self.question.row(target_function=None)
        source = self.units.positions_removed(~gone, "source")
        target = self.units.positions_removed(~gone, "target")
        if len(source) and row.source_ids is not None:
            row = evolve(row, source_ids=with_ids(row.source_ids, source, self.candidates["source"].draw(source, rng)))
        if len(target):
            row = evolve(row, target_ids=with_ids(row.target_ids, target, self.candidates["target"].draw(target, rng)))
        return in_place(self.question, row)

    def _predicted(
        self, indices: Sequence[int], items: Sequence[Removed | None], tell: Callable[[], None]
    ) -> Iterator[tuple[int, Removed, Array]]:
        wanted = [(index, item) for index in indices if (item := items[index]) is not None and len(item.asked)]
        rows: list[Row] = [item.row for _, item in wanted]
        self.forwards += len(rows)
        answers = self.model.predict(rows, chunk=self.settings.internal_batch_size)
        for (index, item), said in zip(wanted, answers, strict=True):
            yield index, item, said.logits
            tell()

    def _probabilities(self, log_probabilities: FloatArray) -> FloatArray:
        """Probability of each output's target from those of the steps. ``(G,)`` to ``(outputs,)``."""
        asked = self.question.target_function
        probabilities: FloatArray = np.exp(np.asarray(asked.grouped(asked.weighed(log_probabilities))))
        return probabilities


def _only(item: Removed, steps: IntArray, question: Question) -> Removed | None:
    """The same row, read at some of the question's steps."""
    asked = np.intersect1d(item.asked, steps)
    if not len(asked):
        return None
    return evolve(item, row=evolve(item.row, steps=question.steps[asked]), asked=asked, read=np.arange(len(asked)))


def _of_tokens(function: StepFunction, logits: Array, ids: IntArray) -> FloatArray:
    """What a step function makes of each target."""
    values = TargetFunction(function=function, target_ids=ids).step_values(logits)
    return np.array(to_numpy(values), dtype=np.float64)
