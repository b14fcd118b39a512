"""The command ``wherefrom``: its subcommands by name. Each lives in a module of `wherefrom_cli.commands`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wherefrom_cli.streams import prepare_streams

if TYPE_CHECKING:
    from wherefrom_cli.command import Command

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Explain": {
        "attribute": ("attribute", "explain what a model generates from texts"),
        "attribute-dataset": ("attribute_dataset", "explain a whole data set, resumably"),
        "attribute-context": ("attribute_context", "which context made which words"),
        "trace": ("trace", "from an answer through its reasoning to the prompt"),
        "demo": ("demo", "the same question put to several methods, with the demo models"),
        "fit-attention": ("fit_attention", "learn what each attention head of a model tells"),
        "serve": ("serve", "a playground in the web browser"),
    },
    "Look": {
        "show": ("show", "print saved attributions"),
        "view": ("view", "browse saved attributions in the terminal"),
        "info": ("info", "how saved attributions were made"),
        "compare": ("compare", "two saved attributions of the same texts, side by side"),
    },
    "Measure": {
        "evaluate": ("evaluate", "are saved attributions true to their model?"),
        "bench": ("bench", "which method finds what a model's answers hang on?"),
        "verify": ("verify", "methods against models whose answer is known"),
    },
    "Convert": {
        "export": ("export", "write HTML, SVG, CSV, Parquet or Markdown"),
        "convert": ("convert", "from one file format to another, inseq's included"),
        "merge": ("merge", "several saved files into one"),
    },
    "Know": {
        "list": ("list_names", "methods, step functions, aggregators, adapters"),
        "explain": ("explain", "what a method, step function or aggregator does, with its paper"),
        "doctor": ("doctor", "check the installation"),
        "config": ("config", "show, locate or start the configuration"),
        "completion": ("completion", "completion script for a shell"),
    },
}
"""Titles of the overview, and under each: command, its module, and what it does in a few words."""

EXAMPLES = """\
Examples:
  wherefrom attribute                                  # a built-in example
  wherefrom attribute -m gpt2 -i "Hello ladies and"    # your model, your text
"""


def modules() -> dict[str, str]:
    """Command to the name of its module."""
    return {name: module for group in COMMANDS.values() for name, (module, _) in group.items()}


def load_command(name: str) -> Command:
    """The command of that name; only now its module is imported."""
    command: Command = importlib.import_module(f"wherefrom_cli.commands.{modules()[name]}").COMMAND
    return command


def overview() -> str:
    """The help text of ``wherefrom`` itself."""
    lines = [
        "Where does each generated token come from?",
        "",
        EXAMPLES,
        "Usage: wherefrom COMMAND [options]",
        "",
    ]
    for title, commands in COMMANDS.items():
        lines += [f"{title}:", *(f"  {name:<18} {words}" for name, (_, words) in commands.items()), ""]
    lines.append("`wherefrom COMMAND --help` explains a command; `wherefrom --version` tells versions.")
    return "\n".join(lines) + "\n"


def versions() -> str:
    """Our version and those of what the numbers depend on, without importing any of it."""
    names = (
        "wherefrom",
        "wherefrom-hf",
        "wherefrom-viz",
        "wherefrom-cli",
        "torch",
        "transformers",
        "captum",
        "numpy",
    )
    lines = []
    for name in names:
        try:
            lines.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{name} not installed")
    return "\n".join([*lines, f"python {sys.version.split()[0]}"]) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: the process's own) and return the exit code."""
    prepare_streams()
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:  # before the command itself takes care of it
        with contextlib.suppress(OSError):
            sys.stderr.write("Interrupted.\n")
        return 130


def _main(arguments: Sequence[str]) -> int:
    name = arguments[0] if arguments else "--help"
    told = overview if name in ("-h", "--help", "help") else versions if name in ("-V", "--version") else None
    if told is not None:
        try:
            sys.stdout.write(told())
            sys.stdout.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                return 141
            sys.stderr.write(f"wherefrom: {error.strerror}\n")
            return 1
        return 0
    if name not in modules():
        from wherefrom.errors import nearest

        what = "Options come after a command" if name.startswith("-") else f"No command is called {name!r}"
        sys.stderr.write(f"wherefrom: {what}.{nearest(name, modules())}\n  `wherefrom --help` lists the commands.\n")
        return 2
    from wherefrom_cli.running import run_command

    return run_command(load_command(name), arguments[1:])


def run() -> None:
    """Entry point of the executable."""
    sys.exit(main())
