"""Games over the words of a prompt, all of whose coalitions are known.

Asked of methods that give Shapley values, or what is lost without each word: the number is 1 minus the largest error,
as a part of the largest value, over all games.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.evaluation.verify.asking import asked, claimed, from_zero, scores_of, with_settings
from wherefrom.evaluation.verify.contract import TRUTHS, NotTestedError
from wherefrom.evaluation.verify.valued import nearness
from wherefrom.testing.games import FIRST, game_model, leave_one_out_values, shapley_values

PLAYERS = "the cat saw a dog"
ANSWER = "sat"

GAMES: dict[str, Callable[[BoolArray], float]] = {
    "and": lambda players: float(players[[0, 2]].all()),
    "or": lambda players: float(players[[1, 3]].any()),
    "xor": lambda players: float(players[[0, 1, 4]].sum() % 2),
    "majority": lambda players: float(players.sum() >= 3),
    "weighted voting": lambda players: float(players @ np.array([4, 3, 2, 1, 0]) >= 6),
}
"""Who is in to what it is worth. Players that no rule names are dummies."""

VALUES: Mapping[str, Callable[[npt.NDArray[np.float64]], FloatArray]] = {
    "exact_shapley": shapley_values,
    "feature_ablation": leave_one_out_values,
    "integrated_gradients": shapley_values,
    "kernel_shap": shapley_values,
    "occlusion": leave_one_out_values,
    "shapley_value_sampling": shapley_values,
}
"""Method to what it claims to give. Integrated gradients join: a game's model is its multilinear extension."""
SETTINGS: Mapping[str, dict[str, Any]] = {
    "kernel_shap": {"n_samples": 62},
    "shapley_value_sampling": {"n_samples": 120},
}
"""Enough samples for five players: every coalition of them, as many orders as there are."""


@frozen(kw_only=True)
class Games:
    """Each player's value is its score."""

    wanted: float = 0.9

    def value(self, method: Any) -> float:
        name = claimed(method)
        if name not in VALUES:
            raise NotTestedError("it claims neither Shapley values nor what is lost without each word")
        return min(self._game(method, name, worth) for worth in GAMES.values())

    def _game(self, method: Any, name: str, worth: Callable[[BoolArray], float]) -> float:
        model = game_model(worth, PLAYERS, ANSWER, name="game")
        network: Any = model.network
        known = VALUES[name](network.worths)
        if not np.abs(known).max() > 0:
            return 1.0
        result = asked(model, with_settings(from_zero(method), SETTINGS.get(name, {})), PLAYERS, f"{PLAYERS} {ANSWER}")
        scores = scores_of(result, "target")[FIRST : FIRST + network.players, -1]
        return nearness(scores, known)


TRUTHS.register("games", Games())
