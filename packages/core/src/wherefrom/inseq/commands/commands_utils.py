"""What commands have in common: a decorator for records of options, and writing files."""

from __future__ import annotations

import dataclasses
from typing import Any

from wherefrom.files.wire.bytes import refuse_existing, write_whole


def command_args_docstring(cls: Any) -> Any:
    """Add each option's help to the class's description."""
    lines = [f"    {one.name}: {one.metadata.get('help') or ''}" for one in dataclasses.fields(cls)]
    cls.__doc__ = f"{cls.__doc__ or ''}\n\nAttributes:\n" + "\n".join(lines)
    return cls


def refuse_unwritable(*paths: str | None) -> None:
    """Stop before work is done that could not be saved.

    Raises:
        InputError: A path has no folder, or no file can have that name.
    """
    for path in paths:
        if path:
            refuse_existing(path, overwrite=True)


def write_text(path: str, text: str) -> None:
    """Write a file, or none at all; one that is there is replaced. See `refuse_unwritable` for errors."""
    write_whole(refuse_existing(path, overwrite=True), [text.encode("utf-8", "surrogatepass")], overwrite=True)
