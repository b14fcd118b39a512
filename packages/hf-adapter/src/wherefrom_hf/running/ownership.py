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
from threading import Lock, RLock
from typing import TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch
from attrs import define
from torch import nn
from transformers import PreTrainedModel

from wherefrom_hf.running.as_built import look_at
from wherefrom_hf.running.eager import configs_of
from wherefrom_hf.running.parts import parts_of

T = TypeVar("T")


class _Turns:
    """Whose turn it is with some modules."""

    def __init__(self) -> None:
        self.lock = RLock()


@define(eq=False)
class _Lease:
    """The right to use one module."""

    turns: _Turns
    depth: int = 0
    """How many reservations of the thread whose turn it is are open."""


_AUTOCAST = ("cpu", "cuda")
"""Kinds of devices whose operations a caller may have asked to be made in another precision."""

_leases: WeakKeyDictionary[nn.Module, _Lease] = WeakKeyDictionary()
_turns: WeakValueDictionary[int, _Turns] = WeakValueDictionary()
"""By the identity of a configuration. Modules of one configuration take turns: what computes attention is set there."""
_registering = Lock()


def _forget_leases() -> None:
    """In a forked child nobody is left who could give a lock back."""
    global _registering
    _registering = Lock()
    _leases.clear()
    _turns.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_leases)


def _lease_of(module: nn.Module) -> _Lease:
    with _registering:
        if module not in _leases:
            configs = list(map(id, configs_of(parts_of(module))))
            turns = next((known for one in configs if (known := _turns.get(one)) is not None), None) or _Turns()
            for one in configs:
                _turns.setdefault(one, turns)
            _leases[module] = _Lease(turns)
        return _leases[module]


@contextmanager
def reserved(module: PreTrainedModel) -> Iterator[None]:
    """Within the block this thread alone uses ``module``, in evaluation mode; blocks may be nested.

    Training flags of all parts, ``config.return_dict`` and calls compiled in place are put back on leaving, and so are
    the caller's grad and inference modes and autocast: inside, gradients may be taken, and weights compute in the
    precision that they have.
    """
    lease = _lease_of(module)
    with lease.turns.lock:
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
                    look_at(module)
                    stack.enter_context(ready(module))
                yield
        finally:
            lease.depth -= 1


@contextmanager
def ready(module: PreTrainedModel) -> Iterator[None]:
    """Evaluation mode, outputs by name, and code that hooks are seen by."""
    parts = parts_of(module)
    training = [part for part in parts if part.training]
    compiled = [(part, part._compiled_call_impl) for part in parts if part._compiled_call_impl is not None]
    as_tuples = [config for config in configs_of(parts) if config.return_dict is False]
    try:
        for part in training:
            part.training = False
        for part, _ in compiled:
            part._compiled_call_impl = None
        for config in as_tuples:
            config.return_dict = True
        yield
    finally:
        for part in training:
            part.training = True
        for part, call in compiled:
            part._compiled_call_impl = call
        for config in as_tuples:
            config.return_dict = False


def one_by_one(module: PreTrainedModel, answers: Iterable[T]) -> Iterator[T]:
    """``answers``, each made while ``module`` is `reserved` and handed on when it is not."""
    stream = iter(answers)
    while True:
        with reserved(module):
            try:
                answer = next(stream)
            except StopIteration:
                return
        yield answer
        del answer  # it may be large, and the next one is about to be made
