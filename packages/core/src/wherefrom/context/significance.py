"""Does a part of a context do more for the output than any text would in its place?

A model says almost anything a little more readily behind documents, whatever they are about. So the effect of each
part is compared with the effects of foreign texts that stand in the places of parts: by one measure at a time, a
one-sided test of one new observation against a sample. Effects of foreign texts are taken to be normal, with mean and
variance unknown; with F of them the statistic has a t distribution with F - 1 degrees of freedom. Holm's correction
covers all parts and both measures of a sentence: where nothing supports it, the chance that anything is cited is at
most the level.

Source:
    Fisher (1935), The Design of Experiments, section 33, and any text on prediction intervals; Holm (1979), A simple
    sequentially rejective multiple test procedure.
"""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import FloatArray
from wherefrom.errors import InputError


def p_values(effects: FloatArray, null: FloatArray) -> FloatArray:
    """For each effect the chance that a foreign text has one as large.

    Args:
        effects: Of parts, shape ``(D,)``.
        null: Of foreign texts, shape ``(F,)``, at least two.

    Raises:
        InputError: There are fewer.

    Example:
        >>> p_values(np.array([0.0, 9.0]), np.array([-1.0, 0.0, 1.0, 0.0])).round(4).tolist()
        [0.5, 0.0011]
    """
    from scipy.stats import t  # not needed to start up

    if len(null) < 2:
        raise InputError(
            f"A test needs two foreign texts at least, and {len(null)} could be put in a part's place. Cite by the "
            "threshold alone: support_level=None."
        )
    spread = float(null.std(ddof=1)) * np.sqrt(1.0 + 1.0 / len(null))
    away = effects - float(null.mean())
    if spread == 0.0:  # foreign texts change nothing at all
        return np.where(away > 0, 0.0, 1.0)
    values: FloatArray = np.asarray(t.sf(away / spread, len(null) - 1), dtype=np.float64)
    return values
