"""What plans of masks cost, told before they are run."""

from __future__ import annotations

import numpy as np

from wherefrom.arrays import BoolArray
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.settings import SampledSettings
from wherefrom.methods.perturbation.units import Units, last_steps
from wherefrom.methods.sampling.seeds import random_of
from wherefrom.questions.question import Question


def planned_cost(question: Question, units: Units, masks: BoolArray) -> Cost:
    """The clean pass, and one for each different mask that removes what an output sees.

    A bound: what is removed may already be what stands in its place, and a table may know some of the rows.
    """
    seen = units.visible(last_steps(question.target_function, question.steps)).any(axis=1)
    removable = np.array([len(unit.removable) > 0 for unit in units.members], dtype=bool)
    moving = (~masks & (seen & removable)[None, :]).any(axis=1)
    return Cost(forwards=1 + len(np.unique(masks[moving], axis=0)), at_most=True)


def sampled_cost(method: SampledSettings, question: Question, units: Units) -> Cost:
    """The cost of one round of a sampled method, or with ``n_samples="auto"`` of its whole budget."""
    masks = method.plan(units, random_of(method.seed, question))
    planned = planned_cost(question, units, masks)
    if method.n_samples != "auto" or method.blocks(masks) is None:
        return planned
    return Cost(forwards=max(planned.forwards, method.max_samples), at_most=True)
