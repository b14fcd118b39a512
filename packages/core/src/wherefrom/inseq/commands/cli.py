"""The command line: ``python -m wherefrom.inseq attribute ...``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from wherefrom.errors import WherefromError
from wherefrom.inseq.commands.attribute import AttributeCommand
from wherefrom.inseq.commands.attribute_context import AttributeContextCommand
from wherefrom.inseq.commands.attribute_dataset import AttributeDatasetCommand
from wherefrom.inseq.commands.base import BaseCLICommand
from wherefrom.inseq.utils.argparse import InseqArgumentParser

COMMANDS: list[type[BaseCLICommand]] = [AttributeCommand, AttributeDatasetCommand, AttributeContextCommand]


def main(args: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0; 1 without a command, 2 where it cannot be done.
    """
    parser = InseqArgumentParser(
        prog="python -m wherefrom.inseq", usage="python -m wherefrom.inseq <command> [options]"
    )
    commands = parser.add_subparsers(parser_class=InseqArgumentParser)
    for command in COMMANDS:
        command.register_subcommand(commands)
    space, rest = parser.parse_known_args(args)
    if not hasattr(space, "factory_method"):
        parser.print_help()
        return 1
    if rest:
        parser.error(f"unknown: {' '.join(rest)}")
    try:
        space.factory_method(space)
    except WherefromError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0
