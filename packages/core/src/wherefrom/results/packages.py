"""Packages that only some results are handed to, imported when they are asked for."""

from __future__ import annotations

import importlib
from typing import Any

from wherefrom.errors import MissingDependencyError


def needed(module: str, *, extra: str | None = None) -> Any:
    """A module of a package that may be missing.

    Args:
        extra: The extra of wherefrom that brings it; None: none does.

    Raises:
        MissingDependencyError: It is missing; the message says what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        wanted = package if extra is None else f"'wherefrom[{extra}]'"
        raise MissingDependencyError(
            f"This needs the package {package}. Install it with: pip install {wanted}"
        ) from error
