"""DeepLIFT at a layer's answer instead of the input embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from attrs import field, frozen

from wherefrom.adapters.rescale import GivesRescale
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.deeplift import DeepLift, shares_of_change
from wherefrom.methods.paths.baselines import DEFAULT
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.settings import counting


@method(
    "layer_deeplift",
    needs=(GivesRescale,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class LayerDeepLift(Method[GivesRescale]):
    """DeepLIFT's multipliers at a layer, times the change of its answer from the baseline pass.

    Shape ``(inputs, steps, width of the layer)``, in units of the score. Signed. Complete where everything
    flows through the layer (a whole block), a part of the change where something flows around it.

    Good for: the share of one layer at the price of two passes. Fails: as `DeepLift` does.

    Source:
        Shrikumar, Greenside & Kundaje (2017), https://arxiv.org/abs/1704.02685, at a layer as in captum.
    """

    former_names: ClassVar[dict[str, str]] = {"baselines": "baseline"}

    target_layer: Any = None
    """Name of a part of the model, such as ``model.layers[0]``, or the part itself; None: the input
    embeddings."""
    baseline: Any = DEFAULT
    """What is compared with: a name, ids or embeddings; see `methods.paths.baselines`."""
    multiply_by_inputs: bool = True
    """Multiply by the change of the layer's answer; without it the multipliers are given."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Rows run at once, each with its baseline; None lets the model's adapter choose."""
    return_convergence_delta: bool = False
    """Add the step score ``deltas``: ``Σ shares − (f(x) − f(b))``."""

    def cost(self, question: Question) -> Cost:
        """The row and its baseline."""
        return Cost(forwards=2, backwards=question.target_function.outputs)

    def attribute(self, model: GivesRescale, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """Two forward passes per question, one backward row per output."""
        if self.target_layer is None:
            yield from DeepLift(
                baseline=self.baseline,
                multiply_by_inputs=self.multiply_by_inputs,
                internal_batch_size=self.internal_batch_size,
                return_convergence_delta=self.return_convergence_delta,
            ).attribute(model, questions, progress)
            return
        yield from shares_of_change(self, model, questions, progress, layer=self.target_layer)
