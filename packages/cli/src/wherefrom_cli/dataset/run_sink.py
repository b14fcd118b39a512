"""Results in the folder of a run: nothing finished is lost, and the run can go on where it stopped."""

from __future__ import annotations

import errno
import json
import logging
import shlex
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from attrs import define, field
from wherefrom.errors import UsageError, WherefromError, WherefromWarning
from wherefrom.files import Manifest, Run, RunWriter, create_run, fingerprint_of, open_run
from wherefrom.files.locks import RunLock
from wherefrom.files.manifest import MANIFEST, write_manifest
from wherefrom.files.wire.bytes import write_whole
from wherefrom.files.wire.documents import example_line, header_line
from wherefrom.files.wire.encoding import json_bytes
from wherefrom.files.wire.plain import to_plain
from wherefrom.files.writing_runs import occupied_by
from wherefrom.results.attribution import Attributions
from wherefrom.results.provenance import Provenance, of_whole_run, with_warnings
from wherefrom.results.rendering import DRAWN
from wherefrom.results.tables import TABLES

from wherefrom_cli.console import Console
from wherefrom_cli.dataset.source import Dataset
from wherefrom_cli.dataset.work import Outcome
from wherefrom_cli.results import COMPRESSIONS, ENDINGS, check_apart, check_ending, check_folder, check_writable
from wherefrom_cli.showing import write_html

_LOG = logging.getLogger("wherefrom.cli.dataset")

_OF_FILES = (*ENDINGS, *COMPRESSIONS)
"""Endings of names that ask for one file instead of a folder, which is beside it until the file is complete."""
_OF_OTHER_FILES = (*DRAWN, *TABLES)
"""Endings of names that no new run has."""


@define(kw_only=True)
class RunSink:
    """Appends outcomes to a run folder; each batch is on disk when `keep` returns."""

    folder: Path
    manifest: Manifest
    dataset: Dataset
    done: set[str]
    failures: set[str]
    retry_failed: bool = False
    file: Path | None = None
    """One file to make of the run when it is complete; the folder is removed then, unless examples failed."""
    viz_path: Path | None = None
    overwrite: bool = False
    lock: RunLock
    """Held until the sink is closed; nobody else writes to the folder meanwhile."""
    begun: bool = True
    """Is the folder this run's? A run that is not begun leaves what is there alone until its first batch is done."""
    temporary: bool = False
    """Only the page was asked for: the folder is removed when it is written, unless examples failed."""
    lines: Console | None = None
    """Where the results go as JSON lines, too, when the run is complete."""
    _writer: RunWriter | None = field(default=None, init=False)

    @property
    def finished(self) -> int:
        """How many examples the run has."""
        return len(self.done)

    @property
    def failed(self) -> int:
        """How many examples failed and were not mended."""
        return len(self.failures)

    @property
    def how_to_resume(self) -> str:
        """What to type to go on."""
        if not self.begun:
            return "Nothing was finished; give the same command again."
        return f"Everything finished is kept in {self.folder}; go on with the same command and --resume."

    def wants(self, key: str) -> bool:
        """Is it neither done nor (unless failures are tried again) failed?"""
        return key not in self.done and (self.retry_failed or key not in self.failures)

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Write a batch.

        Raises:
            WherefromError: The disk is full; what was finished is safe.
            UsageError: The run was begun with another revision of the model.
        """
        if not outcomes:
            return
        with self._writing_to(self.folder):
            writer = self._writer or self._open_writer(outcomes)
            self._tell(outcomes)
            for outcome in outcomes:
                if outcome.attribution is None:
                    writer.fail(outcome.key, f"{outcome.error_type}: {outcome.error}")
                else:
                    writer.append(outcome.attribution)
            writer.flush()
        for outcome in outcomes:
            if outcome.failed:
                self.failures.add(outcome.key)
            else:
                self.done.add(outcome.key)
                self.failures.discard(outcome.key)

    def finish(self, *, stopped: bool) -> str:
        """Close the run; if it is complete, make the file and the page that were asked for.

        Raises:
            WherefromError: The disk is full; the run stays.
        """
        self._close()
        if stopped:
            return f"Kept in {self.folder}." if self.begun else ""
        self._begin()
        run = open_run(self.folder)
        said = [f"Look: wherefrom view {shlex.quote(str(self.file or self.folder))}"]
        if self.lines is not None:
            with self._writing_to("standard output"):
                for line in self._lines(run):
                    self.lines.content(line)
                self.lines.stdout.flush()
        if self.viz_path is not None:
            with self._writing_to(self.viz_path):  # whether it may be replaced was asked before the run
                write_html(self._whole(run), self.viz_path, overwrite=True)
            said = [f"Wrote {self.viz_path}."]
            if self.temporary and not self.failures:
                shutil.rmtree(self.folder)
        if self.file is not None:
            with self._writing_to(self.file):
                self._write_file(run, self.file)
            if not self.failures:
                shutil.rmtree(self.folder)
            kept = f", and kept what failed in {self.folder}: --retry-failed --overwrite tries it again"
            said.insert(0, f"Wrote {self.file}{kept if self.failures else ''}.")
        return " ".join(said)

    @contextmanager
    def _writing_to(self, place: Path | str) -> Iterator[None]:
        """Raise: WherefromError: The disk of what is written meanwhile is full; what is kept, and how to go on, is
        told."""
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise WherefromError(
                f"The disk of {place} is full.\n"
                f"The {self.finished} examples finished before are kept.\n"
                "Free some space, then give the same command with --resume."
            ) from error

    def __enter__(self) -> RunSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close()
        finally:
            self.lock.release()
            if not self.begun:
                with suppress(OSError):
                    self.folder.rmdir()  # if nothing was there

    def _begin(self) -> None:
        """Make the folder this run's; one that is to be overwritten is removed here, and not before."""
        if not self.begun:
            create_run(self.folder, self.manifest, overwrite=self.overwrite)
            self.begun = True

    def _open_writer(self, outcomes: Sequence[Outcome]) -> RunWriter:
        """Begin a part of our own."""
        self._begin()
        made = next((outcome.provenance for outcome in outcomes if outcome.provenance is not None), None)
        if made is not None:
            _check_same_revision(self.manifest.provenance, made, self.folder)
        self._writer = RunWriter(self.folder)
        return self._writer

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        """Say of the run how the first results were made, what was warned of, and that not all its outputs were forced,
        once one was not."""
        parts = [one.provenance for one in outcomes if one.provenance is not None]
        if not parts:
            return
        before = made = self.manifest.provenance
        if made == Provenance():
            made = of_whole_run(parts[0])
        made = with_warnings(made, (warning for part in parts for warning in part.warnings))
        if made.constrained_decoding and not all(part.constrained_decoding for part in parts):
            made = msgspec.structs.replace(made, constrained_decoding=False)
        if made is not before:
            self.manifest = msgspec.structs.replace(self.manifest, provenance=made)
            write_manifest(self.folder, self.manifest)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write_file(self, run: Run, path: Path) -> None:
        """All examples; JSON lines without holding them in memory."""
        if path.suffix.lower() == ".jsonl":
            write_whole(path, self._lines(run), overwrite=self.overwrite)
        else:
            self._whole(run).save(path, overwrite=self.overwrite)

    def _lines(self, run: Run) -> Iterator[bytes]:
        yield header_line(run.provenance)
        for place in self._places(run):
            yield example_line(run[place])

    def _whole(self, run: Run) -> Attributions:
        examples = tuple(run[place] for place in self._places(run))
        return Attributions(sequence_attributions=examples, provenance=run.provenance)

    def _places(self, run: Run) -> list[int]:
        """Places of the run's examples, in the order of the data set."""
        order = {numbered.key: numbered.index for numbered in self.dataset}
        return sorted(range(len(run)), key=lambda place: order.get(run.summary(place).id or "", place))


def open_run_sink(
    path: Path | None,
    settings: Mapping[str, Any],
    identity: Mapping[str, Any],
    dataset: Dataset,
    *,
    resume: bool,
    retry_failed: bool,
    overwrite: bool,
    viz_path: Path | None,
    lines: Console | None = None,
) -> RunSink:
    """A run to write to: one that goes on, or a new one, which leaves the folder as it is until a batch is done.

    Args:
        path: The folder, or a file to make in the end; None: only a page is made.
        settings: Everything that was asked, for people and for repeating it.
        identity: What decides the numbers; a run goes on only where it is the same.
        lines: Where to print the results when the run is complete.

    Raises:
        UsageError: A run is there and nobody said what to do with it, it is another run, or somebody else writes to it.
    """
    file, folder = refuse_existing_run(path, viz_path, resume=resume or retry_failed, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    lock = RunLock(folder).acquire()
    try:
        refuse_existing_run(path, viz_path, resume=resume or retry_failed, overwrite=overwrite)  # now nobody else may
        going_on = (resume or retry_failed) and (folder / MANIFEST).is_file()
        manifest = Manifest(
            fingerprint=fingerprint_of(identity),
            settings={**settings, "identity": dict(identity)},
            total=dataset.size,
        )
        done, failures, manifest = _begun(folder, manifest) if going_on else (set(), set(), manifest)
    except BaseException:
        lock.release()
        raise
    return RunSink(
        folder=folder,
        manifest=manifest,
        dataset=dataset,
        done=done,
        failures=failures,
        retry_failed=retry_failed,
        file=file,
        viz_path=viz_path,
        overwrite=overwrite,
        temporary=path is None,
        lines=lines,
        lock=lock,
        begun=going_on,
    )


def _begun(folder: Path, asked: Manifest) -> tuple[set[str], set[str], Manifest]:
    """What is done, what failed, and the manifest, of the run in ``folder``. The lock is held.

    Raises:
        UsageError: It is another run than the one that is asked for.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=WherefromWarning)  # what is damaged is done again
        run = open_run(folder)
    _check_same(run.manifest, asked, folder)
    for complaint in run.repair():
        _LOG.warning("%s: %s It is done again.", folder, complaint)
    return set(run.finished), {str(name) for name in run.failures}, run.manifest


def refuse_existing_run(
    path: Path | None, viz_path: Path | None, *, resume: bool, overwrite: bool
) -> tuple[Path | None, Path]:
    """The file to make in the end, if any, and the folder of the run, if they may be written.

    Args:
        path: What was named: a folder, or a file, whose folder is then beside it; None: beside the page.

    Raises:
        UsageError: A run, or the file, is there and nobody said what to do with it; or the name says neither.
    """
    check_apart([("-o", path), ("--viz-path", viz_path)])
    check_writable(viz_path, overwrite=overwrite or resume)
    named = path or viz_path
    if named is None:
        raise UsageError("A run needs a place.\nAdd -o FOLDER.")
    ending = "" if path is None else path.suffix.lower()
    file = path if ending in _OF_FILES else None
    check_ending(path if ending in _OF_OTHER_FILES and not named.exists() else file)
    folder = named if path is not None and file is None else named.with_name(named.name + ".run")
    check_writable(file, overwrite=overwrite)
    if not resume or occupied_by(folder) != "run":
        check_folder(folder, overwrite=overwrite, instead="Go on with --resume, begin anew with --overwrite")
    return file, folder


def _check_same(there: Manifest, asked: Manifest, folder: Path) -> None:
    """Raises: UsageError: The run in ``folder`` is of other settings or data; what differs is named."""
    if there.fingerprint == asked.fingerprint:
        return
    then, asked_now = there.settings, asked.settings
    if "identity" not in then:
        raise UsageError(
            f"{folder} is a run that `wherefrom attribute-dataset` did not make, so it cannot go on.\n"
            "Choose another folder."
        )
    changed = _differences(then.get("identity", {}), asked_now["identity"])
    if any(name == "data" for name, _, _ in changed):
        changed += _differences({"dataset": then.get("dataset", {})}, {"dataset": asked_now["dataset"]})
    shown = ", ".join(f"{name}: {_short(before)} then, {_short(now)} now" for name, before, now in changed)
    raise UsageError(
        f"{folder} is a run of other settings or data, so it cannot go on.\nDifferent: {shown or 'the fingerprint'}.\n"
        "Give the same options as then (`wherefrom info` tells them), or choose another folder."
    )


def _check_same_revision(then: Provenance, now: Provenance, folder: Path) -> None:
    """A name on the hub stands for what was uploaded last; which that is, is known when the model is loaded.

    Raises:
        UsageError: The run was begun with another revision of the model.
    """
    before, after = (one.model.get("revision") for one in (then, now))
    if before and after and before != after:
        raise UsageError(
            f"{folder} was begun with revision {before} of {then.model.get('name', 'the model')}; now it is {after}.\n"
            f'Ask for that one (--model-kwargs \'{{"revision": "{before}"}}\') in another folder, or begin anew with '
            "--overwrite."
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Names of the single values that differ, ``request.seed``, each with both values."""
    old, new = _single_values(before), _single_values(json.loads(json_bytes(to_plain(now))))
    names = [*new, *(name for name in old if name not in new)]
    return [(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _single_values(value: Any, name: str = "") -> dict[str, Any]:
    """The single values in nested mappings by their path; a list is one value."""
    if not isinstance(value, Mapping) or (name and not value):
        return {name: value or None if isinstance(value, Mapping) else value}
    single: dict[str, Any] = {}
    for key, one in value.items():
        single |= _single_values(one, f"{name}.{key}" if name else str(key))
    return single


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
