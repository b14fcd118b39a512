"""Derivatives that are there: a value without one, or an operation without one, is an error and no silent zero."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters.inside import Inside
from wherefrom.adapters.row_function import RowFunction
from wherefrom.errors import ModelCapabilityError, SettingsError

from wherefrom_hf.running.few_bits import refuse_flat_layers
from wherefrom_hf.running.filtered import SharedFilter

_MISSING = SharedFilter("error", ".*autograd kernel was not registered.*")


def differentiable_values(target_function: RowFunction, logits: Tensor, inside: Inside | None = None) -> Tensor:
    """Values of a target function's steps, shape ``(G,)``, in the graph of ``logits``.

    Raises:
        SettingsError: They are in no graph: the function detaches what it reads, or computes outside of the framework.
    """
    values = target_function.step_values(logits, inside)
    if logits.requires_grad and not (isinstance(values, Tensor) and values.requires_grad):
        raise SettingsError(
            "The target function has no gradient: its value does not require grad. Leave detach(), item() "
            "and numpy() out of it, or use a method without gradients: occlusion, lime."
        )
    return values


@contextmanager
def true_derivatives(module: PreTrainedModel) -> Iterator[None]:
    """Within the block, an operation that PyTorch has no derivative of is an error instead of its warning.

    Raises:
        ModelCapabilityError: The model has one, such as the kernels of 4-bit weights on the host, or layers that round
            what they are given.
    """
    with _MISSING:
        try:
            refuse_flat_layers(module)
            yield
        except UserWarning as warning:
            if "autograd kernel was not registered" not in str(warning):
                raise
            raise ModelCapabilityError(
                f"{type(module).__name__} runs an operation that has no derivative, so its gradients would be wrong "
                f"({str(warning).split(':')[0]}). Load the weights in 8 bits or unquantised, or use a method without "
                "gradients: occlusion, kernel_shap, attention."
            ) from warning
