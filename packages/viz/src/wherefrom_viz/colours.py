"""Colours of scores: red raises, blue lowers, and a text colour that stays readable on both.

A *palette* has one ramp for scores that raise and one for scores that lower, each for light and dark
surroundings.
A ramp goes from the page's own background (no influence) to a strong colour. Text on a cell is black or
white, whichever contrasts more: that is at least 4.5:1 on every colour there is.

Terminals with fewer colours get ramps of their own (`terminal_steps`): an automatic downgrade would map
weak positive and weak negative scores to the same grey, and so lose the sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from attrs import frozen
from wherefrom.errors import SettingsError, nearest

Rgb: TypeAlias = tuple[int, int, int]
Theme: TypeAlias = Literal["light", "dark"]

BLACK: Rgb = (0, 0, 0)
WHITE: Rgb = (255, 255, 255)


def from_hex(text: str) -> Rgb:
    """``"#d64541"`` as three numbers from 0 to 255."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def to_hex(colour: Rgb) -> str:
    """Three numbers from 0 to 255 as ``"#d64541"``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


@frozen
class Ramp:
    """Colours from no influence to the strongest, evenly spaced."""

    stops: tuple[Rgb, ...]

    def __call__(self, strength: float) -> Rgb:
        """The colour at ``strength`` in [0, 1]; values outside are clamped."""
        place = min(max(strength, 0.0), 1.0) * (len(self.stops) - 1)
        low = min(int(place), len(self.stops) - 2)
        share = place - low
        a, b = self.stops[low], self.stops[low + 1]
        return (_mix(a[0], b[0], share), _mix(a[1], b[1], share), _mix(a[2], b[2], share))


@frozen(kw_only=True)
class Palette:
    """Ramps of the two signs in both themes, and the nearest of the terminal's 16 own colours."""

    name: str
    raises: str
    """Word for the colour of scores that raise ("red")."""
    lowers: str
    light: tuple[Ramp, Ramp]
    """(raises, lowers) on a light page."""
    dark: tuple[Ramp, Ramp]
    """(raises, lowers) on a dark page."""
    ansi: tuple[str, str]
    """(raises, lowers) as names of the terminal's own colours."""

    def ramp(self, sign: int, theme: Theme) -> Ramp:
        """The ramp of a sign; unsigned scores use the raising one."""
        pair = self.light if theme == "light" else self.dark
        return pair[0] if sign >= 0 else pair[1]

    def colour(self, value: float, theme: Theme) -> Rgb:
        """Background of a cell for a score scaled to [-1, 1]."""
        return self.ramp(1 if value >= 0 else -1, theme)(abs(value))


def _mix(a: int, b: int, share: float) -> int:
    return round(a + (b - a) * share)


def _ramp(*stops: str) -> Ramp:
    return Ramp(tuple(from_hex(stop) for stop in stops))


_RED = _ramp("#ffffff", "#fbd5c8", "#f39379", "#d84a3d", "#a3102a")
_RED_DARK = _ramp("#1c1d21", "#4d2426", "#922f31", "#d64541", "#ff7d6e")
_BLUE = _ramp("#ffffff", "#d0e2f6", "#86b7e4", "#3d7fc6", "#114a9c")
_BLUE_DARK = _ramp("#1c1d21", "#1d3252", "#20508c", "#2f7ad6", "#77b5ff")
_ORANGE = _ramp("#ffffff", "#fde2c2", "#fbb568", "#e58118", "#a4500a")
_ORANGE_DARK = _ramp("#1c1d21", "#46311c", "#8a5818", "#d8871e", "#ffb650")
_GREEN = _ramp("#ffffff", "#cfecd3", "#88cd94", "#3c9f58", "#10662e")
_GREEN_DARK = _ramp("#1c1d21", "#1c3b28", "#23693d", "#2fa35a", "#70dc96")
_PURPLE = _ramp("#ffffff", "#e6d8f2", "#c09edd", "#8f5dbe", "#58288a")
_PURPLE_DARK = _ramp("#1c1d21", "#34244b", "#5d3b8d", "#9461d0", "#c69dff")

PALETTES: dict[str, Palette] = {
    one.name: one
    for one in (
        Palette(
            name="red-blue",
            raises="red",
            lowers="blue",
            light=(_RED, _BLUE),
            dark=(_RED_DARK, _BLUE_DARK),
            ansi=("red", "blue"),
        ),
        Palette(
            name="orange-blue",
            raises="orange",
            lowers="blue",
            light=(_ORANGE, _BLUE),
            dark=(_ORANGE_DARK, _BLUE_DARK),
            ansi=("yellow", "blue"),
        ),
        Palette(
            name="green-purple",
            raises="green",
            lowers="purple",
            light=(_GREEN, _PURPLE),
            dark=(_GREEN_DARK, _PURPLE_DARK),
            ansi=("green", "magenta"),
        ),
    )
}
"""The palettes by name; the first is the default."""


def palette_named(name: str | Palette) -> Palette:
    """The palette called ``name``.

    Raises:
        SettingsError: There is none of that name.
    """
    if isinstance(name, Palette):
        return name
    if name not in PALETTES:
        raise SettingsError(
            f"No palette is called {name!r}.{nearest(name, PALETTES)} There are: {', '.join(PALETTES)}."
        )
    return PALETTES[name]


def luminance(colour: Rgb) -> float:
    """Relative luminance in [0, 1]. Source: WCAG 2.2, "relative luminance"."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: Rgb, b: Rgb) -> float:
    """Contrast ratio from 1 to 21. Source: WCAG 2.2, "contrast ratio"."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def text_on(background: Rgb) -> Rgb:
    """Black or white, whichever is easier to read on ``background``; at least 4.58:1 on any colour."""
    return BLACK if contrast(BLACK, background) >= contrast(WHITE, background) else WHITE


def cube_colour(index: int) -> Rgb:
    """The colour of entry 16..255 of the terminal's 256-colour table."""
    if index >= 232:
        grey = 8 + 10 * (index - 232)
        return (grey, grey, grey)
    levels = (0, 95, 135, 175, 215, 255)
    index -= 16
    return (levels[index // 36], levels[index // 6 % 6], levels[index % 6])


_TRIED = 24
"""Colours of a ramp for which the nearest entry is looked up."""


def terminal_steps(ramp: Ramp) -> tuple[int, ...]:
    """The ramp in the 256-colour table: distinct entries, weakest first, each of the ramp's own hue.

    Greys are left out, so a weak score keeps its sign.
    """
    chosen: list[int] = []
    for step in range(1, _TRIED + 1):
        wanted = ramp(step / _TRIED)
        index = min(_of_hue(ramp.stops[-2]), key=lambda entry: _distance(cube_colour(entry), wanted))
        if index not in chosen:
            chosen.append(index)
    return tuple(chosen)


def _of_hue(colour: Rgb) -> Sequence[int]:
    """Entries of the 256-colour table that any reader would give the same colour name."""
    largest, smallest = max(colour), min(colour)
    direction = [(c - smallest) / (largest - smallest) for c in colour]
    found = []
    for index in range(16, 232):
        entry = cube_colour(index)
        spread = max(entry) - min(entry)
        if spread < 40:
            continue
        own = [(c - min(entry)) / spread for c in entry]
        if sum(abs(a - b) for a, b in zip(own, direction, strict=True)) < 0.55:
            found.append(index)
    return found


def _distance(a: Rgb, b: Rgb) -> float:
    return 2 * (a[0] - b[0]) ** 2 + 4 * (a[1] - b[1]) ** 2 + 3 * (a[2] - b[2]) ** 2
