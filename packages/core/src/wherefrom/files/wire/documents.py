"""Whole files: JSON, JSON lines and MessagePack, each of them plain or compressed.

A document is an object with ``format``, ``version``, ``provenance`` and ``examples``. As JSON lines the first line is
the same object without examples, and every further line is one example, so that files grow by appending.
Readers go by content, not by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from warnings import warn

import msgspec

from wherefrom.errors import FileFormatError, InputError, SettingsError, WherefromWarning
from wherefrom.files.wire.bytes import (
    compress,
    compression_of,
    content_of,
    decompress,
    file_named,
    without_mark,
    write_whole,
)
from wherefrom.files.wire.encoding import NOT_JSON, json_bytes, msgpack_bytes
from wherefrom.files.wire.examples import (
    Fields,
    RawFields,
    decode_example,
    decode_provenance,
    encode_example,
    encode_provenance,
    typed,
)
from wherefrom.files.wire.foreign import refuse_foreign
from wherefrom.files.wire.inseq import is_inseq, read_inseq, to_inseq
from wherefrom.files.wire.limits import Budget
from wherefrom.results.data import AttributionData, AttributionsData
from wherefrom.results.merging import merged_provenance
from wherefrom.results.provenance import Provenance

FORMAT = "wherefrom"
VERSION = (1, 0)
"""Major: what older readers would misread. Minor: additions that they may keep and ignore."""

PRECISIONS = ("float32", "float16")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds, before attributions are made of it."""

    provenance: Provenance
    examples: list[Fields]
    extra: dict[str, Any] = {}
    """Fields of the document that this version does not know."""


# writing


def header(provenance: Provenance, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """What every file begins with."""
    version = ".".join(map(str, VERSION))
    return {"format": FORMAT, "version": version, "provenance": encode_provenance(provenance), **(extra or {})}


def to_json(attributions: AttributionsData[Any], *, narrow: bool = False) -> Iterator[bytes]:
    """One JSON document, an example per line, in pieces."""
    head = json_bytes(header(attributions.provenance, attributions.extra))
    yield head[:-1] + b',"examples":['
    for index, attribution in enumerate(attributions.sequence_attributions):
        yield (b",\n" if index else b"\n") + json_bytes(encode_example(attribution, narrow=narrow))
    yield b"\n]}\n"


def to_json_lines(attributions: AttributionsData[Any], *, narrow: bool = False) -> Iterator[bytes]:
    """A header line, then one line per example."""
    yield header_line(attributions.provenance, attributions.extra)
    for attribution in attributions.sequence_attributions:
        yield example_line(attribution, narrow=narrow)


def header_line(provenance: Provenance, extra: dict[str, Any] | None = None) -> bytes:
    """The first of JSON lines, with its line break."""
    return json_bytes(header(provenance, extra)) + b"\n"


def example_line(attribution: AttributionData, *, narrow: bool = False) -> bytes:
    """An example's line, with its line break."""
    return json_bytes(encode_example(attribution, narrow=narrow)) + b"\n"


def to_msgpack(attributions: AttributionsData[Any], *, narrow: bool = False) -> Iterator[bytes]:
    """The document as MessagePack; arrays are raw bytes."""
    examples = [encode_example(one, narrow=narrow) for one in attributions.sequence_attributions]
    yield msgpack_bytes({**header(attributions.provenance, attributions.extra), "examples": examples})


_WRITERS = {".json": to_json, ".jsonl": to_json_lines, ".msgpack": to_msgpack}


def is_narrow(scores_precision: str) -> bool:
    """Are scores written in half precision?

    Raises:
        SettingsError: The precision is unknown.
    """
    if scores_precision not in PRECISIONS:
        raise SettingsError(f"scores_precision = {scores_precision!r}. Choose one of {', '.join(PRECISIONS)}.")
    return scores_precision == "float16"


def write(
    attributions: AttributionsData[Any],
    path: str | Path,
    *,
    overwrite: bool = False,
    compressed: bool = False,
    scores_precision: str = "float32",
) -> None:
    """Write a file: ``.json``, ``.jsonl`` or ``.msgpack``, and ``.gz`` or ``.zst`` after it; other names get JSON.

    Raises:
        InputError: The file is there and ``overwrite`` is false, or a score does not fit the precision.
        SettingsError: The precision is unknown.
    """
    path, narrow = file_named(path), is_narrow(scores_precision)
    how = compression_of(path)
    inner = Path(path.stem) if how else path
    pieces = _WRITERS.get(inner.suffix.lower(), to_json)(attributions, narrow=narrow)
    if compressed and how is None:
        how = "gz"
    write_whole(path, [compress(b"".join(pieces), how)] if how else pieces, overwrite=overwrite)


def write_inseq(
    attributions: AttributionsData[Any], path: str | Path, *, overwrite: bool = False, compressed: bool = False
) -> None:
    """Write a file that inseq 0.7.1 loads and shows; ``.gz`` or ``compressed`` as its ``compress=True`` does.

    Raises:
        InputError: The file is there and ``overwrite`` is false, or inseq has no class for the dimensions.
    """
    path = file_named(path)
    how = "gz" if compressed else compression_of(path)
    write_whole(path, [compress(to_inseq(attributions), how)], overwrite=overwrite)


# reading


_A_RUN = (
    "The folder of a run is read by wherefrom.load(folder), or by wherefrom.open_run(folder), which leaves scores on "
    "disk."
)


def read(path: str | Path, *, max_bytes: int | None = None) -> Document:
    """What the file holds.

    A last line that was cut off while it was written is left out with a warning.

    Args:
        max_bytes: How much memory the file may ask for; None: 256 MB and a hundred times its size.

    Raises:
        FileFormatError: It is damaged, foreign, hostile, or of a newer major version.
        InputError: It is a folder.
        FileNotFoundError: It is not there.
    """
    return parse(content_of(path, instead=_A_RUN), name=str(path), max_bytes=max_bytes)


def parse(data: bytes, *, name: str = "<bytes>", max_bytes: int | None = None) -> Document:
    """What the bytes of a file hold; see `read`.

    Raises:
        InputError: They are no bytes.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InputError(f"Expected bytes, got {type(data).__name__}. Encode a text: text.encode().")
    data = bytes(data)
    try:
        budget = Budget(len(data), max_bytes)
        return _parse(decompress(data, budget), budget, name)
    except FileFormatError as error:
        raise FileFormatError(f"{name}: {error}") from error.__cause__


def _parse(data: bytes, budget: Budget, name: str) -> Document:
    if not data.strip():
        raise FileFormatError("The file is empty.")
    data = without_mark(data)
    refuse_foreign(data)
    if is_inseq(data):
        provenance, examples = read_inseq(data, budget)
        return Document(provenance=provenance, examples=examples)
    if data.lstrip()[:1] != b"{":
        return _from_object(typed(data, RawFields, msgspec.msgpack.decode, "$"), msgspec.msgpack.decode, budget)
    first, _, rest = data.partition(b"\n")
    if rest.strip() and is_object(first):
        return _from_lines(first, rest, budget, name)
    raw = typed(data, RawFields, msgspec.json.decode, "$")
    return _from_object(raw, msgspec.json.decode, budget)


def is_object(line: bytes) -> bool:
    """Is the line a whole JSON object?"""
    try:
        msgspec.json.decode(line, type=RawFields)
    except NOT_JSON:
        return False
    return True


def _from_object(raw: RawFields, decode: Any, budget: Budget) -> Document:
    provenance, extra = open_header(raw, decode, budget)
    if "examples" not in raw:
        return Document(provenance=provenance, examples=[], extra=extra)
    examples = typed(raw["examples"], list[RawFields], decode, "$.examples")
    return Document(
        provenance=provenance,
        extra=extra,
        examples=[decode_example(one, decode, budget, f"$.examples[{i}]") for i, one in enumerate(examples)],
    )


def open_header(raw: RawFields, decode: Any, budget: Budget) -> tuple[Provenance, dict[str, Any]]:
    """Check format and version; give the provenance and the fields that this version does not know.

    Raises:
        FileFormatError: It is no file of ours, or of a newer major version.
    """
    if "format" not in raw or typed(raw["format"], Any, decode, "$.format") != FORMAT:
        raise FileFormatError(f"This is no attribution file: the field 'format' does not say {FORMAT!r}.")
    check_version(typed(raw.get("version", msgspec.Raw(b"null")), Any, decode, "$.version"))
    provenance = Provenance()
    if "provenance" in raw:
        fields = typed(raw["provenance"], RawFields, decode, "$.provenance")
        provenance = decode_provenance(fields, decode, budget, "$.provenance")
    extra = {}
    for key in raw.keys() - {"format", "version", "provenance", "examples"}:
        budget.spend(40 * len(memoryview(raw[key])), f"$.{key[:40]}")
        extra[key] = typed(raw[key], Any, decode, f"$.{key[:40]}")
    return provenance, extra


def check_version(version: Any) -> None:
    """Raises: FileFormatError: ``version`` is none, or of a newer major than ours."""
    parts = version.split(".") if isinstance(version, str) else []
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        raise FileFormatError(f"$.version: {str(version)[:40]!r} is no version such as '1.0'.")
    if int(parts[0]) > VERSION[0]:
        raise FileFormatError(
            f"The file has format version {version}; this wherefrom reads up to {VERSION[0]}.x. "
            "Update it: pip install --upgrade wherefrom"
        )


def _from_lines(first: bytes, rest: bytes, budget: Budget, name: str) -> Document:
    head = typed(first, RawFields, msgspec.json.decode, "line 1")
    parts = [_Part(open_header(head, msgspec.json.decode, budget))]
    lines = rest.split(b"\n")
    for index, raw in _numbered(lines, complete=lines[-1] == b"", name=name):
        if "format" in raw:  # files were concatenated
            parts.append(_Part(open_header(raw, msgspec.json.decode, budget)))
        else:
            parts[-1].examples.append(decode_example(raw, msgspec.json.decode, budget, f"line {index + 2}"))
    return _joined([part for part in parts if part.examples] or parts[:1])


class _Part:
    """One of the files that were concatenated."""

    def __init__(self, opened: tuple[Provenance, dict[str, Any]]) -> None:
        self.provenance, self.extra = opened
        self.examples: list[Fields] = []


def _joined(parts: Sequence[_Part]) -> Document:
    """Raises: FileFormatError: Their examples were made in different ways."""
    try:
        provenance = merged_provenance([(part.provenance, len(part.examples)) for part in parts])
    except InputError as error:
        raise FileFormatError(
            f"Several files follow one another in this one, each with its header. {error} Load them apart: cut the "
            "file before each line that has a 'format'."
        ) from error
    return Document(
        provenance=provenance, extra=parts[0].extra, examples=[one for part in parts for one in part.examples]
    )


def _numbered(lines: Sequence[bytes], *, complete: bool, name: str) -> Iterable[tuple[int, RawFields]]:
    """Index and fields of every line that is not blank.

    Args:
        complete: Did the last line end in a line break? Otherwise it may be half written, and is then left out with a
            warning.
    """
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        last = index == len(lines) - 1 and not complete
        if last and not is_object(line):
            warn(f"{name}: the last line is cut off and was left out.", WherefromWarning, stacklevel=2)
            return
        yield index, typed(line, RawFields, msgspec.json.decode, f"line {index + 2}")
