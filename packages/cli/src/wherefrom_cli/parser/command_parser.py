"""The parser of one command: its groups of options, their values, its help text."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Literal

import click
from attrs import field, frozen
from click.core import ParameterSource
from wherefrom.errors import UsageError

from wherefrom_cli.parser.declared import Declared, Takes
from wherefrom_cli.parser.tokens import Tokens
from wherefrom_cli.parser.values import number, one_of, whole_number, yes_or_no

_NAME_WIDTH = 22
"""Columns of the names in the help; a longer name has a line of its own."""


_PLAIN: dict[Callable[[str], Any], Callable[[str], Any]] = {int: whole_number, float: number}
"""Python's own types, by converters that say what was expected."""


class Options(SimpleNamespace):
    """The values of a command's options, by name."""

    __slots__ = ("known_options", "typed_options")

    known_options: Mapping[str, Declared]
    """Every name of every option, negations included."""
    typed_options: Sequence[Declared]
    """Options and arguments that stand on the command line; those of files, variables and defaults do not."""

    def __init__(
        self, values: Mapping[str, Any], *, known_options: Mapping[str, Declared], typed_options: Sequence[Declared]
    ) -> None:
        super().__init__(**values)
        self.known_options = known_options
        self.typed_options = typed_options

    def typed_among(self, dests: Collection[str]) -> list[str]:
        """How those of these options are called that stand on the command line."""
        return [one.canonical for one in self.typed_options if one.dest in dests]

    def refuse_idle(self, dests: Collection[str], because: str) -> None:
        """Refuse these options on the command line, where they change nothing.

        Args:
            because: Why, for the message.

        Raises:
            UsageError: One stands there.
        """
        if typed := self.typed_among(dests):
            raise UsageError(f"{', '.join(typed)} would change nothing: {because}.\nLeave it out.")

    def let_go(self, dests: Collection[str]) -> None:
        """Give these options their defaults, but for what stands on the command line: what a file or a variable sets
        for all calls does no harm where it changes nothing."""
        typed = {one.dest for one in self.typed_options}
        for one in self.known_options.values():
            if one.dest in dests and one.dest not in typed:
                setattr(self, one.dest, copy.copy(one.default))


class CommandParser:
    """The parser of one command.

    Args:
        prog: How the command is called ("wherefrom attribute").
        summary: One sentence on what it does.
        examples: Command lines with what each is for, shown first.
    """

    def __init__(self, prog: str = "wherefrom", *, summary: str = "", examples: Sequence[tuple[str, str]] = ()) -> None:
        self.prog = prog
        self.summary = summary
        self.examples = tuple(examples)
        self.option_names: dict[str, Declared] = {}
        """Every name of every option, negations included."""
        self.groups: list[OptionGroup] = []
        self._defaults: dict[str, Any] = {}

    @property
    def declared(self) -> list[Declared]:
        """Options and arguments, in the order of the calls."""
        return [one for group in self.groups for one in group.members]

    @property
    def has_positionals(self) -> bool:
        """Does the command take arguments that are no options?"""
        return any(one.is_argument for one in self.declared)

    def group(self, title: str, description: str | None = None) -> OptionGroup:
        """A titled group of options, in the order of the calls."""
        self.groups.append(OptionGroup(names=self.option_names, title=title, description=description))
        return self.groups[-1]

    def set_defaults(self, **values: Any) -> None:
        """Defaults (by name among the values) that win over the declared ones."""
        self._defaults.update(values)

    def parse(self, argv: Sequence[str]) -> Options:
        """The options in ``argv``.

        Raises:
            UsageError: An option is unknown, lacks its value or has a wrong one.
        """
        tokens = self._tokens()
        words = tokens.expanded(argv)
        declared = {one.dest: one for one in self.declared}
        command = click.Command(self.prog, params=[one.parameter() for one in self.declared], add_help_option=False)
        try:
            context = command.make_context(self.prog, words, default_map=dict(self._defaults), allow_extra_args=True)
        except click.MissingParameter as error:
            raise tokens.mistake(f"the following arguments are required: {declared[_name_of(error)].named}") from None
        except click.BadParameter as error:
            raise tokens.mistake(f"{declared[_name_of(error)].named}: {error.message}") from None
        if context.args:
            raise tokens.mistake(f"unrecognized arguments: {' '.join(context.args)}")
        values: dict[str, Any] = {}
        sources = {name: context.get_parameter_source(name) for name in declared}
        for name, one in declared.items():
            value = context.params[name]
            if sources[name] is ParameterSource.DEFAULT:
                value = copy.copy(self._defaults.get(name, one.default))
            elif isinstance(value, tuple) and (one.repeated or one.takes_several):
                value = list(value)
            values[name] = value
        typed = [one for name, one in declared.items() if sources[name] is ParameterSource.COMMANDLINE]
        return Options(values, known_options=self.option_names, typed_options=typed)

    def normalized(self, argv: Sequence[str]) -> list[str]:
        """``argv`` with underscores in long option names folded to hyphens, every option known.

        Raises:
            UsageError: An option has no known name; the nearest one is suggested.
        """
        return self._tokens().normalized(argv)

    def format_help(self) -> str:
        """Summary, examples, usage in short, then the groups."""
        layout = click.HelpFormatter(width=max(20, shutil.get_terminal_size().columns - 2))
        if self.summary:
            layout.write_text(self.summary)
            layout.write_paragraph()
        if self.examples:
            layout.write("Examples:\n")
            for line, purpose in self.examples:
                layout.write(f"  # {purpose}\n  {line}\n")
            layout.write_paragraph()
        arguments = [one.value_name + ("..." if one.takes_several else "") for one in self.declared if one.is_argument]
        layout.write(" ".join(["Usage:", self.prog, *arguments, "[options]"]) + "\n")
        shown = [one for one in self.declared if not one.hidden]
        width = min(_NAME_WIDTH, max((len(one.invocation) for one in shown), default=0))
        for group in self.groups:
            rows = [(one.invocation.ljust(width), one.help) for one in group.members if not one.hidden]
            if not rows:
                continue
            with layout.section(group.title):
                if group.description:
                    layout.write_text(group.description)
                    layout.write_paragraph()
                layout.write_dl(rows, col_max=width)
        layout.write_paragraph()
        layout.write_text("Long options may be written with '_' instead of '-'.")
        return layout.getvalue()

    def _tokens(self) -> Tokens:
        return Tokens(command=self.prog, options=self.option_names)


def _name_of(error: click.BadParameter) -> str:
    """Which option or argument the error is about."""
    assert error.param is not None
    assert error.param.name is not None
    return error.param.name


@frozen(kw_only=True, eq=False)
class OptionGroup:
    """Options under one title; names go to the parser's list as well."""

    names: dict[str, Declared]
    """The parser's list."""
    title: str
    description: str | None = None
    members: list[Declared] = field(factory=list, init=False)

    def add(
        self,
        *names: str,
        dest: str | None = None,
        type: Callable[[str], Any] = str,
        nargs: Literal["+", "*", "?"] | None = None,
        action: Literal["store_true", "append"] | None = None,
        default: Any = None,
        choices: Iterable[str] | None = None,
        metavar: str | None = None,
        required: bool = False,
        hidden: bool = False,
        help: str = "",
    ) -> Declared:
        """An option, or an argument (one name without hyphens); see `wherefrom_cli.parser` for what each says."""
        takes = {None: Takes.ONE, "+": Takes.SEVERAL, "*": Takes.ANY, "?": Takes.PERHAPS}[nargs]
        if action == "store_true":
            takes, type, default = Takes.NOTHING, yes_or_no, bool(default)
        return self._keep(
            Declared(
                names=names,
                dest=dest or _dest(names),
                takes=takes,
                repeated=action == "append",
                convert=_PLAIN.get(type, type) if choices is None else one_of(choices),
                default=default,
                metavar=metavar,
                help=help,
                required=required,
                hidden=hidden,
            )
        )

    def flag(self, *names: str, default: bool | None = False, help: str, dest: str | None = None) -> Declared:
        """A yes/no option with an optional value; one that is not false by default also gets ``--no-NAME``."""
        longest = next(name for name in names if name.startswith("--"))
        return self._keep(
            Declared(
                names=names,
                dest=dest or _dest((longest,)),
                takes=Takes.PERHAPS,
                convert=yes_or_no,
                default=default,
                metavar="yes|no",
                help=help,
                negation=None if default is False else f"--no-{longest.removeprefix('--')}",
            )
        )

    def _keep(self, declared: Declared) -> Declared:
        self.members.append(declared)
        if not declared.is_argument:
            self.names.update(dict.fromkeys(declared.names, declared))
        if declared.negation is not None:
            self.names[declared.negation] = declared
        return declared


def _dest(names: Sequence[str]) -> str:
    """The first long name, else the first, as an identifier."""
    name = next((name for name in names if name.startswith("--")), names[0])
    return name.lstrip("-").replace("-", "_")
