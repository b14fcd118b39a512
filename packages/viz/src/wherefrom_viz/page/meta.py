"""What a page says of itself to its script: title, colours, how it opens, how its examples are laid down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

from attrs import frozen
from wherefrom.errors import SettingsError
from wherefrom.results.attribution import Attribution
from wherefrom.results.card import LEVEL
from wherefrom.results.provenance import Provenance

from wherefrom_viz.colours import PALETTES, Palette, Theme, palette_named, to_hex
from wherefrom_viz.describe.description import FADED, NORMALIZATIONS, PALE, Normalization, sign_words
from wherefrom_viz.describe.options import THEMES, check_name
from wherefrom_viz.describe.units import MERGES, Level, Merge

TITLE = "Where each token comes from"
_TABS = {
    "auto": "read",
    "read": "read",
    "topk": "read",
    "tokens": "read",
    "trace": "read",
    "matrix": "matrix",
    "steps": "steps",
    "compare": "compare",
    "citations": "citations",
}


@frozen(kw_only=True)
class Opening:
    """How a page opens; the reader may change everything but the title.

    Raises:
        SettingsError: A view, units, a merge, a normalisation, a theme or a palette of this name are unknown, or the
            intensity is no finite number above 0.
    """

    title: str = TITLE
    view: str = "auto"
    granularity: Level = "token"
    merge: Merge = "sum"
    normalize: Normalization = "none"
    palette: str | Palette = "red-blue"
    theme: Theme | str = "auto"
    intensity: float = 1.0
    share_scale: bool = False

    def __attrs_post_init__(self) -> None:
        palette_named(self.palette)
        number = isinstance(self.intensity, int | float) and not isinstance(self.intensity, bool)
        if not number or not math.isfinite(self.intensity) or self.intensity <= 0:
            raise SettingsError(
                f"intensity = {self.intensity!r} does not fit: expected a finite number above 0, by which colours are "
                "stronger (1: as the scores are)."
            )
        for what, name, known in (
            ("view", self.view, tuple(_TABS)),
            ("granularity", self.granularity, get_args(Level)),
            ("merge", self.merge, MERGES),
            ("normalization", self.normalize, NORMALIZATIONS),
            ("theme", self.theme, THEMES),
        ):
            check_name(what, name, known)

    def state(self) -> dict[str, Any]:
        """As ``state.js`` names it."""
        return {
            "tab": _TABS[self.view],
            "g": self.granularity,
            "m": self.merge,
            "n": self.normalize,
            "c": palette_named(self.palette).name,
            "t": self.theme,
            "s": self.intensity,
            "sc": "shared" if self.share_scale else "shown",
        }


def units_of(granularity: Level = "token", merge: Merge = "sum", normalize: Normalization = "none") -> str:
    """Of which scores the bound over all examples is, as the script has it; tokens are merged in no way."""
    return ",".join([granularity, normalize, "" if granularity == "token" else merge])


def meta_of(
    opening: Opening,
    *,
    id: str,
    count: int,
    block_size: int,
    bound: float,
    subtitle: str,
    units: str | None = None,
    first: tuple[Attribution, Provenance] | None,
    dimensions: Sequence[tuple[str, Sequence[str]]] = (),
) -> dict[str, Any]:
    """What the script reads before any example.

    Args:
        id: Of the page among others in one notebook.
        count: Examples in all.
        block_size: Examples in a block.
        bound: Score of the strongest colour over all examples.
        units: Of which scores, from `units_of`; None: of tokens as they came.
        subtitle: Of the first example.
        first: The first example and how it was made, for the words of its signs; None without any.
        dimensions: Sliders over examples that are slices of one result.
    """
    chosen = palette_named(opening.palette)
    words = None if first is None else sign_words(*first)
    return {
        "id": id,
        "title": opening.title,
        "subtitle": subtitle,
        "n": count,
        "blockSize": block_size,
        "bound": bound,
        "units": units or units_of(),
        "pale": [LEVEL, FADED, PALE],
        "palettes": {name: _palette(one) for name, one in {**PALETTES, chosen.name: chosen}.items()},
        "defaults": opening.state(),
        "controls": True,
        "height": None,
        "words": {
            "raises": words.raises if words else "raises",
            "lowers": words.lowers if words else "lowers",
            "of": words.of if words else "the score of the token",
        },
        "dimensions": [{"name": name, "labels": list(labels)} for name, labels in dimensions],
    }


def _palette(palette: Palette) -> dict[str, Any]:
    def stops(theme: str) -> list[list[str]]:
        return [[to_hex(stop) for stop in ramp.stops] for ramp in getattr(palette, theme)]

    return {"raises": palette.raises, "lowers": palette.lowers, "light": stops("light"), "dark": stops("dark")}
