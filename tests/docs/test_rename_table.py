"""Names in the migration page's table are there: on the left in inseq 0.7.1, on the right here."""

from __future__ import annotations

import json
import re
from functools import reduce
from pathlib import Path

import pytest
import wherefrom
from wherefrom.text.tokens import Token

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "coming-from-inseq.md"
INSEQ: dict[str, dict[str, list[str]]] = json.loads((TESTS / "from_inseq" / "names_0_7_1.json").read_text("utf-8"))
ROOTS: dict[str, object] = {"wherefrom": wherefrom, "model": wherefrom.AttributionModel, "Token": Token}


def rows(page: str) -> list[tuple[list[str], list[str]]]:
    """Dotted names in both columns of the table of names, up to a call or an index."""
    table = page.partition("## Other names")[2].partition("\n## ")[0]
    found = []
    for line in table.splitlines():
        if line.startswith("| `"):
            cells = line.strip("| ").split(" | ")
            found.append(
                tuple([re.match(r"[\w.]+", s).group() for s in re.findall(r"`([^`]+)`", cell)] for cell in cells)
            )  # type: ignore[union-attr]
    return found  # type: ignore[return-value]


LEFT = [name for theirs, _ in rows(PAGE.read_text("utf-8")) for name in theirs]
RIGHT = [name for _, ours in rows(PAGE.read_text("utf-8")) for name in ours if name.partition(".")[0] in ROOTS]


def found(name: str) -> object:
    """What a dotted name stands for; attributes of instances may be annotations or slots."""
    root, *rest = name.split(".")
    return reduce(getattr, rest, ROOTS[root])


def in_inseq(name: str) -> bool:
    """Is it a public name of inseq's, or a member of one?"""
    first, _, member = name.partition(".")
    known = [names[first] for names in INSEQ.values() if first in names]
    fields = {"token", "id", "info", "step_attributions", "load"}  # of records, which their classes do not list
    return bool(known) and (not member or member in fields or any(member in members for members in known))


@pytest.mark.parametrize("name", sorted(set(RIGHT)))
def test_the_name_is_there(name: str) -> None:
    found(name)


@pytest.mark.parametrize("name", sorted(set(LEFT)))
def test_inseq_has_the_name(name: str) -> None:
    assert in_inseq(name)


def test_there_are_names_and_wrong_ones_are_seen() -> None:
    assert len(RIGHT) >= 30
    assert len(LEFT) >= 30
    with pytest.raises(AttributeError):
        found("wherefrom.FeatureAttributionOutput")
    assert not in_inseq("FeatureAttributionOutput.no_such_member")
    assert not in_inseq("NoSuchName")
