"""Ways through a vocabulary: from a token to its baseline by way of words that lie between.

Between two embeddings, a coordinate of a third is *on course* if it lies between theirs. A word that is on
course in all coordinates would be a stop on a monotone path; hardly any word is, so the next stop is the one
that has to be bent least, and the coordinates that are off course are replaced by a small step towards the
baseline.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import FileFormatError
from wherefrom.files.wire.npz import arrays_of


class Neighbours:
    """The nearest words of each word, looked up when first asked for.

    Args:
        table: Embeddings of the vocabulary, shape ``(vocabulary, width)``.
        count: How many neighbours; a word is not its own.
        folder: Where to keep what was looked up between calls; None: nowhere. The file's name is a hash of
            the table, so other weights never read it; one that is damaged is written anew.
    """

    def __init__(self, table: FloatArray, count: int, folder: str | None = None) -> None:
        self._table = table
        self._count = min(count, len(table) - 1)
        self._known: dict[int, IntArray] = {}
        self._file: Path | None = None
        self._index: Any = None
        if folder is not None:
            digest = hashlib.sha256(np.ascontiguousarray(table).tobytes()).hexdigest()[:32]
            self._file = Path(folder) / f"neighbours-{digest}-{self._count}.npz"
            if self._file.exists():
                self._known = self._kept(self._file)
        self._stored = len(self._known)

    def _kept(self, file: Path) -> dict[int, IntArray]:
        """What a file has of this table; nothing where it is damaged, something else or cannot be read, so that it is
        written anew."""
        with suppress(FileFormatError, KeyError, OSError):
            stored = arrays_of(file)
            words, neighbours = stored["words"], stored["neighbours"]
            whole = words.dtype.kind in "iu" and neighbours.dtype.kind in "iu"
            known = ((neighbours >= 0) & (neighbours < len(self._table))).all() if whole else False
            if known and words.ndim == 1 and neighbours.shape == (len(words), self._count):
                return dict(zip(words.tolist(), neighbours, strict=True))
        return {}

    def of(self, words: IntArray) -> list[IntArray]:
        """Ids of the nearest words of each of ``words``, nearest first."""
        missing = np.array(sorted({int(word) for word in words} - self._known.keys()), np.int64)
        if len(missing):
            from sklearn.neighbors import NearestNeighbors

            if self._index is None:
                self._index = NearestNeighbors(algorithm="brute").fit(self._table)
            found = self._index.kneighbors(self._table[missing], n_neighbors=self._count + 1, return_distance=False)
            for word, near in zip(missing.tolist(), found, strict=True):
                self._known[word] = near[near != word][: self._count]
        return [self._known[int(word)] for word in words]

    def save(self) -> None:
        """Write what was looked up to the folder, if there is one and anything is new."""
        if self._file is None or len(self._known) == self._stored:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_suffix(".partial.npz")
        np.savez(partial, words=np.array(list(self._known)), neighbours=np.stack(list(self._known.values())))
        partial.replace(self._file)
        self._stored = len(self._known)


@frozen(kw_only=True, eq=False)
class WordPaths:
    """Finds paths over one vocabulary."""

    table: FloatArray
    """Embeddings, shape ``(vocabulary, width)``."""
    neighbours: Neighbours
    points: int
    """Points of a path, both ends included."""
    strategy: Literal["greedy", "maxcount"] = "greedy"
    _stops: dict[tuple[int, int], list[int]] = field(factory=dict, init=False, repr=False)

    def stops(self, word: int, baseline: int) -> list[int]:
        """Ids passed from ``word`` towards ``baseline``: the word first, the baseline left out, ``points -
        1`` in all.

        Where no unused neighbour is left, the rest is the baseline.
        """
        self._find({(word, baseline)})
        return self._stops[word, baseline]

    def _find(self, pairs: set[tuple[int, int]]) -> None:
        """Find the stops of all pairs side by side, so that neighbours are looked up for many words at once."""
        going = {pair: [pair[0]] for pair in sorted(pairs - self._stops.keys())}
        for _ in range(self.points - 2):
            if going:
                self.neighbours.of(np.array([passed[-1] for passed in going.values()]))
            for (_word, baseline), passed in going.items():
                passed.append(self._next(passed, baseline))
        self._stops.update(going)

    def _next(self, passed: list[int], baseline: int) -> int:
        """The stop after those passed; the baseline where no unused neighbour is left."""
        used = {*passed, baseline}
        near = [int(one) for one in self.neighbours.of(np.array([passed[-1]]))[0] if int(one) not in used]
        if not near or passed[-1] == baseline:
            return baseline
        here, end = self.table[passed[-1]], self.table[baseline]
        on_course = _on_course(self.table[near], here, end)
        if self.strategy == "greedy":
            bent = _bent(self.table[near], on_course, here, end, self.points)
            cost = np.linalg.norm(self.table[near] - bent, axis=1)
        else:
            cost = -on_course.sum(axis=1)
        return near[int(np.argmin(cost))]

    def between(self, words: IntArray, baselines: IntArray, stays: BoolArray) -> FloatArray:
        """Points from each baseline (first) to its word (last), shape ``(points, words, width)``.

        Args:
            stays: Words that pass by no other: they are repeated, and jump to the baseline at its end.
        """
        points = np.empty((self.points, len(words), self.table.shape[1]), self.table.dtype)
        moving = ~np.asarray(stays)
        self._find(set(zip(words[moving].tolist(), baselines[moving].tolist(), strict=True)))
        for i, (word, baseline, alone) in enumerate(zip(words.tolist(), baselines.tolist(), stays, strict=True)):
            stops = [word] * (self.points - 1) if alone else self.stops(word, baseline)
            end = self.table[baseline]
            here = self.table[stops[0]]
            points[-1, i] = here
            for k, stop in enumerate(stops[1:], start=2):
                raw = self.table[stop]
                here = _bent(raw, _on_course(raw, here, end), here, end, self.points)
                points[-k, i] = here
            points[0, i] = end
        return points


def _on_course(words: FloatArray, here: FloatArray, end: FloatArray) -> BoolArray:
    """Which coordinates of ``words`` lie between ``here`` and ``end``."""
    course: BoolArray = (np.minimum(here, end) <= words) & (words <= np.maximum(here, end))
    return course


def _bent(words: FloatArray, on_course: BoolArray, here: FloatArray, end: FloatArray, points: int) -> FloatArray:
    """``words`` with the coordinates off course replaced by one ``points``-th of the way from ``here`` to
    ``end``."""
    bent: FloatArray = np.where(on_course, words, here - (here - end) / points)
    return bent
