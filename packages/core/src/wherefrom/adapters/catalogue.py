"""What installed adapters give, read without loading their frameworks."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points

from wherefrom.errors import WherefromWarning

GROUP = "wherefrom.adapter_capabilities"
"""Entry points of this group have a framework's name and lead to a tuple of names of Protocols, in a light module."""


def capabilities() -> dict[str, tuple[str, ...]]:
    """Framework to the names of the Protocols its models satisfy, for adapters that tell. Sorted by name.

    Protocols in the place of their names are taken for these. Where an entry point leads to anything else, or nowhere,
    a warning says so, and the others are told.
    """
    told = {point.name: _told(point) for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}
    return {name: names for name, names in told.items() if names is not None}


def _told(point: EntryPoint) -> tuple[str, ...] | None:
    """The names that an entry point leads to; None, with a warning, where there are none."""
    try:
        given = point.load()
    except Exception as error:
        came = f"it ended in {type(error).__name__}: {error}"
    else:
        if isinstance(given, Iterable) and not isinstance(given, str | bytes):
            names = [one.__name__ if isinstance(one, type) else one for one in given]
            if all(isinstance(name, str) for name in names):
                return tuple(names)
        came = f"it is {given!r:.100}"
    warnings.warn(
        f"What the adapter {point.name!r} gives is not known: {point.value} should be a tuple of names of Protocols of "
        f"wherefrom.adapters, such as ('SequenceModel', 'PredictsSteps'), and {came}.",
        WherefromWarning,
        stacklevel=3,
    )
    return None


def frameworks_that_give(needs: Sequence[type]) -> list[str]:
    """Frameworks whose adapter satisfies all of these Protocols."""
    wanted = {need.__name__ for need in needs}
    return [name for name, given in capabilities().items() if wanted <= set(given)]
