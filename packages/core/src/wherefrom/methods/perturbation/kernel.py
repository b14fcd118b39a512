"""The Shapley kernel over sizes of coalitions, and how often a draw of it shows each size of a part of the units."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.methods.perturbation.coalitions import all_coalitions


def kernel_of_sizes(count: int) -> FloatArray:
    """Probability of each coalition size 0..count under the Shapley kernel; 0 for none and for all."""
    sizes = np.arange(1, count)
    kernel = np.zeros(count + 1)
    if count > 1:
        kernel[1:-1] = 1.0 / (sizes * (count - sizes))
        kernel /= kernel.sum()
    return kernel


def kernel_masks(count: int, samples: int, rng: np.random.Generator) -> BoolArray:
    """All coalitions if they are few enough; else the full one, the empty one, and pairs of complements.

    Pairs are drawn by the Shapley kernel. Shape ``(samples or fewer, count)``.
    """
    if count < 2 or 2.0**count <= samples:
        return all_coalitions(count)
    sizes = np.arange(1, count)
    drawn = rng.choice(sizes, size=(samples - 2) // 2, p=kernel_of_sizes(count)[1:-1])
    masks = np.zeros((2 + 2 * len(drawn), count), bool)
    masks[0] = True
    ranks = np.argsort(rng.random((len(drawn), count)), axis=1)
    masks[2::2] = ranks < drawn[:, None]
    masks[3::2] = ~masks[2::2]
    return masks


def enough_of_kernel(units: int) -> int:
    """The fewest coalitions that a fit with the Shapley kernel needs.

    The two ends give the sum, and every other unknown takes a pair, as both of a pair say the same; three pairs more
    for every eight, without which resamples say too little of how far the fit may be off.
    """
    unknowns = units - 1
    return 2 + 2 * (unknowns + 3 * unknowns // 8)


def kernel_weights(masks: BoolArray, seen: BoolArray, *, complete: bool) -> FloatArray:
    """How much each coalition counts where an output sees only some units. Shape ``(rows,)``, 0 for none and for all.

    The ratio of the kernel over the units it sees to the distribution that the shared draw has for them.
    """
    count = int(seen.sum())
    ratio = kernel_of_sizes(count) / drawn_sizes(count, masks.shape[1], complete=complete)
    weights: FloatArray = ratio[masks[:, seen].sum(axis=1)]
    return weights


def drawn_sizes(seen: int, units: int, *, complete: bool) -> FloatArray:
    """Probability that a drawn coalition of all units holds 0..seen of those that an output sees."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, units + 1)))])

    def log_choose(n: IntArray | int, k: IntArray) -> FloatArray:
        inside = (k >= 0) & (k <= n)
        safe = np.where(inside, k, 0)
        chosen: FloatArray = np.where(inside, log_factorial[n] - log_factorial[safe] - log_factorial[n - safe], -np.inf)
        return chosen

    held = np.arange(seen + 1)
    if complete:
        counts: FloatArray = np.exp(log_choose(seen, held) - seen * np.log(2.0))
        return counts
    drawn = np.arange(1, units)
    joint = (
        log_choose(seen, held)[None, :]
        + log_choose(units - seen, drawn[:, None] - held[None, :])
        - log_choose(units, drawn)[:, None]
    )
    probabilities: FloatArray = kernel_of_sizes(units)[1:-1] @ np.exp(joint)
    # sizes that can never be drawn get no weight anyway
    return np.where(probabilities > 0, probabilities, 1.0)
