"""No step whose gradients are all exactly zero passes without a word."""

from __future__ import annotations

import numpy as np

from wherefrom.questions.question import Question
from wherefrom.results.attribution import Attribution


def no_gradient_note(question: Question, made: Attribution) -> str | None:
    """A remark that names the first step whose scores are all exactly zero; None where no step has such.

    Comparisons with a contrast are left out: where text and contrast say the same, zero is the answer.
    """
    asked = question.target_function
    if asked.contrast_ids is not None or asked.contrast_logits is not None:
        return None
    flat = np.ones(len(made.steps), dtype=bool)
    seen = False
    for scores in (made.source_attributions, made.target_attributions):
        if scores is not None:
            flat &= [not scores[:, step].any() for step in range(len(flat))]
            seen = True
    if not seen or not flat.any():
        return None
    first = int(np.flatnonzero(flat)[0])
    return (
        f"{made.method}: all gradients of step {first} ({made.steps[first].text!r}) are exactly 0, and those of "
        f"{int(flat.sum())} of {len(flat)} steps. The target function does not change with the input there: rounding, "
        "saturation or a value detached from it do that. Use a smooth target function, or a method without gradients."
    )
