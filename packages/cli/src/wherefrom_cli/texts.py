"""Where the texts come from: the command line, standard input, or a file of one of four kinds."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from attrs import field, frozen
from wherefrom.errors import FileFormatError, InputError, UsageError, nearest

from wherefrom_cli.console import Console

Text = str | Sequence[Mapping[str, str]]
"""A text, or a chat as a list of ``{"role", "content"}`` messages."""

_LIKELY_INPUTS = ("input", "text", "source", "prompt", "input_text")
_LIKELY_OUTPUTS = ("output", "target", "generated", "generated_text", "completion")


@frozen(kw_only=True)
class Example:
    """One text to explain."""

    text: Text
    generated: str | None = None
    """The forced target (or, on request, the prefix of one); None: the model generates."""
    id: str | None = None
    """The example's own name."""
    annotations: Mapping[str, Any] = field(factory=dict)
    """What else its row says of it, to be kept with the result."""
    where: str = field(default="", eq=False)
    """Where its text was given, for messages."""

    @property
    def is_empty(self) -> bool:
        """Is there nothing in it that could be explained?"""
        return not self.text.strip() if isinstance(self.text, str) else not self.text


@frozen(kw_only=True)
class Fields:
    """Which columns of a file or data set hold what; None: found by its usual name."""

    input: str | None = None
    output: str | None = None
    id: str | None = None
    annotations: tuple[str, ...] = ()
    """Columns that are kept with the results."""


def refuse_empty(examples: Sequence[Example]) -> None:
    """Refuse texts without a word.

    Raises:
        InputError: One is empty, or of spaces alone; the message says which.
    """
    for number, example in enumerate(examples, start=1):
        if example.is_empty:
            what = f"{example.where}: the text" if example.where else f"Input text {number}"
            raise InputError(
                f"{what} is empty, so there is nothing to come from.\n"
                "Give at least one word; for a start token alone, write it out (such as '<s>')."
            )


def typed_texts(values: Sequence[str], console: Console) -> list[str]:
    """The texts that follow ``-i`` or ``-g``: literal, ``@file`` (one per line), or ``-`` (stdin, likewise).

    ``@@`` begins a literal text that starts with ``@``.

    Raises:
        UsageError: A file is missing, or there is nothing to read.
    """
    texts: list[str] = []
    for value in values:
        if value == "-":
            texts += _lines(console.read_stdin(), "standard input")
        elif value.startswith("@@"):
            texts.append(value[1:])
        elif value.startswith("@") and (Path(value[1:]).is_file() or " " not in value):
            texts += _lines(
                _read(Path(value[1:]), hint=" (A text that begins with '@' is written '@@...'.)"), value[1:]
            )
        else:
            texts.append(value)
    return texts


def paired(inputs: Sequence[str], targets: Sequence[str]) -> list[Example]:
    """Inputs with their targets, one for one.

    Raises:
        UsageError: Their numbers differ.
    """
    if targets and len(targets) != len(inputs):
        raise UsageError(
            f"{len(targets)} generated texts for {len(inputs)} input texts.\n"
            "Give one per input, in the same order, or none to let the model generate."
        )
    given: Sequence[str | None] = targets or [None] * len(inputs)
    return [Example(text=text, generated=target) for text, target in zip(inputs, given, strict=True)]


def examples_in_file(path: Path, fields: Fields) -> Iterator[Example]:
    """The examples in a ``.txt`` (one text per line), ``.jsonl``, ``.csv``, ``.tsv`` or ``.parquet`` file, in order.

    Raises:
        UsageError: The file is missing, of an unknown kind, or lacks a column.
        FileFormatError: The file is damaged.
    """
    kinds: dict[str, Callable[[Path], Iterator[tuple[str, Mapping[str, Any]]]]] = {
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".csv": _csv,
        ".tsv": _csv,
        ".parquet": _parquet,
    }
    if path.suffix == ".txt":
        return (Example(text=line) for line in _lines(_read(path), str(path)))
    if path.suffix not in kinds:
        raise UsageError(
            f"{str(path)!r} is not a kind of file we read texts from.\nKnown endings: .txt, {', '.join(kinds)}."
        )
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r}.")
    return _examples_in_rows(kinds[path.suffix](path), fields, str(path))


def examples_in_rows(rows: Iterable[Mapping[str, Any]], fields: Fields, where: str) -> Iterator[Example]:
    """Rows with named columns as examples.

    Raises:
        UsageError: A column is missing.
    """
    return _examples_in_rows(((f"row {number}", row) for number, row in enumerate(rows, start=1)), fields, where)


def _examples_in_rows(rows: Iterable[tuple[str, Mapping[str, Any]]], fields: Fields, where: str) -> Iterator[Example]:
    rows = iter(rows)
    head = list(islice(rows, 1))
    if not head:
        return
    columns = [str(name) for name in head[0][1]]
    input_field = _column(fields.input, _LIKELY_INPUTS, columns, where, "--input-field", required=True)
    output_field = _column(fields.output, _LIKELY_OUTPUTS, columns, where, "--output-field", required=False)
    id_field = _column(fields.id, ("id",), columns, where, "--id-field", required=False)
    kept = [_column(name, (), columns, where, "--annotations", required=False) or name for name in fields.annotations]
    for place, row in chain(head, rows):
        text = row.get(input_field or "")
        text = "" if text is None else text  # refused, or a failed example, where it is asked about
        generated = row.get(output_field) if output_field else None
        name = row.get(id_field) if id_field else None
        yield Example(
            text=text if isinstance(text, str | list) else str(text),
            generated=None if generated is None or generated == "" else str(generated),
            id=None if name is None else str(name),
            annotations={name: row[name] for name in kept if row.get(name) is not None},
            where=f"{where}, {place}",
        )


def _column(
    asked: str | None,
    likely: Sequence[str],
    columns: Sequence[str],
    where: str,
    option: str,
    *,
    required: bool,
) -> str | None:
    if asked is not None:
        if asked not in columns:
            raise UsageError(
                f"{where} has no column {asked!r}.{nearest(asked, columns)}\nIt has: {', '.join(columns)}."
            )
        return asked
    found = next((name for name in likely if name in columns), None)
    if found is None and required:
        if len(columns) == 1:
            return columns[0]
        raise UsageError(f"{where} has the columns {', '.join(columns)}.\nSay which one holds the texts: {option} NAME")
    return found


def _read(path: Path, hint: str = "") -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no file {str(path)!r}.{hint}") from None
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.") from error


def lines_of(text: str) -> list[str]:
    """A text cut at its line breaks (``\\n``, ``\\r\\n``, ``\\r``) and nowhere else.

    `str.splitlines` also cuts at separators that stand within texts and JSON: U+2028, U+0085, form feeds and others.
    """
    return re.split(r"\r\n|\n|\r", text)


def _lines(text: str, where: str) -> list[str]:
    lines = [line for line in lines_of(text) if line.strip()]
    if not lines:
        raise UsageError(f"There is no text in {where}.")
    return lines


def _json_lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise FileFormatError(
                    f"{path}, line {number} is not JSON: {error.msg} at character {error.pos}."
                ) from error
            yield f"line {number}", row if isinstance(row, dict) else {"text": row}


def _csv(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        for row in rows:
            yield f"line {rows.line_num}", row


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=256):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
    except pyarrow.ArrowInvalid as error:
        raise FileFormatError(f"{path} is not Parquet: {error}.") from error
