"""Activations, caps and gates of a pass of two rows, held as they are in the first row.

Then what the second row gives is an affine function of what it is given, as with a norm of fixed statistics
(`frozen_norm`): a function that is 0 at 0 keeps its ratio to what it is given, another (a gate) keeps its value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from wherefrom_hf.inside.frozen_norm import freeze
from wherefrom_hf.inside.gradient_rules import ELEMENTWISE, may_be_norm, ratio_of
from wherefrom_hf.inside.pausing import PausingMode, is_variable
from wherefrom_hf.inside.rescale_rules import is_activation
from wherefrom_hf.running.constants import constant_weights


@contextmanager
def held_in_first_row(
    module: nn.Module, parts: Iterable[nn.Module], *, left_alone: Iterable[nn.Module]
) -> Iterator[None]:
    """Within the block, functions that work element by element are held wherever what they are given is differentiated.

    Parameters are constants.

    Args:
        module: The model.
        parts: Those of its modules among which activations, as one function each, and norms are found by trying.
        left_alone: Those within which everything runs as it is.
    """
    mode = _Held()
    with ExitStack() as stack:
        stack.enter_context(constant_weights(module))
        for part in left_alone:
            stack.enter_context(mode.within(part))
        for part in parts:
            if is_activation(part):
                stack.enter_context(mode.within(part, lambda activation, x, _: held(x, activation.forward)))
            elif may_be_norm(part):
                stack.callback(part.register_forward_hook(_after_norm).remove)
        stack.enter_context(mode)
        yield


def held(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """``function`` of two rows, held as it is in the first.

    Args:
        x: The rows, one behind the other in memory. Any shape.
        function: Works element by element.
    """
    rows = x.reshape(2, -1)
    first = rows[0].detach()
    with torch.no_grad():
        value = function(first)
    ratio = ratio_of(first, value, function)
    given = value.expand(2, -1) if ratio is None else ratio * rows
    return given.reshape(x.shape)


class _Held(PausingMode):
    """Holds functions while active."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        more = [*args[1:], *kwargs.values()]
        if self.paused or func not in ELEMENTWISE or not args or not is_variable(args[0]) or args[0].numel() % 2:
            return func(*args, **kwargs)
        if any(isinstance(one, Tensor) for one in more):  # bounds for each element
            return func(*args, **kwargs)
        rest = {name: value for name, value in kwargs.items() if name != "inplace"}
        return held(args[0], lambda x: func(x, *args[1:], **rest))


def _after_norm(part: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    """Hook: a module that may be a norm ended; a norm has the statistics of the first row."""
    if len(inputs) != 1 or not is_variable(inputs[0]) or not isinstance(output, Tensor):
        return None
    given, width = inputs[0], output.shape[-1]
    if given.shape != output.shape or given.numel() % (2 * width):
        return None
    first, made = (rows.detach().reshape(2, -1, width)[0] for rows in (given, output))
    norm = freeze(part, first, made)
    return None if norm is None else norm(given).to(output.dtype)
