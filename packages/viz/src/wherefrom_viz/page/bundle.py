"""The page's script and style, as they were built from the files in ``scripts/`` and ``style.css``.

``tools/build_page.py`` builds them with esbuild whenever these change; what it built is part of the package, so that
installing needs no JavaScript tools. `fingerprint` says from which sources a build is.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

PACKAGE = "wherefrom_viz.page"

BOOTS = ("boot_page", "boot_notebook")
"""Where the script of a page begins, and that of a notebook's cell."""


@lru_cache(maxsize=4)
def script(boot: str) -> str:
    """The whole script that begins with the file ``boot``: one function that leaves nothing behind."""
    return _built(f"{boot}.js")


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet."""
    return _built("style.css")


def fingerprint() -> str:
    """A digest of everything that is built from."""
    folder = files(PACKAGE)
    sources = sorted(
        [one for one in folder.joinpath("scripts").iterdir() if one.name.endswith(".js")], key=lambda one: one.name
    )
    digest = hashlib.sha256()
    for source in (*sources, folder.joinpath("style.css")):
        digest.update(f"{source.name}\n".encode() + _text(source).encode())
    return digest.hexdigest()


def built_from() -> str:
    """The digest of the sources that the package's build was made from."""
    return _text(files(PACKAGE).joinpath("built", "fingerprint")).strip()


def _built(name: str) -> str:
    return _text(files(PACKAGE).joinpath("built", name)).strip()


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8").replace("\r\n", "\n")
