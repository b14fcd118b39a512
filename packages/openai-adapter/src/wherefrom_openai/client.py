"""One request to a server: with patience, a time limit and errors that say what to do."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import httpx2
from wherefrom.errors import ModelCapabilityError, SettingsError

from wherefrom_openai.errors import ServerError, SilentServerError
from wherefrom_openai.replies import Reply, reply
from wherefrom_openai.settings import ServerSettings

BUSY = (408, 409, 425, 429)
"""Statuses below 500 of a server that may answer at the next attempt."""

UNABLE = (501, 505)
"""Statuses from 500 on of a server that never will: it does not do such a thing."""


class StoppedError(ServerError):
    """Whoever asked wants no answer any more."""


class _Asked(threading.local):
    """What a thread's requests are asked under."""

    until: threading.Event | None = None
    """Set when no answer is wanted any more; None: one always is."""


class RefusedError(ModelCapabilityError):
    """The server understood the request and does not do such a thing."""


class Client:
    """Asks a server, again where it was busy.

    The key is read from the environment variable ``OPENAI_API_KEY`` and sent to no one else; no error tells it.

    Raises:
        SettingsError: The key is none that can be sent.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.base = settings.base_url.rstrip("/")
        self.root = self.base.removesuffix("/v1")
        self._key = _key()
        self._http = httpx2.Client(
            timeout=settings.timeout,
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            limits=httpx2.Limits(max_connections=settings.concurrency),
        )
        self._lock = threading.Lock()
        self._asked = _Asked()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._cuts = 0

    @contextmanager
    def until(self, stop: threading.Event) -> Iterator[None]:
        """What this thread asks within the block ends in a `StoppedError` once `stop` has set the event."""
        self._asked.until = stop
        try:
            yield
        finally:
            self._asked.until = None

    def stop(self, event: threading.Event) -> None:
        """End what is asked until the event, at once. All connections are cut, so that no one waits for an answer;
        requests of others are sent again."""
        event.set()
        with self._lock:
            self._cuts += 1
            for one in self._sockets:
                _cut(one)

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
        trouble, attempt = "", 0
        stop = self._asked.until or threading.Event()
        extensions = {"trace": self._watched(stop)}
        while attempt < self.settings.attempts:
            wait = min(self.settings.backoff * 2**attempt, 30.0) * random.uniform(0.75, 1.25)
            if stop.is_set():
                break
            with self._lock:
                cuts = self._cuts
            try:
                answer = self._http.request(verb, url, json=body, extensions=extensions)
            except httpx2.RequestError as error:
                if cuts != self._cuts:
                    continue  # we cut it, the server is not at fault
                trouble = f"{type(error).__name__}: {error}"
            else:
                if answer.has_redirect_location or 300 <= answer.status_code < 400:
                    raise ServerError(
                        f"{url} sends elsewhere (status {answer.status_code}): "
                        f"{self._told(answer.headers.get('Location', 'no address came'))}. Give the API's own address "
                        "as base_url; it may be https:// instead of http://."
                    )
                if answer.status_code < 400:
                    try:
                        return answer.json()
                    except (ValueError, RecursionError) as error:
                        raise ServerError(
                            f"{url}: JSON was expected, {self._told(answer.text)[:80]!r} came."
                        ) from error
                said = self._told(answer.text)
                if not _passes(answer.status_code):
                    raise RefusedError(f"{url} refuses with status {answer.status_code}: {said[:300]}")
                trouble = f"status {answer.status_code}: {said[:200]}"
                wait = max(wait, _seconds(answer.headers.get("Retry-After")))
            attempt += 1
            if attempt < self.settings.attempts:
                stop.wait(wait)
        if stop.is_set():
            raise StoppedError(f"{url} is asked no more. Ask again for an answer.")
        raise SilentServerError(
            f"{url} gave no answer in {self.settings.attempts} attempts; the last: {trouble}. "
            "Is the server running there? Raise timeout or attempts if it is slow."
        )

    def _told(self, text: str) -> str:
        """What a server said, without the key if it repeats that."""
        return text.replace(self._key, "***") if self._key else text

    def _watched(self, stop: threading.Event) -> Callable[[str, dict[str, Any]], None]:
        """Hears of every new connection, to be cut by `stop`."""

        def heard(event: str, told: dict[str, Any]) -> None:
            if not event.endswith(("connect_tcp.complete", "start_tls.complete")):
                return
            found = told["return_value"].get_extra_info("socket")
            if isinstance(found, socket.socket):
                with self._lock:
                    self._sockets.add(found)
                    if stop.is_set():
                        _cut(found)

        return heard


def _passes(status: int) -> bool:
    """Is it a failure that may be over at the next attempt? Proxies have statuses of their own (520 to 530)."""
    return status in BUSY or (status >= 500 and status not in UNABLE)


def _key() -> str:
    """The key for the server; empty: there is none.

    Raises:
        SettingsError: It cannot stand in a header. The error does not show it.
    """
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(
            "OPENAI_API_KEY holds characters that cannot be sent: printable ASCII is expected. Set it again; it is not "
            "shown here."
        )
    return key


def _cut(connection: socket.socket) -> None:
    """End a connection whose other side is waited for by another thread, which closing it would not wake."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _seconds(value: str | None) -> float:
    """A ``Retry-After`` header, at most a minute; dates are not obeyed."""
    return min(float(value), 60.0) if value is not None and value.isdecimal() else 0.0
