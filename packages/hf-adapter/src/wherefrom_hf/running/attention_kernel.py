"""The attention kernel of a model, watched: who asks for it is handed on to an observer.

Modules that ask transformers' attention interface for their kernel are given one that computes as the model's own plain
version does, or for long sequences PyTorch's fused one, which never holds all weights. Everything is undone when the
``with`` block ends, also by an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.running.attention_functions import PLAIN, names_beside
from wherefrom_hf.running.eager import attention_implementation

KERNEL = "wherefrom_watched"
"""Name under which the watched kernel is registered with transformers."""

FUSED = "wherefrom_fused"
"""Name of the one that computes as PyTorch's fused attention does: memory grows with the length, not its square."""

Kernel = Callable[..., tuple[Tensor, Tensor | None]]


class Observer(Protocol):
    """Takes part in every attention computed while it is active."""

    def attend(self, kernel: Kernel, module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Compute attention with the model's own ``kernel``, or answer in its place."""
        ...


class AttentionOrder:
    """An observer that remembers which modules ask for attention, in order."""

    def __init__(self) -> None:
        self.modules: list[nn.Module] = []

    def attend(self, kernel: Kernel, module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Compute attention as it is."""
        self.modules.append(module)
        return kernel(module, *inputs, **options)


_observer: ContextVar[Observer | None] = ContextVar("wherefrom_attention_observer", default=None)


def plain_kernel(module: nn.Module) -> Kernel:
    """The attention that the modelling file of ``module`` computes when no other is asked for.

    Raises:
        ModelCapabilityError: The file has none.
    """
    for kind in type(module).__mro__:
        kernel: Kernel | None = names_beside(kind).get(PLAIN)
        if kernel is not None:
            return kernel
    raise ModelCapabilityError(
        f"{type(module).__name__} has no plain attention of its own to watch (no {PLAIN} beside it). "
        "Use a method that needs no attention weights: saliency, occlusion, integrated_gradients."
    )


def _watched_kernel(module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
    observer = _observer.get()
    kernel = plain_kernel(module)
    if observer is None:
        return kernel(module, *inputs, **options)
    return observer.attend(kernel, module, *inputs, **options)


def _fused_kernel(module: nn.Module, *inputs: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
    observer = _observer.get()
    kernel: Kernel = sdpa_attention_forward
    if observer is None:
        return kernel(module, *inputs, **options)
    return observer.attend(kernel, module, *inputs, **options)


AttentionInterface.register(KERNEL, _watched_kernel)
AttentionMaskInterface.register(KERNEL, eager_mask)
AttentionInterface.register(FUSED, _fused_kernel)
AttentionMaskInterface.register(FUSED, sdpa_mask)


@contextmanager
def observed_by(module: PreTrainedModel, observer: Observer, implementation: str = KERNEL) -> Iterator[None]:
    """Within the block, attention of ``module`` goes through ``observer``, whatever implementation was
    loaded.

    Args:
        implementation: `KERNEL`, or `FUSED` where the model was found to say the same under it.
    """
    with attention_implementation(module, implementation), observing(observer):
        yield


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Within the block, whatever goes through a watched kernel goes through ``observer``."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def hidden_input(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """The states a block or an attention module was given: its first argument, or the one of that name."""
    if args or "hidden_states" in kwargs:
        return args[0] if args else kwargs["hidden_states"]
    return next(value for value in kwargs.values() if isinstance(value, Tensor))
