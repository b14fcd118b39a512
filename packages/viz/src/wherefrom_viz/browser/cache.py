"""Examples that were read lately, so that going back and forth reads nothing twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from wherefrom.results.attribution import Attribution


class ExampleCache:
    """Least recently used examples go first when the scores take more than ``max_bytes``. Safe between threads."""

    def __init__(self, load: Callable[[int], Attribution], max_bytes: int = 64 << 20) -> None:
        self._load = load
        self._max_bytes = max_bytes
        self._held: OrderedDict[int, Attribution] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: int) -> Attribution:
        """The example, read if need be. Raises what reading raises."""
        held = self.peek(key)
        if held is not None:
            return held
        read = self._load(key)
        with self._lock:
            if key not in self._held:
                self._held[key] = read
                self._bytes += bytes_of(read)
            while self._bytes > self._max_bytes and len(self._held) > 1:
                self._bytes -= bytes_of(self._held.popitem(last=False)[1])
        return read

    def peek(self, key: int) -> Attribution | None:
        """The example if it is here."""
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key]

    def clear(self) -> None:
        """Forget everything: the files have changed."""
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def __len__(self) -> int:
        return len(self._held)


def bytes_of(attribution: Attribution) -> int:
    """About how much memory an example takes."""
    arrays = (attribution.source_attributions, attribution.target_attributions, *attribution.sequence_scores.values())
    tokens = len(attribution.source) + len(attribution.target)
    return 400 * tokens + sum(array.nbytes for array in arrays if array is not None)
