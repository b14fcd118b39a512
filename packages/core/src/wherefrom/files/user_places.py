"""Where a user's own files are kept on this system: settings, state, what was fetched.

The system's own folders (`platformdirs`); on Linux ``$XDG_CONFIG_HOME``, ``$XDG_STATE_HOME`` and ``$XDG_CACHE_HOME``
move them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

NAME = "wherefrom"

CACHE_VARIABLE = "WHEREFROM_CACHE"
"""Environment variable that moves what is fetched."""


def home_folder() -> Path | None:
    """The user's own folder; None: the system knows of none, as in a container that runs under any number."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _placed(ask: Callable[..., Path]) -> Path:
    """The system's place for us; one where nothing can be, where it would be in a home that nobody has."""
    nowhere = Path(os.devnull) / NAME
    try:
        place = ask(NAME, appauthor=False)
    except RuntimeError:
        return nowhere
    return nowhere if place.parts[:1] == ("~",) else place


def configuration_file() -> Path:
    """The user's own configuration, whether it exists or not."""
    return _placed(platformdirs.user_config_path) / "config.toml"


def state_folder() -> Path:
    """For what is remembered between sessions, such as files opened lately; it may not exist."""
    return _placed(platformdirs.user_state_path)


def cache_folder() -> Path:
    """For what can be fetched or asked again: ``$WHEREFROM_CACHE``, else the system's; it may not exist."""
    moved = os.environ.get(CACHE_VARIABLE)
    return Path(moved) if moved else _placed(platformdirs.user_cache_path)
