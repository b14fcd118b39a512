"""One model, many visitors: work on a thread, one at a time, that tells how far it is and can be stopped."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from attrs import define, evolve, field, frozen
from wherefrom.errors import WherefromError, WherefromWarning
from wherefrom.methods.contract import Progress

T = TypeVar("T")
_TICK = 1.0
"""Seconds between two lines about progress: each is sent to a browser and drawn there."""


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
class _Work(Generic[T]):
    """What a thread says of its work: how far it is, of which older news is forgotten, and its end."""

    began: float
    last: Told = Told(phase="waiting for the model")
    end: Done[T] | Failed | None = None
    stop: threading.Event = field(factory=threading.Event)
    ended: threading.Event = field(factory=threading.Event)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


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
        work: _Work[T] = _Work(began=time.monotonic())
        self._stops[visitor] = work.stop
        threading.Thread(target=self._run, args=(task, work), daemon=True).start()
        told = work.last
        try:
            yield told
            while not work.ended.wait(_TICK):
                told = work.last
                yield evolve(told, seconds=work.seconds)
            if work.last is not told:
                yield work.last
            assert work.end is not None
            yield work.end
        finally:
            work.stop.set()
            if self._stops.get(visitor) is work.stop:
                del self._stops[visitor]

    def _run(self, task: Callable[[Progress], T], work: _Work[T]) -> None:
        def progress(phase: str, done: int, total: int) -> None:
            if work.stop.is_set():
                raise StoppedError
            work.last = Told(phase=phase, done=done, total=total, seconds=work.seconds)

        try:
            with self._lock, warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", WherefromWarning)
                progress("asking the model", 0, 0)
                answer = task(progress)
            notes = dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, WherefromWarning))
            work.end = Done(answer=answer, notes=tuple(notes), seconds=work.seconds)
        except StoppedError:
            work.end = Failed(why="Cancelled.")
        except WherefromError as error:
            work.end = Failed(why=str(error))
        except Exception as error:  # a model may raise anything; the visitor is told, the server stays
            work.end = Failed(why=f"{type(error).__name__}: {error}")
        finally:
            work.ended.set()
