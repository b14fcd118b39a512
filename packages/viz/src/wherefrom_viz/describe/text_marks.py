"""How the text of a token is made visible, the same in every view.

A token may hold anything: spaces, control characters, half a surrogate pair, ten thousand letters,
characters that turn the reading direction around. Views never show such text raw. `visible` turns it into
marks that can be seen and that change nothing around them; `label` makes a short name for a row or a
column; `elide` shortens in the middle.
Widths are terminal cells: a CJK letter or an emoji takes two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal

from rich.cells import cell_len
from wherefrom.text.characters import characters

EMPTY = "∅"
PART = "·"
"""A token in running text that is another byte of the character before it."""
SPACE = "␣"
NEWLINE = "⏎"
TAB = "⇥"
NO_BREAK_SPACE = "⍽"
ELLIPSIS = "…"
FIRST_STRONG_ISOLATE, POP_ISOLATE, LEFT_TO_RIGHT = "\u2068", "\u2069", "\u200e"
ZERO_WIDTH_JOINER = "\u200d"

_NAMED = {
    "\n": NEWLINE,
    "\r": "␍",
    "\t": TAB,
    "\u00a0": NO_BREAK_SPACE,
    "\u202f": NO_BREAK_SPACE,
    "\x7f": "␡",
}
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
"""Letters and signs of scripts that are read from right to left; the page has the same."""
_EXTENDING = {"Mn", "Me", "Mc"}
_MARKED_JOINER = re.compile("(?<![⏎⇥⍽\u2400-\u2426])‹U\\+(200[CD])›")
"""A mark for one, unless it stands behind the mark of another character, which may be a sign of its own."""
_ESCAPE = re.compile(r"(\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))")
"""What stands for a letter where the output has none; see `wherefrom_viz.console.plain`."""
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: str) -> str:
    """``text`` with every character that cannot be seen, or that would act on its surroundings, as a mark.

    Ordinary spaces stay. The result holds no control, format or surrogate character, save the joiners that
    hold an emoji or a script's letters together.

    Example:
        >>> visible("a\\n\\u202eb")
        'a⏎‹U+202E›b'
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    for index, character in enumerate(text):
        category = unicodedata.category(character)
        if character in _NAMED:
            shown.append(_NAMED[character])
        elif character < " ":
            shown.append(chr(0x2400 + ord(character)))
        elif _joins(text, index):
            shown.append(character)
        elif category in _UNSEEN or (category == "Zs" and character != " "):
            shown.append(f"‹U+{ord(character):04X}›")
        elif category in _EXTENDING and (not shown or index == 0):
            shown.append("◌" + character)
        else:
            shown.append(character)
    return "".join(shown)


def joined(shown: Iterable[str]) -> str:
    """Neighbouring tokens as one text, each as it is `visible`: what was marked because a token began or ended there,
    though it belongs to the letter before, is as in the whole text.

    Example:
        >>> joined(["क", "◌ि", " ◌ि"])
        'कि ि'
    """
    text = ""
    for one in shown:
        space, rest = (" ", one[1:]) if one[:1] == " " else ("", one)
        if text + space and rest[:1] == "◌" and unicodedata.category(rest[1:2] or " ") in _EXTENDING:
            rest = rest[1:]
        text += space + rest
    return _MARKED_JOINER.sub(_joiner, text)


def _joiner(mark: re.Match[str]) -> str:
    """The joiner that a mark stands for, where it joins."""
    plain = mark.string[: mark.start()] + chr(int(mark[1], 16)) + mark.string[mark.end() :]
    return plain[mark.start()] if _joins(plain, mark.start()) else mark[0]


def label(text: str, width: int | None = None) -> str:
    """A one-line name for a token: marks for what cannot be seen, one leading space dropped, the others as
    ``␣``.

    Example:
        >>> label(" hospital"), label("  "), label("")
        ('hospital', '␣␣', '∅')
    """
    if not text:
        return EMPTY
    if len(text) > 1 and text[0] == " " and not text[1].isspace():
        text = text[1:]
    shown = visible(text[:400] + text[-400:] if len(text) > 800 else text).replace(" ", SPACE)
    return shown if width is None else elide(shown, width)


def flowing(text: str, width: int = 60) -> str:
    """The token inside running text: as `visible`, long ones shortened, an empty one as its mark."""
    if not text:
        return EMPTY
    return elide(visible(text[:400] + text[-400:] if len(text) > 800 else text), width)


def elide(text: str, width: int) -> str:
    """``text`` in at most ``width`` terminal cells, the middle replaced by an ellipsis if it is longer. Escapes of
    letters stay whole where there is room for one.

    Example:
        >>> elide("hospitalisation", 7)
        'hos…ion'
    """
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return ELLIPSIS[:width]
    head_room, tail_room = width - 1 - (width - 1) // 2, (width - 1) // 2
    pieces = [piece for part in _ESCAPE.split(text) for piece in ([part] if part[:1] == "\\" else graphemes(part))]
    head, tail = _fitting(pieces, head_room), _fitting(pieces[::-1], tail_room, backwards=True)
    if not head and not tail:
        head = _fitting(pieces, width - 1) or _fitting(list(graphemes(text)), head_room)
    return head + ELLIPSIS + tail


def graphemes(text: str) -> Iterator[str]:
    """The characters that a reader sees (`wherefrom.text.characters`), as texts."""
    return (text[begin:end] for begin, end in characters(text))


def cells(text: str) -> int:
    """How many terminal columns ``text`` takes."""
    return cell_len(text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """``text`` filled with spaces to ``width`` terminal cells, on its left if ``right``-aligned."""
    space = " " * max(0, width - cell_len(text))
    return space + text if right else text + space


def isolate(text: str) -> str:
    """``text`` fenced so that a right-to-left token does not reorder its neighbours."""
    if text.isascii() or not any(unicodedata.bidirectional(c) in {"R", "AL", "AN"} for c in text):
        return text
    return FIRST_STRONG_ISOLATE + text + POP_ISOLATE


def direction(texts: Iterable[str]) -> Literal["ltr", "rtl"]:
    """How a text, in pieces, is read: its first letter says, in the page as well.

    Example:
        >>> direction(["1. ", "עברית"]), direction(["a", "עברית"])
        ('rtl', 'ltr')
    """
    first = next((character for text in texts for character in text if character.isalpha()), "")
    return "rtl" if RIGHT_TO_LEFT.match(first) else "ltr"


def _joins(text: str, index: int) -> bool:
    """Is this a joiner or selector between or after characters it belongs to?"""
    character = text[index]
    if "\ufe00" <= character <= "\ufe0f":
        return index > 0
    if character in (ZERO_WIDTH_JOINER, "\u200c"):
        return 0 < index < len(text) - 1 and unicodedata.category(text[index - 1]) in {
            "So",
            "Sk",
            "Lo",
            "Mn",
            "Mc",
        } | ({"Cf"} if text[index - 1] == "\ufe0f" else set())
    return False


def _fitting(pieces: list[str], room: int, *, backwards: bool = False) -> str:
    taken: list[str] = []
    for piece in pieces:
        room -= cell_len(piece)
        if room < 0:
            break
        taken.append(piece)
    return "".join(taken[::-1] if backwards else taken)
