"""No module of a package imports, directly or through others, a module that imports it; for type checkers neither.

Read from the source. Imports inside functions are not counted here: `tests.test_architecture` allows none.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"
OURS = {
    "wherefrom": PACKAGES / "core/src/wherefrom",
    "wherefrom_hf": PACKAGES / "hf-adapter/src/wherefrom_hf",
    "wherefrom_viz": PACKAGES / "viz/src/wherefrom_viz",
    "wherefrom_cli": PACKAGES / "cli/src/wherefrom_cli",
}
CIRCULAR: dict[str, str] = {}

FLOORS = ("text", "adapters", "step_functions", "questions", "methods")
"""Rooms of core from the ground up; a room imports those below it alone. `results` is beside them, over `text`."""
RESULTS_KNOW = {"text", "results", "files"}
"""Rooms that what is made of results may import: the façade reads and writes files, whose format knows the nouns."""

Graph = Mapping[str, set[str]]


def modules_of(root: Path) -> dict[str, str]:
    """Dotted name to source of every module under a package's folder."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text("utf-8")
    assert found, f"no source under {root}"
    return found


def imports_of(tree: ast.AST) -> Iterator[str]:
    """What a module imports outside of functions; a name from a module as ``module.name``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports_of(node)


def named_in(tree: ast.AST, modules: Collection[str]) -> set[str]:
    """Modules that a source names in a text of its own, whole or before a colon: what it imports late."""
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {module for text in texts if (module := text.partition(":")[0]) in modules}


def with_late_imports(sources: Mapping[str, str]) -> Graph:
    """`graph_of`, and what each module imports when it is asked for a name.

    A package's table of names leads to modules that import the package, so circles are not looked for here.
    """
    graph = graph_of(sources)
    return {name: graph[name] | named_in(ast.parse(source), sources) for name, source in sources.items()}


def graph_of(sources: Mapping[str, str]) -> Graph:
    """Module to the modules among them that it imports."""
    return {
        name: {
            found if found in sources else found.rpartition(".")[0]
            for found in imports_of(ast.parse(source))
            if found in sources or found.rpartition(".")[0] in sources
        }
        for name, source in sources.items()
    }


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules that reach each other: what is left when whatever imports nothing left is taken away, both
    ways."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for other in graph[waiting.pop()] - seen:
                seen.add(other)
                waiting.append(other)
        return seen

    reach = {name: reached(name) for name in graph}
    groups = {
        tuple(sorted(other for other in graph if other in reach[name] and name in reach[other]))
        for name in graph
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def room_of(module: str) -> str:
    """First part of a module's name inside its package; the root's own modules are rooms of their own."""
    return module.split(".")[1] if "." in module else ""


def wrong_floors(graph: Graph) -> list[str]:
    """Imports of core that go upstairs."""
    wrong = []
    for name, imported in graph.items():
        room = room_of(name)
        for other in sorted(imported):
            there = room_of(other)
            upstairs = room in FLOORS and there in FLOORS and FLOORS.index(there) > FLOORS.index(room)
            of_results = room == "results" and there in {*FLOORS, "files", "context"} - RESULTS_KNOW
            low = room in FLOORS[:4] and there in ("results", "files", "context", "attribute")
            if upstairs or of_results or low:
                wrong.append(f"{name} imports {other}")
    return wrong


@pytest.mark.parametrize(
    "package",
    [
        pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=CIRCULAR[name])) if name in CIRCULAR else name
        for name in OURS
    ],
)
def test_no_import_runs_in_a_circle(package: str) -> None:
    found = circles(graph_of(modules_of(OURS[package])))
    assert not found, "\n".join(" <-> ".join(group) for group in found)


def test_rooms_of_core_stand_on_each_other() -> None:
    wrong = wrong_floors(with_late_imports(modules_of(OURS["wherefrom"])))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "sources, expected",
    [
        ({"a": "import b", "b": "import c", "c": ""}, []),
        ({"a": "import b", "b": "import a"}, [["a", "b"]]),
        ({"a": "from b import x", "b": "from c.d import y", "c.d": "import a"}, [["a", "b", "c.d"]]),
        (
            {"a": "import b", "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a"},
            [["a", "b"]],
        ),
        ({"a": "class C:\n    import b", "b": "import a"}, [["a", "b"]]),
        ({"a": "import b", "b": "def f():\n    import a"}, []),
    ],
)
def test_a_circle_is_seen(sources: dict[str, str], expected: list[list[str]]) -> None:
    assert circles(graph_of(sources)) == expected


@pytest.mark.parametrize(
    "name, source, wrong",
    [
        ("wherefrom.text.tokens", "from wherefrom.adapters import card", True),
        ("wherefrom.adapters.rows", "from wherefrom.questions import examples", True),
        ("wherefrom.questions.examples", "from wherefrom.results import data", True),
        ("wherefrom.results.data", "from wherefrom.methods import contract", True),
        ("wherefrom.results.data", "found = late(__name__, {'Scores': 'wherefrom.methods.contract'})", True),
        ("wherefrom.results.data", "def found():\n    return import_module('wherefrom.methods.contract')", True),
        ("wherefrom.questions.examples", "NAMES = ('wherefrom.results.data:Part',)", True),
        ("wherefrom.methods.lime", "from wherefrom.questions import examples", False),
        ("wherefrom.methods.lime", "found = late(__name__, {'Example': 'wherefrom.questions.examples'})", False),
        ("wherefrom.results.data", "from wherefrom.text import tokens", False),
    ],
)
def test_an_import_upstairs_is_seen(name: str, source: str, wrong: bool) -> None:
    others = (
        "wherefrom.adapters.card",
        "wherefrom.questions.examples",
        "wherefrom.results.data",
        "wherefrom.methods.contract",
        "wherefrom.text.tokens",
    )
    sources = {**dict.fromkeys(others, ""), name: source}
    assert bool(wrong_floors(with_late_imports(sources))) is wrong
