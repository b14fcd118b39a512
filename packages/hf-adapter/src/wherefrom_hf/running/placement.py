"""Moving a module to another device: all of it, or nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.errors import ModelLoadError, SettingsError


def parse_device(device: str | torch.device) -> torch.device:
    """A device by name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        SettingsError: It is no device that weights can be computed on.
    """
    try:
        parsed = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise SettingsError(f"No device is called {device!r}. Use 'cpu', 'cuda', 'cuda:0' or 'mps'.") from error
    if parsed.type == "meta":
        raise SettingsError("On device 'meta' weights have no values. Use 'cpu', 'cuda', 'cuda:0' or 'mps'.")
    return parsed


def pinned(module: PreTrainedModel) -> bool:
    """Is the module one that must stay where it is: quantised, or spread over devices by ``device_map``?"""
    return getattr(module, "hf_device_map", None) is not None or quantised(module)


def quantised(module: PreTrainedModel) -> bool:
    """Are the weights kept in fewer bits than they are computed with? Transformers marks such models."""
    return bool(getattr(module, "is_quantized", False))


def move(module: PreTrainedModel, device: torch.device) -> None:
    """Move parameters, their gradients and buffers to ``device``; out of memory half way, everything is put back.

    Raises:
        ModelLoadError: It cannot be moved there; it is where it was.
    """
    before = _placed(module)
    try:
        module.to(device)  # type: ignore[arg-type]
    except (RuntimeError, AssertionError) as error:
        _put_back(before)
        raise ModelLoadError(f"The model cannot be moved to {str(device)!r}: {error}. Try device='cpu'.") from error


_Placed = tuple[dict[str, Any], str, Tensor, Tensor, Tensor | None]


def _placed(module: nn.Module) -> list[_Placed]:
    """Every tensor of a module: whose it is, its name, itself, its values and its gradient."""
    tables: list[dict[str, Any]] = []
    for part in module.modules():
        tables += [part._parameters, part._buffers]
    return [
        (table, name, tensor, tensor.data, tensor.grad if tensor.is_leaf else None)
        for table in tables
        for name, tensor in table.items()
        if tensor is not None
    ]


def _put_back(placed: list[_Placed]) -> None:
    for table, name, tensor, values, grad in placed:
        table[name] = tensor
        if tensor.data_ptr() != values.data_ptr() or tensor.device != values.device:
            tensor.data = values
        if tensor.is_leaf and tensor.grad is not grad:
            tensor.grad = grad
