"""A model's ``forward`` is called with what every model is given, and its answer read by name.

One of the user's own may need an argument that is not given, or return a tuple whatever is asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from transformers.utils.generic import ModelOutput
from wherefrom.errors import ModelCapabilityError

_DIMENSIONS = 3
"""Of logits and of an encoder's states: rows, positions and what there is at each."""


class NoPassError(ModelCapabilityError):
    """No pass of the model runs, whoever asks."""


def call(module: nn.Module, arguments: Mapping[str, Any], first: str) -> Any:
    """What ``module`` answers, an object with an attribute ``first``.

    Args:
        first: Name of what is read, which stands first in a tuple: ``logits``, or ``last_hidden_state``. Shape
            ``(rows, positions, ...)``.

    Raises:
        NoPassError: It does not take these arguments, or does not answer that.
    """
    try:
        output = module(**arguments)
    except TypeError as error:
        reason = _misfit(module, arguments)
        if reason is None:
            raise
        raise NoPassError(
            f"The forward of {type(module).__name__} cannot be called: {reason}. It is given {', '.join(arguments)}, "
            "by name. Let it take these (**kwargs takes what it does not use), and give a default to what else it "
            "needs."
        ) from error
    if isinstance(output, tuple | list | Tensor):
        head = output if isinstance(output, Tensor) else next(iter(output), None)
        if isinstance(head, Tensor) and head.ndim == _DIMENSIONS:
            return ModelOutput({first: head})
    elif isinstance(getattr(output, first, None), Tensor):
        return output
    raise NoPassError(
        f"The forward of {type(module).__name__} answers {_told(output)}; expected an object with an attribute "
        f"{first}, or a tuple that begins with it, a tensor of shape (rows, positions, ...)."
    )


def _misfit(module: nn.Module, arguments: Mapping[str, Any]) -> str | None:
    """Why the module's ``forward`` does not take these arguments; None: it does."""
    try:
        inspect.signature(module.forward).bind(**arguments)
    except TypeError as error:
        return str(error)
    return None


def _told(output: Any) -> str:
    """What was answered, for a message."""
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    kind = type(output).__name__
    return f"{kind} of {_told(output[0])}" if isinstance(output, tuple | list) and output else kind
