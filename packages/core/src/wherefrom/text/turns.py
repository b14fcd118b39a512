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
    literals, said = parts[::2], [marks.texts[mark] for mark in found]
    for exact in (True, False):  # an exact text first, so that a message may say what the template says
        spans = _between(text, literals, said, exact=exact)
        if spans is not None:
            return [(begin, end, marks.owners[mark]) for (begin, end), mark in zip(spans, found, strict=True)]
    return []


def _between(text: str, literals: Sequence[str], said: Sequence[str], *, exact: bool) -> list[tuple[int, int]] | None:
    """Where a text stands between each two of the literals, which with these make the whole ``text``; None if no
    places do.

    What was said comes first, with or without the blanks around it; if not ``exact``, then anything, the shortest
    first. No place of a message is looked at twice, so the time grows with messages times places.
    """

    def ends(place: int, begin: int) -> Iterator[int]:
        closing, last = literals[place + 1], place + 1 == len(said)
        for form in dict.fromkeys((said[place], said[place].strip(), said[place].rstrip(), said[place].lstrip())):
            end = begin + len(form)
            whole = not last or end + len(closing) == len(text)
            if whole and text.startswith(form, begin) and text.startswith(closing, end):
                yield end
        if exact:
            return
        end = text.find(closing, begin if not last else max(begin, len(text) - len(closing)))
        while end >= 0:
            yield end
            end = text.find(closing, end + 1) if not last else -1

    if not text.startswith(literals[0]):
        return None
    spans: list[tuple[int, int]] = []
    tried = {(0, len(literals[0]))}
    open_ends = [(len(literals[0]), ends(0, len(literals[0])))]
    while open_ends:
        begin, following = open_ends[-1]
        end = next(following, None)
        if end is None:
            open_ends.pop()
            del spans[-1:]
            continue
        spans.append((begin, end))
        if len(spans) == len(said):
            return spans
        state = (len(spans), end + len(literals[len(spans)]))
        if state in tried:
            spans.pop()
        else:
            tried.add(state)
            open_ends.append((state[1], ends(*state)))
    return None


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
