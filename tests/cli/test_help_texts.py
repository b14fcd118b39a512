"""Help texts that documents show are the ones the command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from wherefrom_cli.main import load_command, overview

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- help: wherefrom ?(?P<command>[a-z-]*) -->\n```\w*\n(?P<text>.*?)\n```", re.DOTALL)
PAGES = [path for path in (ROOT / "README.md", ROOT / "docs" / "cli.md") if path.exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_help_text_in_page_is_current(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        shown = load_command(block["command"]).parser().format_help() if block["command"] else overview()
        assert block["text"].strip() == shown.strip(), f"{page.name}: the help of {block['command']!r} changed"


def test_the_command_line_page_shows_the_overview() -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "cli.md").read_text(encoding="utf-8"))
    assert [command for command, _ in blocks] == ["", "attribute"]
