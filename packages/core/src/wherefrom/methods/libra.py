"""LibraGrad: gradients that add up, by pruning and scaling the backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import field, frozen

from wherefrom.adapters.gradient_rules import FollowsGradientRules, GradientRules
from wherefrom.methods._ruled import ruled_scores
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.settings import counting

RULES = GradientRules(hold_norms=True, hold_weights=True, hold_activations=True, gate_share=0.5)
"""Norms, attention weights and activations held, gates shared by halves."""


@method(
    "libra",
    needs=(FollowsGradientRules,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class Libra(Method[FollowsGradientRules]):
    """Input times gradient, with every operation of a transformer made to pass on exactly what it was given.

    Norms are held at their statistics and attention at its weights; an activation passes back ``g(z) / z`` instead of
    its derivative; a gated product passes half to each factor. Then ``Σ x · ∂f/∂x = f`` for the logit of a model
    without biases; biases keep their part.

    ``x · ∂f/∂x``, shape ``(inputs, steps, width)``, in units of the score. Signed. One forward pass for all steps, one
    batched backward pass per step.

    Good for: pretrained models at the price of a gradient; scores of a logit add up. Fails: attention is followed,
    not explained: why a token was attended to (queries and keys) is not seen.

    Source:
        Mehri, Baghshah & Pilehvar (2024), https://arxiv.org/abs/2411.16760.
    """

    baseline: Any = None
    """What is compared with: a name, ids or embeddings, see `methods.paths.baselines`; None: nothing, the embedding
    itself is the factor."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Rows run at once; None lets the model's adapter choose."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1, backwards=question.target_function.outputs)

    def attribute(
        self, model: FollowsGradientRules, questions: Sequence[Question], progress: Progress
    ) -> Iterator[Scores]:
        """One forward pass per question, one backward row per output."""
        return ruled_scores(
            model, questions, progress, rules=RULES, baseline=self.baseline, chunk=self.internal_batch_size
        )
