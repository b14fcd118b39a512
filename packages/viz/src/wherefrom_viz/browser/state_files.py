"""Small JSON files that the browser keeps between sessions, in the user's state folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_state(file: Path) -> Any:
    """What a file holds; None where there is none, or it is damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_state(file: Path, held: Any) -> None:
    """Keep it. A home that cannot be written to is no reason to complain."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(held), encoding="utf-8")
    except OSError:
        return
