"""Where the demo models lie."""

from __future__ import annotations

import difflib
from pathlib import Path

from wherefrom_hf.demo._fetched import PRETRAINED, pretrained_path

DEMO_MODELS: tuple[str, ...] = ("lm", "mt")
"""Names of the models that ship with the package: ``lm`` is decoder-only, ``mt`` is encoder-decoder."""


class UnknownDemoModelError(ValueError):
    """No demo model has this name."""


def demo_path(name: str) -> Path:
    """The folder of a demo model, ready for ``from_pretrained``.

    Args:
        name: One of `DEMO_MODELS` or of `PRETRAINED`, with or without ``demo:`` in front.

    Raises:
        UnknownDemoModelError: There is no such model; the message suggests the nearest name.
        NotFetchedError: It is one of `PRETRAINED` and not in the cache folder yet; the message says how to fetch it.
    """
    short = name.removeprefix("demo:")
    if short in PRETRAINED:
        return pretrained_path(short)
    known = (*DEMO_MODELS, *PRETRAINED)
    if short not in known:
        near = difflib.get_close_matches(short.lower(), known, n=1, cutoff=0.5)
        hint = f" Did you mean 'demo:{near[0]}'?" if near else ""
        raise UnknownDemoModelError(f"No demo model is called {name!r}.{hint}\n    There are: {', '.join(known)}.")
    return Path(__file__).parent / short
