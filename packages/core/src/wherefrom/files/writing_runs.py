"""Write a run: a folder that grows by appending and loses nothing that was finished.

Every writer has a part of its own; who must be alone, as a run that is resumed, holds a `RunLock`. A batch is written
in one go and is on disk when `RunWriter.flush` returns; then its index lines follow, with a checksum of each line. A
crash in between costs the index lines, which readers make again, and at most the batch that was being written.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal
from zlib import crc32

from msgspec.structs import replace

from wherefrom.errors import InputError
from wherefrom.files.drafts import draft_in
from wherefrom.files.locks import LOCK
from wherefrom.files.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from wherefrom.files.summaries import Summary, failure, summarized
from wherefrom.files.wire.bytes import append_whole, sync_folder
from wherefrom.files.wire.documents import example_line, header_line, is_narrow
from wherefrom.files.wire.encoding import json_bytes
from wherefrom.results.attribution import Attribution
from wherefrom.results.given import require_result, several_results
from wherefrom.settings import check_call, require_folder

INDEX_SUFFIX = ".index"

_DRAFT = re.compile(r"\.(manifest\.json|part-.*\.index|run)\.[0-9a-f]{8}\.part")


def create_run(path: str | Path, manifest: Manifest | None = None, *, overwrite: bool = False) -> Path:
    """Make the folder of a new run.

    Args:
        overwrite: Remove the run that is there, if there is one? Other files in the folder stay.

    Raises:
        InputError: A run, or something else, is there already.
    """
    check_call(create_run, locals())
    _require_manifest(manifest)
    path = Path(path)
    _refuse_occupied(path, overwrite=overwrite)
    path.mkdir(parents=True, exist_ok=True)
    _remove(_parts_in(path))
    _remove_drafts(path)
    sync_folder(path.parent)
    write_manifest(path, manifest or Manifest())
    return path


def write_run(
    path: str | Path,
    attributions: Iterable[Attribution],
    manifest: Manifest | None = None,
    *,
    overwrite: bool = False,
    scores_precision: str = "float32",
) -> Path:
    """Write a whole run, which is there complete or not at all.

    Args:
        overwrite: Replace the run that is there, if there is one? It stays until the new one is in its place, and other
            files in the folder stay. A process that is killed while the two change places leaves the parts of both.
        scores_precision: As `RunWriter` has it.

    Raises:
        InputError: A run, or something else, is there already; somebody writes to it; or two examples share an id.
        SettingsError: The precision is unknown.
    """
    several_results(attributions)
    check_call(write_run, locals())
    _require_manifest(manifest)
    path = Path(path)
    with draft_in(path, "run", lambda: _refuse_occupied(path, overwrite=overwrite)) as draft:
        _remove_drafts(path)
        create_run(draft, manifest)
        with RunWriter(draft, scores_precision=scores_precision) as writer:
            writer.extend(attributions)
        _replace(path, draft, writer.part)
    return path


def _replace(path: Path, draft: Path, part: Path) -> None:
    """Put the run in ``draft``, which is one part, in the place of that in ``path``: nothing of the old one goes before
    the new one is there, and where that fails the old one is as it was."""
    old, new = _parts_in(path), _new_part(path)
    try:
        os.replace(part.with_suffix(INDEX_SUFFIX), new.with_suffix(INDEX_SUFFIX))
        os.replace(part, new)
        os.replace(draft / MANIFEST, path / MANIFEST)
        sync_folder(path)
    finally:
        _remove([new, new.with_suffix(INDEX_SUFFIX)] if (draft / MANIFEST).exists() else old)


def occupied_by(path: Path) -> Literal["", "run", "other files"]:
    """What is in the way of a new run at ``path``; nothing: ``""``."""
    if (path / MANIFEST).exists():
        return "run"
    return "other files" if path.is_dir() and any(not _is_ours(one) for one in path.iterdir()) else ""


def _require_manifest(manifest: object) -> None:
    if not isinstance(manifest, Manifest | None):
        raise InputError(f"manifest = {manifest!r:.120} is no Manifest. Give wherefrom.files.Manifest(settings=...).")


def _refuse_occupied(path: Path, *, overwrite: bool) -> None:
    require_folder("The folder of the run", path)
    what = occupied_by(path)
    if what == "run" and not overwrite:
        raise InputError(f"{path} holds a run already. Resume it, choose another folder, or pass overwrite=True.")
    if what and not overwrite:
        raise InputError(
            f"The folder {path} is not empty. Choose another one, or pass overwrite=True to add a run to it."
        )


def _parts_in(path: Path) -> list[Path]:
    """Files that the run in the folder ``path`` has beside its manifest; where no run is, such files are somebody's."""
    return [*path.glob("part-*.jsonl"), *path.glob(f"part-*{INDEX_SUFFIX}")] if (path / MANIFEST).exists() else []


def _remove(files: Iterable[Path]) -> None:
    for one in files:
        one.unlink(missing_ok=True)


def _new_part(path: Path) -> Path:
    """A name that no other writer has, sorted after those that are there."""
    number = 1 + max((int(name.stem[5:10]) for name in path.glob("part-[0-9]*.jsonl")), default=-1)
    return path / f"part-{number:05d}-{secrets.token_hex(3)}.jsonl"


def _remove_drafts(path: Path) -> None:
    for draft in path.glob(".*.part"):
        if _DRAFT.fullmatch(draft.name) is not None:
            shutil.rmtree(draft) if draft.is_dir() and not draft.is_symlink() else draft.unlink()


def _is_ours(path: Path) -> bool:
    """Is it the lock, or the draft of a start that was killed?"""
    return path.name == LOCK or _DRAFT.fullmatch(path.name) is not None


class RunWriter:
    """Appends to a run. Use it in a ``with`` block, or `close` it.

    Args:
        path: A folder that `create_run` made.
        scores_precision: ``"float16"`` halves the scores; step scores are kept.
        batch: Examples that are written, and on disk, together.

    Raises:
        SettingsError: The precision is unknown, or a batch has no example.
    """

    def __init__(self, path: str | Path, *, scores_precision: str = "float32", batch: int = 16) -> None:
        check_call(RunWriter.__init__, locals(), batch=1)
        self.path = Path(path)
        self.narrow = is_narrow(scores_precision)
        self.batch = batch
        provenance = read_manifest(self.path).provenance
        self.part = _new_part(self.path)
        self._file = self.part.open("xb", buffering=0)
        self._index = self.part.with_suffix(INDEX_SUFFIX).open("xb", buffering=0)
        self._not_in_index = b""
        """Index lines of what is on disk."""
        self._pending: list[tuple[bytes, Summary]] = []
        self._written: set[str] = set()
        append_whole(self._file, header_line(provenance))
        sync_folder(self.path)

    def append(self, attribution: Attribution) -> None:
        """Add a finished example.

        Raises:
            InputError: It is no example, or this writer has one of the same id. A run counts an id once: what another
                writer, as that of a run that is resumed, does again takes the place of what was there.
        """
        require_result(attribution)
        name = attribution.id
        if name is not None and name in self._written:
            raise InputError(
                f"There are two examples with the id {name!r}, and a run has one of each. "
                "Give each an id of its own: attribution.replace(id=...)."
            )
        line = example_line(attribution, narrow=self.narrow)
        if name is not None:
            self._written.add(name)
        self._add(line, summarized(attribution))

    def extend(self, attributions: Iterable[Attribution]) -> None:
        """Add finished examples: what `attribute` returned, or a list of examples."""
        for attribution in several_results(attributions):
            self.append(attribution)

    def fail(self, id: str | None, error: BaseException | str) -> None:
        """Write down that an example failed, and why."""
        name, message = (error, "") if isinstance(error, str) else (type(error).__name__, str(error))
        failed = {"error": name, "message": message[:2000]}
        self._add(json_bytes({"id": id, "failed": failed}) + b"\n", failure(id, name, message))

    def _add(self, line: bytes, summary: Summary) -> None:
        self._pending.append((line, summary))
        if len(self._pending) >= self.batch:
            self.flush()

    def flush(self) -> None:
        """Write what is pending; it is on disk when this returns.

        Raises:
            InputError: The file is not there any more: somebody removed the folder.
        """
        lines, self._pending = self._pending, []
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise InputError(
                f"{self.part} was removed while it was being written to. Start the run again, in another folder."
            )
        if lines:
            try:
                offset = append_whole(self._file, b"".join(line for line, _ in lines))
            except BaseException:
                self._written -= {summary.id for _, summary in lines if summary.id is not None}
                raise
            for line, summary in lines:
                entry = replace(summary, offset=offset, length=len(line), crc=crc32(line))
                self._not_in_index += json_bytes(entry) + b"\n"
                offset += len(line)
        self._write_index()

    def _write_index(self) -> None:
        if self._not_in_index:
            append_whole(self._index, self._not_in_index)  # its checksums are what damage is told by
            self._not_in_index = b""

    def close(self) -> None:
        """Write what is pending and let go of the files."""
        if not self._file.closed:
            try:
                if self._pending:
                    self.flush()
                with suppress(OSError):
                    self._write_index()  # of what was told as a failure before: readers make it again
            finally:
                self._file.close()
                self._index.close()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
