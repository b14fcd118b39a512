"""Answers that were had already, kept on disk by request."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import warnings
from pathlib import Path
from typing import Any

from wherefrom.errors import SettingsError, WherefromWarning


class Answers:
    """A table from a request's fingerprint to bytes. Threads and processes may share the file.

    Args:
        path: The file; None: kept in memory for the life of the object.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._path = path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._table = _table(path)
        except (sqlite3.Error, OSError) as error:
            raise SettingsError(
                f"Answers cannot be kept in {path}: {error}. Delete the file, give another name or cache=False."
            ) from error

    def get(self, request: bytes) -> bytes | None:
        """The answer to a request, if it was had."""
        with self._lock:
            try:
                found = self._table.execute(FOUND, (request,)).fetchone()
            except sqlite3.Error as error:
                self._keep_in_memory(error)
                return None
        return None if found is None else bytes(found[0])

    def put(self, request: bytes, answer: bytes) -> None:
        """Keep an answer. Where the file takes no more it is kept in memory, as those that follow, and that is told."""
        with self._lock:
            try:
                self._write(request, answer)
            except sqlite3.Error as error:
                self._keep_in_memory(error)
                self._write(request, answer)

    def _write(self, request: bytes, answer: bytes) -> None:
        self._table.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (request, answer))
        self._table.commit()

    def _keep_in_memory(self, error: sqlite3.Error) -> None:
        if self._path is None:
            raise error
        warnings.warn(
            f"Answers are no longer kept in {self._path} ({error}), but in memory until the end. Make room on the "
            "disk, delete the file, or give another one as cache.",
            WherefromWarning,
            stacklevel=4,
        )
        self._path, self._table = None, _table(None)


FOUND = "SELECT answer FROM answers WHERE request = ?"


def _table(path: Path | None) -> sqlite3.Connection:
    """The table in a file, made where it is not there yet; None: in memory.

    Raises:
        sqlite3.Error: The file is of another kind, or cannot be written.
    """
    table = sqlite3.connect(":memory:" if path is None else path, check_same_thread=False, timeout=60)
    table.execute("CREATE TABLE IF NOT EXISTS answers (request BLOB PRIMARY KEY, answer BLOB) STRICT")
    table.execute(FOUND, (b"",)).fetchone()
    table.commit()
    return table


def fingerprint(*parts: Any) -> bytes:
    """32 bytes that tell one request from another."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
