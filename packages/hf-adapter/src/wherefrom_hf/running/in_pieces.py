"""What a block does to each position alone, done to a few hundred positions of a long sequence at a time.

A feed-forward layer widens states by several times. Of thousands of positions that is tens of MiB for every step of it,
fetched from the system and far from the processor; in pieces it is neither, and what comes out is the same. Whether
layers of a kind keep to single positions is asked of the first once, on states that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from wherefrom_hf.running.answering import answering_by
from wherefrom_hf.running.as_built import is_watched, kept_as_built
from wherefrom_hf.running.precision import same_numbers
from wherefrom_hf.running.stacks import outermost_lists
from wherefrom_hf.running.thresholds import counts

PIECE = 512
"""Positions that are run together: as many as products need to run at the speed of large matrices."""

LEAST_POSITIONS = 2 * PIECE
"""With fewer there is little to be had."""

_SAME = 1e-4
"""Part of the largest number by which a layer's answers may differ in the trial, which is made of one piece and the
beginning of another."""

_BEGINNING = 64

_alone: WeakKeyDictionary[nn.Module, dict[Hashable, bool]] = kept_as_built(WeakKeyDictionary())
"""Do a model's layers of one kind keep to single positions?"""


def pieces(length: int, size: int) -> Iterator[slice]:
    """Stretches of ``size`` positions."""
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


@contextmanager
def in_pieces(module: nn.Module, length: int) -> Iterator[None]:
    """Within the block, layers of a pass over rows so long run in pieces, on the host and where no graph is kept.

    Layers that are watched inside are let be.
    """
    if length < LEAST_POSITIONS or torch.compiler.is_compiling():
        yield
        return
    with ExitStack() as stack:
        known = _alone.setdefault(module, {})
        for _, blocks in outermost_lists(module):
            for block in blocks:
                for part in block.children():
                    if _may_be_cut(part):
                        stack.enter_context(answering_by(part, _cut(part, part.forward, known)))
        yield


def _may_be_cut(part: nn.Module) -> bool:
    """Is it a layer of several matrices, into which nobody looks who expects whole sequences?"""
    matrices = sum(weight.ndim > 1 for weight in part.parameters())
    return matrices > 1 and not is_watched(inner for inner in part.modules() if inner is not part)


def _kind(part: nn.Module) -> Hashable:
    """Layers of one class whose weights have the same names and shapes compute the same function of them."""
    return type(part), tuple((name, weight.shape) for name, weight in part.named_parameters())


def _cut(part: nn.Module, own: Callable[..., Any], known: dict[Hashable, bool]) -> Callable[..., Any]:
    kind = _kind(part)

    def forward(*args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs or not _is_long(args[0]):
            return own(*args, **kwargs)
        (states,) = args
        if kind not in known:
            found = False if counts(part.modules()) else _keeps_to_positions(own, states)
            if found is None:
                return own(states)
            known[kind] = found
        if not known[kind]:
            return own(states)
        answer = torch.empty_like(states)
        for row in range(len(states)):  # pieces of several rows would not lie together
            for piece in pieces(states.shape[1], PIECE):
                answer[row : row + 1, piece] = own(states[row : row + 1, piece])
        return answer

    return forward


def _is_long(given: Any) -> bool:
    return (
        isinstance(given, Tensor)
        and given.ndim == 3
        and given.device.type == "cpu"
        and given.shape[1] >= LEAST_POSITIONS
        and not torch.is_grad_enabled()
    )


def _keeps_to_positions(own: Callable[..., Any], states: Tensor) -> bool | None:
    """Are the answers to a stretch of states those to its two parts, one per position and as wide as its state?

    None: some are NaN or infinite, which says nothing of states that the layer answers in numbers.
    """
    some = states[:1, : PIECE + _BEGINNING]
    whole = own(some)
    if not isinstance(whole, Tensor) or whole.shape != some.shape or whole.dtype != states.dtype:
        return False
    if not torch.isfinite(whole).all():
        return None
    apart = torch.cat([own(some[:, piece]) for piece in pieces(some.shape[1], PIECE)], 1)
    return same_numbers(apart, whole, _SAME)
