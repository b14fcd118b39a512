"""Standard output as the command needs it: there, and taking all that it is given."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, BinaryIO, cast


def prepare_streams() -> None:
    """Put something in the place of streams that were closed, and of one that may take a part of what it is given."""
    if sys.stdout is None:  # closed (``>&-``): it takes everything and shows nothing
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stdout.buffer, io.RawIOBase):  # PYTHONUNBUFFERED
        sys.stdout = io.TextIOWrapper(
            cast("BinaryIO", WholeWrites(sys.stdout.buffer)),
            encoding=sys.stdout.encoding,
            errors=sys.stdout.errors,
            write_through=True,
        )


class WholeWrites(io.RawIOBase):
    """A raw stream whose writes take all bytes or raise: of one write the system may take a part, on a full disk too.

    Args:
        raw: Where the bytes go.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor below."""
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Is it a terminal?"""
        return self._raw.isatty()

    def write(self, data: Any) -> int:
        """Write all of ``data``.

        Raises:
            OSError: The rest was not taken.
        """
        rest = memoryview(data).cast("B")
        while rest:
            taken = self._raw.write(rest)
            if taken is None:
                raise BlockingIOError(errno.EAGAIN, "Standard output takes nothing more now")
            rest = rest[taken:]
        return len(memoryview(data).cast("B"))
