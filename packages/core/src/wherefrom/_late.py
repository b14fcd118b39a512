"""Names of a package that are imported when somebody asks for them.

Looking at results needs no methods, no step functions and no model; whoever opens a file should not wait for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def late(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``.

    Args:
        package: Its name.
        names: The module of each name; a name's own module stands for itself.

    Raises:
        AttributeError: When asked for a name that is not among them.
    """

    def found(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(names[name])
        value = module if module.__name__ == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return found
