"""Activation times gradient at a layer: its answers take the place of the input embeddings.

Scores still belong to tokens: the layer answers one vector per position, and its channels take the place of the
embedding's. Without a ``target_layer`` or a ``depth`` the method is its parent at the input embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen, validators

from wherefrom.adapters import GivesGradients, LayeredModel, Side
from wherefrom.adapters.layers import Depth, GivesLayers, LayerGradients, LayerStates
from wherefrom.arrays import Array
from wherefrom.errors import SettingsError
from wherefrom.methods.contract import L2_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.input_x_gradient import InputXGradient
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.methods.output_by_output import output_by_output, times
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.settings import counting


@method(
    "layer_gradient_x_activation",
    needs=(GivesGradients, GivesLayers),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=L2_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class LayerGradientXActivation(Method[LayeredModel]):
    """A layer's answer times the gradient of the score with respect to it.

    ``a · d f / d a``, shape ``(inputs, steps, width of the layer)``, in units of the score. Signed.

    Good for: a first look at where inside the model a token matters; half way up (``depth=0.5``), the states still
    stand for their tokens and the path to the score is half as long, so that gradients are less rough than at the
    embeddings. Fails: saturation, as input × gradient does; what flows around a layer through residual connections is
    not seen; behind the last block only the predicting position is left.

    Source:
        Shrikumar, Greenside, Shcherbina & Kundaje (2016), https://arxiv.org/abs/1605.01713, at a layer as in
        captum.
    """

    target_layer: Any = None
    """Name of a part of the model, such as ``transformer.h[0].mlp``, or the part itself; None: the input
    embeddings."""
    depth: float | None = field(default=None, validator=validators.optional([validators.gt(0.0), validators.le(1.0)]))
    """Instead of a layer, the states behind this share of the model's blocks: 0.5 half way, in encoder and decoder
    alike. Where the target is not attributed, the decoder is differentiated from its embeddings on."""
    multiply_by_inputs: bool = True
    """Multiply by the layer's answer; without it the gradient is given."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Rows run at once; None lets the model's adapter choose."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1, backwards=question.target_function.outputs)

    def attribute(self, model: LayeredModel, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """One forward pass per question, one backward row per output."""
        if self.target_layer is not None and self.depth is not None:
            raise SettingsError("target_layer and depth both say where to look. Give one of them.")
        if self.target_layer is None and self.depth is None:
            if not self.multiply_by_inputs:
                raise SettingsError(
                    "multiply_by_inputs=False at the input embeddings is saliency with abs=False; use that."
                )
            yield from InputXGradient().attribute(model, questions, progress)
            return
        rows = [question.row(scores=True) for question in questions]
        layer = self.target_layer if self.depth is None else Depth(share=self.depth, sides=_sides(questions))
        answers = model.layer_gradients(rows, layer=layer, chunk=self.internal_batch_size)
        yield from one_answer_at_a_time(questions, answers, self._scores, "attribute", progress)

    def _scores(self, question: Question, answer: LayerGradients) -> Scores:
        factors = answer.states if self.multiply_by_inputs else None
        return weighed(question, {"source": answer.source, "target": answer.target}, factors, answer.scores)


def _sides(questions: Sequence[Question]) -> tuple[Side, ...]:
    """The sides that are attributed, of all questions of a call."""
    target = any(question.attribute_target or question.source_ids is None for question in questions)
    return ("source", "target") if target else ("source",)


def weighed(
    question: Question,
    gradients: Mapping[Side, Array | Sequence[Array] | None],
    factors: LayerStates | None,
    step_scores: Mapping[str, Array],
) -> Scores:
    """Gradients ``(outputs, inputs, width)`` of both sides, times factors ``(inputs, width)``, as scores."""
    of_source, of_target = (None, None) if factors is None else (factors.source, factors.target)
    source = output_by_output(gradients.get("source"), times(of_source))
    target = output_by_output(gradients.get("target"), times(of_target), len(question.target_ids))
    return Scores(source=source, target=target, step_scores=step_scores, new=True)
