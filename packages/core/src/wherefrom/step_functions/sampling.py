"""Stochastic passes: what an adapter must be able to do for functions that look at the model's own doubt."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from wherefrom.arrays import Array
from wherefrom.errors import ModelCapabilityError, WherefromWarning
from wherefrom.step_functions.base import StepPrediction, log_softmax

if TYPE_CHECKING:
    from wherefrom.adapters import Row


@runtime_checkable
class Samples(Protocol):
    """Can answer with its dropout switched on."""

    def sample(self, rows: Iterable[Row], *, passes: int, seed: int) -> Iterator[Array]:
        """Logits of ``passes`` stochastic forward passes of each row, in order.

        The same seed gives the same numbers for a row, whatever ran before or beside it, and the caller's random
        state is left alone. The model is back in evaluation mode whenever somebody else may see it, also after an
        error.

        Yields:
            Shape ``(passes, steps, vocabulary)`` for each row.
        """
        ...


@runtime_checkable
class AsksForPasses(Protocol):
    """A sampled step function that says how many stochastic passes it wants."""

    @property
    def passes(self) -> int: ...


DEFAULT_PASSES = 5
"""Passes of sampled step functions that do not say."""


def sampled_at_target(prediction: StepPrediction, *, logprob: bool, identifier: str) -> Array:
    """Probability, or log-probability, of the token in each stochastic pass. Shape ``(passes, steps)``.

    Warns:
        WherefromWarning: All passes say the same: the model has no dropout.

    Raises:
        ModelCapabilityError: No stochastic passes were made.
    """
    if prediction.samples is None:
        raise ModelCapabilityError(
            f"{identifier} needs stochastic passes of the model, and none were made. "
            "Use it as a step score of a model whose adapter can sample with dropout."
        )
    xp = prediction.xp
    log_probabilities = log_softmax(prediction.samples)
    ids = xp.broadcast_to(prediction.target_ids[None, :, None], (*log_probabilities.shape[:2], 1))
    values = xp.take_along_axis(log_probabilities, ids, axis=-1)[..., 0]
    if len(values) > 1 and bool(xp.all(values == values[:1])):
        warnings.warn(
            f"{identifier}: all {len(values)} passes with dropout give the same numbers. The model has no dropout, or "
            "its configuration sets it to 0: this score then says nothing about the model's doubt.",
            WherefromWarning,
            stacklevel=2,
        )
    return values if logprob else xp.exp(values)
