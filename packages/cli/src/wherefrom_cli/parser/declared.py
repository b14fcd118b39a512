"""One declared option or argument, and what click makes of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import click
from attrs import frozen

from wherefrom_cli.parser.values import OneOf, WrongValueError


class Takes(Enum):
    """How many values follow a name."""

    NOTHING = "nothing"
    """It is there or not."""
    PERHAPS = "perhaps one"
    """Yes or no; without a value, yes. As an argument: it may be left out."""
    ONE = "one"
    SEVERAL = "at least one"
    ANY = "any number"


@frozen(kw_only=True, eq=False)
class Declared:
    """An option of a command (its names begin with a hyphen) or an argument (one name without)."""

    names: tuple[str, ...]
    dest: str
    """Its name among the parsed values."""
    takes: Takes = Takes.ONE
    repeated: bool = False
    """May the option be given more than once, each time with one value more?"""
    convert: Callable[[str], Any] = str
    """From the typed text to the value."""
    default: Any = None
    metavar: str | None = None
    help: str = ""
    required: bool = False
    hidden: bool = False
    negation: str | None = None
    """``--no-NAME`` of a yes/no option, if it has one."""

    @property
    def is_argument(self) -> bool:
        """Is it given by place instead of by name?"""
        return not self.names[0].startswith("-")

    @property
    def takes_several(self) -> bool:
        """Is its value a list, several of which follow one name?"""
        return self.takes in (Takes.SEVERAL, Takes.ANY)

    @property
    def choices(self) -> tuple[str, ...] | None:
        """The words it may be, if they are few."""
        return self.convert.choices if isinstance(self.convert, OneOf) else None

    @property
    def canonical(self) -> str:
        """The name that stands for all its names: the first long one."""
        return next((name for name in self.names if name.startswith("--")), self.names[0])

    @property
    def value_name(self) -> str:
        """What the help calls its value."""
        return self.metavar or self.dest.upper()

    @property
    def named(self) -> str:
        """How errors call it: all its names, or the argument's name in the help."""
        return self.value_name if self.is_argument else "/".join(self.names)

    @property
    def invocation(self) -> str:
        """``-m, --model NAME``: the value once, short names first, and only the first two names."""
        if self.is_argument:
            return self.value_name
        short = sorted(self.names, key=lambda name: name.startswith("--"))
        shown = ", ".join([*short[:1], *[name for name in short[1:] if name.startswith("--")][:1]])
        if self.takes in (Takes.NOTHING, Takes.PERHAPS):
            return shown
        return f"{shown} {self.value_name}{' ...' if self.takes_several else ''}"

    def parameter(self) -> click.Parameter:
        """The same for click."""
        if self.is_argument:
            return click.Argument(
                [self.dest],
                nargs=-1 if self.takes_several else 1,
                required=self.takes in (Takes.ONE, Takes.SEVERAL),
                type=self._converted,
            )
        several = self.repeated or self.takes_several
        return click.Option([self.canonical, self.dest], multiple=several, required=self.required, type=self._converted)

    def _converted(self, value: Any) -> Any:
        """The value of a text; what is no text comes from the configuration and was converted there."""
        if not isinstance(value, str):
            return value
        try:
            return self.convert(value)
        except WrongValueError as error:
            raise click.BadParameter(str(error)) from None
