"""A model whose tokens have slightly other embeddings, for whatever asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from attrs import evolve

from wherefrom.adapters import Embeds, Row, Side
from wherefrom.adapters.check import lacking
from wherefrom.adapters.fingerprint import GivesFingerprint
from wherefrom.adapters.views import takes_baselines, with_methods
from wherefrom.arrays import Array, FloatArray, IntArray, like, to_numpy

Nudges = Mapping[int, FloatArray]
"""Token id to what is added to its embedding, shape ``(width,)``."""


def nudged(model: Any, nudges: Mapping[Side, Nudges]) -> Any:
    """The model with every capability it has, and other embeddings of some tokens.

    Rows of ids, the embeddings asked for and the baselines made of them all follow; embeddings given outright, and the
    table of the vocabulary, stay as they are. It has no fingerprint: what is kept of the model is not its own.

    Raises:
        ModelCapabilityError: The model gives no embeddings.
    """
    if not isinstance(model, Embeds):
        raise lacking(model, Embeds, "A metric that moves embeddings", "Leave this metric out.")

    def embed(ids: IntArray, *, side: Side) -> Array:
        return _moved(model, ids, side, nudges)

    def wrapped(name: str) -> Callable[..., Any]:
        method = getattr(model, name)

        def run(self: Any, rows: Iterable[Row], /, *args: Any, **kwargs: Any) -> Iterator[Any]:
            if takes_baselines(method) and args:
                args = (_rows(model, args[0], nudges), *args[1:])
            return iter(method(_rows(model, rows, nudges), *args, **kwargs))

        return run

    view = with_methods(model, wrapped)
    type(view).embed = staticmethod(embed)
    if isinstance(model, GivesFingerprint):
        type(view).fingerprint = staticmethod(_untold)
    return view


def random_nudges(
    model: Any, ids: IntArray, side: Side, radius: float, rng: np.random.Generator
) -> dict[int, FloatArray]:
    """Uniform noise for each of some tokens.

    Args:
        radius: Largest change of an entry, as a part of the root mean square of the tokens' embeddings.
    """
    distinct = np.unique(ids)
    values = to_numpy(model.embed(distinct, side=side)).astype(np.float64)
    size = radius * float(np.sqrt((values**2).mean()))
    noise = rng.uniform(-size, size, values.shape)
    return {int(one): row for one, row in zip(distinct, noise, strict=True)}


def _untold() -> None:
    """See `wherefrom.adapters.fingerprint.GivesFingerprint`."""


def _moved(model: Any, ids: IntArray, side: Side, nudges: Mapping[Side, Nudges]) -> Array:
    clean = model.embed(ids, side=side)
    own = nudges.get(side, {})
    flat = np.asarray(ids).ravel()
    if not np.isin(flat, list(own)).any():
        return clean
    added = np.zeros((len(flat), clean.shape[-1]))
    for place, one in enumerate(flat.tolist()):
        if one in own:
            added[place] = own[one]
    return clean + like(clean, added.reshape(tuple(clean.shape)), dtype=clean.dtype)


def _rows(model: Any, rows: Iterable[Row], nudges: Mapping[Side, Nudges]) -> Iterator[Row]:
    for row in rows:
        changes: dict[str, Array] = {}
        if row.target_embeds is None:
            changes["target_embeds"] = _moved(model, row.target_ids, "target", nudges)
        if row.source_embeds is None and row.source_ids is not None:
            changes["source_embeds"] = _moved(model, row.source_ids, "source", nudges)
        yield evolve(row, **changes)
