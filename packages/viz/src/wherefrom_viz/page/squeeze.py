"""JavaScript made shorter without changing what it does: comments and needless white space go.

The code is cut into the parts in which white space means something (strings, templates, patterns) and the rest. Line
ends go too, which is safe because the page's code ends every statement with a semicolon or a brace; and so do commas
and semicolons before a closing bracket, which is safe because it has no empty statements and no holes in its lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_PART = re.compile(
    r"""(?P<space>\s+|/\*.*?\*/|//[^\n]*)"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<word>[\w$#]+)"""
    r"""|(?P<pattern>/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*)"""
    r"""|(?P<other>.)""",
    re.DOTALL,
)
_TEMPLATE = re.compile(r"[`}](?:\\.|\$(?!\{)|[^`\\$])*(?:`|\$\{)", re.DOTALL)
"""From the beginning of a template, or from the end of a hole in it, to the next hole or to its end."""
_CLOSING = frozenset(")]}")
_ENDS_VALUE = re.compile(r"[\w$)\]}\"'`]\Z")
_KEYWORD = re.compile(r"(?:return|typeof|case|in|of)\Z")


def squeezed(code: str) -> str:
    """The code without comments and needless white space, commas and semicolons.

    Example:
        >>> squeezed('const a = 1; // one\\nconst b = `x  ${ a + +1 }`;')
        'const a=1;const b=`x  ${a+ +1}`;'
    """
    return _joined(parts_of(code))


def _joined(parts: Iterable[str]) -> str:
    pieces = [""]
    gap = False
    for part in parts:
        if part.isspace():
            gap = True
            continue
        if (part in _CLOSING and pieces[-1] == ",") or (part == "}" and pieces[-1] == ";"):
            pieces.pop()
        if gap and _run_together(pieces[-1][-1:], part[0]):
            pieces.append(" ")
        pieces.append(part)
        gap = False
    return "".join(pieces)


def parts_of(code: str) -> Iterator[str]:
    """The parts of the code in order; white space and comments are a space each."""
    at, before = 0, ""
    holes: list[int] = []  # open holes of templates, each with the braces open inside it
    while at < len(code):
        if code[at] == "`" or (code[at] == "}" and holes and holes[-1] == 0):
            match, kind = _TEMPLATE.match(code, at), "template"
            assert match is not None
            if code[at] == "}":
                holes.pop()
            if match.group().endswith("${"):
                holes.append(0)
        else:
            match = _PART.match(code, at)
            assert match is not None
            kind = str(match.lastgroup)
        part = match.group()
        if kind == "pattern" and _ENDS_VALUE.search(before) and not _KEYWORD.search(before):
            part = "/"  # it divides
        at += len(part)
        if kind == "space":
            yield " "
            continue
        if holes and kind == "other":
            holes[-1] += {"{": 1, "}": -1}.get(part, 0)
        yield part
        before = part


def _run_together(a: str, b: str) -> bool:
    """Would two neighbours become something else without a space between them?"""
    wordy = all(c.isalnum() or c in "_$#" for c in (a, b))
    return bool(a) and (wordy or (a == b and a in "+-") or (a == "/" and b in "/*"))
