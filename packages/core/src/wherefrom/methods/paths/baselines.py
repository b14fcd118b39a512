"""What stands for "no information" in the methods that compare with a baseline.

A baseline is chosen by name or given:

======== ==========================================================================
``unk``  the unknown token at every position (the default)
``pad``  the padding token
``mask`` the mask token, for models that have one
``zero`` zero embeddings
``mean`` the mean of the vocabulary's embeddings
ids      token ids: one for all positions, or one per position
array    embeddings, shape ``(length, width)`` or ``(width,)``
======== ==========================================================================

A mapping ``{"source": ..., "target": ...}`` chooses for the two sides apart. What is chosen for all positions, by name,
as one id or as one embedding, leaves the kept ones of a question as they are (special tokens unless asked otherwise,
the decoder's start token), and the attention sink of a decoder-only model without a special token in front: with its
sink moving, the score swings tens of times its net change along the path, and no quadrature helps. What is given for
each position is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from attrs import frozen

from wherefrom.adapters import Embeds, ModelCard, SequenceModel, Side
from wherefrom.adapters.card import STAND_INS
from wherefrom.arrays import Array, BoolArray, IntArray, like, namespace, to_numpy
from wherefrom.errors import ModelCapabilityError, SettingsError, ShapeError, nearest
from wherefrom.questions.question import Question

DEFAULT = "unk"
NAMED = (*STAND_INS, "zero", "mean")


@frozen(eq=False)
class Endpoints:
    """Both ends of a path: the baseline's embeddings and the input's, shape ``(length, width)`` each."""

    baseline: Array
    input: Array

    @property
    def difference(self) -> Array:
        """Input minus baseline."""
        return self.input - self.baseline

    def at(self, fraction: float) -> Array:
        """The point of the straight path after ``fraction`` of it, between 0 (baseline) and 1 (input)."""
        return self.baseline + fraction * self.difference

    @property
    def moving(self) -> BoolArray:
        """Which positions differ from their baselines, shape ``(length,)``."""
        moving: BoolArray = np.asarray(to_numpy(self.difference).any(axis=-1))
        return moving


@runtime_checkable
class BeginsAtBaseline(Protocol):
    """A method that compares the input with a baseline."""

    @property
    def baseline(self) -> Any: ...


def baseline_of_side(baseline: Any, side: Side, *, default: str = DEFAULT) -> Any:
    """The choice for one side; ``default`` where a mapping names only the other.

    Raises:
        SettingsError: A mapping names something other than the two sides.
    """
    if isinstance(baseline, Mapping):
        strange = [name for name in baseline if name not in ("source", "target")]
        if strange:
            raise SettingsError(f"baseline is given for {strange[0]!r}; it can be given for 'source' and 'target'.")
        return baseline.get(side, default)
    return baseline


def each_baseline(baseline: Any) -> list[Any]:
    """The baselines to draw from: a list of names, mappings or arrays is several, everything else is one."""
    several = isinstance(baseline, list | tuple) and any(
        isinstance(item, str | Mapping) or getattr(item, "ndim", 0) >= 1 for item in baseline
    )
    return list(baseline) if several else [baseline]


def is_for_all_positions(baseline: Any) -> bool:
    """Is one thing chosen for all positions, so that the kept ones stay as they are?"""
    if isinstance(baseline, str | int | np.integer):
        return True
    given = to_numpy(baseline)
    return given.ndim < (1 if given.dtype.kind in "iu" else 2) or len(given) == 1


def baseline_ids(card: ModelCard, baseline: Any, ids: IntArray, kept: IntArray) -> IntArray | None:
    """The baseline as token ids, shape as ``ids``; None if it is none of tokens.

    Raises:
        SettingsError: The name is unknown, or the model lacks that token.
        ShapeError: Ids are neither one nor as many as there are positions.
    """
    if isinstance(baseline, str):
        if baseline not in NAMED:
            raise SettingsError(
                f"No baseline is called {baseline!r}.{nearest(baseline, NAMED)} Named: {', '.join(NAMED)}; or give ids "
                "or embeddings."
            )
        if baseline in ("zero", "mean"):
            return None
        token = card.stand_ins.get(baseline)
        if token is None:
            raise SettingsError(
                f"{card.name} has no {baseline} token for a baseline. Choose another of: {', '.join(NAMED)}."
            )
        return _but_kept(ids, token, kept)
    if not isinstance(baseline, int | np.integer | list | tuple | np.ndarray):
        return None  # embeddings in the arrays of a framework, or nothing at all: see `baseline_embeddings`
    try:
        given = np.asarray(baseline)
    except ValueError as error:
        raise _no_baseline(baseline) from error
    if given.dtype.kind not in "iu":
        return None
    if not given.size or given.min() < 0 or given.max() >= max(card.vocabulary, 1):
        raise SettingsError(
            f"baseline = {baseline!r} is not made of token ids: the vocabulary of {card.name} has {card.vocabulary} "
            "entries."
        )
    if given.ndim == 0 or given.shape == (1,):
        return _but_kept(ids, int(given.reshape(())), kept)
    if given.shape != ids.shape:
        raise ShapeError(f"{given.size} baseline ids for {ids.size} tokens. Give one id, or one per token.")
    return given.astype(np.int64)


def _but_kept(ids: IntArray, token: int, kept: IntArray) -> IntArray:
    replaced = np.full_like(ids, token)
    replaced[kept] = ids[kept]
    return replaced


def _no_baseline(given: object) -> SettingsError:
    return SettingsError(
        f"baseline = {given!r} is no baseline. Give one of {', '.join(NAMED)}; token ids, one for all positions or one "
        "for each; or embeddings of shape (length, width) or (width,)."
    )


def endpoints(model: Embeds, question: Question, side: Side, baseline: Any) -> Endpoints | None:
    """Input and baseline embeddings of one side of a question; None if the question has no such side."""
    ids = question.ids(side)
    if ids is None:
        return None
    real, chosen = model.embed(ids, side=side), baseline_of_side(baseline, side)
    return Endpoints(baseline_embeddings(model, chosen, ids, real, stays_on_paths(question, side, chosen), side), real)


def kept_on_paths(question: Question, side: Side) -> IntArray:
    """Positions of one side that named baselines leave as they are: the question's kept ones and the attention sink."""
    kept = question.kept_source if side == "source" else np.union1d(question.kept_target, question.sink)
    return kept.astype(np.int64)


def stays_on_paths(question: Question, side: Side, baseline: Any) -> IntArray:
    """Positions of one side that this baseline leaves as they are: none where it is given for each position."""
    kept = kept_on_paths(question, side)
    return kept if is_for_all_positions(baseline_of_side(baseline, side)) else kept[:0]


def card_of(model: object) -> ModelCard:
    """The card of a model whose special tokens a baseline asks for.

    Raises:
        ModelCapabilityError: It has none.
    """
    if not isinstance(model, SequenceModel):
        raise ModelCapabilityError("A baseline needs a model with a card, to know its special tokens.")
    return model.card


def baseline_embeddings(model: Embeds, baseline: Any, ids: IntArray, real: Array, stays: IntArray, side: Side) -> Array:
    """The embeddings of a baseline for a sequence, shape ``(length, width)``: its own where it ``stays``."""
    begins = _of_baseline_alone(model, baseline, ids, real, stays, side)
    at = np.isin(np.arange(len(ids)), stays)[:, None]
    return namespace(real).where(like(real, at), real, begins)


def _of_baseline_alone(model: Embeds, baseline: Any, ids: IntArray, real: Array, stays: IntArray, side: Side) -> Array:
    """Likewise, or ``(1, width)`` for one chosen for all positions."""
    replaced = baseline_ids(card_of(model), baseline, ids, stays)
    if replaced is not None:
        return model.embed(replaced, side=side)
    xp = namespace(real)
    if isinstance(baseline, str):
        return xp.zeros_like(real[:1]) if baseline == "zero" else model.mean_embedding(side=side)[None]
    try:
        given = like(real, baseline, dtype=real.dtype)
        finite = bool(xp.all(xp.isfinite(given)))
    except (TypeError, ValueError, RuntimeError) as error:
        raise _no_baseline(baseline) from error
    if not finite:
        raise SettingsError("baseline has numbers that are not finite. Give embeddings of finite numbers.")
    if given.ndim == 1:
        given = given[None, :]
    if tuple(given.shape) not in ((1, real.shape[1]), tuple(real.shape)):
        raise ShapeError(
            f"Baseline embeddings have shape {tuple(given.shape)}; {len(ids)} tokens of width {real.shape[1]} need "
            f"{tuple(real.shape)} or ({real.shape[1]},)."
        )
    return given
