"""One word per idea, the field's own: words that were given up appear nowhere, and old ones stay where they belong.

Identifiers are split into their words (``pulled_back``, ``LookingScreen``); comments, docstrings, messages and docs are
read as prose.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for path in (ROOT / "packages").glob("*/src/**/*.py") if path.name != "_moved.py")
"""All but the tables of old module names."""
DOCS = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])

EVERYWHERE = {
    r"objectives?": "target function",
    r"foils?": "contrast",
    r"pull(ed)?[ -]?backs?": "vector-Jacobian product, backward pass",
    r"slopes": "gradients",
    r"wishes": "options",
    r"voice": "Console",
    r"manners": "conventions",
    r"unless told": "by default",
    r"is the door": "entry point",
    r"squeezed": "minified",
    r"ink|brush(es)?": "terminal style, style cache",
    r"likeliest": "most likely",
    r"made anew": "recomputed",
    r"one's own": "custom",
    r"pictures?": "description, figure",
}
"""In identifiers and in prose; the word to use instead."""
IDENTIFIERS = {
    r"tops": "cut points",
    r"leaves": "inputs",
    r"talk": "Console",
}
"""In identifiers alone: prose may say that a method leaves something out, and talk of it."""
CLASSES = {
    r"LookingScreen": "example screen",
    r"_?Wishes|_?Reading|Taken|Beginning": "options, run, zeroed contribution, shared prefix",
}
"""Names of classes."""
AUTOGRAD = {r"leaves"}
"""PyTorch's own word for the tensors that a graph begins at: the adapter that drives autograd speaks of them."""
SHAPLEY = {
    r"players?": "unit, span",
}
"""Belongs to the game of Shapley values, and nowhere else."""


def allowed_in(path: Path) -> set[str]:
    """Words that belong where this file stands."""
    allowed = set(SHAPLEY) if "shap" in path.name or path.name == "games.py" else set()
    if path.name in ("feed_forward.py", "games.py", "rescale_rules.py"):  # piecewise linear functions and chords
        allowed |= {r"slopes"}
    if "hf-adapter" in path.relative_to(ROOT).parts:
        allowed |= AUTOGRAD
    return allowed


def names_and_prose(source: str) -> Iterator[tuple[int, str, bool]]:
    """Lines of Python source with the words of every identifier, and with what is prose.

    Yields:
        Line, text, and whether it is an identifier.
    """
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], re.sub(r"(?<=[a-z])(?=[A-Z])", " ", token.string).replace("_", " ").strip(), True
        elif token.type in (tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1)):
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line, False


def given_up(text: str, *, identifier: bool, allowed: Collection[str] = ()) -> list[str]:
    """Words of a text, or of an identifier in words, that the glossary gave up, with what to use."""
    words = EVERYWHERE | SHAPLEY | (IDENTIFIERS if identifier else {})
    return [
        f"{found.group()!r}: use {instead}"
        for pattern, instead in words.items()
        if pattern not in allowed and (found := re.search(rf"(?<![\w-])(?:{pattern})(?![\w-])", text.lower()))
    ]


def complaints(source: str, allowed: Collection[str] = ()) -> list[str]:
    """What is to be said of the words of some Python source, with their lines."""
    found = []
    for line, text, identifier in names_and_prose(source):
        said = given_up(text, identifier=identifier, allowed=allowed)
        if identifier:
            name = text.replace(" ", "")
            said += [f"{name!r}: use {instead}" for old, instead in CLASSES.items() if re.fullmatch(old, name)]
        found += [f"{line}: {one}" for one in said]
    return found


@pytest.mark.parametrize("package", sorted({path.relative_to(ROOT / "packages").parts[0] for path in SOURCES}))
def test_code_keeps_to_the_glossary(package):
    found = [
        f"{path.relative_to(ROOT)}:{complaint}"
        for path in SOURCES
        if package in path.relative_to(ROOT / "packages").parts[:1]
        for complaint in complaints(path.read_text("utf-8"), allowed_in(path))
    ]
    assert not found, "\n".join(found)


def test_docs_keep_to_the_glossary():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {complaint}"
        for path in DOCS
        for line, text in enumerate(path.read_text("utf-8").splitlines(), 1)
        for complaint in given_up(text, identifier=False, allowed=set(SHAPLEY) if "shap" in text.lower() else set())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source, word",
    [
        ("objective = 1", "objective"),
        ("def pulled_back(): ...", "pulled back"),
        ("class LookingScreen: ...", "LookingScreen"),
        ("class Wishes: ...", "wishes"),
        ("leaves = 1", "leaves"),
        ("# the likeliest token", "likeliest"),
        ("def f():\n    '''One player each.'''", "player"),
        ("raise E(f'as told by the foil {x}')", "foil"),
    ],
)
def test_what_was_given_up_is_found(source, word):
    found = complaints(source)
    assert found, "nothing was said"
    assert repr(word) in found[0]


def test_english_is_not_mistaken_for_it():
    assert not complaints("# It leaves the topmost slope of a playful reading out, as taken from the beginning.")
    assert not complaints("beginning = taken = 1")
    assert not complaints("players = 3", set(SHAPLEY))
