"""What the files and folders hold that somebody named: two of one name are not the same ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wherefrom.methods.harmless import reaches_out


def digest_of(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_held(folder: Path) -> list[list[str]]:
    """Name and digest of every file in a folder and below; hidden ones are left out."""
    files = sorted(one for one in folder.rglob("*") if one.is_file() and not _hidden(one.relative_to(folder)))
    return [[one.relative_to(folder).as_posix(), digest_of(one)] for one in files]


def files_named(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings that name a file, each with the digest of what it holds (learned weights, say)."""
    return {
        name: digest_of(Path(value))
        for name, value in settings.items()
        if isinstance(value, str) and reaches_out(name, value) and os.path.isfile(value)
    }


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
