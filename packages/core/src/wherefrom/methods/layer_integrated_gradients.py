"""Integrated gradients of a layer's answer instead of the input embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from attrs import evolve, field, frozen

from wherefrom.adapters import GivesGradients, LayeredModel, Side
from wherefrom.adapters.layers import GivesLayers, LayerGradients, LayerStates
from wherefrom.arrays import Array, to_numpy
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.deeplift import baseline_row
from wherefrom.methods.integrated_gradients import IntegratedGradients
from wherefrom.methods.layer_gradient_x_activation import weighed
from wherefrom.methods.output_by_output import add_gradients, totals
from wherefrom.methods.paths.baselines import DEFAULT
from wherefrom.methods.paths.quadrature import quadrature
from wherefrom.progress import Progress, counted, each_told
from wherefrom.questions.question import Question
from wherefrom.settings import counting


@method(
    "layer_integrated_gradients",
    needs=(GivesGradients, GivesLayers),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class LayerIntegratedGradients(Method[LayeredModel]):
    """Integrated gradients along the straight path of a layer's answer, from what it is at the baseline
    input.

    ``(a − a_b) · ∫₀¹ d f / d a (a_b + α (a − a_b)) dα`` while all that flows around the layer stays as in the
    real pass. Shape ``(inputs, steps, width of the layer)``, in units of the score. Signed; the shares of a
    step sum to ``f(layer answers a) − f(layer answers a_b)``.

    Good for: the share of one layer, with completeness. Fails: with a residual connection around the layer
    that sum is not ``f(x) − f(b)``.

    Source:
        Sundararajan, Taly & Yan (2017), https://arxiv.org/abs/1703.01365, at a layer as in captum.
    """

    former_names: ClassVar[dict[str, str]] = {"method": "quadrature", "baselines": "baseline"}

    target_layer: Any = None
    """Name of a part of the model, such as ``encoder.layers[1]``, or the part itself; None: the input
    embeddings."""
    n_steps: int = field(default=50, validator=counting(1))
    """Points of the path."""
    quadrature: str = "gausslegendre"
    """Rule of the integral; see `wherefrom.methods.paths.quadrature`."""
    baseline: Any = DEFAULT
    """The input whose answers the path begins at: a name, ids or embeddings; see `methods.paths.baselines`."""
    multiply_by_inputs: bool = True
    """Multiply the averaged gradient by ``a − a_b``."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Points run at once; None lets the model's adapter choose."""
    return_convergence_delta: bool = False
    """Add the step score ``deltas``: ``Σ shares − (f(layer answers a) − f(layer answers a_b))``."""

    def cost(self, question: Question) -> Cost:
        if self.target_layer is None:
            return self._at_embeddings().cost(question)
        outputs = question.target_function.outputs
        ends = 2 if self.return_convergence_delta else 0
        scores = 1 if question.scores or self.return_convergence_delta else 0
        points = self.n_steps + ends
        return Cost(forwards=points + 2 + scores, backwards=points * outputs)

    def cost_on(self, model: LayeredModel, question: Question) -> Cost:
        return self._at_embeddings().cost_on(model, question) if self.target_layer is None else self.cost(question)

    def attribute(self, model: LayeredModel, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """``n_steps + 2`` forward passes per question, ``n_steps`` backward rows per output."""
        if self.target_layer is None:
            yield from self._at_embeddings().attribute(model, questions, progress)
            return
        work = (self._one(model, question, progress) for question in questions)
        yield from counted(work, "attribute", len(questions), progress)

    def _at_embeddings(self) -> IntegratedGradients:
        """The same at the input embeddings."""
        return IntegratedGradients(
            n_steps=self.n_steps,
            quadrature=self.quadrature,
            baseline=self.baseline,
            multiply_by_inputs=self.multiply_by_inputs,
            internal_batch_size=self.internal_batch_size,
            return_convergence_delta=self.return_convergence_delta,
        )

    def _one(self, model: GivesLayers, question: Question, progress: Progress) -> Scores:
        clean, base = model.layer_states(
            [question.row(), baseline_row(model, question, self.baseline)],
            layer=self.target_layer,
            chunk=self.internal_batch_size,
        )
        change = LayerStates(
            source=None if clean.source is None else clean.source - base.source,
            target=None if clean.target is None else clean.target - base.target,
        )
        rule = quadrature(self.quadrature, self.n_steps)
        sums: dict[Side, list[Array]] = {}
        weights = iter(rule.weights.tolist())
        tell = each_told("points", self.n_steps, progress)
        for answer in self._at(model, question, base, change, rule.points):
            weight = next(weights)
            sides: dict[Side, Array | None] = {"source": answer.source, "target": answer.target}
            for side, gradients in sides.items():
                if gradients is not None:
                    sums[side] = add_gradients(sums.get(side), gradients, weight)
            del answer, sides, gradients  # as large as the scores, and the next ones are about to be made
            tell()
        scores = weighed(question, sums, change if self.multiply_by_inputs else None, {})
        if not (question.scores or self.return_convergence_delta):
            return scores
        step_scores: dict[str, Array] = {}
        for prediction in model.predict([question.row(scores=True)], chunk=self.internal_batch_size):
            step_scores.update(prediction.scores)
        if self.return_convergence_delta:
            at_base, at_input = self._at(model, question, base, change, [0.0, 1.0])
            total = sum(totals(averaged, getattr(change, side)) for side, averaged in sums.items())
            step_scores["deltas"] = total - (to_numpy(at_input.values) - to_numpy(at_base.values))
        return evolve(scores, step_scores=step_scores)

    def _at(
        self,
        model: GivesLayers,
        question: Question,
        base: LayerStates,
        change: LayerStates,
        points: Iterable[float],
    ) -> Iterator[LayerGradients]:
        points = [float(point) for point in points]
        states = (
            LayerStates(
                source=_between(base.source, change.source, point),
                target=_between(base.target, change.target, point),
            )
            for point in points
        )
        rows = (question.row() for _ in points)
        return model.layer_gradients(rows, layer=self.target_layer, states=states, chunk=self.internal_batch_size)


def _between(base: Array | None, change: Array | None, fraction: float) -> Array | None:
    return None if base is None or change is None else base + fraction * change
