"""How a server is asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import httpx2
from attrs import field, frozen
from wherefrom.errors import SettingsError
from wherefrom.files.user_places import cache_folder
from wherefrom.settings import from_mapping

Forced = Literal["auto", "prompt", "steps"]


@frozen(kw_only=True)
class ServerSettings:
    """How a server is asked, and what that may cost."""

    base_url: str = field(factory=lambda: os.environ.get("OPENAI_BASE_URL", ""))
    """Address of the API, ``http://localhost:8000/v1``; default: the environment variable ``OPENAI_BASE_URL``."""
    forced: Forced = "auto"
    """Where log-probabilities of given tokens come from: ``"prompt"``, of the prompt itself (one request per text);
    ``"steps"``, of the token that would follow each prefix (one request per step). ``"auto"``: the first if it can."""
    top_logprobs: int = 1000
    """Tokens per step whose log-probability is asked for; a server that allows fewer gives fewer."""
    vocabulary: int | None = None
    """Size of the vocabulary, for servers that do not tell."""
    replacement: str | None = None
    """Text of one token that stands in for a removed one (``baseline="unk"``); default: the end-of-sequence token, as
    the server tells it (llama.cpp) or by the names that it has in most models; else the one that begins a text."""
    chat_template: str | None = None
    """A Jinja template for chats; default: the server's own."""
    concurrency: int = 4
    """Requests under way at once, at most."""
    timeout: float = 120.0
    """Seconds to wait for an answer."""
    attempts: int = 5
    """How often a request is tried when the server is busy, fails or hangs up."""
    backoff: float = 0.5
    """Seconds before the second attempt; doubled for each further one, up to 30."""
    cache: str | Path | bool = True
    """Answers are kept on disk: in the user's cache folder, in a file of this name, or not at all."""
    max_requests: int | None = None
    """Budget of requests for predictions; work that would exceed it is refused before it begins."""
    max_tokens: int | None = None
    """Budget of tokens sent for predictions."""

    def __attrs_post_init__(self) -> None:
        _check_address(self.base_url)
        for name in ("top_logprobs", "concurrency", "attempts", "timeout", "vocabulary", "max_requests", "max_tokens"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SettingsError(f"{name} = {value!r} must be above 0.")
        if not self.backoff >= 0:
            raise SettingsError(f"backoff = {self.backoff!r} must not be negative.")
        if self.forced not in ("auto", "prompt", "steps"):
            raise SettingsError(f"forced = {self.forced!r} is none of 'auto', 'prompt', 'steps'.")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ServerSettings:
        """From names and values.

        Raises:
            SettingsError: One is unknown or out of range.
        """
        return from_mapping(cls, dict(given), where="framework 'openai'")

    @property
    def cache_file(self) -> Path | None:
        """Where answers are kept; None: nowhere."""
        if isinstance(self.cache, str | Path):
            return Path(self.cache)
        if not self.cache:
            return None
        return cache_folder() / "openai" / "answers.sqlite"


def _check_address(url: str) -> None:
    """Raise: SettingsError: it is no address of a server, or more than that. Passwords and queries are not shown."""
    if "@" in url or "?" in url or "#" in url:
        raise SettingsError(
            "base_url holds a name, a password ('@') or a query ('?', '#'), which would be kept with results. Give the "
            "bare address, http://localhost:8000/v1, and the server's key in the environment variable OPENAI_API_KEY."
        )
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        reason = f" ({error})"
    else:
        if parsed.scheme in ("http", "https") and parsed.host:
            return
        reason = ""
    raise SettingsError(
        f"base_url = {url!r} is no address of a server{reason}. Give base_url='http://localhost:8000/v1', or set "
        "OPENAI_BASE_URL."
    )
