"""When are scores with these standard errors good enough, and when are they too rough to be read?"""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.questions.question import Question

ROUGH = 0.5
"""An output is rough when its typical standard error is more than this part of the spread of its scores."""


def t_factor(confidence: float, freedom: float) -> float:
    """How many standard errors an interval reaches to either side, where the errors themselves are estimated.

    Args:
        confidence: Probability mass of the interval.
        freedom: Degrees of freedom that the estimate has.
    """
    from scipy.special import stdtrit  # slow to import, and not needed to start up

    return float(stdtrit(freedom, (1.0 + confidence) / 2.0))


def within(scores: FloatArray, errors: FloatArray, tolerance: float) -> bool:
    """Is every output's largest standard error within this part of its largest score?

    An output all of whose scores are 0 has nothing left to refine.

    Args:
        scores: Shape ``(inputs, outputs)``.
        errors: Their standard errors, same shape and units.
    """
    return bool((largest_parts(scores, errors) <= tolerance).all())


def largest_parts(scores: FloatArray, errors: FloatArray) -> FloatArray:
    """Each output's largest standard error as a part of its largest score; 0 where all scores are 0. As `within`."""
    largest = np.abs(scores).max(axis=0, initial=0.0)
    parts: FloatArray = np.zeros_like(largest)
    np.divide(errors.max(axis=0, initial=0.0), largest, out=parts, where=largest != 0)
    return parts


def above_tolerance(
    method: str, question: Question, parts: FloatArray, tolerance: float, samples: int, but: IntArray
) -> str | None:
    """For a warning: which outputs are not as sure as was asked after all samples; None: all are.

    Args:
        parts: See `largest_parts`.
        but: Outputs of which worse is said.
    """
    left = np.setdiff1d(np.flatnonzero(parts > tolerance), but)
    if not len(left):
        return None
    return (
        f"{method}: {len(left)} of {len(parts)} steps (the first is {question.step_named(left[0])}) keep a standard "
        f"error above {tolerance:g} of their largest score after {samples} samples (largest {parts[left].max():.2g})."
    )


def rough_outputs(scores: FloatArray, errors: FloatArray, visible: BoolArray | None = None) -> IntArray:
    """Outputs whose scores cannot be told apart: the typical standard error is as large as their spread.

    Args:
        scores: Shape ``(inputs, outputs)``.
        errors: Their standard errors, same shape and units.
        visible: Which inputs can matter to which output, same shape; None: all.
    """
    rough = []
    for output in range(scores.shape[1]):
        seen = np.ones(len(scores), bool) if visible is None else visible[:, output]
        if seen.sum() > 1:
            spread = float(scores[seen, output].std())
            typical = float(np.sqrt(np.mean(errors[seen, output] ** 2)))
            if typical > ROUGH * spread > 0:
                rough.append(output)
    return np.array(rough, dtype=np.int64)
