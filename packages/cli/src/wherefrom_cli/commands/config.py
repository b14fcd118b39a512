"""``wherefrom config``: where defaults come from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from wherefrom.errors import UsageError, nearest

from wherefrom_cli.command import Command
from wherefrom_cli.configuration import configuration_files, is_believed, named_file, read_file, user_file
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.main import load_command, modules
from wherefrom_cli.parser import CommandParser, Options, one_of
from wherefrom_cli.settable import COMMON, OF_OTHERS, check_tables, folded, settable
from wherefrom_cli.trust import PROJECT_FILE, check_project_value, project_file

TEMPLATE = """\
# Defaults of the command `wherefrom`. Flags win over WHEREFROM_* variables, those over this file,
# and a project's wherefrom.toml over the user's. Names are those of the long options.
# A project's file may set neither plugins, paths nor arguments for loading; your own file may.

[common]
# model = "demo:lm"
# device = "cpu"
# color = "auto"

[attribute]
# attribution-method = "integrated_gradients"
# step-scores = ["probability", "entropy"]
# attribution-kwargs = { n_steps = 50 }

[attribute-dataset]
# batch-size = 16
"""


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add(
        "action",
        metavar="ACTION",
        nargs="?",
        default="show",
        type=one_of(("show", "path", "init")),
        help="show: what is set and where; path: the files; init: write a file to start from (default: show)",
    )
    what.add("--user", action="store_true", help="init: the user's own file instead of ./wherefrom.toml")
    parser.group("Output").add("--json", action="store_true", help="one JSON document")


def execute(options: Options, console: Console) -> int:
    """Show, locate or start the configuration."""
    if options.action != "init":
        options.refuse_idle({"user"}, "it says which file `config init` writes")
    else:
        options.refuse_idle({"json"}, "`config init` writes a file and prints its path")
    if options.action == "init":
        return _init(user_file() if options.user else Path(PROJECT_FILE), console)
    if options.action == "path":
        return _paths(options, console)
    return _show(options, console)


def _init(path: Path, console: Console) -> int:
    if path.exists():
        raise UsageError(f"{path} is there already.\nEdit it, or remove it first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE, encoding="utf-8")
    console.line(str(path))
    return ExitCode.DONE


def _paths(options: Options, console: Console) -> int:
    named = named_file(options.config_file)
    project = Path(named) if named else project_file() or Path.cwd() / PROJECT_FILE
    paths = {"project": project, "user": user_file()}
    if options.json:
        console.line(
            json.dumps(
                {name: {"path": str(path), "exists": path.is_file()} for name, path in paths.items()},
                indent=2,
            )
        )
        return ExitCode.DONE
    for name, path in paths.items():
        console.line(f"{name:<8} {path}{'' if path.is_file() else '  (not there)'}")
    return ExitCode.DONE


def _show(options: Options, console: Console) -> int:
    files = {str(path): read_file(path) for path in configuration_files(options.config_file)}
    for path, tables in files.items():
        _check(path, tables, believed=is_believed(Path(path), options.config_file))
    variables = {name: value for name, value in sorted(os.environ.items()) if name.startswith("WHEREFROM_")}
    if options.json:
        console.line(json.dumps({"files": files, "environment": variables}, indent=2, default=str))
        return ExitCode.DONE
    for path, tables in files.items():
        console.line(path)
        for table, entries in tables.items():
            for name, value in entries.items():
                console.line(f"  [{table}] {name} = {json.dumps(value, default=str)}")
    if variables:
        console.line("environment")
        for name, value in variables.items():
            console.line(f"  {name}={value}")
    if not files and not variables:
        console.line("Nothing is configured. `wherefrom config init` writes a file to start from.")
    return ExitCode.DONE


def _check(path: str, tables: dict[str, Any], *, believed: bool) -> None:
    """Every table is a command's and every name an option of it (or, in ``[common]``, of any).

    Raises:
        UsageError: One is not (the nearest is suggested), or it is not for a project's file.
    """
    names = {command: settable(load_command(command).parser()) for command in modules()}
    everything = {option: declared for options in names.values() for option, declared in options.items()}
    check_tables(path, tables, everything)
    for table, entries in tables.items():
        if table in OF_OTHERS:
            continue
        known = everything if table == COMMON else names[table]
        for name, value in entries.items():
            option = known.get(folded(name))
            if option is None:
                raise UsageError(f"{path}: [{table}] has no option {name!r}.{nearest(folded(name), known)}")
            if not believed:
                check_project_value(Path(path), name, option.dest, value)


COMMAND = Command(
    name="config",
    summary="Show, locate or start the configuration (TOML files and WHEREFROM_* variables).",
    examples=(
        ("wherefrom config show", "what is set, and where"),
        ("wherefrom config init", "write ./wherefrom.toml to start from"),
    ),
    configure=configure,
    execute=execute,
)
