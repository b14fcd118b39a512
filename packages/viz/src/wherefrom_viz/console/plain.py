"""What is printed where the output is not Unicode: plain ASCII, as wide as it was measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import attrs
from rich.console import ConsoleOptions
from rich.text import Text

from wherefrom_viz.console.plot import FIRST, UPPER
from wherefrom_viz.describe.text_marks import EMPTY, NO_BREAK_SPACE, SPACE

T = TypeVar("T")

_SUPERSCRIPTS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_DOTS = {chr(FIRST + dots): "'" if dots & UPPER == dots else ":" if dots & UPPER else "." for dots in range(1, 256)}
_MARKS = {
    "·": ".",
    "…": "~",
    "␣": "_",
    "⏎": "\\",
    "␍": "\\",
    "⍽": "_",
    "◌": "o",
    "→": ">",
    "↑": "^",
    "↓": "v",
    "─": "-",
    "┄": "-",
    "━": "=",
    "╸": "=",
    "╺": "=",
    "–": "-",
    "‹": "<",
    "›": ">",
    "░": ".",
    "▒": "o",
    "▓": "x",
    "█": "#",
    "∅": "0",
    "⇥": ">",
    "␡": "^",
    "\u2068": "",
    "\u2069": "",
    "×": "x",
    **dict.fromkeys("▏▎▍▌▋▊▉", "#"),
    **{chr(code): "^" for code in range(0x2400, 0x2420) if chr(code) != "␍"},
    **dict(zip(_SUPERSCRIPTS, "-0123456789", strict=True)),
    **_DOTS,
}
"""Marks of views, each as wide as the letter that stands for it."""
_NAMES = {EMPTY: "<empty>", SPACE: "<space>", NO_BREAK_SPACE: "<space>"}
"""Of tokens that are nothing but a mark, whose letter would be read as a token of its own."""
_TABLE = str.maketrans(_MARKS)
_FOREIGN = re.compile(f"[^\\x00-\\x7f{re.escape(''.join(_MARKS))}]+")
_POWER = re.compile(f"(?<=10)(?=[{_SUPERSCRIPTS}])")


def spelt(shown: T, options: ConsoleOptions) -> T:
    """What is to be drawn, its texts with escapes for what the output has no letters for: before they are measured.

    Marks stay as they are, for views know them; `whole` spells these.
    """
    return _spelt(shown) if options.ascii_only else shown


def _spelt(shown: Any) -> Any:
    if isinstance(shown, str):
        if shown.isascii():
            return shown
        return _NAMES.get(shown.strip(), "") or _FOREIGN.sub(_escaped, _POWER.sub("^", shown))
    if isinstance(shown, tuple | list):
        return type(shown)(map(_spelt, shown))
    if isinstance(shown, Mapping):
        return {_spelt(key): _spelt(value) for key, value in shown.items()}
    if attrs.has(type(shown)):
        fields = [field.name for field in attrs.fields(type(shown)) if field.init]
        return attrs.evolve(shown, **{name: _spelt(getattr(shown, name)) for name in fields})
    return shown


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("ascii", "backslashreplace").decode("ascii")


def whole(line: Text, options: ConsoleOptions) -> Text:
    """The line as it may be printed: never cropped; in plain ASCII where the output knows no more."""
    line.overflow = "fold"
    return marked(line, options)


def marked(line: Text, options: ConsoleOptions) -> Text:
    """The line with marks that the output knows."""
    return _ascii(line) if options.ascii_only else line


def _ascii(line: Text) -> Text:
    """The same line, spans and all, with marks as letters and other characters as escapes."""
    parts = Text(overflow="fold")
    powers = {match.start() for match in _POWER.finditer(line.plain)}
    for place, piece in enumerate(line.divide(range(1, len(line))) if line else []):
        plain = _FOREIGN.sub(_escaped, piece.plain).translate(_TABLE)
        power = "^" if place in powers else ""
        parts.append(power + plain, style=piece.spans[-1].style if piece.spans else line.style)
    return parts
