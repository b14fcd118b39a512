"""Where random numbers come from: a method's own seed, or that of the whole call."""

from __future__ import annotations

import numpy as np

from wherefrom.questions.question import Question

ROUND, RESAMPLES, CHECK = 0, 1, 3
"""What is drawn under one seed, as the word behind it: a later round of samples, resamples, the masks of a check."""


def random_for(use: int, seed: int) -> np.random.Generator:
    """A generator for another use than samples: it shares no draw with any round of them.

    Args:
        use: `RESAMPLES` or `CHECK`.
    """
    return np.random.default_rng([seed, use])


def seed_of(seed: int | None, question: Question) -> int:
    """The method's own seed, or that of the whole call."""
    return question.seed if seed is None else seed


def random_of(seed: int | None, question: Question, round_number: int = 0) -> np.random.Generator:
    """The generator of one question: it depends on the seed alone, so batches give what singles give. Later rounds of
    samples have generators of their own."""
    return random_of_round(seed_of(seed, question), round_number)


def random_of_round(seed: int, number: int) -> np.random.Generator:
    """The generator of one round of samples under a seed: of the first that of the seed itself."""
    return np.random.default_rng([seed, ROUND, number] if number else seed)
