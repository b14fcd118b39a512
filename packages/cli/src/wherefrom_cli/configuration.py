"""Defaults from files and the environment.

Precedence: flags, then ``WHEREFROM_*`` variables, then the project's ``wherefrom.toml`` (this folder or the nearest
above; or the file named by ``--config-file`` or ``WHEREFROM_CONFIG_FILE``), then the user's own
(`wherefrom.files.user_places`; on Linux ``$XDG_CONFIG_HOME/wherefrom/config.toml``).

A file has a table per command, and ``[common]`` for options of several::

    [common]
    model = "demo:lm"

    [attribute]
    attribution-method = "occlusion"
    step-scores = ["probability", "entropy"]
    attribution-kwargs = { n_steps = 50 }

Names are those of the long options, hyphens or underscores. A secret has no place here: the hub's own token store or
``HF_TOKEN`` is read by the libraries themselves. What a project's file may set is in `wherefrom_cli.trust`.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from wherefrom.errors import UsageError, nearest
from wherefrom.files.user_places import configuration_file

from wherefrom_cli.parser import CommandParser, Declared, Takes, WrongValueError, json_object
from wherefrom_cli.settable import COMMON, CONFIG_FILE, check_tables, folded, settable, strange_variables, variable_of
from wherefrom_cli.trust import check_project_value, distrusted_file, project_file

_LOG = logging.getLogger("wherefrom.cli")


@frozen(kw_only=True)
class Default:
    """A default that does not come from the command itself."""

    option: str
    """The option's name in the namespace, ``model_name_or_path``."""
    value: Any
    origin: str
    """Where it was set, for people: a file, or a variable's name."""


def user_file() -> Path:
    """The user's own configuration file, whether it exists or not."""
    return configuration_file()


def named_file(flag: str | None = None) -> str | None:
    """The file that ``--config-file`` names, or ``WHEREFROM_CONFIG_FILE``; None: one is looked for."""
    return flag or os.environ.get(CONFIG_FILE)


def configuration_files(named: str | None = None) -> list[Path]:
    """The files that are read, weakest first.

    Raises:
        UsageError: The file that was named does not exist.
    """
    named = named_file(named)
    if named and not Path(named).is_file():
        raise UsageError(f"There is no configuration file {named!r}.")
    project = Path(named) if named else project_file()
    if project is None and (distrusted := distrusted_file()) is not None:
        _LOG.warning(
            "%s is not read: it, or its folder, belongs to somebody else or others may write it. "
            "To use it all the same: --config-file %s",
            distrusted,
            shlex.quote(str(distrusted)),
        )
    return [path for path in (user_file(), project) if path is not None and path.is_file()]


def is_believed(path: Path, named: str | None) -> bool:
    """May it set everything? The user's own file and a file that was named may; one that was found may not."""
    named = named_file(named)
    return path == user_file() or (named is not None and path == Path(named))


def apply_configuration(parser: CommandParser, command: str, argv: Sequence[str]) -> list[Default]:
    """Make files and environment the parser's defaults.

    Returns:
        What was applied, strongest last.

    Raises:
        UsageError: A file is damaged, has a name that no command has, or a value that does not fit this one.
    """
    applied: list[Default] = []
    named = _config_file_flag(parser.normalized(argv))
    for path in configuration_files(named):
        applied += _from_file(path, parser, command, believed=is_believed(path, named))
    applied += _from_environment(parser)
    for name, suggestion in strange_variables(os.environ, settable(parser)):
        _LOG.warning("%s sets nothing: no option can be set by a variable of that name.%s", name, suggestion)
    parser.set_defaults(**{default.option: default.value for default in applied})
    return applied


def read_file(path: Path) -> dict[str, Any]:
    """The tables of a configuration file.

    Raises:
        UsageError: It cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"Cannot read the configuration {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}.") from error


def _config_file_flag(argv: Sequence[str]) -> str | None:
    for position, argument in enumerate(argv):
        if argument == "--config-file" and position + 1 < len(argv):
            return argv[position + 1]
        if argument.startswith("--config-file="):
            return argument.partition("=")[2]
    return None


def _from_file(path: Path, parser: CommandParser, command: str, *, believed: bool) -> list[Default]:
    tables = read_file(path)
    options = settable(parser)
    check_tables(path, tables, options)
    found: list[Default] = []
    for table in (COMMON, command):
        for name, value in tables.get(table, {}).items():
            option = options.get(folded(name))
            if option is None and table == COMMON:
                continue  # another command's
            if option is None:
                raise UsageError(
                    f"{path}: `wherefrom {command}` has no option {name!r}.{nearest(folded(name), options)}"
                )
            converted = _value(option, value, f"{path}: {name}")
            if not believed:
                check_project_value(path, name, option.dest, converted)
            found.append(Default(option=option.dest, value=converted, origin=str(path)))
    return found


def _from_environment(parser: CommandParser) -> list[Default]:
    found = []
    for name, option in settable(parser).items():
        variable = variable_of(name)
        if variable in os.environ:
            value: Any = os.environ[variable]
            if option.takes_several:
                value = _words(value, variable)
            found.append(Default(option=option.dest, value=_value(option, value, variable), origin=variable))
    return found


def _words(value: str, variable: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError as error:
        raise UsageError(f"{variable}: {value!r} cannot be split into words: {error}.") from None


def _value(option: Declared, value: Any, where: str) -> Any:
    """``value`` as if it had been typed after the option."""
    if option.takes_several:
        items = value if isinstance(value, list) else [value]
        return [_converted(option, item, where) for item in items]
    return _converted(option, value, where)


def _converted(option: Declared, value: Any, where: str) -> Any:
    if option.takes is Takes.NOTHING and value == "":
        return False  # a variable that is set to nothing
    if isinstance(value, list) or (isinstance(value, Mapping) and option.convert is not json_object):
        what = "a list" if isinstance(value, list) else "a table"
        raise UsageError(f"{where}: expected one value, got {what}, {json.dumps(value, default=str)}.")
    try:
        return option.convert(value if isinstance(value, str) else json.dumps(value, default=str))
    except WrongValueError as error:
        raise UsageError(f"{where}: {error}.") from error
