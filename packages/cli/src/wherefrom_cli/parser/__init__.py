"""How a command declares its options, and how a command line becomes their values.

A command's ``configure(parser)`` opens titled groups and adds to them. It knows no library behind it::

    def configure(parser: CommandParser) -> None:
        given = parser.group("Input")
        given.add("path", metavar="PATH", help="a saved file")                    # an argument: no hyphen
        given.add("-m", "--model", metavar="NAME", help="which model")            # one value, a text
        given.add("--limit", type=positive_number, metavar="N", help="at most N") # one value, converted
        given.add("-i", "--texts", nargs="+", default=[], help="texts")           # several values after one name
        given.add("--set", type=setting, action="append", default=[], help="...") # one value, may be repeated
        given.add("--json", action="store_true", help="for a program")            # no value
        given.flag("--hide", help="show nothing")                                 # yes or no, value optional
        given.flag("--show", default=True, help="show it (default: yes)")         # the same, with --no-show

``execute(options, console)`` then reads ``options.model``, ``options.limit``, ...: the first long name with ``_`` for
``-``, or what ``dest`` says.

* ``type`` is a function from the typed text to a value. It raises `WrongValueError` with what was expected and what
  came. `one_of` knows its words, which completion offers; ``choices=WORDS`` is short for ``type=one_of(WORDS)``.
* ``nargs``: ``"+"`` at least one, ``"*"`` any number, ``"?"`` (arguments only) at most one.
* ``required``, ``metavar`` (the value's name in the help), ``hidden`` (left out of the help).

What holds for every command:

* Both spellings of every long option: ``--model-name-or-path`` and ``--model_name_or_path``.
* No abbreviations, and an unknown option is answered with the nearest known one.
* Help shows examples first, then the options in named groups.
* A mistake raises `UsageError` instead of leaving the process.

Click binds, converts and checks the values. It does not know an option with several values after one name, nor one
whose value is optional before a word that is no option; `Tokens` therefore gives every value a name of its own first.
"""

from wherefrom_cli.parser.command_parser import CommandParser, OptionGroup, Options
from wherefrom_cli.parser.declared import Declared, Takes
from wherefrom_cli.parser.values import (
    WrongValueError,
    json_object,
    number,
    one_of,
    positive_number,
    setting,
    whole_number,
    yes_or_no,
)

__all__ = [
    "CommandParser",
    "Declared",
    "OptionGroup",
    "Options",
    "Takes",
    "WrongValueError",
    "json_object",
    "number",
    "one_of",
    "positive_number",
    "setting",
    "whole_number",
    "yes_or_no",
]
