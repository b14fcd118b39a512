"""Any adapter with every capability it has, or with some, and something put around each of them.

`counting` adds up the rows that go through. The table of costs that methods promise is tested with it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from attrs import define

from wherefrom.adapters.check import members
from wherefrom.adapters.internals import RowLogits
from wherefrom.adapters.rows import Row
from wherefrom.arrays import Array


@define
class Tally:
    """Work done so far."""

    calls: int = 0
    """Calls of a method that takes rows."""
    forward_rows: int = 0
    """Rows run forward."""
    forward_positions: int = 0
    """Decoder positions run forward, counting only those from ``first_change`` on where a row says so."""
    backward_rows: int = 0
    """Scalars differentiated: one vector-Jacobian product each."""
    encoder_rows: int = 0
    """Different sources among the rows of each call: what the encoder must read at least."""


@runtime_checkable
class _HasValues(Protocol):
    """An answer from a backward pass: it has the values that were differentiated."""

    values: Array


def counting(model: Any) -> tuple[Any, Tally]:
    """The model with a meter on it.

    A method whose first parameter is called ``rows`` is taken to run each row forward once, each of its ``baselines``
    too if that is the second, each so many times as it is given ``passes``, and to differentiate as many scalars as its
    answer has ``values``. ``logit_terms`` runs three for each row, and differentiates one
    (`wherefrom.adapters.internals.DecomposesStates`).

    Returns:
        An object with every public method of ``model``, and the tally it keeps.
    """
    tally = Tally()

    def metered(name: str) -> Callable[..., Any]:
        method = getattr(model, name)

        def run(self: Any, rows: Iterable[Row], /, *args: Any, **kwargs: Any) -> Iterator[Any]:
            tally.calls += 1
            others = iter(args)
            if takes_baselines(method) and args:
                others = iter((_counted_rows(args[0], tally), *args[1:]))
            times = 3 if name == "logit_terms" else kwargs.get("passes", 1)
            answers = method(_counted_rows(rows, tally, times), *others, **kwargs)
            for answer in answers:
                if isinstance(answer, RowLogits):
                    tally.backward_rows += 1
                if isinstance(answer, _HasValues) and not callable(answer.values):  # a framework's array has a method
                    tally.backward_rows += len(answer.values)
                yield answer

        return run

    return with_methods(model, metered), tally


def only(model: Any, *capabilities: type) -> Any:
    """The model with nothing but some capabilities: what a method may ask of a remote model, for instance.

    Args:
        capabilities: Protocols of `wherefrom.adapters`.
    """
    kept = {name for capability in capabilities for name in members(capability)}
    return with_methods(model, None, kept)


def with_methods(model: Any, metered: Callable[[str], Callable[..., Any]] | None, kept: set[str] | None = None) -> Any:
    """An object that has the public attributes of ``model`` as its class's own, so that Protocols see them.

    Args:
        metered: Makes what stands for a method that takes rows, by its name; None: they are the model's.
        kept: Which attributes; None: all of them.
    """
    members: dict[str, Any] = {}
    for name in dir(model):
        if name.startswith("_") or (kept is not None and name not in kept):
            continue
        attribute = getattr(model, name)
        if not callable(attribute):
            members[name] = property(partial(_attribute, model, name))
        elif metered is not None and takes_rows(attribute):
            members[name] = metered(name)
        else:
            members[name] = staticmethod(attribute)
    return type(f"{type(model).__name__}View", (), members)()


def _attribute(model: Any, name: str, view: Any) -> Any:
    return getattr(model, name)


def takes_rows(method: Callable[..., Any]) -> bool:
    """Is the first parameter called ``rows``?"""
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):
        return False
    return next(iter(parameters), None) == "rows"


def takes_baselines(method: Callable[..., Any]) -> bool:
    """Is the second parameter called ``baselines``?"""
    return list(inspect.signature(method).parameters)[1:2] == ["baselines"]


def _counted_rows(rows: Iterable[Row], tally: Tally, times: int = 1) -> Iterator[Row]:
    sources: dict[Any, Row] = {}
    for row in rows:
        tally.forward_rows += times
        length = int(np.max(row.steps)) if len(row.steps) else 0
        tally.forward_positions += times * max(0, length - (row.first_change or 0))
        if row.source_ids is not None:
            embeds = None if row.source_embeds is None else id(row.source_embeds)
            visible = None if row.source_visible is None else row.source_visible.tobytes()
            key = (embeds, row.source_ids.tobytes(), visible)
            if key not in sources:
                sources[key] = row  # keeps the embeddings alive, so that no other object gets their identity
                tally.encoder_rows += 1
        yield row
