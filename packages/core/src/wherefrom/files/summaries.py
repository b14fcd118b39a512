"""What a run's index says of an example, so that thousands can be listed without reading a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt

from wherefrom.errors import FileFormatError, WherefromError
from wherefrom.files.wire.arrays import WireArray, decode_array
from wherefrom.files.wire.encoding import NOT_JSON
from wherefrom.files.wire.limits import Budget
from wherefrom.files.wire.plain import from_plain
from wherefrom.files.wire.tokens import following
from wherefrom.results.data import AttributionData
from wherefrom.results.shares import share_on
from wherefrom.text.tokens import Segment, Token
from wherefrom.text.turns import said, template_parts

PREVIEW = 120
"""Characters of text that a summary keeps."""
MOST_ANNOTATIONS = 32
"""Annotations that a summary keeps, and entries of a list among them."""

TAGS = "tags"
"""The annotation that holds an example's tags."""


class Summary(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where an example lies in its part, and what it is about.

    It is a line of the index: fields are only ever added at the end, so that lines of older and newer indexes are read.
    """

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
    """Beginning of the input text, as `texts_of` has it."""
    output: str = ""
    """Beginning of the explained text."""
    scores: dict[str, float] = {}
    """Mean of each step score."""
    error: str | None = None
    """Why the example failed; None: it did not."""
    lows: tuple[float, ...] | None = None
    """Smallest value of each step score, in the order of ``scores``; None: the index is older than this field."""
    context: float | None = None
    """Share of the scores on the context, as `share_on` has it; None: it is not known, or there is none."""
    annotations: dict[str, Any] | None = None
    """Beginnings of the example's annotations; None: it has none."""
    crc: int | None = None
    """CRC-32 of its line, line break included; None: the index is older than this field."""

    @property
    def left_out(self) -> bool:
        """Does it stand for a line that is not read: damaged, or repeated later?"""
        return self.error == ""

    @property
    def whole(self) -> bool:
        """Does it have all that summaries have today? Lines of an older index lack what was added since."""
        return self.lows is not None

    def low(self, name: str) -> float | None:
        """Smallest value of a step score; None if it is not known."""
        if self.lows is None or name not in self.scores:
            return None
        return self.lows[list(self.scores).index(name)]

    @property
    def tags(self) -> list[str]:
        """The example's tags."""
        return tags_in(self.annotations or {})


class _Tokens(msgspec.Struct):
    texts: list[str]
    special: list[int] = []
    sizes: list[int] | None = None
    positions: list[int] | None = None

    def hidden(self, segments: Sequence[Segment], side: str) -> list[bool]:
        """Which of them nobody said."""
        special = [False] * len(self.texts)
        for index in self.special:
            if 0 <= index < len(special):
                special[index] = True
        if not any(segment.side == side for segment in segments):
            return special
        positions = self.positions or following(self.sizes or [1] * len(special))
        if len(positions) < len(special):
            raise FileFormatError(f"a damaged line: positions of {len(positions)} of {len(special)} tokens")
        given = zip(self.texts, positions, special, strict=False)
        return template_parts(
            [Token(id=-1, piece="", text=a, position=b, special=c) for a, b, c in given], segments, side
        )


class _Failed(msgspec.Struct):
    error: str
    message: str = ""


class _Line(msgspec.Struct):
    """The fields of a line that its summary needs; `msgspec` skips the rest."""

    id: str | None = None
    method: str = ""
    prompt: int | None = None
    steps: tuple[int, int] = (0, 0)
    source: _Tokens | None = None
    target: _Tokens | None = None
    step_scores: dict[str, WireArray] = {}
    segments: list[Segment] = []
    annotations: dict[str, Any] = {}
    tags: Any = None
    failed: _Failed | None = None
    format: str | None = None


_decoder = msgspec.json.Decoder(_Line)


def summarized(attribution: AttributionData, offset: int = 0, length: int = 0, crc: int | None = None) -> Summary:
    """The summary of an example that is at hand."""
    prompt, output = texts_of(attribution)
    means, lows = means_and_lows(attribution.step_scores)
    return Summary(
        offset=offset,
        length=length,
        id=attribution.id,
        method=attribution.method,
        inputs=len(attribution.inputs),
        steps=len(attribution.steps),
        prompt=_cut(prompt),
        output=_cut(output),
        scores=means,
        lows=lows,
        context=_context_share(attribution),
        annotations=_brief(annotations_of(attribution)),
        crc=crc,
    )


def summary_of(line: bytes, offset: int) -> Summary | None:
    """The summary of a part's line, without reading its scores; None for a header.

    Raises:
        FileFormatError: It is no example and no failure.
    """
    try:
        read = _decoder.decode(line)
    except NOT_JSON as damage:
        raise FileFormatError(f"a damaged line at byte {offset}: {damage}") from damage
    if read.format is not None:
        return None
    if read.failed is not None:
        return failure(read.id, read.failed.error, read.failed.message, offset, len(line), crc32(line))
    if read.target is None:
        raise FileFormatError(f"a line at byte {offset} without a target")
    first, last = read.steps
    first, last = max(first, 0), max(last, 0)
    hidden = read.target.hidden(read.segments, "target")
    before = slice(first or read.prompt or 0)  # as `AttributionData.inputs`
    inputs, unsaid = read.target.texts[before], hidden[before]
    if read.source is not None:
        inputs, unsaid = read.source.texts, read.source.hidden(read.segments, "source")
    means, lows = means_and_lows(
        {name: decode_array(wire, Budget(4096), name) for name, wire in read.step_scores.items()}
    )
    return Summary(
        offset=offset,
        length=len(line),
        id=read.id,
        method=read.method,
        inputs=len(inputs),
        steps=max(last - first, 0),
        prompt=_cut(_text(inputs, unsaid)),
        output=_cut(_text(read.target.texts[first:last], hidden[first:last])),
        scores=means,
        lows=lows,
        annotations=_brief(from_plain(_with_tags(read.annotations, read.tags))),
        crc=crc32(line),
    )


def failure(
    id: str | None, error: str, message: str, offset: int = 0, length: int = 0, crc: int | None = None
) -> Summary:
    """The summary of an example that failed."""
    why = f"{error}: {message}" if message else error
    return Summary(offset=offset, length=length, id=id, error=why[: 4 * PREVIEW] or "failed", lows=(), crc=crc)


def left_out(offset: int, length: int) -> Summary:
    """Stands for a line that is not read, so that nobody takes it for one that was overlooked."""
    return Summary(offset=offset, length=length, error="", lows=())


def texts_of(attribution: AttributionData) -> tuple[str, str]:
    """An example's input and explained text, as lists show and search them: without special tokens and what a chat
    template writes, unless there is nothing else."""
    inputs, first, last = attribution.inputs, attribution.attr_pos_start, attribution.attr_pos_end
    segments = attribution.segments
    hidden = template_parts(attribution.target, segments, "target")
    unsaid = template_parts(inputs, segments, "source") if attribution.source_apart else hidden[: len(inputs)]
    return (
        _text([token.text for token in inputs], unsaid),
        _text([token.text for token in attribution.steps], hidden[first:last]),
    )


def _text(texts: Sequence[str], hidden: Sequence[bool]) -> str:
    return "".join(said(texts, hidden)).strip()


def annotations_of(attribution: AttributionData) -> dict[str, Any]:
    """All annotations of an example; a field ``tags`` that its file has beside them is one of them."""
    return _with_tags(attribution.annotations, attribution.extra.get(TAGS))


def tags_in(annotations: Mapping[str, Any]) -> list[str]:
    """The tags among annotations: a list of texts, or one text with commas."""
    given = annotations.get(TAGS)
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, list | tuple):
        return []
    return [tag for tag in (str(one).strip() for one in given) if tag]


def _with_tags(annotations: Mapping[str, Any], tags: Any) -> dict[str, Any]:
    return {TAGS: tags, **annotations} if tags is not None else dict(annotations)


def _context_share(attribution: AttributionData) -> float | None:
    """None where the example's own default aggregation cannot be done here: an aggregator that is not installed."""
    try:
        share = share_on(attribution, "context")
    except WherefromError:
        return None
    return None if share is None or not math.isfinite(share) else round(share, 4)


def _cut(text: str) -> str:
    return text if len(text) <= PREVIEW else text[: PREVIEW - 1] + "…"


def _brief(annotations: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first annotations, the tags always among them, none of them long."""
    names = list(annotations)
    if TAGS in names[MOST_ANNOTATIONS:]:
        names.insert(MOST_ANNOTATIONS - 1, TAGS)
    return {_cut(str(name)): _brief_value(annotations[name]) for name in names[:MOST_ANNOTATIONS]} or None


def _brief_value(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) < 2**63:
        return value
    if isinstance(value, list | tuple):
        return [_cut(str(one)) for one in value[:MOST_ANNOTATIONS]]
    return _cut(str(value))


def means_and_lows(scores: Mapping[str, npt.NDArray[Any]]) -> tuple[dict[str, float], tuple[float, ...]]:
    """Mean and smallest value of each step score whose values are all finite."""
    means: dict[str, float] = {}
    lows: list[float] = []
    for name, values in scores.items():
        mean = float(values.mean()) if values.size else math.nan
        if math.isfinite(mean):
            means[name] = mean
            lows.append(float(values.min()))
    return means, tuple(lows)
