"""What plans of masks cost, told before they are run."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import BoolArray
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.removal import two_rows
from wherefrom.methods.perturbation.settings import SampledSettings
from wherefrom.methods.perturbation.units import Units, last_steps
from wherefrom.methods.sampling.seeds import random_of
from wherefrom.questions.question import Question


def planned_cost(question: Question, units: Units, masks: BoolArray, baseline: str | int) -> Cost:
    """The clean pass, and one for each different mask that removes what an output sees, or two (`removal.two_rows`).

    A bound: what is removed may already be what stands in its place, and a table may know some of the rows.
    """
    seen = units.visible(last_steps(question.target_function, question.steps)).any(axis=1)
    removable = np.array([len(unit.removable) > 0 for unit in units.members], dtype=bool)
    moving = (~masks & (seen & removable)[None, :]).any(axis=1)
    distinct = np.unique(masks[moving], axis=0)
    return Cost(forwards=1 + passes(question, units, distinct, baseline), at_most=True)


def passes(question: Question, units: Units, masks: BoolArray, baseline: str | int) -> int:
    """Passes that these masks take if each is run, a bound."""
    return len(masks) + int(two_rows(question, units, masks, baseline).sum())


def most_passes(question: Question, units: Units, baseline: str | int) -> int:
    """Passes that any one mask takes at most: 1, or 2 where `removal.two_rows` may be true of one."""
    steps = question.steps
    if not len(steps):
        return 1
    before = [unit.side == "source" or unit.start < int(steps[0]) for unit in units.members]
    return passes(question, units, ~np.array([before], dtype=bool), baseline)


def sampled_cost(method: SampledSettings, question: Question, units: Units) -> Cost:
    """The cost of one round of a sampled method, or with ``n_samples="auto"`` of its whole budget."""
    masks = method.plan(units, random_of(method.seed, question))
    planned = planned_cost(question, units, masks, method.baseline)
    if method.n_samples != "auto" or method.blocks(masks) is None:
        return planned
    return Cost(forwards=max(planned.forwards, method.max_samples), at_most=True)
