"""What a command is: options to add and one verb."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from wherefrom_cli.console import Console
from wherefrom_cli.parser import CommandParser, Options


@frozen(kw_only=True)
class Command:
    """One subcommand. Its module builds it and `main` names it."""

    name: str
    summary: str
    """One sentence; the overview of all commands has a shorter one."""
    configure: Callable[[CommandParser], None]
    """Adds the options."""
    execute: Callable[[Options, Console], int]
    """Does the work and returns the exit code."""
    examples: tuple[tuple[str, str], ...] = ()
    """Command lines, each with what it is for."""

    def parser(self) -> CommandParser:
        """The command's parser, with the options every command has at the end."""
        parser = CommandParser(f"wherefrom {self.name}", summary=self.summary, examples=self.examples)
        self.fill(parser)
        return parser

    def fill(self, parser: CommandParser) -> None:
        """Add this command's options to ``parser``."""
        self.configure(parser)
        messages = parser.group("Messages")
        messages.add("-q", "--quiet", action="store_true", help="no progress and no notes on stderr")
        if parser.has_positionals:  # an optional value would swallow a file name
            messages.add("-v", "--verbose", action="store_true", help="say more on stderr")
            messages.add("-vv", "--very-verbose", action="store_true", help="say everything, other libraries too")
        else:
            messages.flag("-v", "--verbose", help="say more on stderr")
            messages.flag("-vv", "--very-verbose", help="say everything, other libraries too")
        messages.add("--log-file", metavar="FILE", help="write all messages to FILE as well")
        messages.add(
            "--color",
            metavar="WHEN",
            choices=("auto", "always", "never"),
            default="auto",
            help="colours: auto, always or never",
        )
        messages.add("--no-input", action="store_true", help="never ask; fail with advice instead")
        messages.add("--debug", action="store_true", help="show the traceback of an error")
        messages.add(
            "--config-file",
            metavar="FILE",
            help="read defaults from this TOML file instead of ./wherefrom.toml",
        )
        messages.add("-h", "--help", action="store_true", help="show this text")
