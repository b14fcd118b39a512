"""The overview, versions, and how quickly and lightly they come."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wherefrom_cli.main import COMMANDS, load_command, modules

Run = Callable[..., Any]


def test_overview_names_every_command(wherefrom: Run) -> None:
    ran = wherefrom()
    assert ran.code == 0
    assert wherefrom("--help").out == ran.out
    for group in COMMANDS.values():
        for name, (_, words) in group.items():
            assert f"{name} " in ran.out
            assert words in ran.out


def test_version_names_components(wherefrom: Run) -> None:
    assert "torch 2" in wherefrom("--version").out


@pytest.mark.parametrize("name", modules())
def test_command_explains_itself(wherefrom: Run, name: str) -> None:
    ran = wherefrom(name, "--help")
    assert ran.code == 0
    assert f"Usage: wherefrom {name}" in ran.out
    assert "Examples:" in ran.out
    assert load_command(name).name == name
    assert wherefrom(name, "-h").out == ran.out


@pytest.mark.parametrize("name", modules())
def test_examples_in_help_parse(name: str) -> None:
    import shlex

    command, names = load_command(name), set()
    for line, _ in command.examples:
        words = shlex.split(line.split(">")[0].removeprefix('eval "$(').removesuffix(')"'))
        assert words[0] == "wherefrom"
        load_command(words[1]).parser().parse(words[2:])
        names.add(words[1])
    assert name in names


def test_unknown_command_suggests_the_nearest(wherefrom: Run) -> None:
    ran = wherefrom("atribute")
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean 'attribute'?" in ran.err


def test_option_before_the_command_is_explained(wherefrom: Run) -> None:
    ran = wherefrom("--debug", "attribute")
    assert ran.code == 2
    assert "after a command" in ran.err


HEAVY = ("torch", "transformers", "datasets", "captum", "ray", "textual")
PROBE = """
import sys
from wherefrom_cli.main import main
code = main({arguments!r})
print(*[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["attribute", "--help"],
        ["list"],
        ["explain", "saliency"],
        ["show", "SAVED"],
        ["info", "SAVED"],
    ],
    ids=" ".join,
)
def test_what_needs_no_model_imports_no_framework(arguments: list[str], saved: Any) -> None:
    arguments = [str(saved) if word == "SAVED" else word for word in arguments]
    probe = PROBE.format(arguments=arguments, heavy=HEAVY)
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.splitlines()[-1] == "", "imported: " + ran.stderr


def test_a_table_is_exported_without_what_draws(saved: Any, tmp_path: Path) -> None:
    arguments = ["export", str(saved), "-o", str(tmp_path / "out.csv"), "-q"]
    probe = PROBE.format(arguments=arguments, heavy=("wherefrom_viz.page", "wherefrom_viz.figures", *HEAVY))
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "out.csv").exists()
    assert ran.stderr.splitlines()[-1] == "", "imported: " + ran.stderr


def test_the_probe_for_heavy_imports_can_fail() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "import datasets\n" + PROBE.format(arguments=["--version"], heavy=HEAVY)],
        capture_output=True,
        text=True,
    )
    assert "datasets" in ran.stderr


def test_the_overview_needs_next_to_nothing() -> None:
    """What makes it quick, counted: neither our libraries nor the parser are imported for it."""
    probe = "import sys; from wherefrom_cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    imported = set(ran.stderr.split())
    assert "wherefrom_cli.main" in imported
    assert not imported & {"click", "rich", "attrs", "attr", "numpy", "wherefrom", "wherefrom_viz", *HEAVY}


CLOSED = (
    "import os, sys; os.close(1); sys.stdout = None; from wherefrom_cli.main import main; sys.exit(main({arguments}))"
)


@pytest.mark.parametrize("arguments", [["--version"], ["list", "methods"], ["show", "SAVED"]], ids=" ".join)
def test_a_closed_output_takes_everything(arguments: list[str], saved: Any) -> None:
    probe = CLOSED.format(arguments=[str(saved) if word == "SAVED" else word for word in arguments])
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "expected" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_a_full_output_is_told_in_words(argument: str) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "wherefrom_cli", argument], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ran.returncode == 1
    assert ran.stderr == "wherefrom: No space left on device\n"


def test_an_interruption_before_the_command_runs_is_told_in_words() -> None:
    probe = (
        "import sys, wherefrom_cli.main as cli\ndef stop(*_): raise KeyboardInterrupt\n"
        "cli.load_command = stop\nsys.exit(cli.main(['show']))"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (130, "Interrupted.\n")
