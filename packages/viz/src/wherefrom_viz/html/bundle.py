"""The page's script and style, joined from their files.

The JavaScript files are modules, so that each can be tested alone. A page has one script: imports and the
word
``export`` are dropped, and so are comments and indentation.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

MODULES = (
    "bytes",
    "inflate",
    "payload",
    "colour",
    "numbers",
    "units",
    "align",
    "state",
    "search",
    "exports",
    "dom",
    "read_view",
    "matrix_view",
    "steps_view",
    "compare_view",
    "list_view",
    "app",
)
"""In an order in which each needs only those before it."""


@lru_cache(maxsize=4)
def script(boot: str) -> str:
    """All modules and the boot file ``boot``, as one strict function that leaves nothing behind."""
    parts = [_plain(source(f"{name}.js")) for name in (*MODULES, boot)]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "\n})();"


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet, without comments and indentation."""
    text = re.sub(r"\s*([{};,])\s*", r"\1", source("style.css"))
    return re.sub(r"(?<=[\w-]):\s+", ":", text).replace(";}", "}").replace("}", "}\n").strip()


def source(name: str) -> str:
    """The text of one of this package's files."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _plain(text: str) -> str:
    text = re.sub(r"^import .*?;\n", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\s*/\*\*.*?\*/\n", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = (re.sub(r"\s+// [^\"'`]*$", "", line).strip() for line in text.splitlines())
    return "\n".join(_squeezed(line) for line in lines if line and not line.startswith("//"))


_QUOTED = re.compile(
    r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`"""  # texts and templates
    r"""|(?<=[(,=:]\s)/(?![/*]).+|(?<=[(,=:])/(?![/*]).+)"""  # patterns, and what follows them
)


def _squeezed(line: str) -> str:
    """The line without spaces beside punctuation, save in texts, templates and what follows a pattern."""
    if line.count("`") not in (0, 2):  # a template over several lines, or one within another
        return line
    parts = _QUOTED.split(line)
    return "".join(
        part if place % 2 else re.sub(r" ?([{}()\[\],;:?=<>!&|*]+) ?", r"\1", part) for place, part in enumerate(parts)
    )
