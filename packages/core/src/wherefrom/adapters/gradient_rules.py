"""What methods with rules of their own for the way back ask of a model: the same pass, differentiated otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from attrs import field, frozen, validators

from wherefrom.adapters.embedding import Embeds
from wherefrom.adapters.gradients import RowGradients
from wherefrom.adapters.predicting import PredictsSteps
from wherefrom.adapters.rows import Row

TEMPERATURE = [validators.ge(0.001), validators.le(1000.0)]
"""Validators of a softmax's temperature: beyond, its slope is that of no softmax, or no number in half precision."""
_SHARE = [validators.ge(0.0), validators.le(1.0)]


@frozen(kw_only=True)
class GradientRules:
    """Which operations pass back something else than their derivative. Values stay; each rule stands alone.

    To hold something is to treat it as a constant; a share is what of a gradient is passed back. As it comes nothing
    is changed, and the answer is the gradient.
    """

    hold_norms: bool = False
    """RMS and layer norms: ``x · held(1 / σ)``; that a layer norm takes off the mean stays."""
    hold_weights: bool = False
    """Attention weights, and every other softmax."""
    softmax_temperature: float = field(default=1.0, validator=TEMPERATURE)
    """The derivative of a softmax is taken at its scores over this."""
    query_key_share: float = field(default=1.0, validator=_SHARE)
    """Into queries and into keys, each, of their product's gradient."""
    value_share: float = field(default=1.0, validator=_SHARE)
    """Into the values, of the gradient of attention's result."""
    hold_activations: bool = False
    """Functions of one number: ``z · held(g(z) / z)`` where ``g(0) = 0``; others (a sigmoid that gates) are held."""
    gate_share: float = field(default=1.0, validator=_SHARE)
    """Into each factor of a product of two vectors, element by element, that both depend on the input."""

    @property
    def plain(self) -> bool:
        """Is nothing changed?"""
        return self == GradientRules()


@runtime_checkable
class FollowsGradientRules(PredictsSteps, Embeds, Protocol):
    """Can differentiate with rules of custom for norms, attention, activations and gates."""

    def ruled_gradients(
        self, rows: Iterable[Row], *, rules: GradientRules, chunk: int | None = None, target: bool = True
    ) -> Iterator[RowGradients]:
        """One forward pass per row, one backward row per output; answers in order.

        Args:
            rules: What is changed on the way back.
            chunk: Rows at once; None lets the adapter choose.
            target: Are gradients with respect to the target wanted?

        Raises:
            ModelCapabilityError: An operation that a rule is about was not found where it must be.
        """
        ...
