"""The names under which functions written for inseq look for logits.

A function that reads ``args.attribution_model.output2logits(args.forward_output)`` and ``args.target_ids``
works as it is: steps stand where inseq had the batch.
"""

from __future__ import annotations

from typing import NoReturn

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.errors import UnknownAttributeError


@frozen(kw_only=True, eq=False)
class ForwardOutput:
    """What a forward pass returned, seen from its last position alone."""

    logits: Array
    """Shape ``(steps, 1, vocabulary)``: the one position is the one that predicts the step."""


@frozen
class LogitsReader:
    """Stands where inseq passed its model, and knows the one thing functions ask of it."""

    def output2logits(self, output: ForwardOutput) -> Array:
        """Logits of the last position, shape ``(steps, vocabulary)``."""
        return output.logits[:, -1, :]

    def __getattr__(self, name: str) -> NoReturn:
        """Say what to ask instead."""
        raise UnknownAttributeError(
            f"attribution_model.{name}: a step function gets no model here, only the model's output2logits. Read "
            "input_ids, input_embeddings, attention_mask and hidden_states of the prediction, or run the function as "
            "it is with: import wherefrom.inseq as inseq"
        )
