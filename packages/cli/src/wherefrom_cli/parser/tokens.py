"""The words of a command line: which are names, which are values, and whose.

Every value gets a name of its own (``-i a b`` becomes ``--input-texts a --input-texts b``), every name becomes the
option's first long one, and a yes/no option its value.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from attrs import frozen
from wherefrom.errors import UsageError, nearest

from wherefrom_cli.parser.declared import Declared, Takes

_NUMBER = re.compile(r"^-(\d+\.?\d*|\.\d+)(e-?\d+)?$", re.IGNORECASE)


@frozen(kw_only=True)
class Tokens:
    """Reads command lines of one command.

    Args:
        command: How the command is called, for errors.
        options: Every name of every option, negations included.
    """

    command: str
    options: Mapping[str, Declared]

    def is_option(self, word: str) -> bool:
        """Does it begin with a hyphen, and is it neither a number, a lone hyphen, nor a text with spaces?

        ``-i=two words`` is an option, as its name is known.
        """
        if not word.startswith("-") or word == "-" or _NUMBER.match(word):
            return False
        return " " not in word or _folded(word.partition("=")[0]) in self.options

    def normalized(self, argv: Sequence[str]) -> list[str]:
        """``argv`` with underscores in long names folded to hyphens, every name known.

        Raises:
            UsageError: An option has no known name; the nearest one is suggested.
        """
        result: list[str] = []
        for position, word in enumerate(argv):
            if word == "--":
                return [*result, *argv[position:]]
            result.append(self._normalized(word))
        return result

    def expanded(self, argv: Sequence[str]) -> list[str]:
        """Options one by one, each with one value; then ``--`` and the arguments.

        Raises:
            UsageError: An option is unknown, lacks its value, or has one it does not take.
        """
        words = self.normalized(argv)
        options: list[str] = []
        arguments: list[str] = []
        position = 0
        while position < len(words):
            word = words[position]
            position += 1
            if word == "--":
                arguments += words[position:]
                break
            if not self.is_option(word):
                arguments.append(word)
                continue
            name, equals, attached = word.partition("=")
            if name not in self.options:  # a value close to a short name: -n3
                name, equals, attached = word[:2], "=", word[2:]
            declared = self.options[name]
            values = [attached] if equals else []
            room = 0 if equals else _most(declared)
            while position < len(words) and len(values) < room and not self._ends_values(words[position]):
                values.append(words[position])
                position += 1
            options += self._given(declared, name, values, attached=bool(equals))
        return [*options, "--", *arguments]

    def _given(self, declared: Declared, name: str, values: list[str], *, attached: bool) -> list[str]:
        """One occurrence of an option, spelled out."""
        if name == declared.negation or declared.takes is Takes.NOTHING:
            if attached:
                raise self.mistake(f"{name}: takes no value, got {values[0]!r}")
            values = ["no" if name == declared.negation else "yes"]
        elif not values:
            if declared.takes is Takes.PERHAPS:
                values = ["yes"]
            elif declared.takes is not Takes.ANY:
                wanted = "at least one argument" if declared.takes_several else "one argument"
                raise self.mistake(f"{declared.named}: expected {wanted}")
        return [word for value in values for word in (declared.canonical, value)]

    def mistake(self, message: str) -> UsageError:
        """The error that says ``message`` and where to read more."""
        end = "" if message.endswith((".", "?")) else "."
        return UsageError(f"{message[:1].upper()}{message[1:]}{end}\n`{self.command} --help` explains the options.")

    def _ends_values(self, word: str) -> bool:
        return word == "--" or self.is_option(word)

    def _normalized(self, word: str) -> str:
        if not self.is_option(word):
            return word
        name, equals, value = word.partition("=")
        name = _folded(name)
        if name in self.options:
            return name + equals + value
        short = self.options.get(word[:2])
        if not word.startswith("--") and short is not None and _most(short) and short.takes is not Takes.PERHAPS:
            return word
        setting = f" A setting of the method follows --set: --set {name[2:].replace('-', '_')}=..."
        raise UsageError(
            f"{self.command} has no option {name!r}.{self._suggestion(name)}"
            f"{setting if '--set' in self.options and name.startswith('--') else ''}\n"
            f"`{self.command} --help` lists them. A text that begins with a hyphen follows '=': -i={shlex.quote(word)}"
        )

    def _suggestion(self, name: str) -> str:
        """The option that ``name`` begins, if any, else the one spelled most like it."""
        longer = sorted((known for known in self.options if known.startswith(name.rstrip("s"))), key=len)
        return f" Did you mean {longer[0]!r}?" if longer else nearest(name, self.options)


def _most(declared: Declared) -> float:
    """How many values may follow one name."""
    if declared.takes is Takes.NOTHING:
        return 0
    return float("inf") if declared.takes_several else 1


def _folded(name: str) -> str:
    """A long name with hyphens for underscores."""
    return name.replace("_", "-") if name.startswith("--") else name
