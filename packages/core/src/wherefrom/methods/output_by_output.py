"""Scores of a method that has gradients, made on the host one output at a time.

Of thousands of inputs the gradients of all outputs are as large as the scores: what is made of them at once would be a
copy more, and the result's own array another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wherefrom.arrays import Array, FloatArray, to_numpy


def output_by_output(gradients: Array | Sequence[Array] | None, made_of: Callable[[Array], Array]) -> FloatArray | None:
    """What is made of each output's gradients, ``(inputs, ...)``, side by side: ``(inputs, outputs, ...)``.

    The array is new: nobody else has it.
    """
    if gradients is None:
        return None
    made = None
    for output, gradient in enumerate(gradients):
        part = to_numpy(made_of(gradient))
        if made is None:
            made = np.empty((part.shape[0], len(gradients), *part.shape[1:]), part.dtype)
        made[:, output] = part
    assert made is not None, "a question has an output"
    return made
