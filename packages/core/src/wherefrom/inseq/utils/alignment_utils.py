"""Pairs of positions of two texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from wherefrom.inseq.utils.errors import MissingAlignmentsError


class AlignmentMethod(Enum):
    """How pairs are found."""

    AUTO = "auto"


@dataclass
class AlignedSequences:
    """Two token lists and which of them belong together."""

    source_tokens: list[str]
    target_tokens: list[str]
    alignments: list[tuple[int, int]]

    @property
    def aligned_tokens(self) -> list[tuple[str, str]]:
        """Tokens that belong together."""
        return [(self.source_tokens[a], self.target_tokens[b]) for a, b in self.alignments]

    def reverse(self) -> AlignedSequences:
        """The other way around."""
        pairs = [(b, a) for a, b in self.alignments]
        return AlignedSequences(self.target_tokens, self.source_tokens, pairs)

    def __str__(self) -> str:
        return ", ".join(f"{a} → {b}" for a, b in self.aligned_tokens)


def get_aligned_idx(a_idx: int, alignments: Sequence[tuple[int, int]]) -> int:
    """The counterpart of a position; itself where there are no pairs at all.

    Raises:
        MissingAlignmentsError: There are pairs, and none for it.
    """
    if not alignments:
        return a_idx
    found = [b for a, b in alignments if a == a_idx]
    if not found:
        raise MissingAlignmentsError(f"Position {a_idx} has no counterpart. Give a pair for every explained position.")
    return found[0]
