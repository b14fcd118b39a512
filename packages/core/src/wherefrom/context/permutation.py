"""Is a token more sensitive to this context than to contexts that have nothing to say?

Contexts drawn from a null are put in the place of the real one. A token's p-value is the share of draws, the real
context counted as one of them, whose *largest* score over the whole output reaches the token's. Comparing with the
largest keeps the rate for the output as a whole: where the real context is no different from the null's, the chance
that any of its tokens is flagged is at most the rate, however long the output.

Two nulls:

* **unrelated** contexts, given by whoever asks (contexts of other examples are the natural choice);
* **shuffled**: the context's own words (characters, in scripts without spaces) in another order. It asks whether
  order matters, and so has little power against a cue that works from any place; give unrelated contexts where there
  are some.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wherefrom.arrays import FloatArray, IntArray
from wherefrom.errors import InputError
from wherefrom.text.segmentation import is_mark_of_space, word_or_character_spans
from wherefrom.text.tokens import Token


def p_values(scores: FloatArray, null: Sequence[FloatArray]) -> FloatArray:
    """How often chance does as well, for each score.

    Args:
        scores: Of the real context, shape ``(G,)``.
        null: Of each drawn context, shape ``(G,)`` each.

    Returns:
        Shape ``(G,)``, from ``1 / (len(null) + 1)`` to 1.

    Source:
        Phipson & Smyth (2010), https://doi.org/10.2202/1544-6115.1585 (why the real one is counted); Westfall & Young
        (1993) (the largest over all tests).

    Example:
        >>> p_values(np.array([0.1, 9.0]), [np.array([0.2, 0.3])] * 19).tolist()
        [1.0, 0.05]
    """
    largest = np.array([np.abs(draw).max(initial=0.0) for draw in null])
    reached = (largest[None, :] >= np.abs(scores)[:, None]).sum(axis=1)
    values: FloatArray = (1.0 + reached) / (1.0 + len(null))
    return values


def require_enough(draws: int, rate: float) -> None:
    """Refuse a test that could never flag anything.

    Raises:
        InputError: The smallest possible p-value lies above the rate.
    """
    if 1.0 / (draws + 1) > rate + 1e-12:
        needed = int(np.ceil(1.0 / rate - 1e-9)) - 1
        raise InputError(
            f"A false-positive rate of {rate} needs at least {needed} null contexts, and there are {draws}. Give more "
            "unrelated contexts, or choose a higher rate."
        )


def shuffles(ids: IntArray, tokens: Sequence[Token], positions: IntArray, draws: int, seed: int) -> list[IntArray]:
    """The ids with the words at some positions in other orders, all different from the real one.

    Words are those of `word_or_character_spans`. Special tokens among the positions stay in place; pieces of a word,
    and a mark of spaces in front of it that is a token of its own, stay together.

    Args:
        ids: The sequence the context stands in, shape ``(L,)``.
        tokens: Its tokens.
        positions: The context's, ascending.
        draws: How many orders.
        seed: For drawing them.

    Raises:
        InputError: There are no two different words to exchange.
    """
    movable = [int(position) for position in positions if not tokens[position].special]
    starts = {start for start, _ in word_or_character_spans(tokens)}
    words: list[list[int]] = []
    for position in movable:
        follows = bool(words) and words[-1][-1] == position - 1
        if follows and (position not in starts or all(is_mark_of_space(tokens[one]) for one in words[-1])):
            words[-1].append(position)
        else:
            words.append([position])
    if len({tuple(ids[word].tolist()) for word in words}) < 2:
        raise InputError(
            "A context of fewer than two different words has no other order to test against. Give unrelated contexts, "
            "or select by standard deviations."
        )
    rng = np.random.default_rng(seed)
    found: list[IntArray] = []
    while len(found) < draws:
        order = rng.permutation(len(words))
        moved = ids.copy()
        moved[movable] = np.concatenate([ids[words[index]] for index in order])
        if not np.array_equal(moved, ids):
            found.append(moved)
    return found
