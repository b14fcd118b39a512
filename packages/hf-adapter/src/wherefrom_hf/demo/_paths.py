"""Where the demo models lie."""

from __future__ import annotations

import difflib
from pathlib import Path

DEMO_MODELS: tuple[str, ...] = ("lm", "mt")
"""Names of the demo models: ``lm`` is decoder-only, ``mt`` is encoder-decoder."""


class UnknownDemoModelError(ValueError):
    """No demo model has this name."""


def demo_path(name: str) -> Path:
    """The folder of a demo model, ready for ``from_pretrained``.

    Args:
        name: One of `DEMO_MODELS`, with or without ``demo:`` in front.

    Raises:
        UnknownDemoModelError: There is no such model; the message suggests the nearest name.
    """
    short = name.removeprefix("demo:")
    if short not in DEMO_MODELS:
        near = difflib.get_close_matches(short.lower(), DEMO_MODELS, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownDemoModelError(
            f"No demo model is called {name!r}.{hint}\n    There are: {', '.join(DEMO_MODELS)}."
        )
    return Path(__file__).parent / short
