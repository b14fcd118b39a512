"""What files and reports tell of arguments: all but what is nobody else's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SECRET_WORDS = frozenset(
    {
        "secret", "secrets", "password", "passwords", "passwd", "pwd", "passphrase", "credential", "credentials",
        "authorization", "apikey", "cookie", "cookies",
    }
)  # fmt: skip
"""Words in the names of arguments that no result, run or report tells."""
_SECRET_ENDS = frozenset({"key", "headers", "auth"})
"""Words that such names end in: ``key_mapping`` and ``num_key_value_heads`` are none."""
_OF_TOKENS = frozenset(
    {
        "auth", "access", "api", "bearer", "hf", "hub", "id", "private", "read", "refresh", "security", "session",
        "sas", "user", "write", "github", "gitlab",
    }
)  # fmt: skip
"""Words before ``token`` of which it is a secret; others are tokens of a vocabulary (``pad_token``)."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")
"""A name, and perhaps a password, in an address."""
_IN_QUERY = re.compile(r"(?<=[?&])(?P<name>[\w-]+)=[^&#\s]*")
"""An argument in an address."""


def is_secret(name: object) -> bool:
    """Is an argument of this name, for loading a model or data, a secret?

    Example:
        >>> [is_secret(name) for name in ("token", "hfToken", "API-KEY", "extra_headers", "pad_token", "key_mapping")]
        [True, True, True, True, False, False]
    """
    words = [word.lower() for word in _WORD.findall(str(name))]
    if not words:
        return False
    if words[-1] == "token":
        return len(words) == 1 or words[-2] in _OF_TOKENS
    return not _SECRET_WORDS.isdisjoint(words) or words[-1] in _SECRET_ENDS or words == ["storage", "options"]


def without_secrets(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of loading, but for secrets, at whatever depth, and for names, passwords and secrets in addresses (of
    proxies, say)."""
    return {name: _without_secrets(value) for name, value in arguments.items() if not is_secret(name)}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return _IN_QUERY.sub(_told, _LOGIN.sub("", value)) if "://" in value else value
    if isinstance(value, Mapping):
        return without_secrets(value)
    return type(value)(map(_without_secrets, value)) if isinstance(value, list | tuple) else value


def _told(argument: re.Match[str]) -> str:
    return f"{argument['name']}=" if is_secret(argument["name"]) else argument[0]
