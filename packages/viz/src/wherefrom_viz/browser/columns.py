"""What the list tells of examples: its columns, which of them fit, and what each shows and is sorted by.

Columns of annotations are called by the annotation's name after a colon (``":label"``), so that no data set can take
the name of a column of ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve, field, frozen
from wherefrom.files import Summary

from wherefrom_viz.describe.numbers import fitting
from wherefrom_viz.describe.text_marks import cells, elide, visible

BRIEF = {"probability": "prob", "entropy": "ent", "crossentropy": "x-ent", "perplexity": "ppl"}
"""Step scores as heads of columns."""

FIXED = ("n", "id", "input", "output", "inputs", "steps", "score", "low", "context", "method", "tags")
"""Columns that every list can be sorted by; "n" is the order of the files."""

_WIDE = 110
_NUMBERS = {"score": 6, "low": 5}
"""Widths of step scores."""
_ROOM, _ROOM_WIDE = 22, 36
"""What the texts keep before further columns are shown."""


@frozen
class Column:
    """A column of the list."""

    name: str
    title: str
    width: int
    right: bool = False


@frozen(kw_only=True)
class Contents:
    """What a list has to show, which decides its columns."""

    score: str = ""
    """The step score that is shown; nothing: there is none."""
    files: int = 1
    methods: int = 0
    ids: int = 4
    """Width of the longest id."""
    lows: bool = False
    shares: bool = False
    tags: int = 0
    """Width of the longest tags; 0: there are none."""
    annotations: dict[str, tuple[int, bool]] = field(factory=dict)
    """Width of the longest value of each other annotation, and whether all are numbers."""


def columns_for(width: int, contents: Contents, sorted_by: str = "n") -> list[Column]:
    """The columns that fit a width, that of the order always among them; the texts share what is left."""
    wide = width >= _WIDE
    id_column = Column("id", "id", max(4, min(contents.ids + 1, 16 if wide else 12)))
    order = _offered(contents, wide)
    wanted = sorted(order, key=lambda column: column.name != sorted_by)
    left = width - 3 - (id_column.width + 2) - 4
    chosen: set[str] = set()
    for column in wanted:
        needed = column.width + 2
        if column.name == sorted_by or left - needed >= (_ROOM_WIDE if wide else _ROOM):
            chosen.add(column.name)
            left -= needed
    texts = max(16, left)
    prompt = texts * 3 // 5
    shown = [column for column in sorted(order, key=_place) if column.name in chosen]
    return [id_column, Column("input", "input", prompt), Column("output", "output", texts - prompt), *shown]


def _offered(contents: Contents, wide: bool) -> list[Column]:
    """Columns beside id and texts, the most telling first."""
    brief = BRIEF.get(contents.score, contents.score)
    found: list[Column] = []
    if contents.score:
        found.append(Column("score", elide(brief, 5), _NUMBERS["score"], True))
    if contents.files > 1:
        found.append(Column("file", "file", 16 if wide else 10))
    if contents.methods > 1:
        found.append(Column("method", "method", 16 if wide else 10))
    if contents.tags:
        found.append(Column("tags", "tags", max(5, min(contents.tags, 14 if wide else 10))))
    if contents.shares:
        found.append(Column("context", "ctx", 4, True))
    if contents.lows:
        found.append(Column("low", "min", _NUMBERS["low"], True))
    found += [Column("inputs", "in", 4, True), Column("steps", "out", 4, True)]
    for name, (size, numbers) in contents.annotations.items():
        title = visible(name)
        width = max(min(cells(title) + 1, 12), min(size, 16))
        found.append(Column(f":{name}", title, width, numbers))
    if contents.methods == 1:
        found.append(Column("method", "method", 16 if wide else 10))
    return found


def _place(column: Column) -> int:
    """Where a column stands, from left to right: lengths, scores, names, annotations, files."""
    order = ("inputs", "steps", "score", "low", "context", "method", "tags", "", "file")
    return order.index(column.name if column.name in order else "")


def text_in(column: str, summary: Summary, score: str) -> str:
    """What a column shows of an example; nothing where it is not known."""
    value = value_in(column, summary, score)
    if value is None:
        return ""
    if column == "context":
        return f"{value:.0%}"
    if column in ("score", "low"):
        text, width = f"{value:.3f}", _NUMBERS[column]
        return text if len(text) <= width else fitting(value, width)
    if column.startswith(":") and isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def value_in(column: str, summary: Summary, score: str) -> Any:
    """What an example has in a column; None: nothing, or it is not known."""
    if column.startswith(":"):
        return (summary.annotations or {}).get(column[1:])
    return _READERS[column](summary, score)


_READERS: dict[str, Callable[[Summary, str], Any]] = {
    "id": lambda summary, _: summary.id,
    "input": lambda summary, _: summary.prompt,
    "output": lambda summary, _: summary.output,
    "inputs": lambda summary, _: summary.inputs,
    "steps": lambda summary, _: summary.steps,
    "method": lambda summary, _: summary.method,
    "score": lambda summary, score: summary.scores.get(score),
    "low": lambda summary, score: summary.low(score),
    "context": lambda summary, _: summary.context,
    "tags": lambda summary, _: summary.tags or None,
}


def order_in(column: str, summary: Summary, score: str) -> Any:
    """What a column sorts an example by: numbers before texts, texts in any case; None: it comes last."""
    value = value_in(column, summary, score)
    if value is None or column in ("inputs", "steps", "score", "low", "context"):
        return value
    if column.startswith(":"):
        number = number_from(value)
        if number is not None:
            return (0, number, "")
        return (1, 0.0, text_in(column, summary, score).casefold())
    return text_in(column, summary, score).casefold()


def number_from(value: Any) -> float | None:
    """An annotation as a number, if it is one or is written like one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def contents_of(summaries: Sequence[Summary], names: Sequence[str], contents: Contents) -> Contents:
    """``contents`` with what some examples show of scores, tags and annotations.

    Args:
        names: Annotations to make columns of.
    """
    annotations = {}
    for name in names:
        values = [value for one in summaries if (value := value_in(f":{name}", one, "")) is not None]
        shown = [_cells_in(f":{name}", one) for one in summaries]
        numbers = bool(values) and all(number_from(value) is not None for value in values)
        annotations[name] = (max(shown, default=0), numbers)
    return evolve(
        contents,
        methods=len({one.method for one in summaries if one.method}),
        lows=any(one.low(contents.score) is not None for one in summaries),
        shares=any(one.context is not None for one in summaries),
        tags=max((_cells_in("tags", one) for one in summaries), default=0),
        annotations=annotations,
    )


def _cells_in(column: str, summary: Summary) -> int:
    return cells(visible(text_in(column, summary, "")))


def sortable(names: Sequence[str], *, tags: bool) -> list[str]:
    """The columns that `sort` goes through, given the annotations there are."""
    return [*(name for name in FIXED if name != "tags" or tags), *(f":{name}" for name in names)]


def spoken_column(column: str, score: str) -> str:
    """A column in a message."""
    names = {
        "n": "the order of the file",
        "score": score,
        "low": f"lowest {score}",
        "context": "share on the context",
        "inputs": "length of the input",
        "steps": "length of the output",
    }
    return names.get(column, column.removeprefix(":"))
