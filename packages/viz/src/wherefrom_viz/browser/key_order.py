"""Keys in their order: one is done with before the next is looked at.

Textual gives a key to the widget that has the focus when the key arrives; what the key does happens some turns of the
loop later. Keys that arrive together (a fast typist, a slow line, a terminal multiplexer) would all go to the widget
that the first of them leaves: the text after ``/`` would not reach the search bar. Here they wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.timer import Timer

PATIENCE = 1.0
"""Seconds after which a key is let go whatever became of the one before it."""


class KeyOrder:
    """The keys of an application that are not done with.

    Args:
        app: The application.
        deliver: Gives a key to the widget in focus, as the application does without this.
    """

    def __init__(self, app: App[Any], deliver: Callable[[events.Key], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._waiting: deque[events.Key] = deque()
        self._under_way = 0
        """Number of the key that is being done; 0: none is."""
        self._given = 0
        self._patience: Timer | None = None

    async def take(self, key: events.Key) -> None:
        """Deliver a key now, or when those before it are done with."""
        if not self._under_way:
            await self._give(key)
            return
        self._waiting.append(key)
        if self._patience is None:
            self._patience = self._app.set_timer(PATIENCE, self._give_up)

    async def _give(self, key: events.Key) -> None:
        self._given += 1
        self._under_way = self._given
        screen = self._app.screen
        receiver = self._app.focused or screen
        await self._deliver(key)
        self._follow(receiver, [receiver, screen], self._given)

    def _follow(self, here: MessagePump, ends: list[MessagePump], number: int) -> None:
        """Come through the queue of every widget that the key bubbles through, right behind it.

        Args:
            ends: Where to begin once more, behind the messages that the key's action sent; and the screen of the key.
        """
        parent = here._parent if here is not self._app else None
        if parent is None:
            waits = here.call_later(self._arrived, ends, number)
        else:
            waits = here.call_later(self._follow, parent, ends, number)
        if not waits:  # it was closed by the key
            self._app.call_later(self._arrived, ends, number)

    async def _arrived(self, ends: list[MessagePump], number: int) -> None:
        """The key is done with; if it opened a screen, the next one waits until that has its focus."""
        *again, screen = ends
        if again:
            self._follow(again[0], [screen], number)
            return
        now = self._app.screen
        if now is screen or not now.call_after_refresh(self._done, number):
            await self._done(number)

    async def _done(self, number: int) -> None:
        if number != self._under_way:
            return  # patience ended before
        self._under_way = 0
        if self._patience is not None:
            self._patience.stop()
            self._patience = None
        if self._waiting:
            await self.take(self._waiting.popleft())
            if self._waiting and self._patience is None:
                self._patience = self._app.set_timer(PATIENCE, self._give_up)

    async def _give_up(self) -> None:
        self._patience = None
        await self._done(self._under_way)
