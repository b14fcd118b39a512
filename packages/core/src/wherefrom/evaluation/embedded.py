"""The inputs of one output as embeddings: for metrics that change embeddings instead of taking units away."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from attrs import field, frozen

from wherefrom.adapters import Embeds, PredictsSteps, Row, Side
from wherefrom.adapters.check import lacking, unmet
from wherefrom.arrays import Array, FloatArray, IntArray, like, to_numpy
from wherefrom.methods.perturbation.units import Units
from wherefrom.questions.question import Question
from wherefrom.step_functions.base import log_softmax

T = TypeVar("T")


@frozen(kw_only=True, eq=False)
class Embedded:
    """The embeddings of an output's units, and what the model says of others in their place."""

    vectors: FloatArray
    """Embeddings of the tokens that belong to units, shape ``(tokens, width)``."""
    owners: IntArray
    """The unit of each of these tokens, shape ``(tokens,)``."""
    targets: IntArray
    """Where the explained token stands in what is said, shape ``(steps,)``: its id, of a contrast 0."""
    answers: Callable[[Iterable[FloatArray]], Iterator[FloatArray]]
    """Other embeddings, each of shape ``(tokens, width)``, to log-probabilities in nats, each of shape ``(steps,
    vocabulary)``; of a contrast those where only the token and the one it is compared with may come, ``(steps, 2)``.
    One pass each."""
    _known: dict[Hashable, Any] = field(factory=dict, init=False, repr=False)

    def worths(self, vectors: Iterable[FloatArray]) -> FloatArray:
        """The log-probability of the explained tokens for each of these embeddings, nats."""
        steps = np.arange(len(self.targets))
        return np.array([float(said[steps, self.targets].sum()) for said in self.answers(vectors)])

    def once(self, key: Hashable, run: Callable[[], T]) -> T:
        """What a metric runs that is the same whatever is ranked: it is run for the first that asks."""
        if key not in self._known:
            self._known[key] = run()
        found: T = self._known[key]
        return found


class AsksEmbeddings:
    """A metric that runs embeddings of its own making. Its masks, if any, are planned as ever."""

    def passes(self) -> int:
        """How many passes of the model it runs for one ranking of one output."""
        raise NotImplementedError

    def passes_once(self) -> int:
        """How many more it runs for one output, whatever is ranked."""
        return 0


def embedded(model: Any, question: Question, units: Units, members: IntArray, inside: IntArray) -> Embedded:
    """The embeddings of some units, in the question's own input.

    Args:
        members: Indices of the units.
        inside: Indices of the output's steps among the question's.

    Raises:
        ModelCapabilityError: The model gives no embeddings.
    """
    missing = unmet(model, (Embeds, PredictsSteps))
    if missing:
        raise lacking(model, missing[0], "A metric that changes embeddings", "Leave this metric out.")
    clean: dict[Side, Array] = {"target": model.embed(question.target_ids, side="target")}
    if question.source_ids is not None:
        clean["source"] = model.embed(question.source_ids, side="source")
    places = [
        (units.members[unit].side, int(position), place)
        for place, unit in enumerate(members.tolist())
        for position in units.members[unit].removable.tolist()
    ]
    values: dict[Side, FloatArray] = {side: to_numpy(one).astype(np.float64) for side, one in clean.items()}
    steps = question.steps[inside]
    targets, others = question.target_function.target_ids[inside], question.target_function.contrast_ids
    between = None if others is None else np.stack([targets, others[inside]], axis=1)

    def answers(vectors: Iterable[FloatArray]) -> Iterator[FloatArray]:
        rows = (_row(question, steps, clean, values, places, one) for one in vectors)
        for said in model.predict(rows):
            logits = to_numpy(said.logits)
            chosen = logits if between is None else np.take_along_axis(logits, between, axis=-1)
            yield to_numpy(log_softmax(chosen.astype(np.float64)))

    return Embedded(
        vectors=np.stack([values[side][position] for side, position, _ in places]),
        owners=np.array([place for _, _, place in places], dtype=np.int64),
        targets=targets if between is None else np.zeros_like(targets),
        answers=answers,
    )


def _row(
    question: Question,
    steps: IntArray,
    clean: Mapping[Side, Array],
    values: Mapping[Side, FloatArray],
    places: list[tuple[Side, int, int]],
    vectors: FloatArray,
) -> Row:
    changed: dict[Side, FloatArray] = {side: one.copy() for side, one in values.items()}
    for (side, position, _), vector in zip(places, vectors, strict=True):
        changed[side][position] = vector
    made = {f"{side}_embeds": like(clean[side], one, dtype=clean[side].dtype) for side, one in changed.items()}
    return Row(target_ids=question.target_ids, source_ids=question.source_ids, steps=steps, **made)
