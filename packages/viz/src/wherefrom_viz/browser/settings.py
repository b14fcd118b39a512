"""What a user can set of the browser, in ``[browser]`` of the user's configuration file.

Example::

    [browser]
    theme = "wherefrom-light"
    palette = "orange-blue"
    granularity = "word"

    [browser.keys]
    granularity = "g,w"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen
from wherefrom.errors import SettingsError, nearest
from wherefrom.files.user_places import configuration_file as configuration_file

from wherefrom_viz.browser.drawing import AGGREGATIONS, NORMALIZATIONS, SCALES, Drawing
from wherefrom_viz.browser.keymap import checked_keys
from wherefrom_viz.colours import PALETTES
from wherefrom_viz.describe.units import LEVELS

DEFAULT_THEME = "wherefrom"
SMALLEST, LARGEST = 10, 90
"""Percent of the window that a pane takes at least and at most."""


@frozen(kw_only=True)
class Settings:
    """How the browser starts."""

    theme: str = DEFAULT_THEME
    drawing: Drawing = field(factory=Drawing)
    keys: Mapping[str, str] = field(factory=dict)
    """Action id to keys, comma separated, where they differ from the usual ones."""
    panes: Mapping[str, int] = field(factory=dict)
    """Pane to the percent of the window that it takes, where it is not the usual size."""


_CHOICES: dict[str, tuple[str, ...]] = {
    "palette": tuple(PALETTES),
    "granularity": LEVELS,
    "aggregation": AGGREGATIONS,
    "normalization": NORMALIZATIONS,
    "scale": SCALES,
}
_KINDS: dict[str, type | tuple[type, ...]] = {
    "theme": str,
    "metric": str,
    "intensity": (int, float),
    "precision": int,
    "wrap": int,
    "keys": dict,
    "panes": dict,
}
PANES = ("preview", "card", "pane-a", "pane-difference")
"""Panes that have a size of their own."""


def load_settings(path: Path | None = None) -> Settings:
    """The settings in a configuration file; the usual ones where it has none.

    Raises:
        SettingsError: The file is no TOML, or a name or value in it is unknown.
    """
    path = path or configuration_file()
    if not path.is_file():
        return Settings()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("browser", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}. Correct the file, or move it away.") from error
    return settings_from(table, str(path))


def settings_from(table: Any, where: str) -> Settings:
    """Settings from a ``[browser]`` table.

    Raises:
        SettingsError: A name or value is unknown.
    """
    if not isinstance(table, Mapping):
        raise SettingsError(f"{where}: browser must be a table: [browser]")
    known = [*_CHOICES, *_KINDS]
    for name, value in table.items():
        if name not in known:
            raise SettingsError(
                f"{where}: [browser] has no setting {name!r}.{nearest(name, known)} There are: {', '.join(known)}."
            )
        if name in _CHOICES and value not in _CHOICES[name]:
            raise SettingsError(
                f"{where}: {name} = {value!r}.{nearest(str(value), _CHOICES[name])} "
                f"Choose one of {', '.join(_CHOICES[name])}."
            )
        if name in _KINDS and (not isinstance(value, _KINDS[name]) or isinstance(value, bool)):
            raise SettingsError(f"{where}: {name} = {value!r} is of the wrong type.")
    drawn = {one.name for one in attrs.fields(Drawing)}
    try:
        drawing = Drawing(**{name: value for name, value in table.items() if name in drawn})
    except ValueError as error:
        raise SettingsError(f"{where}: {error}.") from error
    return Settings(
        theme=table.get("theme", DEFAULT_THEME),
        drawing=drawing,
        keys=checked_keys(table.get("keys", {}), where),
        panes=_checked_panes(table.get("panes", {}), where),
    )


def _checked_panes(panes: Mapping[str, Any], where: str) -> dict[str, int]:
    for name, percent in panes.items():
        if name not in PANES:
            raise SettingsError(
                f"{where}: [browser.panes] has no pane {name!r}.{nearest(name, PANES)} There are: {', '.join(PANES)}."
            )
        if not isinstance(percent, int) or isinstance(percent, bool) or not SMALLEST <= percent <= LARGEST:
            raise SettingsError(
                f"{where}: [browser.panes] {name} = {percent!r}. Write a percentage from {SMALLEST} to {LARGEST}."
            )
    return dict(panes)


def as_toml(settings: Settings) -> str:
    """What differs from the usual settings, as lines for the configuration file."""
    lines = ["[browser]"]
    if settings.theme != DEFAULT_THEME:
        lines.append(f'theme = "{settings.theme}"')
    for one in attrs.fields(Drawing):
        value = getattr(settings.drawing, one.name)
        if value == one.default:
            continue
        lines.append(f'{one.name} = "{value}"' if isinstance(value, str) else f"{one.name} = {value}")
    if settings.panes:
        lines.append("[browser.panes]")
        lines += [f"{name} = {percent}" for name, percent in settings.panes.items()]
    return "\n".join(lines)
