"""Where a piece of text, a pattern, a turn or a pair of positions stands among tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from wherefrom.arrays import IntArray, is_listed
from wherefrom.errors import InputError
from wherefrom.settings import is_pair, is_whole
from wherefrom.text.segmentation import end_with_bytes, unit_spans
from wherefrom.text.tokens import Segment, Token

Place: TypeAlias = "str | re.Pattern[str] | Segment | tuple[int, int] | Sequence[tuple[int, int]]"
"""A piece of text found once, ``"all"``, ``"turn:user"`` (``"document:..."``, ``"slot:..."``; the last of that name),
a regular expression, compiled or as text between slashes, ``r"/(?s)</think>(.*)/"`` (all its matches; what its first
group holds, if it has one), a segment, or token positions ``(first, last + 1)``, one pair or several."""

_SEGMENT = re.compile(r"(?P<kind>turn|document|slot):(?P<label>.+)", re.DOTALL)

_FLAGS = ((re.ASCII, "a"), (re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"), (re.VERBOSE, "x"))


def names_segment(what: str) -> bool:
    """Is it the name of a segment, ``"turn:user"``, and no piece of text?"""
    return _SEGMENT.fullmatch(what) is not None


def as_setting(what: Any) -> Any:
    """A place among the target's tokens as plain values, so that settings compare, print and are written to files: a
    pattern between slashes with its flags, a segment as its positions, pairs as tuples.

    Raises:
        InputError: It is a segment of the source, whose positions name other tokens, or a pattern for bytes.
    """
    if isinstance(what, re.Pattern):
        flags = "".join(letter for flag, letter in _FLAGS if _for_text(what).flags & flag)
        return f"/(?{flags}){what.pattern}/" if flags else f"/{what.pattern or '(?:)'}/"
    if isinstance(what, Segment):
        if what.side != "target":
            raise InputError(f"{what!r} is a part of the {what.side}. Name a place among the explained tokens.")
        return (what.start, what.end)
    if is_listed(what):
        return tuple(as_setting(one) for one in what)
    return int(what) if is_whole(what) else what


def joined_text(tokens: Sequence[Token], *, special: bool = False) -> tuple[str, IntArray]:
    """The tokens' text, and where in it each begins. Special tokens have no text unless asked for."""
    texts = ["" if token.special and not special else token.text for token in tokens]
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    return "".join(texts), np.cumsum(lengths) - lengths


def tokens_within(tokens: Sequence[Token], begins: IntArray, length: int, start: int, stop: int) -> IntArray:
    """Indices of the tokens that share a character with ``[start, stop)`` of their joined text of that length, the
    later bytes of the last character included."""
    ends = np.append(begins[1:], length)
    found = np.flatnonzero((begins < stop) & (ends > start)).astype(np.int64)
    if not len(found):
        return found
    last = int(found[-1])
    return np.append(found, np.arange(last + 1, end_with_bytes(tokens, last), dtype=np.int64))


def held_by(wanted: str, tokens: Sequence[Token]) -> list[IntArray]:
    """Indices of the tokens that hold a piece of text, white space around it left out, for each place where it
    stands."""
    text, begins = joined_text(tokens)
    piece = wanted.strip()
    places = [match.start() for match in re.finditer(f"(?={re.escape(piece)})", text)] if piece else []
    return [tokens_within(tokens, begins, len(text), place, place + len(piece)) for place in places]


def trimmed(text: str, start: int, stop: int) -> tuple[int, int]:
    """A stretch of a text without the white space around it."""
    part = text[start:stop]
    return start + len(part) - len(part.lstrip()), stop - (len(part) - len(part.rstrip()))


def places_of(what: Any, tokens: Sequence[Token], segments: Sequence[Segment] = (), *, name: str = "span") -> IntArray:
    """Indices, ascending, of the target's tokens that ``what`` names; see `Place`.

    Args:
        tokens: Where to look. They may have been merged: a unit is meant if any of its tokens is.
        segments: The segments that names and turns refer to.
        name: What the caller calls ``what``, for messages.

    Raises:
        InputError: Nothing is there, or a text stands there more than once.

    Example:
        >>> said = ["So", " 3", "+", "4", ".", " Answer", ":", " 7"]
        >>> tokens = [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(said)]
        >>> places_of(re.compile(r"Answer: (\\d+)"), tokens).tolist()
        [7]
        >>> places_of("3+4", tokens).tolist()
        [1, 2, 3]
    """
    if isinstance(what, str) and what == "all":
        found = np.arange(len(tokens), dtype=np.int64)
    elif isinstance(what, str) and (match := _SEGMENT.fullmatch(what)) is not None:
        found = _within(tokens, [_named(match["kind"], match["label"], segments, name)])
    elif (pattern := pattern_of(what, name)) is not None:
        found = np.unique(np.concatenate([np.zeros(0, np.int64), *matches_in(pattern, tokens)]))
    elif isinstance(what, str):
        found = _text(what, tokens, name)
    elif isinstance(what, Segment):
        found = _within(tokens, [(what.start, what.end)] if what.side == "target" else [])
    else:
        found = _within(tokens, _pairs(what, name))
    if not len(found):
        raise InputError(
            f"{name}={_written(what)} names none of the {len(tokens)} tokens, from position "
            f"{tokens[0].position if tokens else 0} to {tokens[-1].position if tokens else 0}: "
            f"{_shortened(joined_text(tokens)[0])!r}. Give a text that stands there, a regular expression that "
            "matches, a turn, or token positions (first, last + 1)."
        )
    return found


def last_sentence(tokens: Sequence[Token]) -> IntArray:
    """Indices of the last sentence that is not of special tokens or white space alone; none where there is none."""
    for begin, end in reversed(unit_spans(tokens, "sentence")):
        if any(not token.special and token.text.strip() for token in tokens[begin:end]):
            return np.arange(begin, end, dtype=np.int64)
    return np.zeros(0, dtype=np.int64)


def _text(what: str, tokens: Sequence[Token], name: str) -> IntArray:
    found = held_by(what, tokens)
    if len(found) > 1:
        raise InputError(
            f"{name}={what!r} is there {len(found)} times in {_shortened(joined_text(tokens)[0])!r}. Give a longer "
            "text that stands there once, a regular expression, or token positions (first, last + 1)."
        )
    return found[0] if found else np.zeros(0, np.int64)


def pattern_of(what: Any, name: str = "span") -> re.Pattern[str] | None:
    """The regular expression that a place is, compiled or as text between slashes; None: it is none.

    Args:
        name: What the caller calls ``what``, for messages.

    Raises:
        InputError: It is for bytes, or what stands between slashes is no regular expression.
    """
    if isinstance(what, re.Pattern):
        return _for_text(what)
    if not (isinstance(what, str) and len(what) > 2 and what.startswith("/") and what.endswith("/")):
        return None
    try:
        return re.compile(what[1:-1])
    except re.error as error:
        raise InputError(f"{name}={what!r} is no regular expression: {error}.") from error


def _for_text(pattern: re.Pattern[Any]) -> re.Pattern[str]:
    if isinstance(pattern.pattern, bytes):
        raise InputError(f"{pattern!r} is a pattern for bytes. Give one for text: without the b before its quotes.")
    return pattern


def matches_in(pattern: re.Pattern[str], tokens: Sequence[Token]) -> list[IntArray]:
    """Indices of the tokens of each match that is not empty, or of what its first group holds, if it has one; the text
    of special tokens counts, for the marks of reasoning are such."""
    text, begins = joined_text(tokens, special=True)
    group = 1 if pattern.groups else 0
    spans = [trimmed(text, *match.span(group)) for match in pattern.finditer(text)]
    return [tokens_within(tokens, begins, len(text), start, stop) for start, stop in spans if start < stop]


def _within(tokens: Sequence[Token], spans: Sequence[tuple[int, int]]) -> IntArray:
    """Tokens that cover one of the positions."""
    covers: Callable[[Token], bool] = lambda token: any(  # noqa: E731
        token.position < end and token.position + token.size > start for start, end in spans
    )
    return np.array([index for index, token in enumerate(tokens) if covers(token)], dtype=np.int64)


def _named(kind: str, label: str, segments: Sequence[Segment], name: str) -> tuple[int, int]:
    known = [segment for segment in segments if segment.side == "target" and segment.kind == kind]
    wanted = [segment for segment in known if segment.label.casefold() == label.strip().casefold()]
    if not wanted:
        labels = ", ".join(sorted({repr(segment.label) for segment in known})) or "none"
        answer = " The answer to a chat is no turn of it: 'all' names it." if kind == "turn" else ""
        raise InputError(f"{name}={kind + ':' + label!r}: there is no such {kind}. The text has: {labels}.{answer}")
    return wanted[-1].start, wanted[-1].end


def _pairs(what: Any, name: str) -> list[tuple[int, int]]:
    listed = [what] if is_pair(what) else list(what) if is_listed(what) else [what]
    for pair in listed:
        if not is_pair(pair) or not 0 <= pair[0] < pair[1]:
            raise InputError(
                f"{name}={what!r}: expected a text, a compiled regular expression, 'turn:ROLE', or token positions "
                f"(first, last + 1) with 0 <= first < last + 1, got {pair!r}."
            )
    return [(int(first), int(end)) for first, end in listed]


def _written(what: Any) -> str:
    return f"re.compile({what.pattern!r})" if isinstance(what, re.Pattern) else repr(what)


def _shortened(text: str) -> str:
    return text if len(text) <= 400 else f"{text[:200]} … {text[-200:]}"
