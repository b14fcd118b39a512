"""What is tried on a model may fail, and that is an answer. Running out of memory is none: another time it is there."""

from __future__ import annotations

from contextlib import AbstractContextManager
from errno import ENOMEM
from types import TracebackType

import torch

_WORDS = ("out of memory", "not enough memory", "allocate memory", "ALLOC_FAILED", "bad_alloc", "bad allocation")
"""How a `RuntimeError` tells that memory ran out: of the host, of a device that has no class of its own for it, or of a
library that PyTorch calls."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Is it told that memory ran out, of the host or of an accelerator?"""
    if isinstance(error, OSError):
        return error.errno == ENOMEM
    in_words = isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)
    return in_words or isinstance(error, torch.OutOfMemoryError | MemoryError)


def says_nothing(error: BaseException | None) -> bool:
    """Is it an error that says nothing of what was tried? A warning is one by the caller's filters alone."""
    return isinstance(error, Warning) or is_out_of_memory(error)


class Trial(AbstractContextManager[None, bool]):
    """A block that is left where what is tried in it fails, as by `contextlib.suppress`. Errors that say nothing of it
    are raised."""

    def __init__(self, *kinds: type[Exception]) -> None:
        """Args:
        kinds: Errors that are failures; all by default.
        """
        self._kinds = kinds or (Exception,)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return isinstance(error, self._kinds) and not says_nothing(error)
