"""The scripts of ``examples/`` run as they stand; models of the hub are replaced by the built-in one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from wherefrom_cli.main import main

from tools.versions import ROOT

EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = path.read_text("utf-8").replace('"gpt2"', '"demo:lm"')
    exec(compile(code, str(path), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out


def test_the_shell_script_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    script = (EXAMPLES / "command_line.sh").read_text("utf-8").replace("\\\n", " ")
    texts = [
        json.loads(word)
        for line in script.splitlines()
        if line.startswith("printf")
        for word in shlex.split(line)[2:-2]
    ]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in texts), "utf-8")
    lines = [line for line in script.splitlines() if line.startswith("wherefrom ")]
    assert len(lines) >= 9
    for line in lines:
        arguments = shlex.split(line, comments=True)[1:]
        assert main(arguments) == 0, f"{line}\n{capsys.readouterr().err}"
    assert "<svg" in (tmp_path / "figure.svg").read_text("utf-8")
    assert json.loads((tmp_path / "citations.json").read_text("utf-8"))["sentences"][0]["citations"]


def test_every_example_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text("utf-8")
    files = [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.sh"), *EXAMPLES.glob("notebooks/*.ipynb")]
    assert len(files) >= 9
    for path in files:
        assert f"({path.relative_to(EXAMPLES).as_posix()})" in listed
    ways = (ROOT / "docs" / "ways.md").read_text("utf-8")
    for path in EXAMPLES.glob("notebooks/*.ipynb"):
        assert f"`{path.stem}`" in ways
