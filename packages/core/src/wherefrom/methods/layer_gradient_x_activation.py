"""Activation times gradient at a layer: its answers take the place of the input embeddings.

Scores still belong to tokens: the layer answers one vector per position, and its channels take the place of the
embedding's. Without a ``target_layer`` the method is its parent at the input embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from attrs import field, frozen, validators

from wherefrom.adapters import GivesGradients
from wherefrom.adapters.layers import GivesLayers, LayerStates
from wherefrom.arrays import Array
from wherefrom.errors import SettingsError
from wherefrom.methods.contract import L2_THEN_NORMALIZE, Scores, inputs_first, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.deeplift import at_all_positions
from wherefrom.methods.input_x_gradient import InputXGradient
from wherefrom.progress import Progress, counted
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage


@method
@frozen(kw_only=True)
class LayerGradientXActivation:
    """A layer's answer times the gradient of the score with respect to it.

    ``a · d f / d a``, shape ``(inputs, steps, width of the layer)``, in units of the score. Signed.

    Good for: a first look at where inside the model a token matters. Fails: saturation, as input × gradient
    does; what flows around the layer through residual connections is not seen.

    Source:
        Shrikumar, Greenside, Shcherbina & Kundaje (2016), https://arxiv.org/abs/1605.01713, at a layer as in
        captum.
    """

    identifier: ClassVar[str] = "layer_gradient_x_activation"
    dimensions: ClassVar[tuple[str, ...]] = ("width",)
    aggregation: ClassVar[tuple[Stage, ...]] = L2_THEN_NORMALIZE
    signed: ClassVar[bool] = True
    needs: ClassVar[tuple[type, ...]] = (GivesGradients, GivesLayers)
    uses_target_function: ClassVar[bool] = True
    differentiates: ClassVar[bool] = True

    target_layer: Any = None
    """Name of a part of the model, such as ``transformer.h[0].mlp``, or the part itself; None: the input
    embeddings."""
    multiply_by_inputs: bool = True
    """Multiply by the layer's answer; without it the gradient is given."""
    internal_batch_size: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """Rows run at once; None lets the model's adapter choose."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1, backwards=question.target_function.outputs)

    def attribute(self, model: Any, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """One forward pass per question, one backward row per output."""
        if self.target_layer is None and self.multiply_by_inputs:
            yield from InputXGradient().attribute(model, questions, progress)
            return
        if self.target_layer is None:
            raise SettingsError(
                "multiply_by_inputs=False at the input embeddings is saliency with abs=False; use that."
            )
        rows = [question.row(scores=True) for question in questions]
        answers = model.layer_gradients(rows, layer=self.target_layer, chunk=self.internal_batch_size)
        for question, answer in counted(zip(questions, answers, strict=True), "attribute", len(rows), progress):
            factors = answer.states if self.multiply_by_inputs else None
            yield weighed(question, {"source": answer.source, "target": answer.target}, factors, answer.scores)


def weighed(
    question: Question, slopes: dict[str, Array | None] | dict[str, Array], factors: LayerStates | None, scores: Any
) -> Scores:
    """Gradients ``(outputs, inputs, width)`` of both sides, times factors ``(inputs, width)``, as scores."""
    sides: dict[str, Array | None] = {"source": None, "target": None}
    for side, gradient in slopes.items():
        share: Array = inputs_first(gradient)
        if share is None:
            continue
        if factors is not None:
            share = share * getattr(factors, side)[:, None, :]
        length = len(question.target_ids) if side == "target" else share.shape[0]
        sides[side] = at_all_positions(share, length)
    return Scores(source=sides["source"], target=sides["target"], step_scores=scores)
