"""What a model counts positions up to: keys that sparse attention selects, tokens that an expert takes.

What lies beyond such a number is not seen by a trial of a few dozen tokens. It is made once more with the numbers
lowered, and what fails then is not done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from wherefrom_hf.running.eager import configs_of
from wherefrom_hf.running.parts import parts_of

LOWERED = 4
"""What a trial lowers such numbers to."""

LOWERED_FRACTION = 1 / 16
"""What a trial lowers fractions of its positions to."""

_COUNTED = re.compile(
    r"index\w*_top_?k(_blocks)?|index\w*_block_size|top_?k_(block|token|key)s|(block|token|key)s?_top_?k"
    r"|\w*_budget|\w*_capacity"
)
"""What settings and attributes of parts are called that are such numbers. Those of experts per token are none."""

_FRACTION = re.compile(r"\w*_capacity_\w*fraction")
"""What fractions of a pass's positions are called that an expert takes. Where that is 1, it takes all."""

_BLOCKS = re.compile(r"(index\w*_)?top_?k_blocks|blocks?_top_?k")
"""What numbers of selected blocks are called. A budget beside one is the room for their tokens, and no count."""

_BUDGET = re.compile(r"\w*_budget")
"""What numbers of tokens are called that are selected at most."""

_WITH_THEM = ("block_size", "compress_ratio")
"""What a part calls the length of the blocks that it selects."""

_TAKEN = re.compile(r"\w*_capacity(_\w*fraction)?")
"""What is called how many of the tokens of a row, or what fraction of those of a pass, an expert takes."""


@contextmanager
def lowered(module: nn.Module) -> Iterator[bool]:
    """Within the block the module counts to a few only; what it counted to is put back.

    Errors say that it was lowered.

    Yields:
        Does it count at all?
    """
    found = [(owner, name, low) for owner in _owners(parts_of(module)) for name, low in _counts(owner).items()]
    before = [owner[name] for owner, name, _ in found]
    try:
        for owner, name, low in found:
            owner[name] = low
        yield bool(found)
    except Exception as error:
        numbers = ", ".join(dict.fromkeys(f"{name}={low}" for _, name, low in found))
        error.args = (f"{error}; tried with {numbers}, as on texts that are longer than it counts",)
        raise
    finally:
        for (owner, name, _), value in zip(found, before, strict=True):
            owner[name] = value


@contextmanager
def taking_all(module: nn.Module, positions: int) -> Iterator[None]:
    """Within the block no expert drops one of so many positions; what each took before is put back."""
    found = [(owner, name, owner[name]) for owner in _owners(list(module.modules())) for name in _limits(owner)]
    try:
        for owner, name, value in found:
            owner[name] = 1.0 if isinstance(value, float) else max(value, positions)
        yield
    finally:
        for owner, name, value in found:
            owner[name] = value


def may_drop(module: nn.Module) -> bool:
    """Is there a limit to what its experts take?"""
    return any(_limits(owner) for owner in _owners(list(module.modules())))


def _limits(owner: dict[str, Any]) -> list[str]:
    """Names of the limits among attributes."""

    def limits(value: Any) -> bool:
        return type(value) is int or (type(value) is float and 0 < value < 1)

    return [name for name, value in owner.items() if _TAKEN.fullmatch(name) and limits(value)]


def counts(parts: Iterable[nn.Module]) -> bool:
    """Does one of these parts count what it is given?"""
    return any(_counts(part.__dict__) for part in parts)


def _owners(parts: list[nn.Module]) -> list[dict[str, Any]]:
    """Where these parts and their configurations keep their attributes."""
    return [one.__dict__ for one in (*parts, *configs_of(parts))]


def _counts(owner: dict[str, Any]) -> dict[str, float]:
    """By name the numbers among attributes that something is counted to, and what a trial lowers them to."""
    found: dict[str, float] = {}
    for name, value in owner.items():
        if type(value) is int and value > LOWERED and _COUNTED.fullmatch(name):
            found[name] = LOWERED
        elif type(value) is float and LOWERED_FRACTION < value < 1 and _FRACTION.fullmatch(name):
            found[name] = LOWERED_FRACTION
    room = [name for name, value in owner.items() if type(value) is int and _BUDGET.fullmatch(name)]
    blocks = [name for name, value in owner.items() if type(value) is int and _BLOCKS.fullmatch(name)]
    if room and blocks:  # a trial has too few blocks for more than one to bind
        found = {name: low for name, low in found.items() if name not in room} | dict.fromkeys(blocks, 1)
    for name in _WITH_THEM:
        if found and type(owner.get(name)) is int:
            found[name] = min(LOWERED, owner[name])
    return found
