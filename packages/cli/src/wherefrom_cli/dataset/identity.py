"""Which data a streamed data set is, which model a folder holds, which weights a setting names: what was asked for, and
what local files hold.

A local file counts by its content, so that a run goes on after its folder was copied elsewhere and does not after a
file was changed.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from wherefrom.files.named import digest_of, files_held
from wherefrom.methods.harmless import reaches_out
from wherefrom.results.provenance import BY_EXAMPLE, KEPT_THERE


def with_contents(arguments: Mapping[str, Any], harmless: Collection[str] = ()) -> dict[str, Any]:
    """Settings, or arguments of loading, with what is in the local files and folders that they name instead of the
    names; everything else stays.

    Args:
        harmless: Names of arguments that stay, whatever they say.
    """
    words = (*KEPT_THERE, *BY_EXAMPLE, *harmless)
    return {
        name: _content(value) if name not in words and reaches_out(name, value) else value
        for name, value in arguments.items()
    }


def _content(value: Any) -> Any:
    if isinstance(value, Mapping):
        return with_contents(value)
    if isinstance(value, list | tuple):
        return [_content(one) for one in value]
    if isinstance(value, str | os.PathLike) and os.path.isfile(value):
        return digest_of(Path(value))
    if isinstance(value, str | os.PathLike) and str(value).strip("./") and os.path.isdir(value):
        return files_held(Path(value))
    return value


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
            return [path.suffix, digest_of(path)]
        if path.is_dir():
            return files_held(path)
        if matching := sorted(filter(Path.is_file, map(Path, glob.glob(str(path), recursive=True)))):
            return [[one.suffix, digest_of(one)] for one in matching]
    return value
