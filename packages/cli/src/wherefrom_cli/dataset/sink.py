"""What keeps the outcomes of a data-set run."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from wherefrom_cli.dataset.work import Outcome


class Sink(Protocol):
    """Keeps outcomes, and knows which it has already. A context manager."""

    @property
    def finished(self) -> int:
        """How many examples it has, from earlier runs too."""
        ...

    @property
    def failed(self) -> int:
        """How many examples ended in an error that was not mended."""
        ...

    @property
    def how_to_resume(self) -> str:
        """A sentence for somebody who interrupted."""
        ...

    def wants(self, key: str) -> bool:
        """Is the example still to be done?"""
        ...

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Store or show ``outcomes``; when it returns they are safe."""
        ...

    def finish(self, *, stopped: bool) -> str:
        """Close, and say in a sentence where the results are."""
        ...

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
