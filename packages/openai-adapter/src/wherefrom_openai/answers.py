"""Answers that were had already, kept on disk by request."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

from wherefrom.errors import SettingsError


class Answers:
    """A table from a request's fingerprint to bytes. Threads and processes may share the file.

    Args:
        path: The file; None: kept in memory for the life of the object.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._table = sqlite3.connect(":memory:" if path is None else path, check_same_thread=False, timeout=60)
            self._table.execute("CREATE TABLE IF NOT EXISTS answers (request BLOB PRIMARY KEY, answer BLOB) STRICT")
            self._table.commit()
        except (sqlite3.Error, OSError) as error:
            raise SettingsError(
                f"Answers cannot be kept in {path}: {error}. Delete the file, give another name or cache=False."
            ) from error

    def get(self, request: bytes) -> bytes | None:
        """The answer to a request, if it was had."""
        with self._lock:
            found = self._table.execute("SELECT answer FROM answers WHERE request = ?", (request,)).fetchone()
        return None if found is None else bytes(found[0])

    def put(self, request: bytes, answer: bytes) -> None:
        """Keep an answer."""
        with self._lock:
            self._table.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (request, answer))
            self._table.commit()


def fingerprint(*parts: Any) -> bytes:
    """32 bytes that tell one request from another."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
