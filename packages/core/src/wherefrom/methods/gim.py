"""Gradient interaction modifications: gradients that do not let what repairs itself hide what matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import field, frozen, validators

from wherefrom.adapters.gradient_rules import TEMPERATURE, FollowsGradientRules, GradientRules
from wherefrom.methods._ruled import ruled_scores
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.settings import counting


@method(
    "gim",
    needs=(FollowsGradientRules,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class Gim(Method[FollowsGradientRules]):
    """Input times gradient, with three changes on the way back through a transformer.

    Norms are held at their statistics; the derivative of the softmax is taken at a higher temperature, so that weights
    which would make up for each other do not hide that all of them matter; and where two things that depend on the
    input are multiplied, the gradient is shared between them: a quarter into queries and keys each, half into values.

    ``x · ∂f/∂x``, shape ``(inputs, steps, width)``, about in units of the score. Signed. One forward pass for all
    steps, one batched backward pass per step.

    Good for: gradients of pretrained models, where several tokens or heads carry the same evidence. Fails: scores do
    not add up to the score; a model whose blocks do not attend is refused.

    Source:
        Edin et al. (2025), https://arxiv.org/abs/2505.17630. The authors' code has since halved the gradient at gates
        too: ``gate_share=0.5``.
    """

    baseline: Any = None
    """What is compared with: a name, ids or embeddings, see `methods.paths.baselines`; None: nothing, the embedding
    itself is the factor."""
    softmax_temperature: float = field(default=2.0, validator=TEMPERATURE)
    """Temperature at which the softmax is differentiated, from 0.001 to 1,000; 1 is its own."""
    query_key_share: float = field(default=0.25, validator=[validators.ge(0.0), validators.le(1.0)])
    """Share of the gradient into queries and into keys."""
    value_share: float = field(default=0.5, validator=[validators.ge(0.0), validators.le(1.0)])
    """Share of the gradient into values."""
    gate_share: float = field(default=1.0, validator=[validators.ge(0.0), validators.le(1.0)])
    """Share of the gradient into each factor of a gated feed-forward layer."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Rows run at once; None lets the model's adapter choose."""

    @property
    def rules(self) -> GradientRules:
        """What is changed on the way back."""
        return GradientRules(
            hold_norms=True,
            softmax_temperature=self.softmax_temperature,
            query_key_share=self.query_key_share,
            value_share=self.value_share,
            gate_share=self.gate_share,
        )

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1, backwards=question.target_function.outputs)

    def attribute(
        self, model: FollowsGradientRules, questions: Sequence[Question], progress: Progress
    ) -> Iterator[Scores]:
        """One forward pass per question, one backward row per output."""
        return ruled_scores(
            model, questions, progress, rules=self.rules, baseline=self.baseline, chunk=self.internal_batch_size
        )
