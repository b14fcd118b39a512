"""States between a model's blocks, kept until a pass comes back to them.

Of thousands of positions the states of all blocks weigh more than a pass may use. They are read once, in the opposite
order, long after they were made: so they are written to a file without a name, which the system deletes when it is
closed. Where no disk has room, the state in front of every few blocks is kept, and the others are made from it again.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import torch
from attrs import define, field, frozen
from torch import Tensor
from wherefrom.errors import SettingsError

_STATES_PART = 0.4
"""Part of the memory limit that states between blocks may take in memory."""

_FREE_TIMES = 2
"""So many times as large as what is written is what must be free on a disk."""

_ELSEWHERE = "/var/tmp"
"""Where temporary files lie on a disk also on systems that keep the common folder for them in memory."""

_IN_MEMORY = ("tmpfs", "ramfs")
"""Kinds of file systems that are no disk."""

_MOUNTS = Path("/proc/self/mounts")
"""The system's list of file systems, one a line: device, folder, kind."""


@frozen
class Keeping:
    """Which states are kept, and where."""

    stride: int = 1
    """The one in front of every how-many-th block."""
    folder: str | None = None
    """Where the file is that they are written to; None: they stay in memory."""

    @contextmanager
    def opened(self) -> Iterator[KeptStates]:
        """A place for the states of one pass, which is gone when the block ends.

        Raises:
            SettingsError: A file cannot be written to.
        """
        if self.folder is None:
            yield KeptStates(self.stride)
            return
        with ExitStack() as stack:
            try:
                file = stack.enter_context(tempfile.TemporaryFile(dir=self.folder))
            except OSError as error:
                raise _no_file(self.folder, error) from error
            yield KeptStates(self.stride, file, self.folder)


def keeping(count: int, state_bytes: int, limit: int, device: torch.device) -> Keeping:
    """How ``count`` states are kept by a pass that may use ``limit`` bytes."""
    whole = count * state_bytes
    if whole <= _STATES_PART * limit:
        return Keeping()
    folder = _folder_for(whole) if device.type == "cpu" else None
    return Keeping(folder=folder) if folder is not None else Keeping(stride=math.isqrt(count - 1) + 1)


@define(eq=False)
class KeptStates:
    """States by the number of the block that they were given to."""

    stride: int = 1
    """Which are asked for, see `Keeping`."""
    _file: IO[bytes] | None = None
    _folder: str = ""
    _states: dict[int, Tensor] = field(factory=dict)
    """Where there is a file, what each looks like and no numbers."""
    _starts: dict[int, int] = field(factory=dict)
    """Where in the file each begins."""
    _end: int = 0

    @property
    def nbytes(self) -> int:
        """What is kept in memory."""
        return sum(state.nbytes for state in self._states.values()) if self._file is None else 0

    def keep(self, block: int, state: Tensor) -> None:
        """Keep a state, if it is one of those that are kept.

        Raises:
            SettingsError: It cannot be written.
        """
        if block % self.stride:
            return
        if self._file is None:
            self._states[block] = state.detach()
            return
        try:
            self._file.seek(self._end)
            self._file.write(_bytes_of(state.detach().contiguous()))
        except OSError as error:
            raise _no_file(self._folder, error) from error
        self._states[block], self._starts[block] = torch.empty_like(state, device="meta"), self._end
        self._end += state.nbytes

    def take(self, block: int) -> Tensor:
        """A state that was kept. It is not kept any longer."""
        state = self._states.pop(block)
        if self._file is None:
            return state
        read = torch.empty(state.shape, dtype=state.dtype)
        self._file.seek(self._starts.pop(block))
        if self._file.readinto(_bytes_of(read)) != read.nbytes:  # type: ignore[attr-defined]
            raise _no_file(self._folder, OSError("it ends too early"))
        return read


def _bytes_of(state: Tensor) -> memoryview:
    return state.view(-1).view(torch.uint8).numpy().data


def _folder_for(size: int) -> str | None:
    """A folder for temporary files, on a disk with room for ``size`` bytes; None: there is none."""
    with suppress(OSError):  # the system has no folder for temporary files, or does not say what is free
        for folder in (tempfile.gettempdir(), _ELSEWHERE):
            is_disk = os.access(folder, os.W_OK) and not _is_in_memory(folder)
            if is_disk and shutil.disk_usage(folder).free >= _FREE_TIMES * size:
                return folder
    return None


def _is_in_memory(folder: str) -> bool:
    """Does the folder lie in memory, as far as the system tells in Linux's way?"""
    try:
        lines = _MOUNTS.read_text(errors="replace").strip().split("\n")
    except OSError:
        return False
    here = Path(folder).resolve()
    kinds = {Path(place): kind for _, place, kind, *_ in map(str.split, lines)}
    nearest = next((one for one in (here, *here.parents) if one in kinds), None)
    return nearest is not None and kinds[nearest] in _IN_MEMORY


def _no_file(folder: str, error: OSError) -> SettingsError:
    return SettingsError(
        f"States of a long input are more than memory_limit leaves room for. They go through a file in {folder}, and "
        f"that failed: {error}. Make room there, name another folder by the environment variable TMPDIR, or give a "
        "larger memory_limit."
    )
