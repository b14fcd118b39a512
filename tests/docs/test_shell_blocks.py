"""Shell blocks of the README and the documents: every ``wherefrom`` line runs, in the order of its page.

Models of the hub are replaced by the built-in one, and the texts that lines speak of are there.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from wherefrom_cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("packages/*/README.md"))]
BLOCK = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
NOT_RUN = {
    r"wherefrom view": "takes the terminal until it is left",
    r"wherefrom serve": "serves until it is stopped",
    r"--engine ray": "starts a cluster; run by `pytest -m heavy`",
    r"demo:(smollm2|gemma3)": "a pretrained model; run by `pytest -m real`",
    r"--framework openai": "needs a server; those run by `pytest -m server`",
    r"--framework keras_hub": "needs KerasHub; it is tried by `pytest -m keras`",
    r"wherefrom COMMAND": "a form, not a command",
}
"""What lines are left out, and why."""


def lines_of(page: str) -> Iterator[list[str]]:
    """Arguments of the ``wherefrom`` lines of a page, without what they are piped into."""
    for found in BLOCK.finditer(page):
        for line in found.group(1).replace("\\\n", " ").splitlines():
            if line.startswith("wherefrom ") and not any(re.search(pattern, line) for pattern in NOT_RUN):
                words = shlex.split(line, comments=True)
                end = words.index("|") if "|" in words else len(words)
                yield [word.replace("gpt2", "demo:lm") for word in words[1:end]]


FIRST_PAGES = [ROOT / "README.md", ROOT / "docs" / "start.md", ROOT / "docs" / "ways.md"]
"""Read from top to bottom by who copies every block into one folder."""
WRITTEN = re.compile(r"""(?:\.save(?:_\w+)?\(|\s-o |> )"?([\w./]+)"?""")
READ = re.compile(r"--files ([\w.]+)")


def faults_of_order(page: str) -> list[str]:
    """Files of a page's blocks that are written twice, or read and not written before."""
    written: list[str] = []
    found = []
    for block in re.findall(r"^```\w*\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            found += [f"{name} is not there yet" for name in READ.findall(line) if name not in written]
            new = WRITTEN.findall(line.partition("  #")[0])
            found += [f"{name} is there already" for name in new if name in written]
            written += new
    return found


@pytest.mark.parametrize("page", FIRST_PAGES, ids=lambda page: page.stem)
def test_blocks_of_a_first_page_do_not_stand_in_each_other_s_way(page: Path) -> None:
    assert not faults_of_order(page.read_text("utf-8"))


def test_blocks_in_each_other_s_way_are_seen() -> None:
    page = '```python\nout.save_html("a.html"); out.save("a.json")\n```\n```\nwherefrom attribute -o a.json\n```\n'
    assert faults_of_order(page) == ["a.json is there already"]
    assert faults_of_order("```\nwherefrom x --files t.jsonl\n```\n") == ["t.jsonl is not there yet"]
    assert not faults_of_order("```\nprintf x > t.jsonl\nwherefrom x --files t.jsonl -o r/\n```\n")


PAGES_WITH_LINES = [page for page in PAGES if list(lines_of(page.read_text("utf-8")))]


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("page", PAGES_WITH_LINES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_lines_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    texts = [{"text": "George was sick yesterday.", "target": "George was sick yesterday. He was in the hospital."}]
    Path("texts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in texts), "utf-8")
    prompt = "George was sick yesterday. His colleague asked him to come to the"
    mine = {"id": "a", "set": "facts", "prompt": prompt, "answer": " hospital"}
    Path("mine.jsonl").write_text(json.dumps(mine) + "\n", "utf-8")
    for arguments in lines_of(page.read_text("utf-8")):
        code = main(arguments)
        assert code == 0, f"wherefrom {shlex.join(arguments)}\n{capsys.readouterr().err}"


def test_pages_have_lines() -> None:
    assert {page.stem for page in PAGES_WITH_LINES} >= {"README", "cli", "context"}


def test_a_line_that_fails_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (arguments,) = lines_of("```\nwherefrom show \\\n  nowhere.json | less  # look\n```\n")
    assert arguments == ["show", "nowhere.json"]
    assert main(arguments) != 0
