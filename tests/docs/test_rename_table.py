"""Names that the migration page sends readers to are there."""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path

import pytest
import wherefrom
from wherefrom.text.tokens import Token

PAGE = Path(__file__).parents[2] / "docs" / "coming-from-inseq.md"
ROOTS: dict[str, object] = {"wherefrom": wherefrom, "model": wherefrom.AttributionModel, "Token": Token}


def names(page: str) -> list[str]:
    """Dotted names in the right column of the table of names, up to a call or an index."""
    table = page.partition("## Other names")[2].partition("\n## ")[0]
    rows = [row.split(" | ")[1] for row in table.splitlines() if row.startswith("| `")]
    spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row)]
    return [re.match(r"[\w.]+", span).group() for span in spans if span.partition(".")[0] in ROOTS]  # type: ignore[union-attr]


def found(name: str) -> object:
    """What a dotted name stands for; attributes of instances may be annotations or slots."""
    root, *rest = name.split(".")
    return reduce(getattr, rest, ROOTS[root])


@pytest.mark.parametrize("name", names(PAGE.read_text("utf-8")))
def test_the_name_is_there(name: str) -> None:
    found(name)


def test_there_are_names_and_a_wrong_one_is_seen() -> None:
    assert len(names(PAGE.read_text("utf-8"))) >= 10
    with pytest.raises(AttributeError):
        found("wherefrom.FeatureAttributionOutput")
