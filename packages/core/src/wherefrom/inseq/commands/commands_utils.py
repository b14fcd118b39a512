"""A decorator for records of options."""

from __future__ import annotations

import dataclasses
from typing import Any


def command_args_docstring(cls: Any) -> Any:
    """Add each option's help to the class's description."""
    lines = [f"    {one.name}: {one.metadata.get('help') or ''}" for one in dataclasses.fields(cls)]
    cls.__doc__ = f"{cls.__doc__ or ''}\n\nAttributes:\n" + "\n".join(lines)
    return cls
