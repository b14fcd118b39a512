"""argparse, taught our manners.

* Both spellings of every long option: ``--model-name-or-path`` and ``--model_name_or_path``.
* No abbreviations, and an unknown option is answered with the nearest known one.
* Help shows examples first, then the options in named groups.
* A mistake raises `UsageError` instead of leaving the process.

Option names are registered with hyphens; underscores are folded before argparse sees them.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, cast

from wherefrom.errors import UsageError, nearest

_NUMBER = re.compile(r"^-(\d+\.?\d*|\.\d+)(e-?\d+)?$", re.IGNORECASE)


class HelpLayout(argparse.RawDescriptionHelpFormatter):
    """Options in a narrow left column, defaults left to the help texts."""

    def __init__(self, prog: str, **settings: Any) -> None:
        super().__init__(prog, max_help_position=26, **settings)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """``-m, --model NAME``: the value once, short names first, and only the first two names."""
        if not action.option_strings:
            return super()._format_action_invocation(action)
        names = sorted(action.option_strings, key=lambda name: name.startswith("--"))
        shown = ", ".join([*names[:1], *[name for name in names[1:] if name.startswith("--")][:1]])
        if action.nargs == 0 or action.nargs == "?":
            return shown
        value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        return f"{shown} {value}{' ...' if action.nargs in ('+', '*') else ''}"


class CommandParser(argparse.ArgumentParser):
    """The parser of one command.

    Args:
        prog: How the command is called ("wherefrom attribute").
        summary: One sentence on what it does.
        examples: Command lines with what each is for, shown first.
    """

    def __init__(
        self,
        prog: str = "wherefrom",
        *,
        summary: str = "",
        examples: Sequence[tuple[str, str]] = (),
        **settings: Any,
    ) -> None:
        settings.setdefault("formatter_class", HelpLayout)
        settings.update(add_help=False, allow_abbrev=False)
        super().__init__(prog=prog, **settings)
        self.summary = summary
        self.examples = tuple(examples)
        self.option_names: dict[str, argparse.Action] = {}

    @property
    def has_positionals(self) -> bool:
        """Does the command take arguments that are no options?"""
        return bool(self._get_positional_actions())

    def group(self, title: str, description: str | None = None) -> OptionGroup:
        """A titled group of options, in the order of the calls."""
        return OptionGroup(self, self.add_argument_group(title, description))

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """The options in ``argv``.

        Raises:
            UsageError: An option is unknown, lacks its value or has a wrong one.
        """
        return self.parse_args(self.normalized(argv))

    def normalized(self, argv: Sequence[str]) -> list[str]:
        """``argv`` with underscores in long option names folded to hyphens, every option known.

        Raises:
            UsageError: An option has no known name; the nearest one is suggested.
        """
        result: list[str] = []
        for position, argument in enumerate(argv):
            if argument == "--":
                return [*result, *argv[position:]]
            if not argument.startswith("-") or argument == "-" or _NUMBER.match(argument) or " " in argument:
                result.append(argument)
                continue
            name, equals, value = argument.partition("=")
            if name.startswith("--"):
                name = name.replace("_", "-")
            if name not in self.option_names:
                if name[:2] in self.option_names and not name.startswith("--") and self._takes_value(name[:2]):
                    result.append(argument)
                    continue
                raise UsageError(
                    f"{self.prog} has no option {name!r}.{self._suggestion(name)}\n"
                    f"`{self.prog} --help` lists them. A text that begins with a hyphen follows '=': -i='{argument}'"
                )
            result.append(name + equals + value)
        return result

    def _suggestion(self, name: str) -> str:
        """The option that ``name`` begins, if any, else the one spelled most like it."""
        longer = sorted((known for known in self.option_names if known.startswith(name.rstrip("s"))), key=len)
        return f" Did you mean {longer[0]!r}?" if longer else nearest(name, self.option_names)

    def _takes_value(self, name: str) -> bool:
        return self.option_names[name].nargs not in (0, "?")

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`; whoever runs the command prints it."""
        message = message.replace("argument ", "", 1) if message.startswith("argument ") else message
        raise UsageError(f"{message[:1].upper()}{message[1:]}.\n`{self.prog} --help` explains the options.")

    def format_help(self) -> str:
        """Summary, examples, usage in short, then the groups."""
        layout = self._get_formatter()
        layout.add_text(_filled(self.summary))
        if self.examples:
            shown = "\n".join(f"  # {purpose}\n  {line}" for line, purpose in self.examples)
            layout.add_text(f"Examples:\n{shown}")
        positional = [
            str(action.metavar or action.dest) + ("..." if action.nargs in ("+", "*") else "")
            for action in self._get_positional_actions()
        ]
        layout.add_text(" ".join(["Usage:", self.prog, *positional, "[options]"]))
        for group in self._action_groups:
            layout.start_section(group.title)
            layout.add_text(_filled(group.description) if group.description else None)
            layout.add_arguments(group._group_actions)
            layout.end_section()
        layout.add_text(_filled("Long options may be written with '_' instead of '-'."))
        return layout.format_help()


def _filled(prose: str) -> str:
    """``prose`` broken into lines that fit the terminal."""
    return textwrap.fill(prose, max(20, shutil.get_terminal_size().columns - 2))


class OptionGroup:
    """Adds options to a parser under one title, and keeps the parser's list of names."""

    def __init__(self, parser: CommandParser, group: argparse._ArgumentGroup) -> None:
        self._parser = parser
        self._group = group

    def add(self, *names: str, **settings: Any) -> argparse.Action:
        """An option (or a positional argument, named without hyphens); keywords as argparse's ``add_argument``."""
        action = self._group.add_argument(*names, **settings)
        for name in action.option_strings:
            self._parser.option_names[name] = action
        return action

    def flag(self, *names: str, default: bool | None = False, help: str, dest: str | None = None) -> None:
        """A yes/no option with an optional value; one that is true by default also gets ``--no-NAME``."""
        longest = next(name for name in names if name.startswith("--"))
        dest = dest or longest.removeprefix("--").replace("-", "_")
        self.add(
            *names,
            nargs="?",
            const=True,
            default=default,
            type=yes_or_no,
            metavar="yes|no",
            dest=dest,
            help=help,
        )
        if default is not False:
            self.add(
                f"--no-{longest.removeprefix('--')}",
                action="store_const",
                const=False,
                dest=dest,
                help=argparse.SUPPRESS,
            )


def yes_or_no(text: str) -> bool:
    """``yes/no/true/false/t/f/y/n/1/0`` as a boolean."""
    word = str(text).lower()
    if word in ("yes", "true", "t", "y", "1", "on"):
        return True
    if word in ("no", "false", "f", "n", "0", "off"):
        return False
    raise argparse.ArgumentTypeError(f"expected yes or no, got {text!r}")


def json_object(text: str) -> dict[str, Any]:
    """A JSON object given on the command line."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(
            f"expected a JSON object such as '{{\"n_steps\": 50}}', got {text!r} ({error.msg} at character {error.pos})"
        ) from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object such as '{{\"n_steps\": 50}}', got {text!r}")
    return value


def setting(text: str) -> tuple[str, Any]:
    """``NAME=VALUE``; the value is JSON where it can be read as such, else the text itself."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def whole_number(text: str) -> int:
    """An integer."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None


def positive_number(text: str) -> int:
    """An integer of at least 1."""
    if (value := whole_number(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return value


def one_of(choices: Iterable[str]) -> Callable[[str], str]:
    """A word out of a few; another word is answered with the nearest."""
    known = list(choices)

    def check(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(
                f"expected {', '.join(known[:-1])} or {known[-1]}, got {text!r}.{nearest(text, known)}"
            )
        return text

    return cast("Callable[[str], str]", check)
