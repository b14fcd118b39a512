"""The arrows of the house: cli → playground → viz, and viz, hf-adapter → core.

Read from the source, so that nothing needs to be imported.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"
OURS = {
    "wherefrom": PACKAGES / "core/src/wherefrom",
    "wherefrom_hf": PACKAGES / "hf-adapter/src/wherefrom_hf",
    "wherefrom_openai": PACKAGES / "openai-adapter/src/wherefrom_openai",
    "wherefrom_keras": PACKAGES / "keras-adapter/src/wherefrom_keras",
    "wherefrom_viz": PACKAGES / "viz/src/wherefrom_viz",
    "wherefrom_cli": PACKAGES / "cli/src/wherefrom_cli",
    "wherefrom_playground": PACKAGES / "playground/src/wherefrom_playground",
}
MAY_IMPORT = {
    "wherefrom": {"wherefrom"},
    "wherefrom_hf": {"wherefrom", "wherefrom_hf"},
    "wherefrom_openai": {"wherefrom", "wherefrom_openai"},
    "wherefrom_keras": {"wherefrom", "wherefrom_keras"},
    "wherefrom_viz": {"wherefrom", "wherefrom_viz"},
    "wherefrom_cli": set(OURS),
    "wherefrom_playground": {"wherefrom", "wherefrom_viz", "wherefrom_playground"},
}
FRAMEWORKS = {"torch", "transformers", "captum", "tensorflow", "jax"}
NO_FRAMEWORK = ("wherefrom", "wherefrom_openai", "wherefrom_viz", "wherefrom_playground")
TORCH_ROOM = OURS["wherefrom"] / "inseq"
"""inseq's names on top of core: it gives torch tensors where inseq does, and nothing else imports it."""


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every import that runs; those for type checkers alone do not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]


def wrong_arrows(package: str, source: str, where: str) -> list[str]:
    """Imports of ``source`` that its package may not have."""
    wrong = []
    for line, name in imports(ast.parse(source)):
        if name in OURS and name not in MAY_IMPORT[package]:
            wrong.append(
                f"{where}:{line} imports {name}; {package} may import {', '.join(sorted(MAY_IMPORT[package]))}"
            )
        if package in NO_FRAMEWORK and name in FRAMEWORKS:
            wrong.append(f"{where}:{line} imports {name}; {package} knows no framework")
    return wrong


def hidden_imports(source: str, where: str) -> list[str]:
    """First-party imports inside functions: the sign of a circle."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            found += [
                f"{where}:{line} imports {name} in {function.name}" for line, name in imports(function) if name in OURS
            ]
    return found


def files(package: str) -> list[Path]:
    found = sorted(OURS[package].rglob("*.py"))
    assert found, f"no source of {package} was found"
    return found


@pytest.mark.parametrize("package", OURS)
def test_arrows_point_inwards(package: str) -> None:
    wrong = [
        line
        for path in files(package)
        for line in wrong_arrows(package, path.read_text("utf-8"), path.name)
        if not (TORCH_ROOM in path.parents and "knows no framework" in line)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", OURS)
def test_nothing_depends_on_the_room_of_inseqs_names(package: str) -> None:
    found = [
        f"{path.name}: {line.strip()}"
        for path in files(package)
        if TORCH_ROOM not in path.parents
        for line in path.read_text("utf-8").splitlines()
        if line.strip().startswith(("import ", "from ")) and "wherefrom.inseq" in line
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "package",
    ["wherefrom", "wherefrom_hf", "wherefrom_openai", "wherefrom_keras", "wherefrom_viz", "wherefrom_playground"],
)
def test_no_import_hides_in_a_function(package: str) -> None:
    """The command line imports late on purpose, to be quick, and so does the door of the terminal browser."""
    doors = {("wherefrom_viz", OURS["wherefrom_viz"] / "browser" / "__init__.py")}
    hidden = [
        line
        for path in files(package)
        if (package, path) not in doors
        for line in hidden_imports(path.read_text("utf-8"), path.name)
    ]
    assert not hidden, "\n".join(hidden)


@pytest.mark.parametrize(
    "package, source",
    [
        ("wherefrom", "import torch"),
        ("wherefrom", "def late():\n    from transformers import AutoModel"),
        ("wherefrom", "from wherefrom_hf.adapter import load"),
        ("wherefrom_viz", "from wherefrom_hf import adapter"),
        ("wherefrom_hf", "import wherefrom_viz.console"),
        ("wherefrom_playground", "import wherefrom_hf"),
    ],
)
def test_a_wrong_arrow_is_seen(package: str, source: str) -> None:
    assert wrong_arrows(package, source, "example.py")


def test_an_import_for_type_checkers_is_no_arrow() -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"
    assert not wrong_arrows("wherefrom", source, "example.py")


def test_an_import_hidden_in_a_function_is_seen() -> None:
    assert hidden_imports("def f():\n    from wherefrom import files", "example.py")


@pytest.mark.parametrize(
    "module", ["wherefrom", "wherefrom_viz", "wherefrom_cli.main", "wherefrom_hf.demo", "wherefrom_openai.adapter"]
)
def test_importing_loads_no_framework(module: str) -> None:
    probe = f"import sys, {module}; sys.exit(','.join(sorted({FRAMEWORKS!r} & set(sys.modules))) or 0)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


FOREIGN = {
    "O_NOFOLLOW",
    "get_ipython",
    "of_wherefrom",
    "shape",
    "ndim",
    "later_ids",
    "_dict_aggregate_fn",
    "hf_device_map",
    "lang_code_to_id",
}
"""What may be looked for on things of others: the system, IPython, handlers of logging, arrays."""


def probes(source: str, where: str) -> list[str]:
    """Places that look whether something has a fact, instead of asking a Protocol that declares it."""
    return [
        f"{where}:{node.lineno} {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and len(node.args) == 3
        and isinstance(node.args[1], ast.Constant)
        and node.args[1].value not in FOREIGN
        and not str(node.args[1].value).startswith("__")
    ]


@pytest.mark.parametrize("package", [name for name in OURS if name not in ("wherefrom_hf", "wherefrom_keras")])
def test_facts_of_classes_are_declared(package: str) -> None:
    """The adapters of transformers and KerasHub read models of a hundred architectures, and may look; so may the room
    for inseq's users, whose scripts hand it objects of theirs."""
    found = [
        line
        for path in files(package)
        if "inseq" not in path.relative_to(OURS[package]).parts[:1]
        for line in probes(path.read_text("utf-8"), str(path.relative_to(PACKAGES)))
    ]
    assert not found, "\n".join(found)


def test_a_probe_is_seen() -> None:
    assert probes("passes = getattr(function, 'passes', 5)", "example.py")
    assert not probes("name = getattr(function, '__name__', '')", "example.py")


def test_every_package_is_typed() -> None:
    assert all((root / "py.typed").exists() for root in OURS.values())


def test_every_file_of_tests_has_one() -> None:
    """A merge can empty a file, and nothing fails."""
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    assert len(files) > 200
    assert [str(file) for file in files if "def test_" not in file.read_text(encoding="utf-8")] == []
