"""Python blocks of the README and the documents run as they stand, in the order of their page.

A page's first block begins with nothing: it imports what it uses. Models of the hub are replaced by the built-in one.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import wherefrom
from wherefrom.adapters import Row
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


def test_the_first_page_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "start.md").read_text("utf-8")
    place = page.index("In the column of *hospital*, *sick* is on top")
    begin, end = (page.rindex("```python", 0, place), page.index("```", page.index("```python", place) + 3) + 4)
    run(page[begin:end], "start.md")
    assert " hospital <-  sick" in capsys.readouterr().out.splitlines()


def test_the_page_of_the_demo_models_says_how_likely_a_place_is() -> None:
    assert "`office` takes a quarter, ten places share the rest" in (ROOT / "docs" / "demo-models.md").read_text(
        "utf-8"
    )
    model = wherefrom.load_model("demo:lm", device="cpu").adapter
    ids = model.encode("His colleagues asked him to come to the office", side="target").ids
    (said,) = model.predict([Row(target_ids=ids, steps=np.array([len(ids) - 1]))])
    shares = np.asarray(said.logits[0].softmax(-1).detach())
    assert shares[ids[-1]] == pytest.approx(0.25, abs=0.01)
    assert np.sort(shares)[-11:].sum() > 0.98


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
