"""A filter of warnings for the time of a block, also where several threads are in such a block.

`warnings.catch_warnings` puts back the whole list of filters that it found: of two threads the one that leaves last
puts back what the other had put in, for good, and what anybody set meanwhile is lost.
"""

from __future__ import annotations

import warnings
from threading import Lock
from types import TracebackType
from typing import Any, Literal


class SharedFilter:
    """One filter, there as long as any thread is within; every other filter stays what it is."""

    def __init__(self, action: Literal["error", "ignore"], message: str) -> None:
        """
        Args:
            action: What becomes of the warnings.
            message: A regular expression that their beginning matches.
        """
        self._action: Literal["error", "ignore"] = action
        self._message = message + "(?#wherefrom)"  # a comment: it is equal to no filter of the user's
        self._lock = Lock()
        self._within = 0
        self._entry: Any = None
        self._lists: list[Any] = []
        """Lists of filters that have it."""

    def __enter__(self) -> None:
        with self._lock:
            self._within += 1
            # for each thread anew: ahead of what was set meanwhile, and also where another list was put back
            warnings.filterwarnings(self._action, self._message)
            self._entry = warnings.filters[0]
            if not any(known is warnings.filters for known in self._lists):
                self._lists.append(warnings.filters)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0:
                now: Any = warnings.filters
                for known in (*self._lists, now):  # `catch_warnings` of others may put an earlier one back
                    if self._entry in known:
                        known.remove(self._entry)
                self._lists.clear()
