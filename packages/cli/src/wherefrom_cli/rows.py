"""Rows of local data files: whatever command reads a file of texts or documents, it reads these.

A cell is what was written: nothing is guessed from its looks. In a table of text ("NA", "07", "1e3") it is a text, in
JSON and Parquet a value of its kind. Rows come one at a time, in bounded memory, but for a ``.json`` file that is one
document.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from attrs import frozen
from wherefrom.errors import FileFormatError, InputError, UsageError
from wherefrom.files.wire.bytes import MARKS
from wherefrom.settings import is_whole

_HOW_TO_SAVE = "Save the file as UTF-8, or as UTF-16 with a byte order mark."
_LONGEST_CELL = 2**31 - 1
MESSAGE = {"role", "content"}
"""What a message of a chat has."""
_PARQUET_ROWS = 256
"""How many rows of a Parquet file are held at a time."""


@frozen(kw_only=True)
class Row:
    """One row of a file or data set."""

    content: Any
    """Its cells by column; in JSON it may be a text, a list or a number instead."""
    where: str
    """Its file and line, or its data set and number."""

    @property
    def cells(self) -> Mapping[str, Any]:
        """Its cells by column. What has no columns is a ``text``."""
        return self.content if isinstance(self.content, Mapping) else {"text": self.content}


def rows_in_file(path: Path, *, delimiter: str | None = None) -> Iterator[Row]:
    """The rows of a file in its order; its ending says of which kind it is (`ENDINGS`).

    ``.txt``: a text on each line that is not blank. ``.jsonl`` and ``.ndjson``: JSON on each such line. ``.json``: a
    list of rows, a single one (the list of a chat's messages is one), or lines of JSON. ``.csv`` and ``.tsv``: a header
    and cells, with quotes as in RFC 4180. ``.parquet``: a table.

    Args:
        delimiter: Between the cells of a ``.csv`` or ``.tsv`` file; None: a comma, or a tab.

    Raises:
        UsageError: There is no such file, or its kind is unknown.
        FileFormatError: It is damaged; raised when the damage is met.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"{str(path)!r} is not a kind of data file we read.\nKnown endings: {', '.join(ENDINGS)}.")
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r}.")
    if ending in _DELIMITERS:
        return _table(path, delimiter or _DELIMITERS[ending])
    return _KINDS[ending](path)


def is_headed(path: Path) -> bool:
    """Is it a table whose first line names the columns?"""
    return path.suffix.lower() in _DELIMITERS


def columns_in_file(path: Path, *, delimiter: str | None = None) -> list[str]:
    """The columns that a row of a file has, in the order they come up: of JSON, those of any row.

    Raises:
        UsageError: There is no such file, or its kind is unknown.
        FileFormatError: It is damaged.
    """
    rows = rows_in_file(path, delimiter=delimiter)
    if path.suffix.lower() not in _OF_JSON:
        rows = islice(rows, 1)
    return list(dict.fromkeys(name for row in rows for name in row.cells))


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, and their numbers from 1.

    Raises:
        FileFormatError: It is no text.
    """
    with _opened(path) as file:
        yield from _numbered(file, str(path))


def numbered_lines_of(data: bytes, where: str) -> Iterator[tuple[int, str]]:
    """The same of what was read already.

    Args:
        where: The bytes come from, for messages.

    Raises:
        FileFormatError: They are no text.
    """
    with _as_text(io.BufferedReader(io.BytesIO(data)), where) as file:
        yield from _numbered(file, where)


def _numbered(file: Iterable[str], where: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(_of_text(file, where), start=1):
        if line.strip():
            yield number, line.removesuffix("\n")


def _of_text(lines: Iterable[str], where: str) -> Iterator[str]:
    """The same lines, if they are text: UTF-16 without a byte order mark is read as letters with NULs between.

    Raises:
        FileFormatError: One holds a NUL.
    """
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise FileFormatError(f"{where}, line {number} holds a NUL character, which no text has.\n{_HOW_TO_SAVE}")
        yield line


def lines_of(text: str) -> list[str]:
    """A text cut at its line breaks (``\\n``, ``\\r\\n``, ``\\r``) and nowhere else.

    `str.splitlines` also cuts at separators that stand within texts and JSON: U+2028, U+0085, form feeds and others.
    """
    return re.split(r"\r\n|\n|\r", text)


def words_in(value: Any, what: str) -> str | None:
    """The text of a cell: text as it is, bytes as UTF-8, a whole number in digits. None stays None.

    Args:
        what: It is, for messages.

    Raises:
        InputError: It is something else, of which Python's notation would be explained.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{what} is bytes that are no UTF-8 text ({error.reason} at byte {error.start})."
            ) from error
    if is_whole(value):
        return str(int(value))
    shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}…"
    raise InputError(
        f"{what} came as {shown} ({type(value).__name__}), not as text.\nQuote it, or convert the column to text."
    )


@contextmanager
def _opened(path: Path, newline: str | None = None) -> Iterator[TextIO]:
    """A text file: UTF-8, or what its byte order mark says.

    Raises:
        FileFormatError: It is not; the message names the line.
    """
    with path.open("rb") as file, _as_text(file, str(path), newline) as opened:
        yield opened


@contextmanager
def _as_text(file: io.BufferedReader, where: str, newline: str | None = None) -> Iterator[TextIO]:
    """A file of bytes as `_opened` has it."""
    begins = file.peek(4)
    encoding = next((name for mark, name in MARKS if begins.startswith(mark)), "utf-8-sig")
    with io.TextIOWrapper(file, encoding=encoding, newline=newline) as opened:
        try:
            yield opened
        except UnicodeError as error:
            if encoding != "utf-8-sig":
                raise FileFormatError(
                    f"{where} begins as {encoding.upper()} and does not go on so: {error}."
                ) from error
            raise _not_utf8(file, where) from error


def _not_utf8(file: io.BufferedReader, where: str) -> FileFormatError:
    if file.seekable():
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return FileFormatError(
                    f"{where}, line {number} is not UTF-8 text: {error.reason} at byte {error.start + 1} of it.\n"
                    f"{_HOW_TO_SAVE}"
                )
    return FileFormatError(f"{where} is not UTF-8 text.\n{_HOW_TO_SAVE}")


def _text_lines(path: Path) -> Iterator[Row]:
    for number, line in numbered_lines(path):
        yield Row(content=line, where=f"{path}, line {number}")


def _json_lines(path: Path) -> Iterator[Row]:
    for number, line in numbered_lines(path):
        where = f"{path}, line {number}"
        yield Row(content=_json(line, where), where=where)


def _json_document(path: Path) -> Iterator[Row]:
    head = list(islice(numbered_lines(path), 2))
    if len(head) == 2 and _is_json(head[0][1]):
        yield from _json_lines(path)
    elif head:
        with _opened(path) as file:
            found = _json(file.read(), str(path))
        several = isinstance(found, list) and not are_messages(found)
        for number, item in enumerate(found if several else [found], start=1):
            yield Row(content=item, where=f"{path}, row {number}")


def are_messages(found: list[Any]) -> bool:
    """Are these the messages of one chat, and not rows?"""
    return bool(found) and all(isinstance(one, dict) and one.keys() >= MESSAGE for one in found)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise FileFormatError(f"{where} is not JSON: {error.msg} at character {error.pos}.") from error
    except RecursionError as error:
        raise FileFormatError(f"{where} is JSON that is nested too deeply to be read.") from error
    except ValueError as error:  # a number of thousands of digits
        raise FileFormatError(f"{where} cannot be read: {error}.") from error


def _table(path: Path, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)  # for the whole process: the module has no other way
    names: Sequence[str] = ()
    with _opened(path, newline="") as file:
        for number, cells in _records(
            csv.reader(_of_text(file, str(path)), delimiter=delimiter, strict=True), path, delimiter
        ):
            if not names:
                names = cells
                if twice := next((name for name in names if name and names.count(name) > 1), None):
                    raise FileFormatError(f"{path} has two columns {twice!r}.\nGive each a name of its own.")
                continue
            if len(cells) > len(names):
                raise FileFormatError(
                    f"{path}, line {number} has {len(cells)} cells, and the header names {len(names)} columns.\n"
                    f"{_how_to_quote(delimiter)}"
                )
            cells += [None] * (len(names) - len(cells))
            yield Row(content=dict(zip(names, cells, strict=True)), where=f"{path}, line {number}")


def _records(reader: Any, path: Path, delimiter: str) -> Iterator[tuple[int, list[Any]]]:
    """The records of a table that are not empty, each with the line that it begins at.

    Raises:
        FileFormatError: A quote is not closed, or closed in the middle of a cell.
    """
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileFormatError(
                f"{path}, line {number} begins a row whose quotes do not match: {error}.\n{_how_to_quote(delimiter)}"
            ) from error
        if cells:
            yield number, cells


def _how_to_quote(delimiter: str) -> str:
    called = {",": "comma", "\t": "tab"}.get(delimiter, repr(delimiter))
    return (
        f"A cell that holds a {called} or a line break, or begins with a quote, stands in double quotes, "
        'and each quote within is doubled: "He said ""no""."'
    )


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=_PARQUET_ROWS):
            for content in batch.to_pylist():
                number += 1
                yield Row(content=content, where=f"{path}, row {number}")
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # whichever the damaged part leads to
        place = f"{path}, after row {number}," if number else str(path)
        reason = next(iter(lines_of(str(error))), "")
        raise FileFormatError(f"{place} is not Parquet: {reason.rstrip('.')}.") from error


_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_OF_JSON = (".jsonl", ".ndjson", ".json")
_KINDS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".txt": _text_lines,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_document,
    ".parquet": _parquet,
}
ENDINGS = (*_KINDS, *_DELIMITERS)
"""Of the files that can be read."""
