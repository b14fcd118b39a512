"""Documents from a file: the parts of a context that an output can cite."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from wherefrom.errors import FileFormatError, UsageError

from wherefrom_cli.texts import lines_of

_ENDINGS = (".json", ".jsonl", ".txt", ".csv", ".tsv")


def documents_in_file(path: Path) -> list[Any]:
    """The documents in a file, or the messages of a chat.

    ``.txt``: one per line. ``.jsonl``: a text or an object with ``text``, ``id`` and ``title`` per line. ``.json``: a
    list of these, or of messages with ``role`` and ``content``. ``.csv`` and ``.tsv``: columns of these names.

    Raises:
        UsageError: The file is missing, empty or of an unknown kind.
        FileFormatError: It is damaged.
    """
    if path.suffix not in _ENDINGS:
        raise UsageError(
            f"{str(path)!r} is not a kind of file we read documents from.\nKnown endings: {', '.join(_ENDINGS)}."
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")  # line breaks within cells stay as they are
    except FileNotFoundError:
        raise UsageError(f"There is no file {str(path)!r}.") from None
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.") from error
    found = _parsed(path, text)
    if not found:
        raise UsageError(f"There is no document in {path}.")
    return found


def _parsed(path: Path, text: str) -> list[Any]:
    lines = [(number, line) for number, line in enumerate(lines_of(text), start=1) if line.strip()]
    if path.suffix == ".txt":
        return [line.strip() for _, line in lines]
    if path.suffix in (".csv", ".tsv"):
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ","))
    if path.suffix == ".jsonl":
        return [_json(line, f"{path}, line {number}") for number, line in lines]
    found = _json(text, str(path))
    if not isinstance(found, list):
        raise FileFormatError(f"{path} holds {type(found).__name__}; expected a list of documents or messages.")
    return found


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise FileFormatError(f"{where} is not JSON: {error.msg} at character {error.pos}.") from error
