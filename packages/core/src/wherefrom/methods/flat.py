"""No step whose scores are all exactly zero passes without a word, where that is no answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wherefrom.arrays import BoolArray
from wherefrom.methods.contract import AnyMethod
from wherefrom.methods.noise_tunnel import NoiseTunnel, VarGrad
from wherefrom.methods.paths.baselines import BeginsAtBaseline, each_baseline, stays_on_paths
from wherefrom.methods.perturbation.units import last_steps
from wherefrom.questions.question import Question
from wherefrom.results.attribution import Attribution
from wherefrom.step_functions.base import plain_without_contrast


def flat_notes(method: AnyMethod, question: Question, made: Attribution) -> Iterator[str]:
    """Remarks that name the first step whose scores are all exactly zero, by their cause: nothing to compare with, only
    tokens that the baseline leaves as they are, or no gradient; and step scores with nothing to compare with.

    Comparisons with a contrast are left out: where text and contrast say the same, zero is the answer. So are zeros of
    methods that take no gradients: what is taken away may change nothing.
    """
    yield from _scores_of_nothing(question, made)
    asked = question.target_function
    flat = _flat(made)
    if asked.contrast_ids is not None or asked.contrast_logits is not None or not flat.any():
        return
    if flat.all() and not plain_without_contrast(asked.function) and method.uses_target_function:
        yield (
            f"{made.method}: all scores are exactly 0: {asked.function.identifier} compares with a contrast, and none "
            "is given. Pass contrast_targets or contrast_sources, or take another attributed_fn."
        )
        return
    if not method.differentiates:
        return
    still = flat & _stands_still(method, question)
    if still.any():
        yield (
            f"{made.method}: all scores of {_named(question, still)} are exactly 0: it sees nothing but tokens that "
            "the baseline leaves as they are (special tokens, those of a chat template, the first token of a model "
            "without one). Explain later steps (attr_pos_start), pass keep_special=False, or a baseline for each "
            "position."
        )
    flat &= ~still
    if flat.any() and isinstance(method, VarGrad) and not method.stdev:
        yield f"{made.method}: all scores are exactly 0: with stdev=0 nothing varies. Give a stdev above 0."
    elif flat.any():
        yield (
            f"{made.method}: all gradients of {_named(question, flat)} are exactly 0. The target function does not "
            "change with the input there: rounding, saturation or a value detached from it do that. Use a smooth "
            "target function, or a method without gradients."
        )


def _scores_of_nothing(question: Question, made: Attribution) -> Iterator[str]:
    """Step scores that compare, and have nothing to compare with."""
    for name, score in question.scores.items():
        values = made.step_scores.get(name)
        if values is None or score.contrast_ids is not None or plain_without_contrast(score.function):
            continue
        if not np.asarray(values).any():
            yield (
                f"The step score {name} is 0 at every step: it compares with a contrast, and none is given. Pass "
                "contrast_targets or contrast_sources, or leave it out."
            )


def _flat(made: Attribution) -> BoolArray:
    """Which steps have scores, and none but zeros."""
    given = [scores for scores in (made.source_attributions, made.target_attributions) if scores is not None]
    flat = np.full(len(made.steps), bool(given))
    for scores in given:
        flat &= [not scores[:, step].any() for step in range(len(flat))]
    return flat


def _stands_still(method: AnyMethod, question: Question) -> BoolArray:
    """Which outputs see nothing that moves on a path from the method's baseline."""
    inside = method.of if isinstance(method, NoiseTunnel) else method
    last = last_steps(question.target_function, question.steps)
    still = np.zeros(len(last), bool)
    if isinstance(inside, BeginsAtBaseline) and inside.baseline is not None:
        still[:] = True
        for baseline in each_baseline(inside.baseline):
            stays = stays_on_paths(question, "target", baseline)
            if question.attribute_target:
                still &= [np.isin(np.arange(end), stays).all() for end in last]
            if question.source_ids is not None:
                stays = stays_on_paths(question, "source", baseline)
                still &= np.isin(np.arange(len(question.source_ids)), stays).all()
    return still


def _named(question: Question, steps: BoolArray) -> str:
    first = int(np.flatnonzero(steps)[0])
    more = f", and of {int(steps.sum())} of {len(steps)} steps," if steps.sum() > 1 else ""
    return f"{question.step_named(first)}{more}"
