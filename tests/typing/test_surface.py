"""Type checkers accept what is right and refuse what is wrong, on the public surface."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needed import needed

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SURFACE = HERE / "surface.py"


def mypy(path: Path) -> tuple[bool, str]:
    """Is mypy content with a file? And what it says."""
    needed("mypy", "check")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--strict", str(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def pyright(path: Path) -> tuple[bool, str]:
    """Likewise for pyright, with the settings beside `surface.py`."""
    needed("basedpyright", "check")
    settings = {**json.loads((HERE / "pyrightconfig.json").read_text("utf-8")), "include": [str(path)]}
    project = path.parent / "pyrightconfig.json"
    if path.parent != HERE:
        project.write_text(json.dumps(settings), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "basedpyright", "-p", str(project), "--pythonpath", sys.executable],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_the_surface_is_typed(checker: object) -> None:
    fine, said = checker(SURFACE)  # type: ignore[operator]
    assert fine, said


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_checker_that_sees_nothing_is_seen(checker: object, tmp_path: Path) -> None:
    """Without its ignores the same file is refused, at every line that had one."""
    bare = [line.partition("  # type: ignore")[0] for line in SURFACE.read_text("utf-8").splitlines()]
    wrong = [
        number for number, line in enumerate(SURFACE.read_text("utf-8").splitlines(), 1) if "# type: ignore" in line
    ]
    path = tmp_path / "bare.py"
    path.write_text("\n".join(bare) + "\n", "utf-8")
    fine, said = checker(path)  # type: ignore[operator]
    assert not fine
    for number in wrong:
        assert f"bare.py:{number}:" in said, f"line {number} was accepted:\n{said}"
