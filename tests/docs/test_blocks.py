"""Python blocks of the README and the documents run as they stand, in the order of their page.

A page's first block begins with nothing: it imports what it uses. Models of the hub are replaced by the built-in one.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from wherefrom.step_functions.base import STEP_FUNCTIONS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("packages/*/README.md"))]
SAVED = ROOT / "tests" / "data" / "files" / "version-1.0.json"
"""What is called ``saved.json`` in the pages."""
BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[tuple[int, str]]:
    """Line and code of every Python block."""
    return [(page[: found.start(1)].count("\n") + 1, found.group(1)) for found in BLOCK.finditer(page)]


def run(page: str, name: str) -> None:
    """Run a page's blocks one after the other, in one namespace of their own."""
    names: dict[str, object] = {"__name__": "__main__"}
    for line, code in blocks(page):
        padded = "\n" * (line - 1) + code.replace('"gpt2"', '"demo:lm"')
        exec(compile(padded, name, "exec"), names)


PAGES_WITH_CODE = [page for page in PAGES if blocks(page.read_text("utf-8"))]


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAVED, "saved.json")
    run(page.read_text("utf-8"), str(page))


def test_pages_have_blocks() -> None:
    assert len(PAGES_WITH_CODE) >= 8


def test_a_block_that_fails_is_seen() -> None:
    with pytest.raises(NameError, match="nowhere"):
        run("text\n\n```python\none = 1\n```\n\n```python\nassert one == 1\nnowhere\n```\n", "example.md")


@pytest.mark.parametrize("page", ["one", "another"])
def test_what_a_page_registers_is_gone_after_it(page: str) -> None:
    function = "def mine(prediction):\n    return prediction.logits[:, 0]\n"
    register = f'@wherefrom.register_step_function("of_a_page")\n{function}'
    run(f"```python\nimport wherefrom\n\n{register}```\n", page)
    assert "of_a_page" in STEP_FUNCTIONS
