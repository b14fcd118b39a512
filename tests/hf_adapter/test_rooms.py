"""The adapter's rooms: which may know which, and no circle among modules, imports for type checkers included."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import wherefrom_hf

ROOT = Path(wherefrom_hf.__file__).parent
MAY_KNOW = {"text": {"text", "running"}, "running": {"running"}, "inside": {"inside", "running"}}


def graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Module to the modules of the package that it imports anywhere, also inside ``if TYPE_CHECKING``."""
    found = {}
    for name, source in sources.items():
        asked = {one for one in _imported(ast.parse(source)) if one in sources}
        found[name] = asked - {name}
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources() -> dict[str, str]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path.read_text("utf-8")
    return found


def circle(modules: Mapping[str, set[str]]) -> list[str]:
    try:
        list(TopologicalSorter(modules).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle() -> None:
    assert not circle(graph(sources()))


def test_rooms_know_only_what_they_stand_on() -> None:
    for name, asked in graph(sources()).items():
        room = name.split(".")[1] if name.count(".") > 1 else ""
        for other in asked if room in MAY_KNOW else ():
            assert other.split(".")[1] in MAY_KNOW[room], f"{name} imports {other}"


@pytest.mark.parametrize("line", ["from p import a", "import p.a", "from p.a import x"])
def test_a_circle_for_type_checkers_is_seen(line: str) -> None:
    late = f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {line}"
    assert circle(graph({"p.a": "from p import b", "p.b": late}))
