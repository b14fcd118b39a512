"""Where a user's own files are kept on this system: settings, state, what was fetched.

The system's own folders (`platformdirs`); on Linux ``$XDG_CONFIG_HOME``, ``$XDG_STATE_HOME`` and ``$XDG_CACHE_HOME``
move them.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

NAME = "wherefrom"

CACHE_VARIABLE = "WHEREFROM_CACHE"
"""Environment variable that moves what is fetched."""


def configuration_file() -> Path:
    """The user's own configuration, whether it exists or not."""
    return platformdirs.user_config_path(NAME, appauthor=False) / "config.toml"


def state_folder() -> Path:
    """For what is remembered between sessions, such as files opened lately; it may not exist."""
    return platformdirs.user_state_path(NAME, appauthor=False)


def cache_folder() -> Path:
    """For what can be fetched or asked again: ``$WHEREFROM_CACHE``, else the system's; it may not exist."""
    moved = os.environ.get(CACHE_VARIABLE)
    return Path(moved) if moved else platformdirs.user_cache_path(NAME, appauthor=False)
