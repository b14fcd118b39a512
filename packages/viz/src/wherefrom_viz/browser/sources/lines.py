"""A file of lines: indexed by reading it once, then one line per example, and followed while it grows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import msgspec
from wherefrom.errors import FileFormatError
from wherefrom.files import Summary
from wherefrom.files.summaries import summarized, summary_of
from wherefrom.files.wire.documents import open_header
from wherefrom.files.wire.examples import RawFields, decode_example, typed
from wherefrom.files.wire.limits import Budget
from wherefrom.results.attribution import Attribution, from_fields
from wherefrom.results.provenance import Provenance

_READ_WHOLE = 8 << 20
"""Bytes at the beginning of a file whose examples are read whole, for what only scores tell. Later ones lack it."""
_HEAD = 4096
"""Bytes at the beginning of a file by which it is known again."""


class LinesSource:
    """An uncompressed ``.jsonl`` file of ours."""

    total: int | None = None
    version = 0
    unread = False

    def __init__(self, path: Path) -> None:
        self.path: Path | None = path
        self.name = path.name
        self._made: list[tuple[int, Provenance]] = []
        """The place of the first example after each header, and what the header says; files may be concatenated."""
        self._file = path
        self._summaries: list[Summary] = []
        self._damaged: list[str] = []
        self._failed: list[str] = []
        self._tail = ""
        self._end = 0
        self._known: tuple[int, bytes] | None = None
        """The file that was read: its number on the disk, and what it begins with."""
        self._stamp = (0, 0)
        self.refresh()

    @property
    def complaints(self) -> list[str]:
        """Damaged lines, failed examples, a last line that is cut off."""
        return [*self._damaged, *self._failed, *([self._tail] if self._tail else [])]

    def __len__(self) -> int:
        return len(self._summaries)

    def summary(self, index: int) -> Summary:
        """What the list shows of an example."""
        return self._summaries[index]

    def provenance(self, index: int) -> Provenance:
        """How an example was made: as the last header before it says."""
        return next((made for first, made in reversed(self._made) if first <= index), Provenance())

    def load(self, index: int) -> Attribution:
        """The example on its line.

        Raises:
            FileFormatError: It is damaged, or in another file than the one that was read.
        """
        summary = self._summaries[index]
        with self._file.open("rb") as file:
            if self._is_another(file):
                raise FileFormatError(f"{self.name} was replaced by another file, which is read when the list is.")
            file.seek(summary.offset)
            line = file.read(summary.length)
        return self._decoded(line, summary.offset)

    def _decoded(self, line: bytes, offset: int) -> Attribution:
        where = f"{self.name} at byte {offset}"
        raw = typed(line, RawFields, msgspec.json.decode, where)
        return from_fields(decode_example(raw, msgspec.json.decode, Budget(len(line)), where), where)

    def refresh(self) -> int:
        """Read the lines that are new; all, if it is another file, or one that did not grow and was changed."""
        before = len(self)
        with self._file.open("rb") as file:
            status = os.fstat(file.fileno())
            stamp, changed = (status.st_size, status.st_mtime_ns), False
            if self._known is not None:
                changed = stamp[0] == self._stamp[0] and stamp != self._stamp
                changed = changed or stamp[0] < self._end or self._is_another(file)
            if changed:
                self._summaries, self._made, self._damaged, self._failed, self._end = [], [], [], [], 0
                self.version += 1
            self._known, self._stamp = (status.st_ino, _head(file)), stamp
            self._tail = ""
            self._scan(file)
        return len(self) - before

    def _is_another(self, file: BinaryIO) -> bool:
        """Is the open file another one than was read before, not the same one grown?"""
        if self._known is None:
            return False
        number, head = self._known
        return os.fstat(file.fileno()).st_ino != number or not _head(file).startswith(head)

    def _scan(self, file: BinaryIO) -> None:
        file.seek(self._end)
        for line in file:
            if not line.endswith(b"\n"):
                self._tail = f"{self.name}: the last line is cut off, or still being written."
                return
            self._take(line)
            self._end += len(line)

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            summary = summary_of(line, self._end)
            if summary is None:
                raw = typed(line, RawFields, msgspec.json.decode, "the header")
                provenance, _ = open_header(raw, msgspec.json.decode, Budget(len(line)))
                self._made.append((len(self), provenance))
            elif summary.error is not None:
                self._failed.append(f"{summary.id or 'an example'} failed: {summary.error}")
            else:
                self._summaries.append(self._completed(summary, line) if self._end < _READ_WHOLE else summary)
        except FileFormatError as error:
            if not self._end and not self._summaries:
                raise  # no file of ours at all
            self._damaged.append(f"{self.name}: {error}")

    def _completed(self, summary: Summary, line: bytes) -> Summary:
        """With what only the scores tell, unless they are damaged: whoever opens the example is told then."""
        try:
            return summarized(self._decoded(line, summary.offset), summary.offset, summary.length)
        except FileFormatError:
            return summary


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(_HEAD)
