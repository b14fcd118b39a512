"""The page's script and style, joined from their files.

The JavaScript files are modules, so that each can be tested alone. A page has one script: imports and the word
``export`` are dropped, comments and needless white space too, and variables get short names.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from wherefrom_viz.page.shorten import shortened
from wherefrom_viz.page.squeeze import squeezed

MODULES = (
    "bytes",
    "inflate",
    "payload",
    "colour",
    "numbers",
    "units",
    "align",
    "spans",
    "state",
    "search",
    "labels",
    "exports",
    "dom",
    "read_view",
    "matrix_table",
    "matrix_canvas",
    "matrix_view",
    "steps_view",
    "compare_view",
    "list_view",
    "span_bar",
    "keys",
    "legend",
    "saving",
    "controls",
    "sliders",
    "app",
    "start",
)
"""In an order in which each needs only those before it."""


@lru_cache(maxsize=4)
def script(boot: str) -> str:
    """All modules and the boot file ``boot``, as one strict function that leaves nothing behind."""
    return f'(() => {{\n"use strict";\n{squeezed(shortened(whole(boot)))}\n}})();'


def whole(boot: str) -> str:
    """The same as it is written: one text without imports and exports."""
    text = "\n".join(source(f"scripts/{name}.js") for name in (*MODULES, boot))
    text = re.sub(r"^import .*?;\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^export ", "", text, flags=re.MULTILINE)


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet, without comments and indentation."""
    text = re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"/\*.*?\*/", "", source("style.css"), flags=re.DOTALL))
    text = re.sub(r"(?<=[\w-]):\s+", ":", text).replace(";}", "}")
    return re.sub(r"(?<![\w.])0(?=\.\d)", "", text).strip()


def source(name: str) -> str:
    """The text of one of this package's files."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
