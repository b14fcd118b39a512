"""What widgets tell their screen."""

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
class PathChosen(Message):
    """A file or run is to be opened."""

    path: Path
