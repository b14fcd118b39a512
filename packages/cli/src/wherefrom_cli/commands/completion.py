"""``wherefrom completion SHELL``: a completion script, made from the parsers themselves."""

from __future__ import annotations

import argparse

import shtab

from wherefrom_cli.command import Command
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.main import COMMANDS, load_command
from wherefrom_cli.parser import CommandParser, one_of
from wherefrom_cli.talk import Talk

SHELLS = tuple(shtab.SUPPORTED_SHELLS)


def configure(parser: CommandParser) -> None:
    """Add the options."""
    parser.group("What").add("shell", metavar="SHELL", type=one_of(SHELLS), help=f"{', '.join(SHELLS)}")


def execute(options: argparse.Namespace, talk: Talk) -> int:
    """Print the script."""
    talk.line(shtab.complete(whole_parser(), shell=options.shell))
    return ExitCode.DONE


def whole_parser() -> CommandParser:
    """One parser with every command, for tools that read parsers."""
    parser = CommandParser("wherefrom")
    subparsers = parser.add_subparsers()
    for commands in COMMANDS.values():
        for name, (_, words) in commands.items():
            command = load_command(name)
            command.fill(subparsers.add_parser(name, help=words.replace("%", "%%")))
    return parser


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
