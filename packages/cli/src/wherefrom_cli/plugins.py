"""Custom methods, step functions and aggregators on the command line: modules that register them when imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wherefrom.errors import UsageError
from wherefrom.files.named import digest_of

from wherefrom_cli.parser import OptionGroup


def add_plugin_option(group: OptionGroup) -> None:
    """Which modules to import first."""
    group.add(
        "--plugin",
        nargs="+",
        default=[],
        metavar="MODULE",
        help="modules (or .py files) to import, for the methods and step functions they register",
    )


def load_plugins(names: Sequence[str]) -> None:
    """Import modules, by name or by the path of a ``.py`` file; what they register is known from then on.

    A module that was imported already is left as it is. Names are looked up where Python looks, which does not
    include the current folder: a module there is given by its path.

    Raises:
        UsageError: A module is not there, or fails while it is imported.
    """
    for name in names:
        try:
            _import_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and not name.endswith(".py") and f"{name}.".startswith(f"{error.name}."):
                raise UsageError(
                    f"The plugin {name!r} was not found: {error}.\n"
                    "Give the name of an importable module, or the path of a .py file."
                ) from error
            raise UsageError(
                f"The plugin {name!r} imports what is not there: {error}.\nInstall it, or name its folder in "
                "PYTHONPATH: the folder of a plugin is not looked into."
            ) from error
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(
                f"The plugin {name!r} failed while it was imported.\n{type(error).__name__}: {error}"
            ) from error


def plugin_contents(names: Sequence[str]) -> list[Any]:
    """What the source of each plugin is, by its digest: of a package, all of its Python files. What they import is not
    looked at. The plugins are imported.

    Raises:
        UsageError: As `load_plugins`.
    """
    load_plugins(names)
    return [_content(name) for name in names]


def _content(name: str) -> Any:
    module = sys.modules.get(name)
    file = name if name.endswith(".py") else None if module is None else module.__file__
    if file is None:  # built in, or a folder without a module of its own
        return name
    path = Path(file)
    if path.name != "__init__.py":
        return digest_of(path)
    return [[one.relative_to(path.parent).as_posix(), digest_of(one)] for one in sorted(path.parent.rglob("*.py"))]


def _import_file(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"The plugin {str(path)!r} is no file.\nGive the path of a .py file, or a module's name.")
    name = f"wherefrom_plugin:{path.resolve()}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
