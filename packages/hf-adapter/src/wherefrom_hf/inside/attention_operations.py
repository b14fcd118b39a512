"""The operations that attention is made of, recognised as they run and handed to whoever takes part in them.

Nothing here knows a model class. Attention is a softmax followed by a product of its result with the values, in
whatever module it runs; what is multiplied otherwise, two values that both depend on the input, are queries and keys.
Masks, positions, caps on the scores, attention sinks and grouped heads stay the model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from wherefrom.adapters import Side
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention_pieces import KEEPS_WEIGHTS, PRODUCTS, SOFTMAX, taken_apart
from wherefrom_hf.inside.pausing import PausingMode, is_variable
from wherefrom_hf.running.stacks import stack_of

Multiply = Callable[[Tensor, Tensor], Tensor]

BASED_PRODUCTS = (torch.baddbmm, Tensor.baddbmm)
_KEEPS_WEIGHTS = (*KEEPS_WEIGHTS, Tensor.__getitem__)
_WEIGHTS = "_wherefrom_attention_weights"


class AttentionOperations(PausingMode):
    """While active, softmax and products of values that are differentiated go through the methods below."""

    def __init__(self, module: PreTrainedModel) -> None:
        super().__init__()
        self.module = module
        self.inside: list[tuple[nn.Module, list[int]]] = []
        """Modules that are running, outermost first, each with the addresses of the tensors it was given."""
        self.ran: set[nn.Module] = set()
        self.attending: set[nn.Module] = set()
        """Every module that attention ran in, at whatever depth."""

    @contextmanager
    def active(self) -> Iterator[None]:
        """Within the block, it takes part in what runs, and knows in which module."""
        with ExitStack() as stack:
            for part in self.module.modules():
                stack.callback(part.register_forward_pre_hook(self.entered, with_kwargs=True).remove)
                stack.callback(part.register_forward_hook(self.left).remove)
            stack.enter_context(self)
            yield

    @property
    def innermost(self) -> str:
        """The class of the module that is running."""
        return type(self.inside[-1][0] if self.inside else self.module).__name__

    def entered(self, part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Hook: a module's forward begins."""
        given = [x.data_ptr() for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
        self.inside.append((part, given))

    def left(self, part: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Hook: a module's forward ended."""
        self.ran.add(part)
        while self.inside and self.inside.pop()[0] is not part:
            pass

    def need_attention_everywhere(self) -> None:
        """Refuse models in which a block ran and did not attend.

        Raises:
            ModelCapabilityError: As it says.
        """
        sides: tuple[Side, ...] = ("source", "target") if self.module.config.is_encoder_decoder else ("target",)
        for side in sides:
            for index, block in enumerate(stack_of(self.module, side)):
                if block in self.ran and block not in self.attending:
                    raise ModelCapabilityError(
                        f"Block {index} of {type(self.module).__name__} ({type(block).__name__}) mixes positions by "
                        "something else than attention, which this method cannot follow. Use saliency, "
                        "input_x_gradient or layer_gradient_x_activation(depth=0.5)."
                    )

    def softmax(self, compute: Callable[[Tensor], Tensor], scores: Tensor, dim: int) -> Tensor:
        """Softmax of ``scores`` along ``dim``, as ``compute`` does it."""
        return compute(scores)

    def weighted(self, multiply: Multiply, weights: Tensor, values: Tensor) -> Tensor:
        """Attention weights, shape ``(..., queries, keys)``, times values."""
        return multiply(weights, values)

    def product(self, multiply: Multiply, left: Tensor, right: Tensor) -> Tensor:
        """Any other matrix product of two tensors that both depend on the input: queries times keys."""
        return multiply(left, right)

    def other(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Whatever else is called."""
        return func(*args, **kwargs)

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return func(*args, **kwargs)
        if func is functional.scaled_dot_product_attention:
            return self._fused(*args, **kwargs)
        if func in SOFTMAX:
            return self._softmax(func, *args, **kwargs)
        if func in PRODUCTS:
            return self._product(func, *args, **kwargs)
        if func in BASED_PRODUCTS:
            return self._based_product(*args, **kwargs)
        if func is torch.einsum:
            return self._einsum(*args)
        answer = self.other(func, args, kwargs)
        if func in _KEEPS_WEIGHTS and args and is_weights(args[0]):
            setattr(answer, _WEIGHTS, True)
        return answer

    def _softmax(self, func: Any, input: Tensor, dim: int = -1, *rest: Any, **kwargs: Any) -> Tensor:
        if not is_variable(input):
            return func(input, dim, *rest, **kwargs)
        answer = self.softmax(lambda scores: func(scores, dim, *rest, **kwargs), input, dim)
        setattr(answer, _WEIGHTS, True)
        return answer

    def _product(self, func: Multiply, input: Tensor, other: Any = None, *, mat2: Any = None) -> Tensor:
        right = mat2 if other is None else other
        if is_weights(input):
            self.attending.update(part for part, _ in self.inside)
            return self.weighted(func, input, right)
        if is_variable(input) and is_variable(right):
            return self.product(func, input, right)
        return func(input, right)

    def _based_product(
        self, input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
    ) -> Tensor:
        if not (is_variable(batch1) and is_variable(batch2)):
            return torch.baddbmm(input, batch1, batch2, beta=beta, alpha=alpha)
        multiplied = self._product(torch.bmm, batch1, batch2) * alpha
        return multiplied if beta == 0 else beta * input + multiplied

    def _einsum(self, equation: str, *operands: Any) -> Tensor:
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = tuple(operands[0])
        if len(operands) != 2:
            return torch.einsum(equation, *operands)
        return self._product(lambda left, right: torch.einsum(equation, left, right), *operands)

    def _fused(self, *args: Any, **kwargs: Any) -> Tensor:
        """Attention in one call, taken apart."""
        return taken_apart(*args, **kwargs, product=self._product, softmax=self._softmax).context


def is_weights(value: Any) -> bool:
    """Did it come out of a softmax?"""
    return isinstance(value, Tensor) and hasattr(value, _WEIGHTS)
