"""The user's module is the user's: one caller at a time, ready to be asked inside, as it was outside.

Hooks, attention implementations and training flags belong to a module and not to a call, so two calls at once would
answer each other. `reserved` keeps others out, brings the module into the state that scores are defined in, and puts
everything back. Nothing yields inside of it: `one_by_one` reserves the module for each answer of a stream alone, so a
stream that is left half way, or whose exception is kept, holds nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from threading import Lock, RLock, get_ident
from typing import TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch
from attrs import define
from torch import nn
from transformers import PreTrainedModel
from wherefrom.errors import UsageError

from wherefrom_hf.running.as_built import look_at
from wherefrom_hf.running.compiled import as_written
from wherefrom_hf.running.eager import configs_of
from wherefrom_hf.running.parts import parts_of, weights_of

T = TypeVar("T")


class _Turns:
    """Whose turn it is with modules that have something in common."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.number = next(_numbers)
        self.owner: int | None = None
        """The thread that holds the lock, and has held it `depth` times."""
        self.depth = 0


@define(eq=False)
class _Lease:
    """The right to use one module."""

    turns: tuple[_Turns, ...] = ()
    """All that must be waited for, in the order of their numbers: nobody holds a later one while waiting."""
    owner: int | None = None
    """The thread whose turn it is."""
    depth: int = 0
    """How many reservations of that thread are open."""


_numbers = count()
_AUTOCAST = ("cpu", "cuda")
"""Kinds of devices whose operations a caller may have asked to be made in another precision."""

_leases: WeakKeyDictionary[nn.Module, _Lease] = WeakKeyDictionary()
_turns: WeakValueDictionary[int, _Turns] = WeakValueDictionary()
"""By the identity of a part, a weight or a configuration. Modules that share one take turns: hooks, flags and what
computes attention are set there."""
_waiting: dict[int, _Turns] = {}
"""What each thread waits for that waits."""
_registering = Lock()


def _forget_leases() -> None:
    """In a forked child nobody is left who could give a lock back."""
    global _registering
    _registering = Lock()
    _leases.clear()
    _turns.clear()
    _waiting.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_leases)


def _lease_of(module: nn.Module, *, anew: bool = True) -> _Lease:
    with _registering:
        lease = _leases.setdefault(module, _Lease())
        if lease.owner != get_ident() and (anew or not lease.turns):
            lease.turns = _turns_of(module)
        return lease


def _turns_of(module: nn.Module) -> tuple[_Turns, ...]:
    """Several for a module that joins others, each of which had its own before."""
    parts = parts_of(module)
    shared = [id(one) for one in (*parts, *weights_of(parts), *configs_of(parts))]
    found = {known for one in shared if (known := _turns.get(one)) is not None} or {_Turns()}
    in_order = tuple(sorted(found, key=lambda turns: turns.number))
    for one in shared:
        _turns.setdefault(one, in_order[0])
    return in_order


@contextmanager
def _turn(turns: _Turns) -> Iterator[None]:
    """Within the block it is this thread's turn.

    Raises:
        UsageError: It would never come.
    """
    me = get_ident()
    with ExitStack() as held:
        try:
            with _registering:
                if turns.owner != me and _waits_for(me, turns):
                    raise UsageError(
                        "Two threads are each within a call of one model and ask for the model of the other: neither "
                        "could go on. Ask such models in the same order in all threads, or put one lock around all."
                    )
                _waiting[me] = turns
            held.enter_context(turns.lock)
        finally:
            _waiting.pop(me, None)
        with _registering:
            turns.owner = me
            turns.depth += 1
        try:
            yield
        finally:
            with _registering:
                turns.depth -= 1
                if not turns.depth:
                    turns.owner = None


def _waits_for(thread: int, turns: _Turns) -> bool:
    """Does who holds these turns wait for that thread, or for one that does?"""
    owner = turns.owner
    while owner is not None and owner != thread:
        wanted = _waiting.get(owner)
        owner = None if wanted is None else wanted.owner
    return owner == thread


@contextmanager
def reserved(module: PreTrainedModel, *, anew: bool = True) -> Iterator[None]:
    """Within the block this thread alone uses ``module``, in evaluation mode; blocks may be nested.

    Training flags of all parts, ``config.return_dict`` and compiled parts are put back on leaving, and so are
    the caller's grad and inference modes and autocast: inside, gradients may be taken, and weights compute in the
    precision that they have.

    Args:
        anew: Is the module looked at, how it is built and what it shares with others? It may have changed since it was
            asked last. Within blocks it is not.

    Raises:
        UsageError: Another thread holds it, and waits for what this thread holds.
    """
    lease = _lease_of(module, anew=anew)
    with ExitStack() as held:
        if lease.owner != get_ident():
            for turns in lease.turns:
                held.enter_context(_turn(turns))
        lease.owner = get_ident()
        lease.depth += 1
        try:
            with ExitStack() as stack:
                stack.callback(torch.set_grad_enabled, torch.is_grad_enabled())
                for kind in _AUTOCAST:
                    if torch.is_autocast_enabled(kind):
                        stack.enter_context(torch.autocast(kind, enabled=False))
                if torch.is_inference_mode_enabled():
                    stack.enter_context(torch.inference_mode(False))
                torch.set_grad_enabled(True)
                if lease.depth == 1:
                    if anew:
                        look_at(module)
                    stack.enter_context(ready(module))
                yield
        finally:
            lease.depth -= 1
            if lease.depth == 0:
                lease.owner = None


@contextmanager
def ready(module: PreTrainedModel) -> Iterator[None]:
    """Evaluation mode, outputs by name, and code that hooks are seen by."""
    parts = parts_of(module)
    training = [part for part in parts if part.training]
    as_tuples = [config for config in configs_of(parts) if config.return_dict is False]
    try:
        for part in training:
            part.training = False
        for config in as_tuples:
            config.return_dict = True
        with as_written(parts):
            yield
    finally:
        for part in training:
            part.training = True
        for config in as_tuples:
            config.return_dict = False


def one_by_one(module: PreTrainedModel, answers: Iterable[T]) -> Iterator[T]:
    """``answers``, each made while ``module`` is `reserved` and handed on when it is not. Who asks has looked at it."""
    stream = iter(answers)
    while True:
        with reserved(module, anew=False):
            try:
                answer = next(stream)
            except StopIteration:
                return
        yield answer
        del answer  # it may be large, and the next one is about to be made
