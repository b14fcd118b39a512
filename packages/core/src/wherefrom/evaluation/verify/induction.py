"""A hand-set induction head: it finds the earlier place of the present token and says what stood behind it.

Of all tokens further back than two, one of that pair must have the highest score, without regard to sign: the number
is the share of steps where it has. The last two are left out: the head that looks one token back reads them at every
step, whatever is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen

from wherefrom.arrays import FloatArray
from wherefrom.errors import InputError
from wherefrom.evaluation.verify.asking import asked, scores_of
from wherefrom.evaluation.verify.contract import TRUTHS
from wherefrom.results.attribution import Attribution
from wherefrom.testing.induction import induction_model

PROMPT = "cat saw a big dog and cat"
STEPS = 3


@frozen(kw_only=True)
class Induction:
    """What was said before is what counts."""

    make: Callable[[], Any]
    wanted: float = 1.0

    def value(self, method: Any) -> float:
        result = asked(self.make(), method, PROMPT, generation_args={"max_new_tokens": STEPS})
        return pair_on_top(result)


def pair_on_top(result: Attribution) -> float:
    """Share of steps where the earlier pair is on top.

    Raises:
        InputError: The model did not repeat itself.
    """
    ids = [token.id for token in result.target]
    scores: FloatArray = np.abs(scores_of(result, "target"))
    found = []
    for column, step in enumerate(range(result.attr_pos_start, result.attr_pos_end)):
        place = ids.index(ids[step - 1])
        if ids[place + 1] != ids[step]:
            raise InputError("The model does not repeat what it read; it is no induction head.")
        candidates = [index for index in range(step - 2) if not result.target[index].special]
        highest = max(scores[index, column] for index in candidates)
        on_top = {index for index in candidates if scores[index, column] == highest}
        found.append(on_top <= {place, place + 1})
    return float(np.mean(found))


TRUTHS.register("induction head", Induction(make=induction_model))
