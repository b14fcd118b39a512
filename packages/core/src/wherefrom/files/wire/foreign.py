"""What a file is that is none of ours, in words."""

from __future__ import annotations

import re

from wherefrom.errors import FileFormatError

CAN_BE_OPENED = "Give a file that `save` or `-o` wrote (.json, .jsonl, .msgpack), or one of inseq."

EVALUATION, BENCH = b'{"measurements":', b'{"type":"header"'
"""How files of evaluations and of the bench begin."""

_MEASURED = "an evaluation, not attributions; `wherefrom show` prints it"
_BEGINNINGS = (
    (EVALUATION, _MEASURED),
    (BENCH, _MEASURED),
    (b"\x89PNG", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"GIF8", "an image (GIF)"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet table"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"SQLite format 3", "a database"),
    (b"\xff\xfe", "UTF-16 text; files of ours are UTF-8"),
    (b"\xfe\xff", "UTF-16 text; files of ours are UTF-8"),
)
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]+")


def refuse_foreign(data: bytes) -> None:
    """Refuse what is told by how it begins.

    Raises:
        FileFormatError: It is an HTML page, an image, a table, or text without JSON.
    """
    kind = _kind(data)
    if kind is not None:
        raise FileFormatError(f"This is {kind}. {CAN_BE_OPENED}")


def _kind(data: bytes) -> str | None:
    for beginning, words in _BEGINNINGS:
        if data.startswith(beginning):
            return words
    head = data[:1000].lstrip()
    lower = head.lower()
    if b"<svg" in lower and lower.startswith((b"<svg", b"<?xml")):
        return "an image (SVG)"
    if lower.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if head.startswith(b"<?xml"):
        return "XML"
    if head.startswith(b"["):
        return "a JSON list, and files of ours are an object"
    if len(head) > 8 and not head.startswith(b"{") and _TEXT.fullmatch(head) and head[:1].isascii():
        return "a text or a table (such as CSV), not JSON"
    return None
