"""What a server says of the next token: the likely ones. And the whole vocabulary that this makes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from attrs import frozen
from wherefrom.arrays import FloatArray, IntArray

from wherefrom_openai.errors import ServerError

ROUNDING = 1e-3
"""By how much a probability, or the sum of all that are listed, may exceed 1: servers round."""

APART = 0.01
"""By how much two answers of one model to one request may differ in a probability: batches and caches round."""


def check_ids(ids: Iterable[int], vocabulary: int) -> None:
    """See that ids are of a vocabulary.

    Raises:
        ServerError: One lies outside.
    """
    outside = next((index for index in ids if not 0 <= index < vocabulary), None)
    if outside is not None:
        raise ServerError(
            f"The server named token {outside}, and the vocabulary has {vocabulary}. Set vocabulary=... to the model's."
        )


@frozen(eq=False)
class Listed:
    """Tokens that a server listed for one step, each once."""

    ids: IntArray
    logprobs: FloatArray
    """Natural logarithms, one per id."""
    unread: float = 0.0
    """Probability of tokens that were listed by names which are not understood."""

    @classmethod
    def of(cls, pairs: dict[int, float], unread: Iterable[float] = ()) -> Listed:
        """From id to log-probability, and from the log-probabilities of what is not understood.

        Raises:
            ServerError: A value is no log-probability, or they are too likely together.
        """
        ids = np.fromiter(pairs, np.int64, len(pairs))
        logprobs = np.fromiter(pairs.values(), np.float64, len(pairs))
        if not len(ids):
            raise ServerError("Log-probabilities are expected; the server gave none. Look at the server's log.")
        wrong = np.flatnonzero(np.isnan(logprobs) | (logprobs > ROUNDING))
        if len(wrong):
            some = ", ".join(f"{logprobs[place]} for token {ids[place]}" for place in wrong[:3])
            raise ServerError(
                f"Log-probabilities are expected, numbers up to 0; of {len(ids)} that the server gave {len(wrong)} are "
                f"none: {some}{', ...' if len(wrong) > 3 else ''} (nan: no number was given). Look at the server's log."
            )
        total = float(np.exp(logprobs).sum())
        if total > 1 + ROUNDING:
            raise ServerError(
                f"Log-probabilities of one distribution are expected; those of {len(ids)} tokens that the server gave "
                f"make {total:.4g} together. Look at the server's settings: it may scale or leave out what it gives."
            )
        return cls(ids, logprobs, float(np.exp([value for value in unread if value <= ROUNDING]).sum()))

    def logits(self, vocabulary: int) -> FloatArray:
        """Log-probabilities of the whole vocabulary. What the listed tokens leave is shared evenly by the others, so
        that those of listed tokens are exact. Shape ``(vocabulary,)``.

        Raises:
            ServerError: An id lies outside the vocabulary.
        """
        check_ids(self.ids.tolist(), vocabulary)
        others = vocabulary - len(self.ids)
        rest = max(1.0 - float(np.exp(self.logprobs).sum()), 1e-12)
        filled: FloatArray = np.full(vocabulary, np.log(rest / others) if others else -np.inf)
        filled[self.ids] = self.logprobs
        return filled

    def agrees(self, other: Listed) -> bool:
        """Does a model say the same, as far as a server's arithmetic repeats? By `APART` of probability at most."""
        here, there = (dict(zip(one.ids.tolist(), np.exp(one.logprobs), strict=True)) for one in (self, other))
        return all(abs(here.get(index, 0.0) - there.get(index, 0.0)) <= APART for index in {*here, *there})

    def to_bytes(self) -> bytes:
        """For keeping: ids as int32, log-probabilities as float64, and `unread` as float64 where it is not 0,
        little-endian."""
        unread = np.array([self.unread] if self.unread else [], "<f8")
        return self.ids.astype("<i4").tobytes() + self.logprobs.astype("<f8").tobytes() + unread.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Listed:
        """What `to_bytes` wrote."""
        size, more = divmod(len(data), 12)
        ids = np.frombuffer(data, "<i4", size).astype(np.int64)
        logprobs = np.frombuffer(data, "<f8", size, offset=4 * size).copy()
        return cls(ids, logprobs, float(np.frombuffer(data, "<f8", offset=12 * size)[0]) if more else 0.0)
