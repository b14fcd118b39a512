"""What files and reports tell of arguments: all but what is nobody else's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SECRETS = ("token", "use_auth_token", "auth_token", "api_key", "headers", "storage_options")
"""Arguments of loading that no result, run or report tells."""

LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")
"""A name, and perhaps a password, in an address."""


def without_secrets(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of loading, but for `SECRETS` and names and passwords in addresses (of proxies, say)."""
    return {name: _without_logins(value) for name, value in arguments.items() if name not in SECRETS}


def _without_logins(value: Any) -> Any:
    if isinstance(value, str):
        return LOGIN.sub("", value)
    if isinstance(value, Mapping):
        return {name: _without_logins(one) for name, one in value.items()}
    return type(value)(map(_without_logins, value)) if isinstance(value, list | tuple) else value
