"""Results kept as runs, which `wherefrom view` opens and the Runs tab lists.

A run tells once how all its examples were made. So answers that were asked for in one way (the same model, method,
target function, settings, generation arguments, ...) share a run, and another way has a run of its own beside it.
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from warnings import warn

import msgspec
from attrs import define, field, frozen
from wherefrom.context import ContextAttribution
from wherefrom.errors import FileFormatError, InputError, WherefromWarning
from wherefrom.evaluation import Evaluation
from wherefrom.files import Manifest, Run, RunWriter, create_run, fingerprint_of, open_run
from wherefrom.files.locks import RunLock
from wherefrom.files.manifest import MANIFEST
from wherefrom.results.attribution import Attributions
from wherefrom.results.provenance import Provenance, of_whole_run
from wherefrom.results.publishing import model_named

ATTRIBUTIONS = "attributions"
"""Folder that holds the runs, one for each way of asking."""
CONTEXTS = "contexts"
"""Folder that holds results about contexts; a run's lines hold attributions only."""
EVALUATIONS = "evaluations"

_NUMBER = re.compile(r"\d+")
_ODD_IN_NAMES = re.compile(r"[^\w.]+")


@frozen(kw_only=True)
class Line:
    """One kept result, as it is listed."""

    id: str
    method: str
    prompt: str
    output: str


@define(eq=False)
class Keeper:
    """Keeps what was answered in ``folder``, which is made if it is not there. Safe between threads.

    One process at a time writes to the folder: in a ``with`` block, or from `hold` to `release`, this one does; else
    it is locked for each answer alone. Everybody may read it meanwhile.

    A folder of an earlier version is itself a run, of answers that may differ in how they were made. It can still be
    read, and nothing is added to it.
    """

    folder: Path
    _threads: threading.RLock = field(factory=threading.RLock, init=False)
    _held: RunLock | None = field(default=None, init=False)

    def hold(self) -> None:
        """Be the only one who writes, until `release` or the end of the process.

        Raises:
            InputError: Another process writes to the folder; the message says which.
        """
        with self._threads:
            if self._held is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._held = RunLock(self.folder).acquire()

    def release(self) -> None:
        """Let others write."""
        with self._threads:
            if self._held is not None:
                self._held.release()
                self._held = None

    def __enter__(self) -> Keeper:
        self.hold()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Nobody else writes meanwhile."""
        with self._threads:
            alone = self._held is None
            self.hold()
            try:
                yield
            finally:
                if alone:
                    self.release()

    def keep(self, out: Attributions, what: str) -> Attributions:
        """Write the examples of a result, each under an id of its own; the result with these ids.

        Raises:
            InputError: Another process writes to the folder.
        """
        with self._writing():
            runs = self._runs()
            first = _next_number(name for run in runs for name in _names(run))
            named = tuple(one.replace(id=f"{first + place:04d}-{what}-{one.method}") for place, one in enumerate(out))
            folder = self._run_of(out.provenance, runs)
            with RunLock(folder), RunWriter(folder, batch=1) as writer:
                for one in named:
                    writer.append(one)
        return out.replace(sequence_attributions=named)

    def _run_of(self, made: Provenance, runs: Iterable[Run]) -> Path:
        """The folder of the run of what was made like this; a new one where there is none."""
        of_all = msgspec.structs.replace(of_whole_run(made), warnings=made.warnings, arguments=made.arguments)
        way = fingerprint_of(msgspec.to_builtins(msgspec.structs.replace(of_all, created="")))
        for run in runs:
            if run.manifest.fingerprint == way:
                return run.path
        beside = self.folder / ATTRIBUTIONS
        beside.mkdir(parents=True, exist_ok=True)
        name = f"{_next_number(path.name for path in beside.iterdir()):04d}{_in_name(made)}"
        return create_run(beside / name, Manifest(fingerprint=way, provenance=of_all))

    def keep_context(self, out: ContextAttribution) -> Path:
        """Write a result about a context to a file of its own."""
        return self._keep_file(CONTEXTS, out.save)

    def keep_evaluation(self, found: Evaluation) -> Path:
        """Write an evaluation to a file of its own."""
        return self._keep_file(EVALUATIONS, found.save)

    def _keep_file(self, kind: str, save: Callable[[Path], None]) -> Path:
        with self._writing():
            folder = self.folder / kind
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{_next_number(path.name for path in folder.iterdir()):04d}.json"
            save(path)
        return path

    @property
    def command(self) -> str:
        """What to type to look at everything that is kept as runs."""
        places = [shlex.quote(str(self.folder / ATTRIBUTIONS)) + "/*"]
        if _is_run(self.folder):
            places.insert(0, shlex.quote(str(self.folder)))
        return " ".join(["wherefrom view", *places])

    def lines(self) -> list[Line]:
        """What is kept, the latest first."""
        found = [
            Line(id=one.id or "", method=one.method or "", prompt=one.prompt, output=one.output)
            for run in self._runs()
            for one in run.summaries
        ]
        return sorted(found, key=lambda line: _number(line.id))[::-1]

    def load(self, id: str) -> Attributions:
        """A kept result, told as it was made.

        Raises:
            InputError: Nothing is kept under that id.
        """
        for run in self._runs():
            if id in _names(run):
                return Attributions(sequence_attributions=(run.find(id),), provenance=run.provenance)
        raise InputError(f"Nothing is kept under {id!r}.")

    def _runs(self) -> list[Run]:
        """The runs in the order in which they were begun; those that cannot be read are left out with a warning."""
        beside = self.folder / ATTRIBUTIONS
        places = [self.folder, *(sorted(beside.iterdir()) if beside.is_dir() else [])]
        found = []
        for place in filter(_is_run, places):
            try:
                found.append(open_run(place))
            except FileFormatError as error:
                warn(f"{error} The run was left out.", WherefromWarning, stacklevel=3)
        return found


def _in_name(made: Provenance) -> str:
    """What the name of a run's folder tells: model, method and target function."""
    model = str(made.model.get("name", ""))
    told = [model_named(model), made.method.get("name"), made.attributed_fn.get("name")]
    return "".join(f"-{_ODD_IN_NAMES.sub('-', str(word))}" for word in told if word)


def _is_run(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def _names(run: Run) -> list[str]:
    return [one.id for one in run.summaries if one.id is not None]


def _number(name: str) -> int:
    """The number that a name begins with; 0: it begins with none."""
    found = _NUMBER.match(name)
    return int(found.group()) if found else 0


def _next_number(names: Iterable[str]) -> int:
    """The number after those that names begin with."""
    return 1 + max(map(_number, names), default=0)
