"""Documents from a file: the parts of a context that an output can cite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wherefrom.errors import UsageError
from wherefrom.settings import is_whole

from wherefrom_cli.rows import Row, are_messages, rows_in_file, words_in

_TEXTS = ("text", "id", "title")


def documents_in_file(path: Path) -> list[Any]:
    """The documents in a file of `rows.ENDINGS`, or the messages of a chat.

    A line of ``.txt`` is a document. Of the other kinds, a row is a text or has ``text``, ``id`` and ``title``, or
    ``role`` and ``content``.

    Raises:
        UsageError: The file is missing, empty or of an unknown kind, or a document has no text.
        FileFormatError: It is damaged.
    """
    rows = [part for row in rows_in_file(path) for part in _messages(row)]
    found = [_document(row) for row in rows]
    if not found:
        raise UsageError(f"There is no document in {path}.")
    return [text.strip() for text in found] if path.suffix.lower() == ".txt" else found


def _messages(row: Row) -> list[Row]:
    """The messages of a row that is a chat; any other row as it is."""
    if not isinstance(row.content, list) or not are_messages(row.content):
        return [row]
    return [Row(content=message, where=row.where) for message in row.content]


def _document(row: Row) -> Any:
    """Raise: InputError: What should be its text, id or title is none."""
    if not isinstance(row.content, Mapping):
        return row.content
    texts = {name: row.content[name] for name in _TEXTS if name in row.content}
    if is_whole(texts.get("text")):
        return row.content  # no text, as a bare number is none: who reads documents refuses both
    return {**row.content, **{name: words_in(text, f"{row.where}: the {name}") for name, text in texts.items()}}
