"""What the browser needs of a place that holds examples."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from wherefrom.files import Summary
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance


class Source(Protocol):
    """Examples in order. Summaries are at hand; scores are read when an example is loaded."""

    path: Path | None
    version: int
    """Changes when what was read before is worth nothing, because the file was replaced."""

    @property
    def name(self) -> str:
        """Short name for the reader."""
        ...

    def provenance(self, index: int) -> Provenance:
        """How an example was made."""
        ...

    @property
    def total(self) -> int | None:
        """How many there are going to be, if that is known."""
        ...

    @property
    def unread(self) -> bool:
        """Was only a beginning read so far, and are the others had by `refresh`?"""
        ...

    @property
    def complaints(self) -> list[str]:
        """Lines that were damaged, examples that failed: one text each."""
        ...

    def __len__(self) -> int: ...

    def summary(self, index: int) -> Summary:
        """What is known of an example without reading its scores."""
        ...

    def load(self, index: int) -> Attribution:
        """An example with its scores.

        Raises:
            FileFormatError: It is damaged, or was replaced or removed.
            OSError: It cannot be read.
        """
        ...

    def refresh(self) -> int:
        """Take in what was appended; how many examples are new.

        Raises:
            OSError: The file is gone.
        """
        ...
