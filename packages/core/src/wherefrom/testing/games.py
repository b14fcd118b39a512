"""A model that plays a game: its logit is what a coalition of words is worth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import frozen

from wherefrom.testing._blocks import Floats
from wherefrom.testing._networks import Bools, Pass
from wherefrom.testing._vocabulary import Vocabulary
from wherefrom.testing.reference import NumpyModel

FIRST = 1
"""Position of the first player; the beginning of the sequence stands before it."""


@frozen(eq=False, kw_only=True)
class GameNetwork:
    """The multilinear extension of a game over the first words.

    A word's embedding is one number, 1 where it is there and 0 where it is not; between them the logit is the expected
    worth of a coalition that each word joins with that probability. So the integral of the gradient along the diagonal,
    integrated gradients from zero, is the Shapley value (Owen 1972).
    """

    worths: Floats
    """Worth of each coalition, shape ``(2^players,)``; bit ``i`` of the index says whether player ``i`` is in."""
    players: int
    answer: int
    """Id of the word whose logit it is."""
    vocabulary: int

    def run(self, target: Floats, source: Floats | None, target_visible: Bools, source_visible: Bools | None) -> Pass:
        read = slice(FIRST, FIRST + self.players)
        logits = np.zeros((len(target), self.vocabulary))
        last = FIRST + self.players - 1
        if len(target) <= last:
            return Pass(logits, lambda cotangent: (np.zeros((len(cotangent), *target.shape)), None))
        seen = target_visible[read].astype(np.float64)
        there = target[read, 0] * seen
        members = coalitions(self.players)
        factors = np.where(members, there, 1.0 - there)
        logits[last:, self.answer] = self.worths @ factors.prod(axis=1)

        def pull(cotangent: Floats) -> tuple[Floats, None]:
            slopes = np.zeros(self.players)
            for player in range(self.players):
                others = np.delete(factors, player, axis=1).prod(axis=1)
                slopes[player] = (self.worths * others * np.where(members[:, player], 1.0, -1.0)).sum()
            found = np.zeros((len(cotangent), *target.shape))
            found[:, read, 0] = cotangent[:, last:, self.answer].sum(axis=1)[:, None] * slopes * seen
            return found, None

        return Pass(logits, pull)


def coalitions(players: int) -> Bools:
    """Every coalition, row ``i`` by the bits of ``i``. Shape ``(2^players, players)``."""
    members: Bools = (np.arange(2**players)[:, None] >> np.arange(players)) & 1 == 1
    return members


def game_model(worth: Callable[[Bools], float], words: str, answer: str, *, name: str) -> NumpyModel:
    """A model whose logit of ``answer`` after ``words`` is the worth of those of them that are there.

    Args:
        worth: From which players are in, shape ``(players,)``, to a number.
        words: The players, all different.
    """
    vocabulary = Vocabulary()
    players = len(words.split())
    network = GameNetwork(
        worths=np.array([float(worth(row)) for row in coalitions(players)]),
        players=players,
        answer=vocabulary.id_of(f"▁{answer}"),
        vocabulary=len(vocabulary),
    )
    table = np.zeros((len(vocabulary), 1))
    table[[vocabulary.id_of(f"▁{word}") for word in words.split()]] = 1.0
    return NumpyModel(kind="decoder-only", table=table, network=network, vocabulary=vocabulary, name=name)


def shapley_values(worths: Floats) -> Floats:
    """Shapley values by their definition: the mean gain over all orders of joining. Shape ``(players,)``."""
    players = int(np.log2(len(worths)))
    sizes = coalitions(players).sum(axis=1)
    chance = np.array([1.0 / (players * _binomial(players - 1, size)) for size in range(players)])
    found = np.zeros(players)
    for player in range(players):
        without = np.flatnonzero(~coalitions(players)[:, player])
        found[player] = (chance[sizes[without]] * (worths[without | (1 << player)] - worths[without])).sum()
    return found


def leave_one_out_values(worths: Floats) -> Floats:
    """What is lost without each player alone. Shape ``(players,)``."""
    players = int(np.log2(len(worths)))
    everybody = len(worths) - 1
    return np.array([worths[everybody] - worths[everybody ^ (1 << player)] for player in range(players)])


def _binomial(n: int, k: int) -> int:
    found = 1
    for step in range(k):
        found = found * (n - step) // (step + 1)
    return found
