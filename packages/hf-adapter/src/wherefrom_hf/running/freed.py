"""Memory of the host that was freed: kept for the next piece while that is little, then handed back to the system.

The C library keeps what is freed for whoever asks next. A long sequence asks for pieces of tens of MiB in changing
sizes, between which small results stay: what was freed no longer fits, and a process grows with every block of the
model though it holds no more than before. So it must go back at times. Not at once: every page that comes anew is
filled with zeros by the system first, which takes as long as what is computed into it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from wherefrom_hf.running.memory import HOST_LIMIT

LEAST_BYTES = 2**21
"""Below this a state is no long sequence's: it leaves little behind, and handing that back takes time."""

_BLOCK_STATES = 13
"""As many states as a block and its graph hold while they run: with long ones there is less left to keep."""

_LEAST_KEPT = 2**24

_LARGEST_KEPT = 31 * 2**20
"""The largest piece that glibc can be made to keep when it is freed: a little less than 32 MiB, which has its own."""

_least: int | None = None
"""The fewest bytes that were in use since freed memory was handed back last."""


def hand_back_freed(state: Tensor, *, all_of_it: bool = False, limit: int = HOST_LIMIT, held: int = 0) -> None:
    """To be called when a block has run: what was freed goes back, if the ``state`` was one of a long sequence and the
    process has grown.

    Args:
        all_of_it: The last block has run, and what comes now asks for other pieces: go by the state alone.
        limit: Bytes that passes may take; by half of it the process may grow before what it freed goes back.
        held: Bytes of a large piece that is in use now, and goes back by itself: they are no growth, and when they are
            gone as much that was freed must not take their place.
    """
    global _least
    trim = _trim()
    if trim is None or state.device.type != "cpu" or state.nbytes < LEAST_BYTES:
        return
    now = _grown(held)
    kept = max(limit // 2 - _BLOCK_STATES * state.nbytes, _LEAST_KEPT)
    if not all_of_it and now is not None and now <= (now if _least is None else _least) + kept:
        _least = now if _least is None else min(_least, now)
        return
    trim(0)
    _least = _grown(held)


def _grown(held: int) -> int | None:
    now = resident()
    return None if now is None else now - held


def resident() -> int | None:
    """Bytes of memory that the process has now; None where the system does not tell in Linux's way."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except OSError:
        return None


@cache
def keep_large_pieces() -> None:
    """Teach the C library, once, to keep pieces as large as a long sequence's for whoever asks next.

    glibc keeps what is as large as the largest piece that was freed so far.
    """
    torch.empty(_LARGEST_KEPT, dtype=torch.uint8)  # freed at once and never written to: it costs nothing


@cache
def _trim() -> Callable[[int], int] | None:
    """``malloc_trim`` of the C library; None where there is none (it is glibc's)."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return found
