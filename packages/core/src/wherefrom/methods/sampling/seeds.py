"""Where random numbers come from: a method's own seed, or that of the whole call."""

from __future__ import annotations

import numpy as np

from wherefrom.questions.question import Question


def seed_of(seed: int | None, question: Question) -> int:
    """The method's own seed, or that of the whole call."""
    return question.seed if seed is None else seed


def random_of(seed: int | None, question: Question, round_number: int = 0) -> np.random.Generator:
    """The generator of one question: it depends on the seed alone, so batches give what singles give. Later rounds of
    samples have generators of their own."""
    first = seed_of(seed, question)
    return np.random.default_rng([first, round_number] if round_number else first)
