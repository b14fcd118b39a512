"""Read a run: any example at once, none of them in memory."""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import overload
from warnings import warn
from zlib import crc32

import msgspec
from msgspec.structs import replace

from wherefrom.errors import FileFormatError, InputError, WherefromWarning
from wherefrom.files.manifest import Manifest, read_manifest
from wherefrom.files.summaries import Summary, left_out, summarized, summary_of
from wherefrom.files.wire.bytes import write_whole
from wherefrom.files.wire.encoding import NOT_JSON
from wherefrom.files.wire.examples import RawFields, decode_example, typed
from wherefrom.files.wire.limits import Budget, OverBudgetError, check_max_bytes
from wherefrom.files.writing_runs import INDEX_SUFFIX
from wherefrom.results.attribution import Attribution, Attributions, from_fields
from wherefrom.results.provenance import Provenance
from wherefrom.settings import check_call

_index_decoder = msgspec.json.Decoder(Summary)


_BLOCK = 1 << 20
"""Bytes of an index that are read at once."""


def _gone(path: Path) -> FileFormatError:
    return FileFormatError(f"The file is gone: {path}. The run was replaced or removed; open it again.")


class _Part:
    """One part file and what is known of its lines so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.summaries: list[Summary] = []
        self.end = 0
        """Bytes that the summaries (and the header) cover."""
        self.complaints: list[str] = []
        self.index_ended = False
        """Was the index read up to its end, as far as it can be believed?"""
        self.changed = False
        """Were lines left out that the index has?"""
        self._index = path.with_suffix(INDEX_SUFFIX)
        self._index_read = 0
        self._index_wrong = False
        self._scanned: dict[int, int] = {}
        """Offset to place of what was read from the part because the index did not have it yet."""

    def read_index(self, blocks: float) -> float:
        """Take over what the index says that was not read yet; how many of the blocks are left."""
        self.index_ended = True
        if self._index_wrong or not self._index.is_file() or self._index.is_symlink():
            return blocks
        with self._index.open("rb") as file:
            file.seek(self._index_read)
            while data := file.read(_BLOCK if blocks > 0 else 1):
                if blocks <= 0:
                    self.index_ended = False
                    break
                whole = data[: data.rfind(b"\n") + 1]
                if not whole:
                    break  # a line that is still being written
                if not self._take_over(whole):
                    self._index_wrong = True
                    break
                blocks -= 1
                self._index_read += len(whole)
                file.seek(self._index_read)
        return blocks

    def _take_over(self, lines: bytes) -> bool:
        """Believe some lines of the index if they can be true of the part."""
        try:
            found = _index_decoder.decode_lines(lines)
        except NOT_JSON:
            return False
        new = found
        if found and found[0].offset < self.end:
            new = [one for one in found if one.offset >= self.end]
            for one in found[: len(found) - len(new)]:
                place = self._scanned.pop(one.offset, None)
                if place is None or self.summaries[place].length != one.length:
                    return False
                self.summaries[place] = one
        ends = [self.end, *(one.offset + one.length for one in new)]
        in_order = all(one.offset >= end and one.length > 0 for one, end in zip(new, ends, strict=False))
        if not in_order or (new and not self._fits(new)):
            return False
        gaps = ((end, one.offset) for one, end in zip(new, ends, strict=False) if one.offset > end)
        if any(self._has_example(*gap) for gap in gaps):
            return False
        self.summaries += new
        self.end = ends[-1]
        return True

    def _fits(self, found: list[Summary]) -> bool:
        """Do the first and last entries point at whole lines?"""
        if found[-1].offset + found[-1].length > self.path.stat().st_size:
            return False
        with self.path.open("rb") as file:
            for entry in (found[0], found[-1]):
                if entry.offset:
                    file.seek(entry.offset - 1)
                    if file.read(1) != b"\n":
                        return False
                file.seek(entry.offset + entry.length - 1)
                if file.read(1) != b"\n":
                    return False
        return True

    def _has_example(self, begin: int, end: int) -> bool:
        """Is there more than headers and empty lines between these bytes?"""
        with self.path.open("rb") as file:
            file.seek(begin)
            lines = file.read(end - begin).split(b"\n")
        try:
            return any(line.strip() and summary_of(line, begin) is not None for line in lines)
        except FileFormatError:
            return True

    def scan(self) -> None:
        """Read the lines that no summary covers yet."""
        if self.path.stat().st_size <= self.end:
            return
        self.complaints = [text for text in self.complaints if "cut off" not in text]
        with self.path.open("rb") as file:
            file.seek(self.end)
            for line in file:
                if not line.endswith(b"\n"):
                    self.complaints.append(f"{self.path.name}: the last line is cut off and was left out.")
                    return
                try:
                    summary = summary_of(line, self.end) if line.strip() else None
                except FileFormatError as error:
                    self.complaints.append(f"{self.path.name}: {error}; it was left out.")
                    summary = left_out(self.end, len(line))
                if summary is not None:
                    self._scanned[self.end] = len(self.summaries)
                    self.summaries.append(summary)
                self.end += len(line)

    def line(self, summary: Summary) -> bytes:
        """The bytes of an example.

        Raises:
            FileFormatError: They are not those that were written.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(summary.offset)
                line = file.read(summary.length)
        except FileNotFoundError as error:
            raise _gone(self.path) from error
        if summary.crc is not None and crc32(line) != summary.crc:
            raise FileFormatError(
                f"{self.path} at byte {summary.offset}: the line is damaged, its checksum is another than when it was "
                "written. Do the example again: resume the run."
            )
        return line

    def leave_out(self, row: int, why: str) -> None:
        """Read the line of that row no more."""
        one = self.summaries[row]
        if not one.left_out:
            self.complaints.append(f"{self.path.name}: {why}; it was left out.")
            self.summaries[row] = left_out(one.offset, one.length)
            self.changed = True

    def cut_off_end(self) -> None:
        """Remove a last line that was never finished; its writer must be gone."""
        if self.path.stat().st_size > self.end:
            os.truncate(self.path, self.end)
            self.complaints = [text for text in self.complaints if "cut off" not in text]

    @property
    def scanned(self) -> list[int]:
        """Rows that the index does not have."""
        return list(self._scanned.values())

    def is_scanned(self, one: Summary) -> bool:
        """Was the line found by reading the part, so that no index has its checksum?"""
        return one.offset in self._scanned

    def write_index(self) -> None:
        data = b"".join(msgspec.json.encode(one) + b"\n" for one in self.summaries)
        write_whole(self._index, [data], overwrite=True, follow=False)
        self._index_read, self._index_wrong = len(data), False
        self._scanned.clear()
        self.changed = False


class Run(Sequence[Attribution]):
    """The finished examples of a run, in order of parts and lines, which is that of the work and not that of the data:
    ids tell which is which. Reading one reads its line alone.

    What was finished when the run was opened, or last refreshed, is there; failures are listed apart.
    """

    def __init__(self, path: str | Path, *, at_once: bool = True, max_bytes: int | None = None) -> None:
        check_call(Run.__init__, locals())
        check_max_bytes(max_bytes)
        self.path = Path(path)
        self._max_bytes = max_bytes
        self.manifest: Manifest = read_manifest(self.path)
        self._parts: list[_Part] = []
        self._strangers: dict[str, str] = {}
        """Names of parts that lie elsewhere, with a complaint."""
        self._chosen: list[tuple[_Part, int]] | None = None
        self._places: list[tuple[_Part, int]] | None = None
        """Part and row of each example, where that is no matter of counting."""
        self._ends: list[int] = []
        """Examples up to the end of each part."""
        self._take_in(math.inf if at_once else 1)
        for complaint in self.complaints:
            warn(f"{self.path}: {complaint}", WherefromWarning, stacklevel=3)

    def refresh(self) -> int:
        """Take in what was appended since; the number of examples that were new."""
        return self._take_in(math.inf)

    @property
    def unread(self) -> bool:
        """Was only the beginning of the index read so far? `refresh` reads the rest."""
        return not all(part.index_ended for part in self._parts)

    def _take_in(self, blocks: float) -> int:
        """As `refresh`, but after so many blocks of index the rest is left for later."""
        before = len(self)
        known = {part.path.name for part in self._parts}
        for path in sorted(self.path.glob("part-*.jsonl")):
            if path.name in known:
                continue
            if path.is_symlink() or not path.is_file():
                self._strangers[path.name] = f"{path.name} is no file of this folder and was left out."
                continue
            self._parts.append(_Part(path))
        self._parts.sort(key=lambda part: part.path.name)
        for part in self._parts:
            try:
                blocks = part.read_index(blocks)
                if part.index_ended:
                    part.scan()
            except FileNotFoundError as error:
                raise _gone(part.path) from error
        if self._chosen is None:
            self._arrange()
        return len(self) - before

    def _arrange(self) -> None:
        """Where each example is, without a list of a hundred thousand pairs where no example failed.

        An example that is there several times counts once: the last was done because the others could not be used.
        """
        names = [one.id for part in self._parts for one in part.summaries if one.error is None and one.id is not None]
        if len(set(names)) < len(names):
            self._leave_out_repeated()
        self._failed = any(one.error is not None for part in self._parts for one in part.summaries)
        self._places = None
        if self._failed:
            self._places = [
                (part, row) for part in self._parts for row, one in enumerate(part.summaries) if one.error is None
            ]
        self._ends = list(accumulate(len(part.summaries) for part in self._parts))

    def _leave_out_repeated(self) -> None:
        last: dict[str, tuple[_Part, int]] = {}
        for part in self._parts:
            for row, one in enumerate(part.summaries):
                if one.error is None and one.id is not None:
                    if one.id in last:
                        earlier, place = last[one.id]
                        earlier.leave_out(place, f"the example {one.id!r} is there again later")
                    last[one.id] = part, row

    def _place(self, index: int) -> tuple[_Part, int]:
        """Part and row of an example.

        Raises:
            IndexError: There is none.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"Index {index} is outside of a run of {len(self)} examples.")
        index %= len(self)
        places = self._places if self._chosen is None else self._chosen
        if places is not None:
            return places[index]
        part = bisect_right(self._ends, index)
        return self._parts[part], index - (self._ends[part - 1] if part else 0)

    def __len__(self) -> int:
        if self._chosen is not None:
            return len(self._chosen)
        if not self._parts:
            return 0
        if self._places is not None:
            return len(self._places)
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Attribution: ...
    @overload
    def __getitem__(self, index: slice) -> Run: ...
    def __getitem__(self, index: int | slice) -> Attribution | Run:
        if isinstance(index, slice):
            return self._subset([self._place(i) for i in range(*index.indices(len(self)))])
        part, row = self._place(index)
        return self._read(part, part.summaries[row])

    def _read(self, part: _Part, summary: Summary) -> Attribution:
        where = f"{part.path} at byte {summary.offset}"
        line = part.line(summary)
        raw = typed(line, RawFields, msgspec.json.decode, where)
        one = from_fields(decode_example(raw, msgspec.json.decode, Budget(len(line), self._max_bytes), where), where)
        return one.made_as(self.provenance)

    def _read_whole(self, part: _Part, summary: Summary) -> Summary:
        """The summary with what only the scores can tell; as it is where they are damaged."""
        if summary.error is not None:
            return summary
        try:
            return summarized(self._read(part, summary), summary.offset, summary.length, summary.crc)
        except FileFormatError:
            return summary  # its line stays in the list; whoever asks for the example is told

    def __iter__(self) -> Iterator[Attribution]:
        for index in range(len(self)):
            yield self[index]

    def summary(self, index: int) -> Summary:
        """What the index says of an example; negative: from the end.

        Raises:
            IndexError: There is none.
        """
        part, row = self._place(index)
        return part.summaries[row]

    @property
    def summaries(self) -> list[Summary]:
        """What the index says of every example."""
        return [self.summary(index) for index in range(len(self))]

    def filter(self, keep: Callable[[Summary], bool]) -> Run:
        """The examples whose summary ``keep`` accepts; no scores are read."""
        check_call(Run.filter, locals())
        places = [self._place(index) for index in range(len(self))]
        return self._subset([(part, row) for part, row in places if keep(part.summaries[row])])

    def find(self, id: str) -> Attribution:
        """The example of that name.

        Raises:
            InputError: There is none.
        """
        for index in range(len(self)):
            if self.summary(index).id == id:
                return self[index]
        raise InputError(f"The run {self.path} has no example {id!r}.")

    def _subset(self, places: list[tuple[_Part, int]]) -> Run:
        subset = object.__new__(Run)
        subset.path, subset.manifest, subset._parts = self.path, self.manifest, [*self._parts]
        subset._max_bytes = self._max_bytes
        subset._strangers = self._strangers
        subset._places, subset._ends = self._places, self._ends
        subset._chosen = places
        return subset

    @property
    def provenance(self) -> Provenance:
        """How the run was made."""
        return self.manifest.provenance

    @property
    def finished(self) -> frozenset[str]:
        """Names of the examples that are done, for resuming."""
        every = (one for part in self._parts for one in part.summaries)
        return frozenset(one.id for one in every if one.error is None and one.id is not None)

    @property
    def failures(self) -> dict[str | None, str]:
        """Name to reason of the examples that failed and were not done since; the reasons of those without a name, one
        after the other, under None."""
        every = [one for part in self._parts for one in part.summaries if one.error]
        done = self.finished
        found: dict[str | None, str] = {one.id: one.error for one in every if one.error and one.id not in done}
        if None in found:
            found[None] = "; ".join(one.error for one in every if one.error and one.id is None)
        return found

    @property
    def complaints(self) -> list[str]:
        """Lines that were left out because they are damaged or cut off, one text each, as of the last `refresh`."""
        return [*self._strangers.values(), *(complaint for part in self._parts for complaint in part.complaints)]

    def check(self) -> list[str]:
        """Read every line and leave out, from now on, what is not as it was written; the new complaints.

        Lines with a checksum are compared with it; those of an older or lost index are decoded.
        """
        before = len(self.complaints)
        for part in self._parts:
            for row, one in enumerate(part.summaries):
                if one.left_out:
                    continue
                try:
                    self._require_whole(part, one)
                except FileFormatError as error:
                    part.leave_out(row, f"{'the example ' + repr(one.id) if one.id else 'a line'} is damaged ({error})")
        self._forget_left_out()
        return self.complaints[before:]

    def _require_whole(self, part: _Part, one: Summary) -> None:
        """Raise: FileFormatError: The line of an example is not as it was written."""
        part.line(one)
        if one.error is None and (one.crc is None or part.is_scanned(one)):
            self._read(part, one)

    def undamaged(self) -> Run:
        """The examples whose lines are as they were written; each of the others is told in a warning, as `load` tells
        it. All lines are read once, and none is kept in memory; the run itself stays as it is.

        Raises:
            FileFormatError: One asks for more memory than it may.
        """
        found = []
        for index in range(len(self)):
            part, row = self._place(index)
            try:
                self._require_whole(part, part.summaries[row])
            except OverBudgetError:
                raise
            except FileFormatError as error:
                warn(f"{error} It was left out.", WherefromWarning, stacklevel=2)
            else:
                found.append((part, row))
        return self._subset(found)

    def repair(self) -> list[str]:
        """As `check`, and write the outcome into the index, so that what is damaged is done again and not read.

        The caller must be the run's only writer. Parts keep their bytes, but for a last line that was never finished.
        """
        found = self.check()
        for part in self._parts:
            part.cut_off_end()
            if part.changed or part.scanned or any(one.crc is None and not one.left_out for one in part.summaries):
                self._write_index(part)
        self._forget_left_out()
        return found

    def rebuild_index(self) -> None:
        """Read every example again and write the index anew; damaged lines are left out."""
        self.check()
        for part in self._parts:
            self._write_index(part)
        self._forget_left_out()

    def _write_index(self, part: _Part) -> None:
        part.summaries = [
            self._read_whole(part, replace(one, crc=crc32(part.line(one)))) if not one.left_out else one
            for one in part.summaries
        ]
        part.write_index()

    def _forget_left_out(self) -> None:
        if self._chosen is None:
            self._arrange()
        else:
            self._chosen = [(part, row) for part, row in self._chosen if not part.summaries[row].left_out]

    def load(self) -> Attributions:
        """All examples in memory, as one result, in the run's order; damaged ones are left out with a warning.

        Raises:
            FileFormatError: One asks for more memory than it may.
        """
        examples = []
        for index in range(len(self)):
            try:
                examples.append(self[index])
            except OverBudgetError:
                raise
            except FileFormatError as error:
                warn(f"{error} It was left out.", WherefromWarning, stacklevel=2)
        return Attributions(sequence_attributions=tuple(examples), provenance=self.provenance)


def open_run(path: str | Path, *, at_once: bool = True, max_bytes: int | None = None) -> Run:
    """The run in a folder; its scores stay on disk until an example is asked for.

    Lines that were cut off or damaged are left out with a warning.

    Args:
        at_once: Read the whole index now? Otherwise the run has its first thousands of examples, `Run.unread` says
            whether there are more, and the next `Run.refresh` reads them.
        max_bytes: How much memory each example may ask for; None: 256 MB and a hundred times its line.

    Raises:
        InputError: There is no run.
        FileFormatError: Its manifest is damaged, or of a newer major version.
    """
    return Run(path, at_once=at_once, max_bytes=max_bytes)
