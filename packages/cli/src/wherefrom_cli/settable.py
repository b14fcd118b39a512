"""Which names a configuration may hold: tables, options of any command, variables of the environment.

Other commands are loaded only to look a name up that this one has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wherefrom.errors import UsageError, nearest
from wherefrom.files.user_places import CACHE_VARIABLE

from wherefrom_cli.main import load_command, modules
from wherefrom_cli.parser import CommandParser, Declared

PREFIX = "WHEREFROM_"
CONFIG_FILE = PREFIX + "CONFIG_FILE"
COMMON = "common"
OF_OTHERS = ("browser",)
"""Tables that are read elsewhere: the browser's keys and colours."""
_VARIABLES_OF_OTHERS = (CONFIG_FILE, CACHE_VARIABLE, PREFIX + "BACKGROUND")
"""Variables that are read elsewhere."""
_NOT_SETTABLE = {"help", "config_file", "debug", "input_texts", "generated_texts", "set"}


def settable(parser: CommandParser) -> dict[str, Declared]:
    """Long names (without hyphens in front) that a file or variable may set."""
    return {
        name.removeprefix("--"): option
        for name, option in parser.option_names.items()
        if name.startswith("--") and option.dest not in _NOT_SETTABLE and name != option.negation
    }


def folded(name: str) -> str:
    """A name as options are called, whichever way it is written."""
    return name.replace("_", "-")


def variable_of(option: str) -> str:
    """The variable that sets the option of that long name."""
    return PREFIX + option.upper().replace("-", "_")


def check_tables(path: Path | str, tables: Mapping[str, Any], own: Mapping[str, Declared]) -> None:
    """Refuse tables of no command, what stands outside of tables, and names in ``[common]`` that no command has.

    Args:
        own: What the command that is run has.

    Raises:
        UsageError: There is one; the nearest is suggested.
    """
    known = [*modules(), COMMON, *OF_OTHERS]
    for table, entries in tables.items():
        if table in known and not isinstance(entries, Mapping):
            raise UsageError(f"{path}: {table} must be a table: [{table}]")
        if table not in known and not isinstance(entries, Mapping):
            raise UsageError(
                f"{path}: {table!r} stands outside of a table.\n"
                f"Put it under [{COMMON}], or under the command it is for, such as [attribute]."
            )
        if table not in known:
            raise UsageError(f"{path}: there is no command {table!r}.{nearest(table, known)}")
    for name in tables.get(COMMON, {}):
        if folded(name) not in own and folded(name) not in _all_options():
            suggestion = nearest(folded(name), _all_options())
            raise UsageError(f"{path}: [{COMMON}] has {name!r}, an option of no command.{suggestion}")


def strange_variables(names: Iterable[str], own: Mapping[str, Declared]) -> Iterator[tuple[str, str]]:
    """Variables that look like ours and set nothing, each with a sentence that suggests the nearest, if one is near."""
    known = {*map(variable_of, own), *_VARIABLES_OF_OTHERS}
    for name in sorted(names):
        if name.startswith(PREFIX) and name not in known and name not in map(variable_of, _all_options()):
            yield name, nearest(name, [*map(variable_of, _all_options()), *_VARIABLES_OF_OTHERS])


def _all_options() -> Iterator[str]:
    """Long names that can be set, of one command after the other."""
    for command in modules():
        yield from settable(load_command(command).parser())
