"""What installed adapters give, read without loading their frameworks."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points

GROUP = "wherefrom.adapter_capabilities"
"""Entry points of this group have a framework's name and lead to a tuple of names of Protocols, in a light module."""


def capabilities() -> dict[str, tuple[str, ...]]:
    """Framework to the names of the Protocols its models satisfy, for adapters that tell. Sorted by name."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: tuple(point.load()) for point in points}


def frameworks_that_give(needs: Sequence[type]) -> list[str]:
    """Frameworks whose adapter satisfies all of these Protocols."""
    wanted = {need.__name__ for need in needs}
    return [name for name, given in capabilities().items() if wanted <= set(given)]
