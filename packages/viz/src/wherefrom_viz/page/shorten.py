"""Long names of variables made short, as the page's script has little room.

Names are not told apart by scope: a name becomes the same short one everywhere, which is what makes this safe without
understanding the program. Properties, keys and methods keep their names, and so does whatever may belong to the
browser (`KEPT`).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal, TypeAlias

from attrs import frozen

from wherefrom_viz.page.squeeze import parts_of

_Role: TypeAlias = Literal["variable", "shorthand", "other"]

_NAME = re.compile(r"[A-Za-z_$][\w$]*\Z")


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LANGUAGE = _listed("""
    async await break case catch class const constructor continue default delete do else export extends false finally
    for from function get if import in instanceof let new null of return set static super switch this throw true try
    typeof undefined var void while yield
""")
KEPT = _listed("""
    WHEREFROM_ID Array Blob Boolean CSS DataView DecompressionStream Error Float32Array Float64Array ImageData Image
    Infinity Int16Array Int8Array Intl JSON Map Math MouseEvent NaN Node Number Object OffscreenCanvas Promise
    ResizeObserver Response Set String TextDecoder TextEncoder URL URLSearchParams Uint16Array Uint8Array close console
    document encodeURIComponent event find focus getComputedStyle history length location name navigator onchange open
    opener parent parseInt performance print prompt requestAnimationFrame screen scroll self setTimeout status stop
    top window
""")
"""What a browser's window has, as far as the code says it."""
_BEFORE_OBJECT = _listed("( , = : [ ? & | . return const let")


@frozen
class _Word:
    text: str
    role: _Role


def shortened(code: str) -> str:
    """The code with short names for its variables, not yet squeezed.

    Example:
        >>> shortened("const total = 1; f({ total, size: total.size });")
        'const a = 1; f({ total:a, size: a.size });'
    """
    words = list(_words(code))
    taken = {word.text for word in words}
    uses = Counter(word.text for word in words if word.role != "other")
    short = (name for name in _short_names() if name not in taken)
    names = {name: next(short) for name, _ in uses.most_common() if len(name) > 2}
    return "".join(_renamed(word, names) for word in words)


def renamed(code: str) -> set[str]:
    """The names that `shortened` takes away."""
    return {word.text for word in _words(code) if word.role != "other" and len(word.text) > 2}


def _renamed(word: _Word, names: dict[str, str]) -> str:
    if word.role == "other" or word.text not in names:
        return word.text
    return f"{word.text}:{names[word.text]}" if word.role == "shorthand" else names[word.text]


def _words(code: str) -> Iterator[_Word]:
    """The parts of the code, each with its role."""
    parts = list(parts_of(code))
    solid = [place for place, part in enumerate(parts) if not part.isspace()]
    roles: dict[int, _Role] = {}
    brackets: list[str] = []  # what is open: "(", "[", "{" of a block, "object", "class", "hole"
    class_begins = False
    for at, place in enumerate(solid):
        part = parts[place]
        before = parts[solid[at - 1]] if at else ""
        second = parts[solid[at - 2]] if at > 1 else ""
        after = parts[solid[at + 1]] if at + 1 < len(solid) else ""
        if part[0] in "`}" and (len(part) > 1 or part == "`"):  # a piece of a template
            if part[0] == "}":
                brackets.pop()
            if part.endswith("${"):
                brackets.append("hole")
        elif part in "([":
            brackets.append(part)
        elif part == "{":
            of_object = before in _BEFORE_OBJECT or before.endswith("${")
            brackets.append("class" if class_begins else "object" if of_object else "{")
            class_begins = False
        elif part in ")]}":
            brackets.pop()
        elif _NAME.match(part) and part not in KEPT:
            class_begins = class_begins or (part == "class" and after != ":")
            roles[place] = _role(part, second, before, after, brackets[-1] if brackets else "{")
    for place, part in enumerate(parts):
        yield _Word(part, roles.get(place, "other"))


def _role(name: str, second: str, before: str, after: str, bracket: str) -> _Role:
    property_ = before == "." and second != "."  # two dots and more spread a value
    if name in _LANGUAGE or property_ or bracket == "class":
        return "other"
    if bracket == "object" and before in ("{", ","):
        if after in (":", "("):
            return "other"
        if after in (",", "}", "="):
            return "shorthand"
    return "variable"


def _short_names() -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    for length in itertools.count(1):
        for name in itertools.product(letters, repeat=length):
            if (text := "".join(name)) not in _LANGUAGE:
                yield text
