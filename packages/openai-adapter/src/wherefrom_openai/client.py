"""One request to a server: with patience, a time limit and errors that say what to do."""

from __future__ import annotations

import os
import random
import threading
import time
from typing import Any

import httpx2
from wherefrom.errors import ModelCapabilityError

from wherefrom_openai.errors import ServerError, SilentServerError
from wherefrom_openai.replies import Reply, reply
from wherefrom_openai.settings import ServerSettings

PASSING = (408, 409, 425, 429, 500, 502, 503, 504)
"""States of a server that may be over at the next attempt."""


class RefusedError(ModelCapabilityError):
    """The server understood the request and does not do such a thing."""


class Client:
    """Asks a server, again where it was busy.

    The key is read from the environment variable ``OPENAI_API_KEY`` and sent to no one else.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.base = settings.base_url.rstrip("/")
        self.root = self.base.removesuffix("/v1")
        key = os.environ.get("OPENAI_API_KEY")
        self._http = httpx2.Client(
            timeout=settings.timeout,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx2.Limits(max_connections=settings.concurrency),
        )
        self._lock = threading.Lock()
        self.sent = 0
        """Requests that left, attempts that failed included."""

    def get(self, url: str, kind: type[Reply]) -> Reply:
        """What is at ``url``. See `post`."""
        return reply(self._ask("GET", url, None), kind, url)

    def post(self, url: str, body: dict[str, Any], kind: type[Reply]) -> Reply:
        """The answer to ``body``, in its type (see `wherefrom_openai.replies`).

        Raises:
            RefusedError: The server does not do this (a client error).
            SilentServerError: It stayed silent, busy or broken through all attempts.
            ServerError: It answered no JSON, or JSON of another form (`UnexpectedReplyError`).
        """
        return reply(self._ask("POST", url, body), kind, url)

    def _ask(self, verb: str, url: str, body: dict[str, Any] | None) -> Any:
        trouble = ""
        for attempt in range(self.settings.attempts):
            wait = min(self.settings.backoff * 2**attempt, 30.0) * random.uniform(0.75, 1.25)
            with self._lock:
                self.sent += 1
            try:
                answer = self._http.request(verb, url, json=body)
            except httpx2.RequestError as error:
                trouble = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code < 400:
                    try:
                        return answer.json()
                    except (ValueError, RecursionError) as error:
                        raise ServerError(f"{url}: JSON was expected, {answer.text[:80]!r} came.") from error
                if answer.status_code not in PASSING:
                    raise RefusedError(f"{url} refuses with status {answer.status_code}: {answer.text[:300]}")
                trouble = f"status {answer.status_code}: {answer.text[:200]}"
                wait = max(wait, _seconds(answer.headers.get("Retry-After")))
            if attempt + 1 < self.settings.attempts:
                time.sleep(wait)
        raise SilentServerError(
            f"{url} gave no answer in {self.settings.attempts} attempts; the last: {trouble}. "
            "Is the server running there? Raise timeout or attempts if it is slow."
        )


def _seconds(value: str | None) -> float:
    """A ``Retry-After`` header, at most a minute; dates are not obeyed."""
    return min(float(value), 60.0) if value is not None and value.isdecimal() else 0.0
