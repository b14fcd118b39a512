"""Which scores count: above the others by standard deviations, among the highest, or beyond chance.

What counts is how far a score lies from 0, on either side: the sign says which of both texts a metric prefers, and some
metrics are below 0 where the context helps (``logprob_diff``) that are above it in another's words (``pcxmi``).
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from wherefrom.arrays import FloatArray, IntArray
from wherefrom.errors import SettingsError


@frozen(kw_only=True)
class Threshold:
    """How scores are chosen."""

    deviations: float | None = 1.0
    """Mean plus so many sample standard deviations; None and 0: the mean."""
    top_k: int | None = None
    """Of the chosen, only the so many highest."""
    rate: float | None = None
    """False-positive rate of a permutation test, in place of the standard deviations."""

    def __attrs_post_init__(self) -> None:
        if self.top_k is not None and self.top_k < 1:
            raise SettingsError(f"top-k must be at least 1, not {self.top_k}. Leave it out to keep all.")
        if self.rate is not None and not 0.0 < self.rate < 1.0:
            raise SettingsError(f"The false-positive rate lies between 0 and 1, and {self.rate} does not.")


def level(scores: FloatArray, deviations: float | None) -> float:
    """Mean of the scores plus ``deviations`` sample standard deviations; the mean alone for fewer than three scores.

    Of two numbers neither lies a sample standard deviation above their mean, so nothing could ever be chosen.

    Example:
        >>> level(np.array([0.0, 0.0, 3.0]), 1.0) < 3.0
        True
    """
    if not len(scores):
        return 0.0
    least, most = float(scores.min()), float(scores.max())
    mean = min(max(float(scores.mean()), least), most)  # rounding takes that of equal scores beyond them
    if not deviations or len(scores) < 3 or least == most:
        return mean
    return mean + deviations * float(scores.std(ddof=1))


def chosen(scores: FloatArray, threshold: Threshold, p_values: FloatArray | None = None) -> IntArray:
    """Indices of the scores that count, highest absolute score first.

    A score of 0 never counts: nothing depends there. Means and deviations are those of the absolute scores: turning the
    sign of all scores chooses the same, and among mixed signs large ones count wherever they point. Scores of one sign
    are what the rule was made for (Sarti et al. 2024); where they are not negative it is that of inseq, which takes
    mean and deviations of the scores with their signs.

    Args:
        scores: Shape ``(G,)``. Of any signs.
        threshold: The rule.
        p_values: Needed where the rule has a rate. Shape ``(G,)``.
    """
    size = np.abs(scores)
    if threshold.rate is not None:
        assert p_values is not None
        kept = (p_values <= threshold.rate) & (size > 0)
    else:
        kept = (size >= level(size, threshold.deviations)) & (size > 0)
    order = np.argsort(-size, kind="stable")
    found: IntArray = order[kept[order]].astype(np.int64)
    return found if threshold.top_k is None else found[: threshold.top_k]
