"""Results kept as a run, which `wherefrom view` opens and the Runs tab lists."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from attrs import define, field, frozen
from wherefrom.context import ContextAttribution
from wherefrom.errors import InputError
from wherefrom.evaluation import Evaluation
from wherefrom.files import Manifest, RunWriter, create_run, open_run
from wherefrom.files.manifest import MANIFEST
from wherefrom.results.attribution import Attributions

CONTEXTS = "contexts"
"""Folder of the run that holds results about contexts; a run's own lines hold attributions only."""
EVALUATIONS = "evaluations"


@frozen(kw_only=True)
class Line:
    """One kept result, as it is listed."""

    id: str
    method: str
    prompt: str
    output: str


@define(eq=False)
class Keeper:
    """Appends to the run in ``folder``, which is made if it is not there. Safe between threads."""

    folder: Path
    _lock: threading.Lock = field(factory=threading.Lock)

    def keep(self, out: Attributions, what: str) -> Attributions:
        """Write the examples of a result, each under an id of its own; the result with these ids."""
        with self._lock:
            if not (self.folder / MANIFEST).exists():
                create_run(self.folder, Manifest(provenance=out.provenance))
            number = len(open_run(self.folder))
            named = tuple(
                one.replace(id=f"{number + place + 1:04d}-{what}-{one.method}") for place, one in enumerate(out)
            )
            with RunWriter(self.folder, batch=1) as writer:
                for one in named:
                    writer.append(one)
        return out.replace(sequence_attributions=named)

    def keep_context(self, out: ContextAttribution) -> Path:
        """Write a result about a context to a file of its own."""
        return self._keep_file(CONTEXTS, out.save)

    def keep_evaluation(self, found: Evaluation) -> Path:
        """Write an evaluation to a file of its own."""
        return self._keep_file(EVALUATIONS, found.save)

    def _keep_file(self, kind: str, save: Callable[[Path], None]) -> Path:
        with self._lock:
            folder = self.folder / kind
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{len(list(folder.glob('*.json'))) + 1:04d}.json"
            save(path)
        return path

    def lines(self) -> list[Line]:
        """What is kept, the latest first."""
        if not (self.folder / MANIFEST).exists():
            return []
        run = open_run(self.folder)
        summaries = [run.summary(place) for place in range(len(run))]
        found = [
            Line(id=one.id or "", method=one.method or "", prompt=one.prompt, output=one.output) for one in summaries
        ]
        return found[::-1]

    def load(self, id: str) -> Attributions:
        """A kept result.

        Raises:
            InputError: Nothing is kept under that id.
        """
        known = self.lines()
        run = open_run(self.folder) if known else None
        for place in range(len(known)):
            if run is not None and run.summary(place).id == id:
                return Attributions(sequence_attributions=(run[place],), provenance=run.provenance)
        raise InputError(f"Nothing is kept under {id!r}.")
