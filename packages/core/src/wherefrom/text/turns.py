"""A chat as the text that its model's template makes of it, and where in it each message stands.

Templates do what they like with messages: strip them, drop the thoughts of earlier ones, put a date, tools or a system
message of their own in front, refuse chats that end early. So nothing is read off prefixes. The chat is rendered a
second time with a mark in place of each text; what stands between the marks is the template's own, and tells where in
the true text each message begins and ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from wherefrom.errors import InputError
from wherefrom.text.segmentation import placed_segments
from wherefrom.text.tokens import Segment, Token

_KEPT_KEYS = ("role", "type", "id", "tool_call_id")
"""What a template decides by, rather than writes."""
REFUSALS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the code of a template fails with on a chat that it was not written for, beside its library's own errors."""


@frozen
class Piece:
    """A stretch of a rendered chat: a message (``"turn"``), a text that the template placed (``"document"``), or what
    the template wrote itself (``"template"``)."""

    begin: int
    end: int
    kind: str
    label: str


@frozen
class Rendered:
    """A chat as text, and its pieces: in order, without gaps."""

    text: str
    pieces: tuple[Piece, ...]


class Renders(Protocol):
    """What a template makes of a chat."""

    def __call__(self, chat: list[dict[str, Any]], options: Mapping[str, Any], /) -> str:
        """The chat as text.

        Args:
            options: What the template is given besides the messages. ``add_generation_prompt``: the beginning of an
                answer follows. ``continue_final_message``: the text ends where the last message does.

        Raises:
            InputError: There is no template, or it refuses the chat.
        """
        ...


def rendered(render: Renders, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Rendered:
    """The text of a chat.

    A chat that ends in an assistant's message is one whose answer has begun: it is continued, not closed.

    Args:
        options: For the template (``enable_thinking``, ``tools``, ``documents``), and ``continue_final_message``
            or ``add_generation_prompt`` where the default does not fit. Texts of ``documents`` become pieces too.

    Raises:
        InputError: Something is no message, there is no template, or the template refuses the chat.
    """
    if not messages:
        raise InputError("A chat has messages; an empty list came. Give a string, or messages.")
    for message in messages:
        if not isinstance(message, Mapping) or not {"role", "content"} <= set(message):
            raise InputError(
                f"A chat is a list of messages {{'role': ..., 'content': ...}}; {message!r} is none. "
                "Give a string, or complete the message."
            )
    chat = [dict(message) for message in messages]
    begun = chat[-1]["role"] == "assistant" and bool(chat[-1]["content"]) and "add_generation_prompt" not in options
    continues = bool(options.get("continue_final_message", begun))
    arguments = {"add_generation_prompt": not continues, **options, "continue_final_message": continues}
    text = render(chat, arguments)
    marks = _Marks()
    marked = [
        {key: value if key in _KEPT_KEYS else marks.put(value, n) for key, value in one.items()}
        for n, one in enumerate(chat)
    ]
    documents = [one for one in options.get("documents") or () if isinstance(one, Mapping)]
    if documents:
        arguments["documents"] = [marks.put(one, len(chat) + n) for n, one in enumerate(documents)]
    try:
        frame = render(marked, arguments)
    except InputError:
        frame = ""  # the template looks into the messages
    spans = _by_frame(text, frame, marks) or _by_search(text, marks)
    owners = [("turn", str(one["role"])) for one in chat]
    owners += [
        ("document", first_given(one.get("title"), one.get("id"), n)) for n, one in enumerate(documents, start=1)
    ]
    return Rendered(text, tuple(_pieces(text, spans, owners)))


def first_given(*names: object) -> str:
    """The first of some names that was given, as a text: the number 0 is one, None and the empty text are none.

    Example:
        >>> first_given(None, "", 0, 1), first_given(None)
        ('0', '')
    """
    return next((str(name) for name in names if name is not None and name != ""), "")


def segments_of(pieces: Sequence[Piece], tokens: Sequence[Token], side: str) -> tuple[Segment, ...]:
    """The pieces of a chat as segments of its tokens: those whose first visible letter is in a piece. Pieces in which
    no token begins are left out, and all are where tokens have no places in the text."""
    if all(token.start is None for token in tokens):
        return ()
    return tuple(part for piece in pieces if (part := _segment(tokens, side, piece)) is not None)


def _segment(tokens: Sequence[Token], side: str, piece: Piece) -> Segment | None:
    inside: list[int] = []
    place = 0
    for token in tokens:
        if token.text.strip() and token.end is not None and not token.special:
            place = token.end - len(token.text.lstrip())
        elif token.text and token.start is not None:
            place = token.start
        if piece.begin <= place < piece.end:  # a token without text is where the one before it is, or the text begins
            inside.append(token.position)
    if not inside:
        return None
    return Segment(side=side, start=inside[0], end=inside[-1] + 1, kind=piece.kind, label=piece.label)


@frozen
class _Marks:
    """Texts of a chat, each with a mark to stand for it."""

    texts: dict[str, str] = field(factory=dict)
    owners: dict[str, int] = field(factory=dict)

    def put(self, value: Any, owner: int) -> Any:
        """The value with its texts replaced by marks."""
        if isinstance(value, str):
            if not value.strip():
                return value
            mark = f"Qx{len(self.texts):04d}Zj"
            self.texts[mark], self.owners[mark] = value, owner
            return mark
        if isinstance(value, Mapping):
            return {key: item if key in _KEPT_KEYS else self.put(item, owner) for key, item in value.items()}
        return [self.put(item, owner) for item in value] if isinstance(value, list | tuple) else value


_Span = tuple[int, int, int]
"""First character, the one after the last, and the owner: a message, or a document (counted on)."""


def _by_frame(text: str, frame: str, marks: _Marks) -> list[_Span]:
    """Where the messages stand, by what stands around their marks; nothing if that does not fit the text."""
    parts = re.split("(" + "|".join(marks.texts) + ")", frame) if marks.texts else [frame]
    found = parts[1::2]
    if not found:
        return []
    for exact in (True, False):  # an exact text first, so that a message may say what the template says
        pattern = "".join(
            _alternatives(marks.texts[part], exact=exact) if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
        match = re.fullmatch(pattern, text)
        if match is not None:
            return [(*match.span(n), marks.owners[mark]) for n, mark in enumerate(found, start=1)]
    return []


def _alternatives(text: str, *, exact: bool) -> str:
    known = "|".join(re.escape(one) for one in dict.fromkeys((text, text.strip(), text.rstrip(), text.lstrip())))
    return f"({known})" if exact else rf"({known}|[\s\S]*?)"


def _by_search(text: str, marks: _Marks) -> list[_Span]:
    """Where the messages' texts are found, one after the other; what is not found is no turn."""
    found: list[_Span] = []
    begin = 0
    for mark, said in marks.texts.items():
        for form in (said, said.strip(), said.rpartition("</think>")[2].strip()):
            place = text.find(form, begin)
            if form and place >= 0:
                found.append((place, place + len(form), marks.owners[mark]))
                begin = place + len(form)
                break
    return found


def _pieces(text: str, spans: Sequence[_Span], owners: Sequence[tuple[str, str]]) -> Iterator[Piece]:
    """Turns and documents, from the first to the last of their texts that stand together, and what is between.

    Args:
        owners: Kind and label of each owner of a span.
    """
    turns: list[_Span] = []
    for begin, end, owner in sorted(spans):
        if begin == end:
            continue
        if turns and turns[-1][2] == owner:
            turns[-1] = (turns[-1][0], end, owner)
        else:
            turns.append((begin, end, owner))
    place = 0
    for begin, end, owner in turns:
        if begin > place:
            yield Piece(place, begin, "template", "template")
        yield Piece(begin, end, *owners[owner])
        place = end
    if place < len(text):
        yield Piece(place, len(text), "template", "template")


def template_parts(tokens: Sequence[Token], segments: Sequence[Segment]) -> list[bool]:
    """Which tokens nobody said: special ones, and what a chat template writes beside them, the role's name and breaks.

    Args:
        tokens: One side's tokens.
        segments: Spans of this side.
    """
    hidden = [token.special for token in tokens]
    for turn, (start, end) in placed_segments(tokens, segments):
        inside = range(start, end)
        if turn.kind == "template":
            hidden[start:end] = [True] * len(inside)
        if turn.kind != "turn" or not tokens[start].special:
            continue
        for index in (*_role_name(tokens, inside, turn.label), *_blank_end(tokens, inside)):
            hidden[index] = True
    return hidden


def _role_name(tokens: Sequence[Token], inside: Sequence[int], label: str) -> list[int]:
    """The tokens after a turn's first marker that say its role and end the line; none if they say something else."""
    role, read = label.strip().casefold(), ""
    taken: list[int] = []
    for index in inside:
        if tokens[index].special and not taken:
            continue
        read += tokens[index].text
        taken.append(index)
        if read.strip().casefold() == role and "\n" in read:
            return taken
        if tokens[index].special or not role.startswith(read.strip().casefold()):
            break
    return []


def _blank_end(tokens: Sequence[Token], inside: Sequence[int]) -> list[int]:
    """White space between a turn's last marker and its end."""
    blank: list[int] = []
    for index in reversed(inside):
        if tokens[index].special:
            return blank
        if tokens[index].text.strip():
            break
        blank.append(index)
    return []


def said(texts: Sequence[str], hidden: Sequence[bool]) -> list[str]:
    """The texts that somebody said, in order, with a space where what was left out between two has left none; all of
    them, if there is nothing else.

    Args:
        texts: Of the tokens of one side.
        hidden: Which of them nobody said; see `template_parts`.

    Example:
        >>> "".join(said(["<s>", "Hi", "</s>", "<s>", "You"], [True, False, True, True, False]))
        'Hi You'
    """
    if all(hidden):
        return list(texts)
    kept: list[str] = []
    gap = False
    for text, left_out in zip(texts, hidden, strict=True):
        if not left_out:
            if gap and kept and text and not (kept[-1][-1:].isspace() or text[0].isspace()):
                kept.append(" ")
            kept.append(text)
        gap = left_out or (gap and not text)
    return kept
