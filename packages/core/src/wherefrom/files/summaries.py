"""What a run's index says of an example, so that thousands can be listed without reading a score."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from wherefrom.errors import FileFormatError
from wherefrom.wire.arrays import WireArray, decode_array
from wherefrom.wire.limits import Budget

PREVIEW = 120
"""Characters of text that a summary keeps."""


class Summary(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where an example lies in its part, and what it is about."""

    offset: int
    """First byte of its line."""
    length: int
    """Bytes of its line, line break included."""
    id: str | None = None
    method: str = ""
    inputs: int = 0
    """Tokens before the first explained step, or of the source."""
    steps: int = 0
    """Explained tokens."""
    prompt: str = ""
    """Beginning of the input text."""
    output: str = ""
    """Beginning of the explained text."""
    scores: dict[str, float] = {}
    """Mean of each step score."""
    error: str | None = None
    """Why the example failed; None: it did not."""


class _Tokens(msgspec.Struct):
    texts: list[str]


class _Failed(msgspec.Struct):
    error: str
    message: str = ""


class _Line(msgspec.Struct):
    """The fields of a line that its summary needs; `msgspec` skips the rest."""

    id: str | None = None
    method: str = ""
    steps: tuple[int, int] = (0, 0)
    source: _Tokens | None = None
    target: _Tokens | None = None
    step_scores: dict[str, WireArray] = {}
    failed: _Failed | None = None
    format: str | None = None


_decoder = msgspec.json.Decoder(_Line)


def summary_of(line: bytes, offset: int) -> Summary | None:
    """The summary of a part's line; None for a header.

    Raises:
        FileFormatError: It is no example and no failure.
    """
    try:
        read = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as damage:
        raise FileFormatError(f"a damaged line at byte {offset}: {damage}") from damage
    if read.format is not None:
        return None
    if read.failed is not None:
        error = f"{read.failed.error}: {read.failed.message}" if read.failed.message else read.failed.error
        return Summary(offset=offset, length=len(line), id=read.id, error=error[: 4 * PREVIEW])
    if read.target is None:
        raise FileFormatError(f"a line at byte {offset} without a target")
    first, last = read.steps
    inputs = read.target.texts[: max(first, 0)] if read.source is None else read.source.texts
    return Summary(
        offset=offset,
        length=len(line),
        id=read.id,
        method=read.method,
        inputs=len(inputs),
        steps=max(last - first, 0),
        prompt=_beginning(inputs),
        output=_beginning(read.target.texts[max(first, 0) : max(last, 0)]),
        scores=_means(read.step_scores),
    )


def _beginning(texts: list[str]) -> str:
    """The first characters of a text in pieces."""
    joined = "".join(texts[:PREVIEW])
    return joined if len(joined) <= PREVIEW else joined[: PREVIEW - 1] + "…"


def _means(scores: dict[str, WireArray]) -> dict[str, float]:
    means: dict[str, Any] = {}
    for name, wire in scores.items():
        values = decode_array(wire, Budget(4096), name)
        mean = float(values.mean()) if values.size else math.nan
        if math.isfinite(mean):
            means[name] = mean
    return means
