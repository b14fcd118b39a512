"""Opening saved results: a file of one, a file of many, or the folder of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wherefrom.errors import UsageError
from wherefrom.files import load

if TYPE_CHECKING:
    from wherefrom import Attributions


def open_results(path: str | Path) -> Attributions:
    """What is saved at ``path``.

    Raises:
        UsageError: Nothing is there.
        FileFormatError: It is damaged, foreign or newer than we are.
    """
    if not Path(path).exists():
        raise UsageError(
            f"There is nothing at {str(path)!r}.\nGive a saved file (.json, .jsonl) or the folder of a run."
        )
    return load(path)


def selected(out: Attributions, wanted: list[str], limit: int | None) -> Attributions:
    """Some of the examples: by place (from 0; negative counts from the end) or by id, at most ``limit``.

    Raises:
        UsageError: There is no such example.
    """
    if wanted:
        names = {one.id: place for place, one in enumerate(out) if one.id is not None}
        places = []
        for name in wanted:
            if name in names:
                places.append(names[name])
            elif name.removeprefix("-").isdigit() and -len(out) <= int(name) < len(out):
                places.append(int(name))
            else:
                raise UsageError(
                    f"There is no example {name!r}.\n"
                    f"There are {len(out)}: give a place from 0 to {len(out) - 1}, or an id."
                )
        out = out.replace(sequence_attributions=tuple(out[place] for place in places))
    return out[:limit] if limit is not None else out
