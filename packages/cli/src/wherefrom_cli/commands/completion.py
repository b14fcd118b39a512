"""``wherefrom completion SHELL``: a completion script, made from the declared options themselves.

The scripts are shtab's: they hold every name, so that a shell completes without starting Python. It reads an argparse
parser, so the declarations are told to one.
"""

from __future__ import annotations

import argparse
from typing import Any

import shtab

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.main import COMMANDS, load_command
from wherefrom_cli.parser import CommandParser, Declared, Options, Takes, one_of

SHELLS = tuple(shtab.SUPPORTED_SHELLS)

_NARGS = {Takes.PERHAPS: "?", Takes.SEVERAL: "+", Takes.ANY: "*"}


def configure(parser: CommandParser) -> None:
    """Add the options."""
    parser.group("What").add("shell", metavar="SHELL", type=one_of(SHELLS), help=f"{', '.join(SHELLS)}")


def execute(options: Options, console: Console) -> int:
    """Print the script."""
    console.line(shtab.complete(whole_parser(), shell=options.shell))
    return ExitCode.DONE


def whole_parser() -> argparse.ArgumentParser:
    """Every command with its options, for tools that read such parsers. It parses nothing here."""
    parser = argparse.ArgumentParser("wherefrom", add_help=False)
    subparsers = parser.add_subparsers()
    for commands in COMMANDS.values():
        for name, (_, words) in commands.items():
            told = subparsers.add_parser(name, help=_literal(words), add_help=False)
            for one in load_command(name).parser().declared:
                _tell(told, one)
    return parser


def _tell(parser: argparse.ArgumentParser, declared: Declared) -> None:
    settings: dict[str, Any] = {"help": argparse.SUPPRESS if declared.hidden else _literal(declared.help)}
    if declared.takes is Takes.NOTHING:
        settings["action"] = "store_true"
    else:
        settings.update(nargs=_NARGS.get(declared.takes), metavar=declared.metavar, choices=declared.choices)
    if not declared.is_argument:
        settings["dest"] = declared.dest
    parser.add_argument(*declared.names, **settings)
    if declared.negation is not None:
        parser.add_argument(declared.negation, action="store_true", help=argparse.SUPPRESS)


def _literal(words: str) -> str:
    """Words whose percent signs mean themselves."""
    return words.replace("%", "%%")


COMMAND = Command(
    name="completion",
    summary="Print a completion script for a shell.",
    examples=(
        ('eval "$(wherefrom completion bash)"', "this shell only"),
        ("wherefrom completion zsh > ~/.zfunc/_wherefrom", "for good"),
    ),
    configure=configure,
    execute=execute,
)
