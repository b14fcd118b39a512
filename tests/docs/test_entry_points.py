"""Every group of entry points that is read is one of those that are promised."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
GROUP = re.compile(r"\b(?:group|families|GROUP) ?= ?\"(wherefrom\.\w+)\"")


def test_the_page_on_stability_lists_every_group_of_entry_points() -> None:
    sources = (REPOSITORY / "packages").glob("*/src/**/*.py")
    read = {group for path in sources for group in GROUP.findall(path.read_text("utf-8"))}
    assert {"wherefrom.methods", "wherefrom.method_families", "wherefrom.adapter_capabilities"} <= read
    page = (REPOSITORY / "docs" / "stability.md").read_text("utf-8")
    (line,) = (one for one in page.split("\n") if one.startswith("| entry point groups |"))
    assert set(re.findall(r"`(wherefrom\.\w+)`", line)) == read
