"""JSON lines as records: one object per line, blank lines skipped."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from wherefrom.errors import FileFormatError
from wherefrom.files.wire.bytes import in_utf8
from wherefrom.files.wire.encoding import NOT_JSON

T = TypeVar("T")


def decoded_lines(data: bytes, kind: type[T], *, name: object, expected: str) -> list[T]:
    """The records of a file.

    Args:
        data: Its content, in UTF-8 or as its byte order mark says; cut at line ends alone, not at what Unicode calls
            one.
        kind: What each line holds.
        name: Of the file, for messages.
        expected: What a line should be, for messages.

    Raises:
        FileFormatError: A line is something else; the message names it.
    """
    decoder = msgspec.json.Decoder(kind)
    found = []
    for number, line in enumerate(in_utf8(data, name).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(decoder.decode(line))
        except NOT_JSON as error:
            hint = " Save the file as UTF-8." if isinstance(error, UnicodeDecodeError) else ""
            raise FileFormatError(f"{name}, line {number}: expected {expected}: {error}.{hint}") from error
    return found
