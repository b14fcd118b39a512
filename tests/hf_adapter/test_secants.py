"""Blocks that rules cannot follow: found by trying, passed through so that shares make up the change."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from wherefrom_hf.inside.rescale_rules import rescale_rule
from wherefrom_hf.inside.secants import secant, secants_of

from tests.hf_adapter.architectures import build

torch.set_num_threads(1)


class Experts(nn.Module):
    """Each position goes to one of two experts, those of one expert together."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 6), nn.SiLU()) for _ in range(2))

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        flat = states.reshape(-1, 6)
        chosen = (flat[:, 0] > 0).long()
        answers = torch.zeros_like(flat)
        for which, expert in enumerate(self.experts):
            (at,) = (chosen == which).nonzero(as_tuple=True)
            answers = answers.index_add(0, at, expert(flat[at]))
        return answers.view(states.shape), chosen


def multipliers(part: nn.Module, real: Tensor, base: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Multipliers of a weighted answer, and the change of it at each position."""
    batch = torch.cat([real, base]).requires_grad_()
    with rescale_rule(nn.Sequential(part), [part], secant):
        output = part(batch)
    answer = output[0] if isinstance(output, tuple) else output
    (slopes,) = torch.autograd.grad((answer[: len(real)] * weights).sum(), batch)
    assert not slopes[len(real) :].any()
    return slopes[: len(real)], ((answer[: len(real)] - answer[len(real) :]) * weights).sum(-1).detach()


@pytest.mark.parametrize("distance", [0.0, 1e-2, 1.0, 30.0])
def test_each_position_passes_on_its_own_change(distance: float) -> None:
    torch.manual_seed(1)
    real, weights = torch.randn(2, 5, 6, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    base = real + distance * torch.randn_like(real)
    base[:, 2] = real[:, 2]
    slopes, change = multipliers(Experts().double(), real, base, weights)
    torch.testing.assert_close((slopes * (real - base)).sum(-1), change, rtol=1e-9, atol=1e-9)


def test_what_is_linear_keeps_its_weights() -> None:
    torch.manual_seed(1)
    part, weights = nn.Linear(6, 6).double(), torch.randn(6, dtype=torch.float64)
    real, base = torch.randn(2, 2, 5, 6, dtype=torch.float64)
    slopes, _ = multipliers(part, real, base, weights)
    torch.testing.assert_close(slopes, (weights @ part.weight).detach().expand_as(slopes))


def test_next_to_the_baseline_it_is_the_derivative() -> None:
    torch.manual_seed(1)
    part, weights = Experts().double(), torch.randn(6, dtype=torch.float64)
    real = torch.randn(2, 5, 6, dtype=torch.float64, requires_grad=True)
    (derivative,) = torch.autograd.grad((part(real)[0] * weights).sum(), real)
    slopes, _ = multipliers(part, real.detach(), real.detach(), weights)
    torch.testing.assert_close(slopes, derivative)


@pytest.mark.parametrize(
    "name, blocks",
    [("mixtral", {"MixtralSparseMoeBlock"}), ("gpt_oss", {"GptOssMLP"}), ("llama", set()), ("t5", set())],
)
def test_blocks_are_found_by_trying_and_nothing_is_changed(name: str, blocks: set[str]) -> None:
    module = build(name)
    weights, random = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    assert {type(part).__name__ for part in secants_of(module)} == blocks
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, weights[key]) for key, value in module.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
