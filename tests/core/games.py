"""Cooperative games as models: what a coalition is worth is the logit of the token that was said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import permutations
from typing import ClassVar

import numpy as np
from attrs import frozen
from wherefrom.adapters import ModelCard, Row, RowPrediction
from wherefrom.arrays import Array, BoolArray, FloatArray
from wherefrom.methods import Question
from wherefrom.methods.exact_shapley import exact_values
from wherefrom.methods.perturbation.coalitions import all_coalitions
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import StepPrediction

GONE, SAID = 0, 1
Worth = Callable[[BoolArray], float]

WEIGHTS = np.array([4.0, 3.0, 2.0, 1.0])
GAMES: dict[str, Worth] = {
    "and": lambda there: float(there.all()),
    "or": lambda there: float(there.any()),
    "xor": lambda there: float(there.sum() % 2),
    "majority": lambda there: float(2 * there.sum() > len(there)),
    "weighted voting": lambda there: float(np.resize(WEIGHTS, len(there)) @ there > 5),
    "linear": lambda there: float(np.arange(1, len(there) + 1) @ there),
}


@frozen
class Logit:
    """The logit of the target."""

    identifier: ClassVar[str] = "test_logit"
    span_aggregation: ClassVar[str] = "sum"
    differentiable: ClassVar[bool] = True
    contrastive: ClassVar[bool] = False
    sampled: ClassVar[bool] = False

    def __call__(self, prediction: StepPrediction, /) -> Array:
        return prediction.at_target(prediction.logits)


@frozen(eq=False)
class GameModel:
    """At every step, the worth of the tokens before it that are still there."""

    worth: Worth
    ran: list[Row]

    @property
    def card(self) -> ModelCard:
        return ModelCard(name="game", kind="decoder-only", vocabulary=40, unk_id=GONE)

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        for row in rows:
            self.ran.append(row)
            logits = np.zeros((len(row.steps), 40))
            for index, step in enumerate(row.steps):
                logits[index, SAID] = self.worth(row.target_ids[:step] != GONE)
            yield RowPrediction(logits=logits)


def game(worth: Worth, units: int, *, steps: int = 1, seed: int = 0) -> tuple[GameModel, Question]:
    """A model of a game and the question who wins it; with more steps, each sees one player more."""
    ids = np.concatenate([np.arange(2, 2 + units), np.full(1, SAID)])
    asked = np.arange(units - steps + 1, units + 1)
    question = Question(
        target_ids=ids,
        steps=asked,
        target_function=TargetFunction(function=Logit(), target_ids=np.full(steps, SAID)),
        seed=seed,
    )
    return GameModel(worth, []), question


def shapley(worth: Worth, units: int) -> FloatArray:
    """Shapley values by their definition: the mean gain at arrival over all orders."""
    total = np.zeros(units)
    orders = list(permutations(range(units)))
    for order in orders:
        there = np.zeros(units, bool)
        before = worth(there)
        for player in order:
            there[player] = True
            after = worth(there)
            total[player] += after - before
            before = after
    return total / len(orders)


def shapley_of_many(worth: Worth, units: int) -> FloatArray:
    """Shapley values of more units than orders can be counted for: by all coalitions, as `exact_shapley` does, which is
    held against `shapley` elsewhere."""
    masks = all_coalitions(units)
    values = np.array([worth(there) for there in masks])[:, None]
    return exact_values(masks, values, np.ones((units, 1), bool))[:, 0]
