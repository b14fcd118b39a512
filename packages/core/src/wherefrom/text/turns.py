"""A chat as the text that its model's template makes of it, and where in it each message stands.

Templates do what they like with messages: strip them, drop the thoughts of earlier ones, put a date, tools or a system
message of their own in front, refuse chats that end early. So nothing is read off prefixes. The chat is rendered a
second time with a mark in place of each text; what stands between the marks is the template's own, and tells where in
the true text each message begins and ends. Where that text does not fit, since the template writes by what messages
say, each is looked for beside what the template writes around its mark.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from operator import itemgetter
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
    documents = [one for one in options.get("documents") or () if isinstance(one, Mapping)]
    marks = _Marks()
    frame = _frame(render, chat, documents, arguments, marks)
    spans = _by_frame(text, frame, marks)
    if not spans and "</think>" in text:
        apart = _Marks(thoughts_apart=True)
        spans = _by_frame(text, _frame(render, chat, documents, arguments, apart), apart)
        marks = apart if spans else marks
    spans = spans or _by_search(text, frame, marks)
    owners = [("turn", str(one["role"])) for one in chat]
    owners += [
        ("document", first_given(one.get("title"), one.get("id"), n)) for n, one in enumerate(documents, start=1)
    ]
    return Rendered(text, tuple(_pieces(text, spans, marks, owners)))


def _frame(
    render: Renders,
    chat: Sequence[Mapping[str, Any]],
    documents: Sequence[Mapping[str, Any]],
    arguments: Mapping[str, Any],
    marks: _Marks,
) -> str:
    """The chat with marks in place of its texts, which these then tell; an empty text where the template looks into
    the messages."""
    marked = [
        {key: value if key in _KEPT_KEYS else marks.put(value, n) for key, value in one.items()}
        for n, one in enumerate(chat)
    ]
    placed = {"documents": [marks.put(one, len(chat) + n) for n, one in enumerate(documents)]} if documents else {}
    try:
        return render(marked, {**arguments, **placed})
    except InputError:
        return ""


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
    """Texts of a chat, each with a mark to stand for it.

    ``thoughts_apart``: What stands between the tags of thoughts has a mark of its own, and the tags stay: templates cut
    a message there, and write them themselves.
    """

    thoughts_apart: bool = False
    texts: dict[str, str] = field(factory=dict)
    owners: dict[str, int] = field(factory=dict)

    def put(self, value: Any, owner: int) -> Any:
        """The value with its texts replaced by marks."""
        if isinstance(value, str):
            parts = _TAGS.split(value) if self.thoughts_apart else [value]
            return "".join(self._mark(part, owner) for part in parts)
        if isinstance(value, Mapping):
            return {key: item if key in _KEPT_KEYS else self.put(item, owner) for key, item in value.items()}
        return [self.put(item, owner) for item in value] if isinstance(value, list | tuple) else value

    def _mark(self, part: str, owner: int) -> str:
        if not part.strip() or _TAGS.fullmatch(part):
            return part
        mark = f"Qx{len(self.texts):04d}Zj"
        self.texts[mark], self.owners[mark] = part, owner
        return mark


_TAGS = re.compile(r"(\s*</?think>\s*)")
_Span = tuple[int, int, str]
"""First character, the one after the last, and the mark of the text that stands there."""


def _around_marks(frame: str, marks: _Marks) -> tuple[list[str], list[str]]:
    """What the template writes before, between and behind the marks, and the marks in its order."""
    parts = re.split("(" + "|".join(marks.texts) + ")", frame) if marks.texts else [frame]
    return parts[::2], parts[1::2]


def _by_frame(text: str, frame: str, marks: _Marks) -> list[_Span]:
    """Where the messages stand, by what stands around their marks; nothing if that does not fit the text."""
    literals, found = _around_marks(frame, marks)
    if not found:
        return []
    said = [marks.texts[mark] for mark in found]
    for exact in (True, False):  # an exact text first, so that a message may say what the template says
        spans = _between(text, literals, said, exact=exact)
        if spans is not None:
            return [(begin, end, mark) for (begin, end), mark in zip(spans, found, strict=True)]
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


def _by_search(text: str, frame: str, marks: _Marks) -> list[_Span]:
    """Where the messages' texts are found, one behind the other, as much as may be with what the template writes around
    them; what is not found is no turn, nor is what stands beside something else than in the frame."""
    literals, found = _around_marks(frame, marks)
    around = {mark: (literals[n], literals[n + 1]) for n, mark in reversed(list(enumerate(found)))}
    fronts = [(0, 0)]  # ends, in rising order, and the most that is found up to there, rising too
    chains: dict[tuple[int, int], tuple[_Span, ...]] = {(0, 0): ()}
    for mark in dict.fromkeys(found) if frame else marks.texts:
        reached: dict[tuple[int, int], tuple[_Span, ...]] = {}
        for begin, end, weight in _candidates(text, marks.texts[mark], *around.get(mark, ("", ""))):
            before = fronts[bisect_right(fronts, begin, key=itemgetter(0)) - 1]
            reached.setdefault((end, before[1] + weight), (*chains[before], (begin, end, mark)))
        chains = reached | chains
        kept: list[tuple[int, int]] = []
        for front in sorted({*fronts, *reached}, key=lambda one: (one[0], -one[1])):
            if not kept or front[1] > kept[-1][1]:
                kept.append(front)
        fronts, chains = kept, {front: chains[front] for front in kept}
    return list(chains[fronts[-1]])


def _candidates(text: str, said: str, before: str, behind: str) -> Iterator[tuple[int, int, int]]:
    """Places of what was said, and how many characters fit there, with those of the template on both sides.

    Without a template any place will do; else something of it must stand beside.
    """
    for form in filter(None, dict.fromkeys((said, said.strip(), said.rpartition("</think>")[2].strip()))):
        begin = text.find(form)
        while begin >= 0:
            end = begin + len(form)
            beside = _alike(reversed(before), reversed(text[max(begin - len(before), 0) : begin]))
            beside += _alike(behind, text[end : end + len(behind)])
            if beside or not (before or behind):
                yield begin, end, len(form) + beside
            begin = text.find(form, begin + 1)


def _alike(one: Iterable[str], other: Iterable[str]) -> int:
    """How many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _pieces(text: str, spans: Sequence[_Span], marks: _Marks, owners: Sequence[tuple[str, str]]) -> Iterator[Piece]:
    """Turns and documents, each from the first to the last of its texts that stand together, and what is between.

    A text that the template writes twice is two of them.

    Args:
        owners: Kind and label of each owner of a span.
    """
    turns: list[tuple[int, int, int]] = []
    placed: set[str] = set()
    for begin, end, mark in sorted(spans):
        owner = marks.owners[mark]
        if begin == end:
            continue
        if turns and turns[-1][2] == owner and mark not in placed:
            turns[-1] = (turns[-1][0], end, owner)
        else:
            turns.append((begin, end, owner))
        placed.add(mark)
    place = 0
    for begin, end, owner in turns:
        if begin > place:
            yield Piece(place, begin, "template", "template")
        yield Piece(begin, end, *owners[owner])
        place = end
    if place < len(text):
        yield Piece(place, len(text), "template", "template")


def template_parts(tokens: Sequence[Token], segments: Sequence[Segment], side: str) -> list[bool]:
    """Which tokens nobody said: special ones, and what a chat template writes beside them, the role's name and breaks.

    Args:
        tokens: One side's tokens.
        segments: Spans of both sides.
    """
    hidden = [token.special for token in tokens]
    own = [segment for segment in segments if segment.side == side]
    for turn, (start, end) in placed_segments(tokens, own):
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
