"""Methods broken on purpose: what a verification must not let through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from attrs import evolve, field, frozen, validators

from wherefrom.arrays import FloatArray, to_numpy
from wherefrom.methods.contract import AnyMethod, Cost, Method, Progress, Question, Scores, method


def _shuffled(scores: FloatArray) -> FloatArray:
    return scores[np.random.default_rng(0).permutation(len(scores))]


BREAKS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "flipped": lambda scores: -scores,
    "shuffled": _shuffled,
    "constant": np.ones_like,
    "averaged": np.abs,
}
"""Way to what it makes of scores ``(inputs, outputs)``. ``averaged`` takes absolute values over the width and loses the
sign, as an average of absolute gradients does."""


@method("broken", needs=(), signed=True, uses_target_function=True, differentiates=False, register=False)
@frozen(kw_only=True)
class Broken(Method[Any]):
    """Another method's scores, summed over their dimensions and broken in one way."""

    method: Any
    way: str = field(validator=validators.in_(tuple(BREAKS)))

    def cost(self, question: Question) -> Cost | None:
        """That of the method that is broken."""
        whole: AnyMethod = self.method
        return whole.cost(question)

    def cost_on(self, model: Any, question: Question) -> Cost | None:
        whole: AnyMethod = self.method
        return whole.cost_on(model, question)

    def attribute(self, model: Any, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        return self._answers(model, questions, progress)

    def _answers(self, model: Any, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        whole: AnyMethod = self.method
        for found in whole.attribute(model, questions, progress):
            yield evolve(found, source=self._one(found.source), target=self._one(found.target))

    def _one(self, scores: Any) -> Any:
        if scores is None:
            return None
        values = np.asarray(to_numpy(scores), dtype=np.float64)
        if self.way == "averaged":
            values = np.abs(values)
        flat = values.reshape(*values.shape[:2], -1)
        return BREAKS[self.way](flat.mean(axis=2) if self.way == "averaged" else flat.sum(axis=2))
