"""Integrated gradients: the gradient averaged along the straight path from a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from attrs import field, frozen, validators

from wherefrom.adapters import GivesGradients, Row, RowGradients
from wherefrom.arrays import Array, BoolArray, FloatArray, IntArray, to_numpy
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.half_precision import half_precision
from wherefrom.methods.output_by_output import add_gradients, output_by_output, times, totals
from wherefrom.methods.output_groups import output_groups
from wherefrom.methods.paths.baselines import DEFAULT, Endpoints, baseline_of_side, endpoints
from wherefrom.methods.paths.quadrature import fejer, quadrature
from wherefrom.progress import Progress, counted, each_told
from wherefrom.questions.question import Question
from wherefrom.settings import counting

FIRST_POINTS = 7
PATIENCE = 31
"""Points from which on a gap that has not halved is taken for one that will not fall."""
ROUNDINGS = 4
"""So many distances between half-precision numbers of the score's size are taken for its rounding: it comes from many
rounded numbers."""
SMALLEST_DIFFERENCE = 1e-4
"""Completeness gaps are measured against the score's change along the path, or this part of the score itself where
there is next to no change."""


@method(
    "integrated_gradients",
    needs=(GivesGradients,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class IntegratedGradients(Method[GivesGradients]):
    """Each embedding's share of the score's change from the baseline to the input.

    ``(x − b) · ∫₀¹ d f / d x (b + α (x − b)) dα``, shape ``(inputs, steps, width)``, in units of the score. Signed, and
    complete: the shares of one step sum to ``f(x) − f(b)`` up to the error of the quadrature.

    Source and target move together along one path. In a causal model a step cannot see what comes after it, so the
    whole sequence is interpolated once and every step reads the same passes.

    Good for: scores that add up. Fails: the path runs through embeddings that are no words, and the answer depends on
    the baseline: try more than one.

    Source:
        Sundararajan, Taly & Yan (2017), https://arxiv.org/abs/1703.01365.
    """

    former_names: ClassVar[dict[str, str]] = {"method": "quadrature", "baselines": "baseline"}

    n_steps: int | Literal["auto"] = field(default="auto", validator=counting(1, auto=True))
    """Points of the path. ``"auto"`` refines a nested open rule (7, 15, 31, 63 points), step by step, until the
    completeness gap of the step is within ``tolerance``, until it no longer falls (from 31 points on), until the
    rounding of half precision explains it twice in a row, or to ``max_points``; a number takes exactly so many."""
    tolerance: float = field(default=0.01, validator=validators.gt(0))
    """Largest accepted ``|Σ shares − (f(x) − f(b))| / |f(x) − f(b)|`` with ``n_steps="auto"``."""
    max_points: int = field(default=64, validator=counting(1))
    """Budget of ``n_steps="auto"``."""
    quadrature: str = "gausslegendre"
    """Rule for a fixed number of points: ``gausslegendre``, ``fejer``, ``clenshaw_curtis``, ``riemann_left``,
    ``riemann_right``, ``riemann_middle``, ``riemann_trapezoid``."""
    baseline: Any = DEFAULT
    """Where the path begins: a name, ids or embeddings; see `methods.paths.baselines`."""
    multiply_by_inputs: bool = True
    """Multiply the averaged gradient by ``x − b``; without it the scores are sensitivities and do not sum up."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Points run at once; None lets the model's adapter choose."""
    return_convergence_delta: bool = False
    """Add the step score ``deltas``: ``Σ shares − (f(x) − f(b))``."""

    def cost(self, question: Question) -> Cost:
        """With ``n_steps="auto"`` a bound: every output may need all points."""
        return self._cost(question, groups=1)

    def cost_on(self, model: GivesGradients, question: Question) -> Cost:
        """The points are run forward once for each group of outputs that the model's memory takes together."""
        return self._cost(question, groups=len(self._groups(model, question.row())))

    def _cost(self, question: Question, *, groups: int) -> Cost:
        outputs = question.target_function.outputs
        if self.n_steps == "auto":
            return Cost(forwards=2 + groups * self.max_points, backwards=self.max_points * outputs, at_most=True)
        ends = 2 if question.scores or self.return_convergence_delta else 0
        return Cost(forwards=groups * self.n_steps + ends, backwards=self.n_steps * outputs)

    def _groups(self, model: GivesGradients, row: Row) -> list[IntArray]:
        """Outputs that go through the points together. With ``n_steps="auto"`` each nested rule has sums of its own."""
        return output_groups(model, row, copies=len(_nested(self.max_points)) if self.n_steps == "auto" else 1)

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """n forward passes and n backward rows per step and question, n as chosen."""
        yield from counted(
            (self._one(model, question, progress) for question in questions), "attribute", len(questions), progress
        )

    def _one(self, model: GivesGradients, question: Question, progress: Progress) -> Scores:
        path = Path(
            question,
            source=endpoints(model, question, "source", self.baseline),
            target=endpoints(model, question, "target", self.baseline) if question.attribute_target else None,
        )
        if self.n_steps == "auto":
            return self._refined(model, path, progress)
        return self._fixed(model, path, self.n_steps, progress)

    def _fixed(self, model: GivesGradients, path: Path, n: int, progress: Progress) -> Scores:
        rule = quadrature(self.quadrature, n)
        sums: Sums = ()
        groups = self._groups(model, path.row(1.0))
        tell = each_told("points", len(groups) * n, progress)
        for outputs in groups:
            rows = (path.row(float(point), outputs=outputs) for point in rule.points)
            weights = iter(rule.weights.tolist())
            some: Sums = ()
            for answer in model.gradients(rows, chunk=self.internal_batch_size, target=path.target is not None):
                some = _added(some, answer, next(weights))
                del answer  # as large as the sums, and the next one is about to be made
                tell()
            sums = tuple(before + more for before, more in zip(sums, some, strict=True)) if sums else some
            del some
        step_scores: dict[str, Array] = {}
        if self.return_convergence_delta or path.question.scores:
            ends = [path.row(1.0, scores=True), path.row(0.0)]
            clean, base = model.predict(ends, chunk=self.internal_batch_size)
            step_scores.update(clean.scores)
            if self.return_convergence_delta:
                target_function = path.question.target_function
                change = target_function.values(clean.logits, clean.inside) - target_function.values(
                    base.logits, base.inside
                )
                step_scores["deltas"] = path.totals(sums) - to_numpy(change)
        source, target = path.shares(sums, multiply=self.multiply_by_inputs)
        return Scores(source=source, target=target, step_scores=step_scores, details={"points": n}, new=True)

    def _refined(self, model: GivesGradients, path: Path, progress: Progress) -> Scores:
        clean, ends = self._ends(model, path)
        refined = self._refine(model, path, ends, progress)
        source, target = path.shares(refined.sums, multiply=self.multiply_by_inputs)
        step_scores = dict(clean)
        if self.return_convergence_delta:
            step_scores["deltas"] = refined.deltas
        details = {
            "points": refined.points.tolist(),
            "completeness_gap": [_json_number(gap) for gap in refined.gaps],
        }
        return Scores(
            source=source,
            target=target,
            step_scores=step_scores,
            details=details,
            new=True,
            warnings=self._warned(refined, ends, path.question.target_function.function.identifier),
        )

    def _ends(self, model: GivesGradients, path: Path) -> tuple[dict[str, Array], _Ends]:
        """The score at the input and at the baseline, from two forward passes; step scores come with the first."""
        rows = [path.row(1.0, scores=True), path.row(0.0)]
        answers = list(model.predict(rows, chunk=self.internal_batch_size))
        at_input, at_baseline = (
            to_numpy(path.question.target_function.values(answer.logits, answer.inside)).astype(float)
            for answer in answers
        )
        change = at_input - at_baseline
        scale = np.maximum(np.abs(change), SMALLEST_DIFFERENCE * np.maximum(np.abs(at_input), np.abs(at_baseline)))
        narrow, distance = half_precision(model)
        rounding = ROUNDINGS * distance * np.maximum(np.abs(at_input), np.abs(at_baseline))
        return dict(answers[0].scores), _Ends(change, np.maximum(scale, np.finfo(np.float64).tiny), narrow, rounding)

    def _warned(self, refined: _Refined, ends: _Ends, function: str) -> tuple[str, ...]:
        """What there is to say about steps that keep a gap: of those within rounding, then of the others."""
        left = ~(refined.gaps <= self.tolerance)  # not a number counts as left
        rounded = left & (np.abs(refined.deltas) <= ends.rounding)
        warnings = []
        if rounded.any():
            warnings.append(
                f"{self._kept(refined, rounded)}, which the rounding of {ends.narrow} explains: the change of the "
                "score along the path is not known better. Load the model in float32."
            )
        if (left & ~rounded).any():
            points = refined.points[left & ~rounded]
            given_up = bool((points < len(_nested(self.max_points)[-1])).any())
            advice = self._advice(function, given_up=given_up)
            first = f"Load the model in float32 first: it computes in {ends.narrow}. Else t" if ends.narrow else "T"
            warnings.append(
                f"{self._kept(refined, left & ~rounded)}: the score swings along the path. {first}{advice[1:]}"
            )
        return tuple(warnings)

    def _kept(self, refined: _Refined, which: BoolArray) -> str:
        """How many steps keep a gap, and how large a one."""
        gaps = refined.gaps[which]
        largest = "not a number" if np.isnan(gaps).any() else f"largest {gaps.max():.2g}"
        return (
            f"integrated_gradients: {int(which.sum())} of {len(which)} steps keep a completeness gap above "
            f"{self.tolerance:g} after {_from_to(refined.points[which])} points ({largest})"
        )

    def _advice(self, function: str, *, given_up: bool) -> str:
        """The setting most likely to help, given those in force. More ``max_points`` are none for outputs that were
        given up before, as their gaps did not fall."""
        more = 4 * self.max_points
        points = f"n_steps={more}, which gives no step up" if given_up else f"max_points={more}"
        if function == "probability":
            return f"Try another baseline, or {points}."
        ends = [baseline_of_side(self.baseline, side) for side in ("source", "target")]
        mean = any(isinstance(end, str) and end == "mean" for end in ends)
        other = "another baseline" if mean else "baseline='mean'"
        return f"Try attributed_fn='probability' (it swings less), {other}, or {points}."

    def _refine(self, model: GivesGradients, path: Path, ends: _Ends, progress: Progress) -> _Refined:
        """Refine the rule for all outputs until each is within tolerance, or its gap no longer falls.

        What is kept is one weighted sum per rule of the nested sequence, not the gradients at all points.
        """
        rules = _nested(self.max_points)
        groups = self._groups(model, path.row(1.0))
        tell = each_told("points", len(groups) * len(rules[-1]), progress)
        parts = [self._refine_some(model, path, ends, rules, outputs, tell) for outputs in groups]
        return _Refined(
            tuple([one for sums in side for one in sums] for side in zip(*(part.sums for part in parts), strict=True)),
            *(
                np.concatenate(some)
                for some in zip(*((part.points, part.gaps, part.deltas) for part in parts), strict=True)
            ),
        )

    def _refine_some(
        self,
        model: GivesGradients,
        path: Path,
        ends: _Ends,
        rules: list[dict[float, float]],
        outputs: IntArray,
        tell: Callable[[], None],
    ) -> _Refined:
        """Refine the ``rules`` for some outputs."""
        sums: list[Sums] = [()] * len(rules)
        count = path.question.target_function.outputs
        open_outputs = outputs
        done: dict[int, tuple[Array, ...]] = {}
        points, deltas, gaps = np.zeros(count, int), np.zeros(count), np.full(count, np.inf)
        known: set[float] = set()
        for level, rule in enumerate(rules):
            new = [point for point in rule if point not in known]
            known.update(new)
            rows = (path.row(point, outputs=open_outputs) for point in new)
            points_of_answers = iter(new)
            for answer in model.gradients(rows, chunk=self.internal_batch_size, target=path.target is not None):
                point = next(points_of_answers)
                for later in range(level, len(rules)):
                    sums[later] = _added(sums[later], answer, rules[later][point])
                del answer  # as large as the scores
                tell()
            delta = path.totals(sums[level]) - ends.change[open_outputs]
            gap = np.abs(delta) / ends.scale[open_outputs]
            hopeless = (len(rule) >= PATIENCE) & ~(gap <= gaps[open_outputs] / 2)
            if level:  # two rules in a row within rounding: a third could not be seen to be better
                hopeless |= np.maximum(np.abs(delta), np.abs(deltas[open_outputs])) <= ends.rounding[open_outputs]
            points[open_outputs], gaps[open_outputs], deltas[open_outputs] = len(rule), gap, delta
            ended = (gap <= self.tolerance) | hopeless | (level + 1 == len(rules))
            for i in np.flatnonzero(ended):
                done[int(open_outputs[i])] = tuple(part[int(i)] for part in sums[level])
            sums[level] = ()
            if ended.all():
                break
            left = np.flatnonzero(~ended)
            open_outputs = open_outputs[left]
            sums = [tuple([part[i] for i in left] for part in parts) for parts in sums]
        ordered = [done[output] for output in outputs.tolist()]
        parts = tuple(list(part) for part in zip(*ordered, strict=True))
        return _Refined(parts, points[outputs], gaps[outputs], deltas[outputs])


def _nested(max_points: int) -> list[dict[float, float]]:
    """The rules of ``n_steps="auto"``, coarsest first, each as point to weight; each holds the points of those
    before it."""
    counts = [min(FIRST_POINTS, max_points)]
    while 2 * counts[-1] + 1 <= max_points:
        counts.append(2 * counts[-1] + 1)
    return [dict(zip(rule.points.tolist(), rule.weights.tolist(), strict=True)) for rule in map(fejer, counts)]


Sums: TypeAlias = tuple[list[Array], ...]
"""Weighted sums of gradients: for each side that moves and each output, shape ``(inputs, width)``."""


@frozen(eq=False)
class _Ends:
    """What the path has to add up to, per output."""

    change: FloatArray
    """``f(x) − f(b)``."""
    scale: FloatArray
    """What gaps are measured against; positive."""
    narrow: str
    """The half-precision type that the model computes in; empty: a wider one."""
    rounding: FloatArray
    """What its rounding may leave of a gap; 0 in a wider one."""


@frozen(eq=False)
class _Refined:
    sums: Sums
    points: IntArray
    gaps: FloatArray
    deltas: FloatArray


@frozen(eq=False)
class Path:
    """The straight path of one question, source and target moving together. A side that is not attributed stays put."""

    question: Question
    source: Endpoints | None
    target: Endpoints | None

    @property
    def sides(self) -> tuple[Endpoints, ...]:
        """The sides that move, source first."""
        return tuple(side for side in (self.source, self.target) if side is not None)

    def row(self, fraction: float, *, outputs: IntArray | None = None, scores: bool = False) -> Row:
        """The pass at one point of the path; the far end is the input itself."""
        row = self.question.row(
            scores=scores,
            source_embeds=None if self.source is None else self.source.at(fraction),
            target_embeds=None if self.target is None else self.target.at(fraction),
        )
        return row if outputs is None else row.select(outputs, keep_scores=scores)

    def shares(self, sums: Sums, *, multiply: bool) -> tuple[FloatArray | None, FloatArray | None]:
        """Scores ``(inputs, outputs, width)`` of both sides, from averaged gradients, which are let go."""
        made = iter(sums)
        source, target = (
            None
            if side is None
            else output_by_output(next(made), times(side.difference if multiply else None), used_up=True)
            for side in (self.source, self.target)
        )
        return source, target

    def totals(self, sums: Sums) -> FloatArray:
        """Sum of all shares of each output."""
        total: FloatArray = np.zeros(1)
        for side, averaged in zip(self.sides, sums, strict=True):
            total = total + totals(averaged, side.difference)
        return total


def _from_to(points: IntArray) -> str:
    """How many points there are, fewest to most."""
    fewest, most = int(points.min()), int(points.max())
    return str(most) if fewest == most else f"{fewest} to {most}"


def _parts(answer: RowGradients) -> list[Array]:
    return [part for part in (answer.source, answer.target) if part is not None]


def _added(sums: Sums, answer: RowGradients, weight: float) -> Sums:
    """The sums, to which one more gradient was added; empty ones begin with it."""
    parts = _parts(answer)
    before: Sequence[list[Array] | None] = sums or [None] * len(parts)
    return tuple(add_gradients(sum_, part, weight) for sum_, part in zip(before, parts, strict=True))


def _json_number(value: float) -> float | None:
    """Three digits; None for what JSON has no number for."""
    return float(f"{value:.3g}") if np.isfinite(value) else None
