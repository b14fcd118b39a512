"""Files and runs to open: those of this folder, and those that were opened lately."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from attrs import frozen
from wherefrom.errors import WherefromError
from wherefrom.files import Summary
from wherefrom.files.manifest import MANIFEST, read_manifest
from wherefrom.files.user_places import state_folder
from wherefrom.files.wire.encoding import NOT_JSON

from wherefrom_viz.browser.notes import ENDING as NOTES_ENDING
from wherefrom_viz.browser.state_files import read_state, write_state
from wherefrom_viz.describe.numbers import file_size

_MOST_RECENT = 12
_DEPTH = 3
"""Folders inside one another that are looked into."""
_MOST_FOUND = 500
_ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".json.zst", ".jsonl.zst", ".msgpack", ".msgpack.gz")
_summaries = msgspec.json.Decoder(Summary)


@frozen(kw_only=True)
class Place:
    """Something that may be opened."""

    path: Path
    kind: str
    """``"run"`` or ``"file"``."""
    facts: str
    """What is known without reading scores."""
    recent: bool = False


def find_places(folder: Path) -> Iterator[Place]:
    """Files and runs in a folder and the folders inside it, by name; hidden ones are left out."""
    found = 0
    pending = [(folder, 0)]
    while pending and found < _MOST_FOUND:
        here, level = pending.pop(0)
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError:
            continue  # a folder that may not be read has nothing to show
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if (path / MANIFEST).is_file():
                    found += 1
                    yield described(path)
                elif level + 1 < _DEPTH and entry.name not in ("node_modules", "__pycache__"):
                    pending.append((path, level + 1))
            elif entry.name.endswith(_ENDINGS) and not entry.name.endswith(NOTES_ENDING):
                found += 1
                yield described(path)


def described(path: Path, *, recent: bool = False) -> Place:
    """What a path holds, as far as it can be told quickly."""
    if path.is_dir():
        return Place(path=path, kind="run", facts=_run_facts(path), recent=recent)
    try:
        size = path.stat().st_size
    except OSError:
        return Place(path=path, kind="file", facts="gone", recent=recent)
    return Place(path=path, kind="file", facts=file_size(size), recent=recent)


def _run_facts(path: Path) -> str:
    try:
        manifest = read_manifest(path)
    except (WherefromError, OSError) as error:
        return str(error).splitlines()[0][:80]
    made = manifest.provenance
    model = str(made.model.get("name") or "")
    done = _finished(path)
    state = f"{done:,}" if manifest.total is None else f"{done:,} of {manifest.total:,}"
    if manifest.total is not None:
        state += " finished" if done >= manifest.total else " so far"
    return " · ".join(part for part in (model, str(made.method.get("name") or ""), state) if part)


def _finished(run: Path) -> int:
    """How many examples the indexes of a run hold, each id once; those that failed and damaged lines are none."""
    named, unnamed = set(), 0
    for index in run.glob("part-*.index"):
        with index.open("rb") as file:
            for line in file:
                try:
                    summary = _summaries.decode(line)
                except NOT_JSON:
                    continue
                if summary.error is None and summary.id is not None:
                    named.add(summary.id)
                elif summary.error is None:
                    unnamed += 1
    return len(named) + unnamed


def state_file() -> Path:
    """Where the list of recent files is kept."""
    return state_folder() / "recent.json"


def recent_places() -> list[Place]:
    """What was opened lately and is still there, the latest first."""
    return [described(path, recent=True) for path in _recent_paths() if path.exists()]


def remember(paths: Sequence[Path]) -> None:
    """Put paths at the head of the recent ones."""
    names = [str(path.resolve()) for path in paths]
    names += [str(path) for path in _recent_paths() if str(path) not in names]
    write_state(state_file(), names[:_MOST_RECENT])


def _recent_paths() -> list[Path]:
    names = read_state(state_file())
    return [Path(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []


__all__ = ["Place", "described", "find_places", "recent_places", "remember", "state_file"]
