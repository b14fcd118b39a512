"""Which data a streamed data set is, or which model a folder holds: what was asked for, and what local files hold.

A local file counts by its content, so that a run goes on after its folder was copied elsewhere and does not after a
file was changed.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def streamed_identity(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values that differ where the examples may differ.

    Args:
        asked: The fields of a `DatasetRequest`, as a dictionary. Annotations are not looked at: they do not decide
            what is computed, and have an identity of their own.
    """
    name = str(asked["name"])
    base = Path(name)
    kwargs = dict(asked["kwargs"])
    inside = {"files": list(asked["files"]), "folder": asked["folder"]}
    inside |= {given: kwargs.pop(given) for given in ("data_files", "data_dir") if given in kwargs}
    found = {given: _held(value, base) for given, value in inside.items()}
    unnamed = {"annotations", *([] if asked["fields"].get("contrast") else ["contrast"])}
    parts = any(inside.values()) and base.is_dir()  # of a local folder only these are read
    return {
        **{given: value for given, value in asked.items() if given not in inside},
        "name": "a folder" if parts else _held(name, Path()),
        "kwargs": kwargs,
        "fields": {given: value for given, value in asked["fields"].items() if given not in unnamed},
        **found,
    }


def _held(value: Any, base: Path) -> Any:
    """A name, or several, with what is in the local files behind it instead; other names stay."""
    if isinstance(value, Mapping):
        return {str(name): _held(one, base) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_held(one, base) for one in value]
    if not isinstance(value, str):
        return value
    for path in (base / value, Path(value)):  # in a local folder its own come first
        if path.is_file():
            return [path.suffix, _digest(path)]
        if path.is_dir():
            return files_held(path)
        if matching := sorted(filter(Path.is_file, map(Path, glob.glob(str(path), recursive=True)))):
            return [[one.suffix, _digest(one)] for one in matching]
    return value


def files_held(folder: Path) -> list[list[str]]:
    """Name and content, as a hash, of every file in a folder and below; hidden ones are left out."""
    files = sorted(one for one in folder.rglob("*") if one.is_file() and not _hidden(one.relative_to(folder)))
    return [[one.relative_to(folder).as_posix(), _digest(one)] for one in files]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
