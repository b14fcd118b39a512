"""Linear layers by oneDNN, on processors where the default products do not use their widest registers.

PyTorch multiplies single-precision matrices on the host by MKL, which leaves the 512-bit registers of other makers'
processors idle; oneDNN, which PyTorch carries too, uses them. On Intel's own, MKL is the quicker of the two. Both
compute in single precision and differ by the order of their sums. Where linear layers are nearly all of the work, this
is most of what a pass costs.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

LEAST_ROWS = 8
"""Rows that a product must have to be worth it: with fewer, reading the weights is the work."""

LEAST_WORK = 2**22
"""Multiplications that a product must have: handing it over takes some 40 microseconds, as long as a fifth of these."""


@torch.library.custom_op("wherefrom_hf::product", mutates_args=(), device_types="cpu")
def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``x @ weight.T + bias``; shapes ``(rows, in)``, ``(out, in)``, ``(out,)``. Weight and bias are constants."""
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return result


def _keep_weight(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1])


def _backward(ctx: Any, output_gradient: Tensor) -> tuple[Tensor, None, None]:
    (weight,) = ctx.saved_tensors
    return product(output_gradient, weight.T, None), None, None


def _over_batch(info: Any, dims: tuple[int, None, None], x: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
    """Many ``x`` at once are one ``x`` with more rows."""
    return linear(x.movedim(dims[0], 0), weight, bias), 0


product.register_autograd(_backward, setup_context=_keep_weight)
product.register_vmap(_over_batch)
product.register_fake(lambda x, weight, bias: x.new_empty((x.shape[0], weight.shape[0])))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """As `torch.nn.functional.linear`, with constant weight and bias. Shape ``(..., in)`` to ``(..., out)``."""
    return product(x.reshape(-1, x.shape[-1]), weight, bias).view(*x.shape[:-1], weight.shape[0])


@cache
def widest_by_default() -> bool:
    """Do PyTorch's own products use the widest registers? MKL does on its maker's processors, and is quicker there."""
    named = Path("/proc/cpuinfo")
    maker = named.read_text(errors="replace") if named.exists() else platform.processor()
    return torch.backends.mkl.is_available() and "Intel" in maker


def switched_on() -> bool:
    """The switch, here and nowhere else: may products go to oneDNN now?

    Needed are a processor with 512-bit registers that the default leaves idle and a oneDNN that may be used
    (`torch.backends.mkldnn.flags` turns it off). Off while PyTorch traces (``torch.compile``, which has kernels of its
    own), under autocast (whose products are in another precision) and under any dispatch mode (counters of operations,
    fake tensors, tensor subclasses' own modes: they know PyTorch's products and not ours).
    """
    return (
        torch.backends.cpu.get_cpu_capability() == "AVX512"
        and not widest_by_default()
        and torch.backends.mkldnn.is_available()
        and bool(torch.backends.mkldnn.enabled)
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and not _get_current_dispatch_mode_stack()
    )


_PRODUCTS = (functional.linear, torch.addmm)


class _ByOneDNN(TorchFunctionMode):
    """Hands linear layers of single precision on the host to oneDNN; everything else goes its way."""

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if not kwargs and len(args) == 3 and func in _PRODUCTS and switched_on():
            x, weight, bias = args if func is functional.linear else (args[1], args[2], args[0])
            if _fits(x, weight, bias):
                out_first = weight.detach() if func is functional.linear else weight.detach().T
                return linear(x, out_first, None if bias is None else bias.detach())
        return func(*args, **(kwargs or {}))


def _fits(x: Any, weight: Any, bias: Any) -> bool:
    """Is this a product that oneDNN computes as it stands, with weights nobody asks a gradient of?"""
    given = (x, weight) if bias is None else (x, weight, bias)
    return (
        all(type(one) in (Tensor, nn.Parameter) for one in given)
        and all(one.dtype == torch.float32 and one.device.type == "cpu" for one in given)
        and (x.ndim, weight.ndim, 1 if bias is None else bias.ndim) == (max(x.ndim, 2), 2, 1)
        and x.numel() >= LEAST_ROWS * x.shape[-1] > 0
        and x.numel() * weight.numel() >= LEAST_WORK * x.shape[-1]
        and not any(one.requires_grad and not one.is_leaf for one in given[1:])
    )


@contextmanager
def quick_linear() -> Iterator[None]:
    """Within the block, linear layers run by oneDNN while that is `switched_on`. Parameters are constants then."""
    if not switched_on():
        yield
        return
    with _ByOneDNN():
        yield
