"""One model, many visitors: work on a thread, one at a time, that tells how far it is and can be stopped."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import Generic, TypeVar

from attrs import define, field, frozen
from wherefrom.errors import WherefromError, WherefromWarning
from wherefrom.methods.contract import Progress

T = TypeVar("T")
_TICK = 0.25
"""Seconds between two looks at the clock."""


class StoppedError(Exception):
    """The visitor does not want the answer any more."""


@frozen(kw_only=True)
class Told:
    """How far the work is."""

    phase: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0


@frozen(kw_only=True)
class Done(Generic[T]):
    """The answer, and what is worth knowing about it."""

    answer: T
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@frozen(kw_only=True)
class Failed:
    """Why there is no answer."""

    why: str


@define(eq=False)
class Desk:
    """The lock of a model, and what each visitor is waiting for."""

    _lock: threading.Lock = field(factory=threading.Lock)
    _stops: dict[str, threading.Event] = field(factory=dict)

    def stop(self, visitor: str) -> None:
        """Stop what a visitor has asked; at its next progress, or before it begins."""
        stop = self._stops.get(visitor)
        if stop is not None:
            stop.set()

    def work(self, visitor: str, task: Callable[[Progress], T]) -> Iterator[Told | Done[T] | Failed]:
        """Do ``task`` when the model is free; how far it is, then the answer or why there is none.

        A visitor's earlier question is stopped. Leaving the iterator stops this one.
        """
        self.stop(visitor)
        stop = self._stops[visitor] = threading.Event()
        told: Queue[Told | Done[T] | Failed] = Queue()
        began = time.monotonic()
        thread = threading.Thread(target=self._run, args=(task, stop, told, began), daemon=True)
        thread.start()
        last = Told(phase="waiting for the model")
        try:
            yield last
            while True:
                try:
                    news = told.get(timeout=_TICK)
                except Empty:
                    if not thread.is_alive() and told.empty():
                        return
                    news = Told(phase=last.phase, done=last.done, total=last.total, seconds=time.monotonic() - began)
                if isinstance(news, Told):
                    last = news
                yield news
                if not isinstance(news, Told):
                    return
        finally:
            stop.set()
            if self._stops.get(visitor) is stop:
                del self._stops[visitor]

    def _run(
        self,
        task: Callable[[Progress], T],
        stop: threading.Event,
        told: Queue[Told | Done[T] | Failed],
        began: float,
    ) -> None:
        def progress(phase: str, done: int, total: int) -> None:
            if stop.is_set():
                raise StoppedError
            told.put(Told(phase=phase, done=done, total=total, seconds=time.monotonic() - began))

        try:
            with self._lock, warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", WherefromWarning)
                progress("asking the model", 0, 0)
                answer = task(progress)
            notes = dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, WherefromWarning))
            told.put(Done(answer=answer, notes=tuple(notes), seconds=time.monotonic() - began))
        except StoppedError:
            told.put(Failed(why="Cancelled."))
        except WherefromError as error:
            told.put(Failed(why=str(error)))
        except Exception as error:  # a model may raise anything; the visitor is told, the server stays
            told.put(Failed(why=f"{type(error).__name__}: {error}"))
