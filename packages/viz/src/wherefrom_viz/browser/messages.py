"""What widgets tell their screen, and screens the application."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message


@dataclass
class ExamplePointed(Message):
    """The cursor of the list stands on another example."""

    key: int


@dataclass
class ExampleChosen(Message):
    """An example is to be opened."""

    key: int


@dataclass
class HeadClicked(Message):
    """A column's head was clicked: sort by it."""

    column: str


@dataclass
class StepPointed(Message):
    """The cursor is to stand on an output token."""

    column: int
    pin: bool = False
    """Pin it, or unpin it, too?"""


@dataclass
class InputPointed(Message):
    """The cursor is to stand on an input."""

    row: int


@dataclass
class PaneSized(Message):
    """A pane is to take this much of its window."""

    pane: str
    percent: int
    """0: as usual."""


@dataclass
class PathsChosen(Message):
    """Files and runs are to be opened in place of what is open."""

    paths: list[Path]


@dataclass
class AnotherWanted(Message):
    """The reader wants to choose another file."""


@dataclass
class ExampleOpened(Message):
    """An example is to be looked at in one of the views."""

    key: int
    tab: str = "read"


@dataclass
class ComparisonWanted(Message):
    """An example is to be compared with what is marked, else with its counterpart."""

    key: int


@dataclass
class ExportWanted(Message):
    """What is marked, else these examples, is to be written to a file."""

    keys: list[int]


@dataclass
class CopyWanted(Message):
    """Text for the clipboard."""

    text: str


@dataclass
class RemarkWanted(Message):
    """The reader wants to give an example tags, or a note."""

    key: int
    what: str
    """``"tags"`` or ``"note"``."""
