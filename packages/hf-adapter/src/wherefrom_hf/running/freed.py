"""Memory of the host that was freed, handed back to the system.

The C library keeps what is freed for whoever asks next. A long sequence asks for pieces of tens of MiB in changing
sizes, between which small results stay: what was freed no longer fits, and a process grows with every block of the
model though it holds no more than before.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

from torch import Tensor

LEAST_BYTES = 2**21
"""Below this a state is no long sequence's: it leaves little behind, and handing that back takes time."""


def hand_back_freed(state: Tensor) -> None:
    """To be called when a block has run: what it freed goes back, if its ``state`` was one of a long sequence."""
    trim = _trim()
    if trim is not None and state.device.type == "cpu" and state.nbytes >= LEAST_BYTES:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    """``malloc_trim`` of the C library; None where there is none (it is glibc's)."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return found
