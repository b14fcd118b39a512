"""Blocks that the rescale rules cannot follow, passed through in one step from baseline to input.

The rules pair real rows with their baselines by place. A mixture of experts sorts positions by the experts that they
choose, and a baseline chooses others: inside of it nothing is paired, and where a choice changes its answer jumps. Seen
from outside it is one function of each position alone, and there the slope between the two is taken, as the rule takes
it of an activation: of all linear maps that turn the step of a position's state into the step of the block's answer,
the one nearest to the derivative half-way (Broyden 1965, https://doi.org/10.1090/S0025-5718-1965-0198670-6).

Which blocks these are is found by trying, once for each kind of block of a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from wherefrom_hf.inside.attention_watch import blocks_of
from wherefrom_hf.inside.rescale_rules import halves, rescale_rule, with_slope
from wherefrom_hf.running.answering import first_tensor
from wherefrom_hf.running.as_built import kept_as_built
from wherefrom_hf.running.precision import largest, same_numbers
from wherefrom_hf.running.trials import Trial

POSITIONS = 8
"""How many positions a block is tried on, in two rows and as many baselines."""
MISSED = {torch.float64: 1e-6, torch.float32: 1e-3}
"""Part of the answer's size that a position's shares may miss its change by; in half precision ten in a hundred."""
Way = Literal["whole", "rules", "inside"]
"""Pass through whole, by the rules, or look at what is inside."""
Kind = tuple[type[nn.Module], ...]
"""What a part is, and what its parts are."""
_TRIED: WeakKeyDictionary[nn.Module, dict[Kind, Way]] = kept_as_built(WeakKeyDictionary())


def secants_of(module: nn.Module) -> list[nn.Module]:
    """The parts of a model's blocks that are functions of each position alone and that the rules do not follow."""
    config: Any = getattr(module, "config", None)
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    width = getattr(text, "hidden_size", None)
    if not isinstance(width, int):
        return []
    known = _TRIED.setdefault(module, {})
    found: list[nn.Module] = []
    for block, _ in blocks_of(module):
        for part in block.children():
            found += _unfollowed(part, width, known)
    return found


def _unfollowed(part: nn.Module, width: int, known: dict[Kind, Way]) -> Iterator[nn.Module]:
    """The part, if it is one, or those inside of it."""
    kind = (type(part), *map(type, part.children()))
    if kind not in known:
        known[kind] = _way_through(part, width)
    if known[kind] == "whole":
        yield part
    elif known[kind] == "inside":
        for inner in part.children():
            yield from _unfollowed(inner, width, known)


def _way_through(part: nn.Module, width: int) -> Way:
    if not any(True for _ in part.children()):
        return "rules"  # one operation, or an activation
    if not _each_alone(part, width):
        return "inside"
    return "rules" if _followed(part, width) else "whole"


def _states(part: nn.Module, width: int) -> Tensor:
    """Two rows and two baselines, shape ``(4, positions, width)``."""
    weights = next(part.parameters())
    drawn = torch.randn(4, POSITIONS, width, generator=torch.Generator().manual_seed(0))
    return drawn.to(weights.device, weights.dtype)


def _each_alone(part: nn.Module, width: int) -> bool:
    """Does the part answer each position by itself, in states of the same width?"""
    with Trial(), torch.no_grad():
        given = _states(part, width)
        together = states_of(part.forward(given), given)
        first = [given[:2, at : at + 1] for at in range(2)]
        alone = torch.cat([states_of(part.forward(one), one) for one in first], 1)
        return same_numbers(together[:2, :2], alone, 2e-3, size=largest(together))
    return False  # whatever else a part wants, it is no function of states alone


def _followed(part: nn.Module, width: int) -> bool:
    """Do multipliers by the rules add up to the change of the part's answer, at each position?"""
    given = _states(part, width).requires_grad_()
    with Trial(RuntimeError, ValueError, IndexError):
        with torch.enable_grad(), rescale_rule(part):
            value = states_of(part.forward(given), given)
        real, base = halves(value)
        weights = torch.linspace(-1.0, 1.0, width, device=value.device, dtype=value.dtype)
        (multipliers,) = torch.autograd.grad((value[:2] * weights).sum(), given)
        at_real, at_base = halves(given)
        missed = ((multipliers[:2] * (at_real - at_base)).sum(-1) - ((real - base) * weights).sum(-1)).abs()
        size = ((real.abs() + base.abs()) * weights.abs()).sum(-1)
        return bool((missed <= MISSED.get(value.dtype, 0.1) * size).all())
    return False  # halves that are not paired may not even be of one size


def states_of(output: Any, given: Tensor) -> Tensor:
    """The states that a part gives, alone or ahead of others (the choices of a router), in the shape of ``given``."""
    return first_tensor(output).reshape(given.shape)


def secant(part: nn.Module, given: Tensor, value: Tensor) -> Tensor:
    """``value``, the part's answer to ``given``, with the slope of the step between the halves at each position.

    With ``J`` the derivative half-way, ``Δ`` the step of the states and ``δ`` that of the answers it passes on
    ``J + (δ − J Δ) Δᵀ / |Δ|²``, which takes ``Δ`` to ``δ``.

    Args:
        given: Real rows, then baselines, shape ``(2 R, ..., width)``; `part` is a function of the last axis.
        value: As many numbers.
    """
    real, base = halves(given)
    at_real, at_base = halves(value.reshape(given.shape))
    step = real - base
    size = step.pow(2).sum(-1, keepdim=True)
    with torch.enable_grad():
        first = given[: len(real)]
        along = (first * step).sum(-1, keepdim=True) / torch.where(size > 0, size, 1.0)
        across = first - step * along
        between = (real + base) / 2 + across - across.detach()
        passed_on = states_of(part.forward(between), between) + (at_real - at_base) * along
        # real rows pass on, baselines do not
        return with_slope(value, torch.cat([passed_on, passed_on.detach()]).reshape(value.shape))
