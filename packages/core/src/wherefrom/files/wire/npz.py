"""Arrays by name, as numpy keeps them in one ``.npz`` file."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from wherefrom.errors import FileFormatError

DAMAGE = (
    ValueError,
    LookupError,
    EOFError,
    OSError,
    BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    TypeError,
    AttributeError,
    MemoryError,
)
"""What numpy and the standard library raise at files that are damaged."""
_BEGIN = b"PK"
"""Of every ``.npz`` file, as of every archive of its kind."""


def arrays_of(path: str | Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of a file, by name.

    Raises:
        FileFormatError: The file is damaged or something else.
        OSError: It cannot be opened; a FileNotFoundError where there is none.
    """
    with Path(path).open("rb") as file:
        begin = file.read(len(_BEGIN))
        if begin != _BEGIN:
            found = "it is empty" if not begin else "it begins otherwise"
            raise FileFormatError(f"{path} is no file of arrays (.npz): {found}.")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as stored:
                return {name: np.asarray(stored[name]) for name in stored.files}
        except DAMAGE as error:  # of numpy's own words some advise to run what a file holds
            why = f": {error}" if isinstance(error, BadZipFile | zlib.error | EOFError) else ""
            raise FileFormatError(f"{path} is a damaged file of arrays (.npz){why}.") from error


def header_of(arrays: Mapping[str, npt.NDArray[Any]], formats: tuple[str, ...]) -> dict[str, Any]:
    """What the file says of itself: the JSON object under ``"header"``.

    Raises:
        FileFormatError: There is none, or its format is none of ``formats``.
    """
    try:
        header = json.loads(arrays["header"].tobytes().decode())
        found = header["format"]
    except (ValueError, LookupError, TypeError) as error:
        raise FileFormatError(f"expected a header with a format, found {error!r}") from error
    if found not in formats:
        raise FileFormatError(f"expected {' or '.join(formats)}, found {found!r}")
    told: dict[str, Any] = header
    return told
