"""Where the texts come from: the command line, standard input, or the rows of a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from attrs import field, frozen
from wherefrom.errors import InputError, UsageError, nearest
from wherefrom.questions.given import is_chat, is_ids

from wherefrom_cli.console import Console
from wherefrom_cli.rows import (
    MESSAGE,
    Row,
    columns_in_file,
    is_headed,
    numbered_lines,
    numbered_lines_of,
    rows_in_file,
    words_in,
)

T = TypeVar("T")

Text = str | Sequence[Mapping[str, str]] | Sequence[int]
"""A text, a chat as a list of ``{"role", "content"}`` messages, or token ids."""

_LIKELY_INPUTS = ("input", "text", "source", "prompt", "input_text")
_LIKELY_OUTPUTS = ("output", "target", "generated", "generated_text", "completion")
COLUMN_OF_TARGETS = (
    "column of the forced targets; '': none, the model generates (default: output, target or the like, if it is there)"
)
"""Help of the option that names it."""
COLUMN_OF_CONTRASTS = (
    "column of what could have been said instead; -fn must compare with it (contrast_logits_diff); "
    "an empty cell: nothing"
)
"""Help of the option that names it."""


@frozen(kw_only=True)
class Example:
    """One text to explain."""

    text: Text
    generated: str | None = None
    """The forced target (or, on request, the prefix of one); None: the model generates."""
    contrast: str | None = None
    """What could have been said instead; None: nothing is compared with."""
    id: str | None = None
    """The example's own name."""
    annotations: Mapping[str, Any] = field(factory=dict)
    """What else its row says of it, to be kept with the result."""
    where: str = field(default="", eq=False)
    """Where its text was given, for messages."""
    unfit: str = ""
    """Why its row cannot be explained; empty: it can."""

    @property
    def is_empty(self) -> bool:
        """Is there nothing in it that could be explained?"""
        return not self.text.strip() if isinstance(self.text, str) else not self.text

    @property
    def can_be_asked_about(self) -> bool:
        """Is there something in it, and of a kind that can be explained?"""
        return not self.unfit and not self.is_empty


@frozen(kw_only=True)
class Fields:
    """Which columns of a file or data set hold what; None: found by its usual name."""

    input: str | None = None
    output: str | None = None
    """``""``: none, the model generates."""
    id: str | None = None
    contrast: str | None = None
    """None: none, nothing is compared with."""
    annotations: tuple[str, ...] = ()
    """Columns that are kept with the results."""


def each_once(items: Iterable[T], name_of: Callable[[T], str | None], where: str) -> Iterator[T]:
    """The same examples, which have an id each or none: results are looked up, compared and resumed by it.

    Raises:
        UsageError: Two have the same id, when the second is met.
    """
    seen: set[str] = set()
    for item in items:
        name = name_of(item)
        if name is not None and name in seen:
            raise UsageError(f"Two examples of {where!r} have the id {name!r}.\nChoose another --id-field, or none.")
        if name is not None:
            seen.add(name)
        yield item


def refuse_unfit(examples: Sequence[Example]) -> None:
    """Refuse texts without a word, and what is no text.

    Raises:
        InputError: One is empty, of spaces alone, or of another kind; the message says which.
    """
    for number, example in enumerate(examples, start=1):
        if example.unfit:
            raise InputError(example.unfit)
        if example.is_empty:
            what = f"{example.where}: the text" if example.where else f"Input text {number}"
            raise InputError(
                f"{what} is empty, so there is nothing to come from.\n"
                "Give at least one word; for a start token alone, write it out (such as '<s>')."
            )


@frozen
class _Typed:
    """What one value after ``-i`` or ``-g`` stands for."""

    texts: Sequence[str]
    lines: Sequence[int] = ()
    """Where each stands in the file or standard input; empty for a text that was written out."""
    where: str = ""


def typed_texts(console: Console, *options: Sequence[str]) -> list[list[str]]:
    """The texts that follow ``-i``, ``-g`` and other options of texts that belong together, those of each in a list.

    A value is literal, ``@file`` (one text per line), or ``-`` (stdin, likewise). ``@@`` begins a literal text that
    starts with ``@``.

    Raises:
        UsageError: A file is missing, there is nothing to read, or two files that belong together have their blank
            lines at different places.
    """
    typed = [[_typed(value, console) for value in values] for values in options]
    for others in typed[1:]:
        if len(others) == len(typed[0]):
            for one, other in zip(typed[0], others, strict=True):
                _refuse_shifted(one, other)
    return [[text for value in values for text in value.texts] for values in typed]


def typed_text(value: str | None, console: Console, option: str) -> str | None:
    """The one text that follows ``option``, read as `typed_texts` reads several. None stays None.

    Raises:
        UsageError: A file is missing, or holds none or several.
    """
    if value is None:
        return None
    found = _typed(value, console)
    if len(found.texts) > 1:
        raise UsageError(f"{found.where} holds {len(found.texts)} texts, one on each line, and {option} takes one.")
    return found.texts[0]


def names_texts(value: str) -> bool:
    """Does what follows ``-i`` stand for texts elsewhere, and not for itself?"""
    return value == "-" or (value.startswith("@") and not value.startswith("@@"))


def literal(text: str) -> str:
    """A text as it is typed to stand for itself."""
    return f"@{text}" if text.startswith("@") else text


def _refuse_shifted(one: _Typed, other: _Typed) -> None:
    """Raise: UsageError: Two files have a blank line at different places, so that other lines would be paired."""
    if not one.lines or not other.lines or list(one.lines) == list(other.lines):
        return
    line = min(set(one.lines) ^ set(other.lines))
    blank, text = (other, one) if line in one.lines else (one, other)
    raise UsageError(
        f"Line {line} of {text.where} has no counterpart: {blank.where} is blank there, or has ended.\n"
        "Give a text on the same lines of both."
    )


def _typed(value: str, console: Console) -> _Typed:
    if value == "-":
        return _of_lines(numbered_lines_of(console.read_stdin(), "standard input"), "standard input")
    if value.startswith("@@"):
        return _Typed([value[1:]])
    if value.startswith("@") and (Path(value[1:]).is_file() or " " not in value):
        return _of_lines(_lines_in(Path(value[1:])), value[1:])
    return _Typed([value])


def _of_lines(lines: Iterable[tuple[int, str]], where: str) -> _Typed:
    found = list(lines)
    if not found:
        raise UsageError(f"There is no text in {where}.")
    return _Typed([line for _, line in found], [number for number, _ in found], where)


def _lines_in(path: Path) -> Iterator[tuple[int, str]]:
    try:
        yield from numbered_lines(path)
    except FileNotFoundError:
        raise UsageError(f"There is no file {str(path)!r}. (A text that begins with '@' is written '@@...'.)") from None


def paired(inputs: Sequence[str], targets: Sequence[str], contrasts: Sequence[str] = ()) -> list[Example]:
    """Inputs with their targets and what those are compared with, one for one.

    Raises:
        UsageError: Their numbers differ.
    """
    given: list[Sequence[str | None]] = []
    for what, texts, without in (
        ("generated texts", targets, "to let the model generate"),
        ("contrast targets", contrasts, "to compare with nothing"),
    ):
        if texts and len(texts) != len(inputs):
            raise UsageError(
                f"{len(texts)} {what} for {len(inputs)} input texts.\n"
                f"Give one per input, in the same order, or none {without}."
            )
        given.append(texts or [None] * len(inputs))
    return [
        Example(text=text, generated=target, contrast=other) for text, target, other in zip(inputs, *given, strict=True)
    ]


def examples_in_file(path: Path, fields: Fields, tell: Callable[[str], None] | None = None) -> Iterator[Example]:
    """The examples in a file of `rows.ENDINGS`, in order.

    Args:
        tell: Called with `targets_note`, where there is one.

    Raises:
        UsageError: The file is missing, of an unknown kind, or lacks a column.
        FileFormatError: The file is damaged.
    """
    columns = columns_in_file(path)
    if tell is not None and (note := targets_note(columns, fields)):
        tell(note)
    return examples_in_rows(rows_in_file(path), columns, fields, str(path), headed=is_headed(path))


def targets_note(columns: Sequence[str], fields: Fields) -> str:
    """What to say of targets that nobody asked for: they are in a column of a usual name. Empty: there is none."""
    found = [] if fields.output is not None else _columns(None, _LIKELY_OUTPUTS, columns, "")
    if not found:
        return ""
    return (
        f"note: targets are taken from the column {found[0]!r} where it holds text. "
        "--output-field '' lets the model generate; --output-field NAME takes another column."
    )


def examples_in_rows(
    rows: Iterable[Row], columns: Sequence[str], fields: Fields, where: str, *, headed: bool = False
) -> Iterator[Example]:
    """Rows as examples. In each row, a cell is in the first of its usual columns that the row has.

    Args:
        columns: That any row has; none if there is no row.
        where: The rows come from, for messages.
        headed: Are the columns' names the first line of a table, which may be a text by mistake?

    Raises:
        UsageError: A column is missing, or an example's name is no name.
    """
    if not columns:
        return
    inputs = _columns(fields.input, _LIKELY_INPUTS, columns, where)
    if not inputs and len(columns) > 1:
        one = (
            "If each is a message of one chat, write them as one list: [{...}, {...}]. Else say"
            if set(columns) >= MESSAGE
            else "Say"
        )
        raise UsageError(
            f"{where} has the columns {', '.join(columns)}.\n{one} which one holds the texts: --input-field NAME"
        )
    if not inputs and headed:
        raise UsageError(f"{where} has one column, {columns[0]!r}.\n{_how_to_head(columns[0])}")
    outputs = [] if fields.output == "" else _columns(fields.output, _LIKELY_OUTPUTS, columns, where)
    unasked = fields.output is None
    names = _columns(fields.id, ("id",), columns, where)
    contrasts = _columns(fields.contrast, (), columns, where)
    kept = [name for asked in fields.annotations for name in _columns(asked, (), columns, where)]
    for row in rows:
        yield _example(row, inputs or columns, outputs, names, contrasts, kept, unasked=unasked)


def _how_to_head(header: str) -> str:
    """What to do about a table of one column that has no usual name."""
    if mark := next((mark for mark in (";", "\t", "|") if mark in header), None):
        return (
            f"It holds {mark!r}: write the file with commas (.csv) or tabs (.tsv) between cells; "
            f"attribute-dataset also takes --dataset-kwargs {json.dumps({'sep': mark})!r}."
        )
    return (
        "If that is the name of a column: --input-field NAME. If it is a text: put a line 'text' in front of it, "
        "or make it a .txt file."
    )


def _example(
    row: Row,
    inputs: Sequence[str],
    outputs: Sequence[str],
    names: Sequence[str],
    contrasts: Sequence[str],
    kept: Sequence[str],
    *,
    unasked: bool,
) -> Example:
    """Of targets that nobody asked for (``unasked``) those that are no text are none: they may be labels."""
    cells = row.cells
    name = _name(_cell(cells, names), f"{row.where}: the id")
    target = _cell(cells, outputs)
    if unasked and not isinstance(target, str | bytes):
        target = None
    try:
        return Example(
            text=_text(_cell(cells, inputs), f"{row.where}: the text"),
            generated=words_in(target, f"{row.where}: the target") or None,
            contrast=words_in(_cell(cells, contrasts), f"{row.where}: the contrast") or None,
            id=name,
            annotations={
                column: _annotation(cells[column], f"{row.where}: the column {column!r}")
                for column in kept
                if cells.get(column) is not None
            },
            where=row.where,
        )
    except InputError as error:  # refused, or a failed example, where it is asked about
        return Example(text="", id=name, where=row.where, unfit=str(error))


def _cell(cells: Mapping[str, Any], columns: Sequence[str]) -> Any:
    """The cell in the first of ``columns`` that the row has; None if it has none."""
    return next((cells[name] for name in columns if name in cells), None)


def _text(value: Any, what: str) -> Text:
    """Raise: InputError: It is neither a text, a chat nor a list of token ids."""
    if isinstance(value, list) and (not value or is_chat(value) or is_ids(value)):
        return value
    return words_in(value, what) or ""


def _name(value: Any, what: str) -> str | None:
    """Raise: InputError: It is no name."""
    try:
        return words_in(value, what) or None
    except InputError as error:
        raise InputError(f"{str(error).split(chr(10))[0]}\nChoose another --id-field.") from error


def _annotation(value: Any, what: str) -> Any:
    return words_in(value, what) if isinstance(value, bytes) else value


def _columns(asked: str | None, likely: Sequence[str], columns: Sequence[str], where: str) -> list[str]:
    """The column that was asked for, or those of the usual names that there are, the usual one first."""
    if asked is None:
        return [name for name in likely if name in columns]
    if asked not in columns:
        raise UsageError(f"{where} has no column {asked!r}.{nearest(asked, columns)}\nIt has: {', '.join(columns)}.")
    return [asked]
