"""Examples held in memory: results of this process, and files that are one document."""

from __future__ import annotations

import warnings
from pathlib import Path

from wherefrom.errors import WherefromWarning
from wherefrom.files import Summary, load
from wherefrom.files.summaries import summarized
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance


class LoadedSource:
    """A result that is in memory."""

    path: Path | None = None
    total: int | None = None
    version = 0
    unread = False

    def __init__(self, attributions: Attributions, name: str = "result") -> None:
        self.name = name
        self.complaints: list[str] = []
        self._take(attributions)

    def _take(self, attributions: Attributions) -> None:
        self._examples = attributions.sequence_attributions
        self._summaries = [summarized(one) for one in self._examples]
        self._provenance = attributions.provenance

    def provenance(self, index: int) -> Provenance:
        """How an example was made: as all of the result were."""
        return self._provenance

    def __len__(self) -> int:
        return len(self._examples)

    def summary(self, index: int) -> Summary:
        """What the list shows of an example."""
        return self._summaries[index]

    def load(self, index: int) -> Attribution:
        """The example; it is in memory already."""
        return self._examples[index]

    def refresh(self) -> int:
        """Nothing is appended to a result in memory."""
        return 0


class DocumentSource(LoadedSource):
    """A file that is read whole: ours, inseq's, plain or compressed. It is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._stamp = _stamp(path)
        attributions, complaints = _read(path)
        super().__init__(attributions, path.name)
        self.path: Path | None = path
        self.complaints = complaints

    def refresh(self) -> int:
        """Read the file again if it is another one than before."""
        assert self.path is not None
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return 0
        before = len(self)
        attributions, complaints = _read(self.path)
        self._stamp, self.complaints = stamp, complaints
        self._take(attributions)
        self.version += 1
        return len(self) - before


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _read(path: Path) -> tuple[Attributions, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", WherefromWarning)
        attributions = load(path)
    return attributions, [str(one.message) for one in caught if issubclass(one.category, WherefromWarning)]
