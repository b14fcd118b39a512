"""What files and reports tell of arguments: all but what is nobody else's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECRETS = ("token", "use_auth_token", "auth_token", "api_key", "headers", "storage_options")
"""Arguments of loading that no result, run or report tells."""


def without_secrets(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of loading, but for `SECRETS`."""
    return {name: value for name, value in arguments.items() if name not in SECRETS}
