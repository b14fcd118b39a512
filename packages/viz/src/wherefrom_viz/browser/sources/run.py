"""The folder of a run, opened by its index and followed while it grows."""

from __future__ import annotations

import warnings
from pathlib import Path

from wherefrom.errors import WherefromWarning
from wherefrom.files import Summary, open_run
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance


class RunSource:
    """A run: finished examples, what failed, and how many there are going to be."""

    version = 0

    def __init__(self, path: Path) -> None:
        self.path: Path | None = path
        self.name = path.resolve().name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WherefromWarning)  # the run's complaints say the same
            self._run = open_run(path, at_once=False)
        self._failures = self._run.failures

    def provenance(self, index: int) -> Provenance:
        """How an example was made: as the run was."""
        return self._run.provenance

    @property
    def total(self) -> int | None:
        """How many examples the run is going to have."""
        return self._run.manifest.total

    @property
    def unread(self) -> bool:
        """Was only the beginning of the index read so far?"""
        return self._run.unread

    @property
    def complaints(self) -> list[str]:
        """Damaged lines and failed examples."""
        failed = [f"{name or 'an example'} failed: {why}" for name, why in self._failures.items()]
        return [*self._run.complaints, *failed]

    def __len__(self) -> int:
        return len(self._run)

    def summary(self, index: int) -> Summary:
        """What the index says of an example."""
        return self._run.summary(index)

    def load(self, index: int) -> Attribution:
        """The example on its line."""
        return self._run[index]

    def refresh(self) -> int:
        """Take in what was appended.

        Raises:
            OSError: The folder is gone.
        """
        assert self.path is not None
        self.path.stat()
        new = self._run.refresh()
        if new or self._run.complaints:
            self._failures = self._run.failures
        return new
