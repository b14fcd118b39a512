"""Scores of a method that has gradients, made on the host one output at a time.

Of thousands of inputs the gradients of all outputs are as large as the scores: what is made of them at once would be a
copy more, and the result's own array another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import mul

import numpy as np

from wherefrom.arrays import Array, FloatArray, namespace, to_numpy


def output_by_output(
    gradients: Array | Sequence[Array] | None,
    made_of: Callable[[Array], Array],
    length: int | None = None,
    *,
    used_up: bool = False,
) -> FloatArray | None:
    """What is made of each output's gradients, ``(inputs, ...)``, side by side: ``(inputs, outputs, ...)``.

    The array is new: nobody else has it.

    Args:
        length: How many inputs there are; those behind the gradients' get zeros.
        used_up: Let each output's go when its scores are made: a list of them is empty afterwards.
    """
    if gradients is None:
        return None
    made, count = None, len(gradients)
    for output in range(count):
        part = to_numpy(made_of(gradients.pop(0) if used_up and isinstance(gradients, list) else gradients[output]))
        if made is None:
            inputs = part.shape[0] if length is None else max(length, part.shape[0])
            made = np.empty((inputs, count, *part.shape[1:]), part.dtype)
            made[part.shape[0] :] = 0
        made[: part.shape[0], output] = part
    assert made is not None, "a question has an output"
    return made


def add_gradients(sums: list[Array] | None, gradients: Array, weight: float | Array) -> list[Array]:
    """Weighted sums of gradients, one for each output, to which ``gradients`` were added; None begins with them.

    Args:
        weight: Of all of them, or of each input's channels, shape ``(inputs, width)``.
    """
    if sums is None:
        return [weight * one for one in gradients]
    for output, one in enumerate(gradients):
        sums[output] += weight * one  # in place, where arrays can be changed: they are nobody else's
    return sums


def times(factors: Array | None) -> Callable[[Array], Array]:
    """What makes shares of one output's gradients: their product with ``factors``, or themselves."""
    return partial(mul, factors) if factors is not None else _itself


def totals(gradients: Array | Sequence[Array], factors: Array | None) -> FloatArray:
    """The sum of each output's shares, shape ``(outputs,)``; see `times`."""
    shares = map(times(factors), gradients)
    return np.array([float(namespace(share).sum(share)) for share in shares])


def _itself(gradients: Array) -> Array:
    return gradients
