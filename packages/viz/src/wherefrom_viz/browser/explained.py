"""Parts of a screen that say what they show."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable


@runtime_checkable
class Explained(Protocol):
    """What has a text for the screen of help."""

    HELP: ClassVar[str]
