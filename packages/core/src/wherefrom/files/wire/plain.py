"""Free-form values (settings, details) as strict JSON, and back.

JSON has no NaN, no infinity and no very long integers: these become ``{"$number": "nan"}``. Names of functions and
classes are text and stay text; half characters in it (of file names that are no UTF-8) are spelt out. Dates become
ISO 8601, bytes the text that they are in UTF-8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

import numpy as np

_MARK = "$number"
_LONGEST_INTEGER = 400


def to_plain(value: Any) -> Any:
    """Lists, dictionaries, text and numbers that any JSON reader takes."""
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else {_MARK: str(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {_MARK: str(value)}
    if isinstance(value, Mapping):
        return {to_plain(str(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((to_plain(item) for item in value), key=str)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, Decimal):
        return str(value)
    return repr(value)


def from_plain(value: Any) -> Any:
    """The values again; tuples come back as lists."""
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(value.get(_MARK), str):
            return _number(value[_MARK])
        return {key: from_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    return value


def _number(text: str) -> Any:
    if text in ("nan", "inf", "-inf"):
        return float(text)
    if len(text) <= _LONGEST_INTEGER and text.removeprefix("-").isascii() and text.removeprefix("-").isdigit():
        return int(text)
    return {_MARK: text}
