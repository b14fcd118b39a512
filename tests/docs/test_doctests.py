"""Examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    package.name: package.parent
    for package in sorted((ROOT / "packages").glob("*/src/*"))
    if (package / "__init__.py").exists()
}


def module_of(path: Path, source: Path) -> str:
    """A file's name as a module."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = [
    module_of(path, source)
    for name, source in SOURCES.items()
    for path in sorted((source / name).rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


def outcome(module: object) -> tuple[int, str]:
    """How many examples of a module were run, and what went wrong."""
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__):  # type: ignore[attr-defined]
        runner.run(test, out=said.append)
    return runner.tries, "".join(said)


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tries, complaints = outcome(importlib.import_module(name))
    assert tries, "no example was found"
    assert not complaints, complaints


def test_there_are_examples() -> None:
    assert len(MODULES) >= 12


def test_a_wrong_example_is_seen() -> None:
    module = type(doctest)("wrong", ">>> 1 + 1\n3\n")
    tries, complaints = outcome(module)
    assert tries == 1
    assert "Expected:" in complaints
