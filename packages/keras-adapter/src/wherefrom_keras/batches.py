"""Rows side by side: padded on the right, and to few different shapes, since each is compiled once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from attrs import frozen
from wherefrom.adapters import Row
from wherefrom.arrays import BoolArray, IntArray
from wherefrom.errors import InputError

POSITIONS = 2048
"""Positions in one batch, unless a caller says how many rows."""
ROWS = 32


@frozen(eq=False)
class Batch:
    """Some rows as arrays."""

    rows: Sequence[Row]
    lengths: IntArray
    """Positions run of each row: up to the one that predicts its last step."""
    ids: IntArray
    """Shape ``(batch, positions)``; both may be more than there are rows and positions."""
    mask: BoolArray
    """True where a token stands that is not hidden, shape ``(batch, positions)``."""
    at_rows: IntArray
    """Row of each step of all rows, one after another; as many as `places`, the rest zeros."""
    at_positions: IntArray
    """Position that predicts each step, likewise."""
    steps: int
    """How many of those there are."""

    @property
    def sees_nothing(self) -> bool:
        """Is a step predicted where all that stands up to there is hidden?"""
        return any(
            row.target_visible is not None and len(row.steps) > 0 and not row.target_visible[: row.steps.min()].any()
            for row in self.rows
        )

    def spans(self) -> Iterator[slice]:
        """Where each row's steps lie among all."""
        begin = 0
        for row in self.rows:
            yield slice(begin, begin + len(row.steps))
            begin += len(row.steps)


def batches(rows: Iterable[Row], chunk: int | None, longest: int | None) -> Iterator[Batch]:
    """Rows in order, so many at once.

    Raises:
        InputError: A row is longer than the model reads, or has a source.
    """
    waiting: list[Row] = []
    width = 0
    for row in rows:
        length = _length(row, longest)
        most = chunk or min(ROWS, max(1, POSITIONS // padded(max(width, length))))
        if waiting and len(waiting) >= most:
            yield batch(waiting)
            waiting, width = [], 0
        waiting.append(row)
        width = max(width, length)
    if waiting:
        yield batch(waiting)


def batch(rows: Sequence[Row]) -> Batch:
    """These rows together."""
    lengths = np.array([_length(row, None) for row in rows], np.int64)
    shape = (power(len(rows)), padded(int(lengths.max(initial=1))))
    ids = np.zeros(shape, np.int64)
    mask = np.zeros(shape, bool)
    mask[:, 0] = True
    for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        ids[place, :length] = row.target_ids[:length]
        mask[place, :length] = True if row.target_visible is None else row.target_visible[:length]
    steps = sum(len(row.steps) for row in rows)
    at_rows, at_positions = (np.zeros(padded(max(steps, 1)), np.int64) for _ in range(2))
    at_rows[:steps] = np.repeat(np.arange(len(rows)), [len(row.steps) for row in rows])
    at_positions[:steps] = np.concatenate([row.steps - 1 for row in rows]) if rows else 0
    return Batch(tuple(rows), lengths, ids, mask, at_rows, at_positions, steps)


def padded(length: int) -> int:
    """The next of the lengths that are compiled: multiples of 16 up to 128, then of an eighth of their size."""
    grain = max(16, power(length) // 8)
    return -(-length // grain) * grain


def power(count: int) -> int:
    """The next power of two."""
    return 1 << max(0, count - 1).bit_length()


def _length(row: Row, longest: int | None) -> int:
    if row.source_ids is not None:
        raise InputError("Causal models of KerasHub are decoder-only: a source of its own does not fit.")
    length = int(row.steps.max()) if len(row.steps) else 1
    if longest is not None and length > longest:
        raise InputError(f"The model reads at most {longest} tokens, {length} came; shorten the text.")
    return length
