"""A mode that looks at every function, and can look away: while it does, everything runs as it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from wherefrom_hf.running.answering import with_first

Answer = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""A module, what it was given and what it gave, to what takes the latter's place."""


class PausingMode(TorchFunctionMode):
    """Looks at functions unless it is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = 0
        """While above 0, everything runs as it is."""

    def within(self, part: nn.Module, answer: Answer | None = None) -> ExitStack:
        """A context in which the mode is paused while ``part`` runs.

        Args:
            answer: Takes the place of what ``part`` gives (of several, the first), where it is given one tensor, that
                is differentiated, and the mode is not paused around it: an activation is one function, however it is
                written.
        """

        def before(module: nn.Module, inputs: Any) -> None:
            self.paused += 1

        def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
            try:
                if answer is None or self.paused > 1 or len(inputs) != 1 or not is_variable(inputs[0]):
                    return None
                if isinstance(output, tuple):
                    return with_first(output, answer(module, inputs[0], output[0]))
                return answer(module, inputs[0], output)
            finally:
                self.paused -= 1

        stack = ExitStack()
        stack.callback(part.register_forward_pre_hook(before).remove)
        stack.callback(part.register_forward_hook(after).remove)
        return stack


def is_variable(value: Any) -> bool:
    """Is it a tensor that is differentiated?"""
    return isinstance(value, Tensor) and value.requires_grad
