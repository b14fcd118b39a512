"""Ctrl-C during a long run: the first finishes the batch, the second stops at once; without a batch the first does."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from wherefrom_cli.console import Console


class Interruption:
    """While entered, SIGINT and SIGTERM set `asked`; a second one raises `KeyboardInterrupt`.

    Before `begin`, while data and model are loaded, there is no batch to finish: the first one raises.
    """

    def __init__(self, console: Console) -> None:
        self.asked = False
        self._working = False
        self._console = console
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:  # by a script, with `&`
                    self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def begin(self) -> None:
        """From now on there is a batch that can be finished."""
        self._working = True

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self._working:
            raise KeyboardInterrupt
        self.asked = True
        self._console.note("\nFinishing this batch; once more to stop now.")
