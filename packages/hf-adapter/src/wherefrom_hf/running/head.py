"""The cut between a model's body and its output layer.

Only the logits that are read are computed, and the gradient of all steps with respect to the states in front of the
output layer costs one backward pass through it, because each step's value depends on its own state alone. Both come
from one hook on the output layer's input; what follows the layer (bias, capping, scaling) stays in the model's hands.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.errors import ModelCapabilityError, WherefromWarning

from wherefrom_hf.running.as_built import was_watched

WATCHED = (
    "A hook of yours on the output layer, or on the model itself, sees only the positions that are read, side by side: "
    "scores are wrong where it is meant for one place of the sequence. Put it on a part in front of the output layer. "
    "A hook that does not mind says so by an attribute: takes_pieces = True."
)


class HeadCut:
    """What passes the cut during one forward pass."""

    def __init__(self, rows: Tensor, positions: Tensor, *, detach: bool) -> None:
        self._rows = rows
        self._positions = positions
        self._detach = detach
        self._states: Tensor | None = None
        self._picked: Tensor | None = None

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self._states = one_per_position(inputs[0])
        picked = self._states[self._rows, self._positions]
        if self._detach:
            picked = picked.detach().requires_grad_()
        self._picked = picked
        return (picked.unsqueeze(0), *inputs[1:])

    @property
    def states(self) -> Tensor:
        """States of all positions before the output layer, shape ``(rows, length, width)``, in the body's graph."""
        assert self._states is not None
        return self._states

    @property
    def picked(self) -> Tensor:
        """The states that are read, shape ``(reads, width)``; the head's own leaf when detached."""
        assert self._picked is not None
        return self._picked


def one_per_position(states: Tensor) -> Tensor:
    """``states`` of shape ``(rows, length, width)``, as the output layer reads them.

    Raises:
        ModelCapabilityError: It reads several per position.
    """
    if states.ndim != 3:
        raise ModelCapabilityError(
            f"The output layer reads states of shape {tuple(states.shape)}; expected (rows, length, width), "
            "one state per position. Models that predict several tokens at once (ProphetNet) cannot be read."
        )
    return states


def output_layer(module: PreTrainedModel) -> nn.Module:
    """The module that turns states into logits: the one that the model names, or where that turns ids into
    embeddings, the linear layer as large as it.

    Raises:
        ModelCapabilityError: The model has none.
    """
    head = module.get_output_embeddings()
    if isinstance(head, nn.Embedding):
        alike = [
            part for part in module.modules() if isinstance(part, nn.Linear) and part.weight.shape == head.weight.shape
        ]
        head = alike[0] if len(alike) == 1 else None
    if not isinstance(head, nn.Module):
        raise ModelCapabilityError(
            f"{type(module).__name__} names no output layer (get_output_embeddings() is None), so its predictions "
            "cannot be read. Load it with a language-modelling head (AutoModelForCausalLM, AutoModelForSeq2SeqLM)."
        )
    return head


@contextmanager
def cut_at_head(module: PreTrainedModel, rows: Tensor, positions: Tensor, *, detach: bool) -> Iterator[HeadCut]:
    """Within the block, ``module`` computes logits at the given (row, position) pairs only.

    They come as ``(1, reads, vocabulary)``.

    Args:
        detach: Start a new graph at the output layer, so that it can be differentiated apart from the body.

    Raises:
        ModelCapabilityError: The model has no output layer of its own, or one that reads several states per position.
    """
    head = output_layer(module)
    if was_watched(module, head) or was_watched(module, module):
        warnings.warn(WATCHED, WherefromWarning, stacklevel=2)
    cut = HeadCut(rows, positions, detach=detach)
    handle = head.register_forward_pre_hook(cut)
    try:
        yield cut
    finally:
        handle.remove()


def reads(steps: list[Tensor], offset: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(row, position) of the state that predicts each step; ``offset`` is the position the running pass begins at."""
    rows = torch.cat([torch.full((len(s),), i, dtype=torch.long) for i, s in enumerate(steps)])
    positions = torch.cat(steps) - 1 - offset
    return rows.to(device), positions.to(device)
