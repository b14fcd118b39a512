"""The rescale rule on plain networks: published numbers, captum as oracle, and completeness everywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from captum.attr import DeepLift as CaptumDeepLift
from torch import Tensor, nn
from wherefrom_hf.inside.rescale_rules import rescale_rule

torch.set_num_threads(1)


def shares(net: nn.Module, real: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
    """(x − b) times multipliers, and the change of the output that they should sum to."""
    batch = torch.cat([real, base]).requires_grad_()
    with rescale_rule(net):
        out = net(batch)
    assert torch.allclose(out, net(batch), atol=1e-6)
    (slopes,) = torch.autograd.grad(out[: len(real)].sum(), batch)
    assert not slopes[len(real) :].any()
    return slopes[: len(real)] * (real - base), (out[: len(real)] - out[len(real) :]).detach()


class OneByOne(nn.Module):
    """Norms of each row alone, which choose what is read, or are read themselves."""

    def __init__(self, chosen: bool) -> None:
        super().__init__()
        self.chosen = chosen

    def forward(self, x: Tensor) -> Tensor:
        lengths = torch.stack([one[None].pow(2).sum(-1).sqrt()[0] for one in x])
        return x.tanh() * (lengths.round().long() if self.chosen else lengths)[:, None].clamp_min(2)


def test_what_is_computed_of_each_row_alone_may_choose_but_not_be_read() -> None:
    real, base = torch.tensor([[0.3, -0.4, 1.1]]), torch.zeros(1, 3)
    came, change = shares(OneByOne(chosen=True), real, base)
    torch.testing.assert_close(came, real.tanh() * 2)
    torch.testing.assert_close(came, change)
    with pytest.raises(ValueError, match="not rows and as many baselines"):
        shares(OneByOne(chosen=False), real, base)


class Published(nn.Module):
    """Two ways to write one function, from the counter-example of Sundararajan et al. (2017)."""

    def __init__(self, second: bool) -> None:
        super().__init__()
        self.second = second

    def forward(self, x: Tensor) -> Tensor:
        x1, x2 = x[:, 0], x[:, 1]
        if self.second:
            return torch.relu(torch.relu(x1 - 1) - torch.relu(x2))
        return torch.relu(torch.relu(x1) - 1 - torch.relu(x2))


@pytest.mark.parametrize("second, expected", [(False, (1.5, -0.5)), (True, (2.0, -1.0))])
def test_published_counter_example(second: bool, expected: tuple[float, float]) -> None:
    came, change = shares(Published(second), torch.tensor([[3.0, 1.0]]), torch.zeros(1, 2))
    torch.testing.assert_close(came, torch.tensor([expected]))
    torch.testing.assert_close(came.sum(-1), change)


class Toy(nn.Module):
    """Captum's introductory network: 3-3-2 with fixed weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.act, self.second = nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)
        with torch.no_grad():
            self.first.weight.copy_(torch.arange(-4.0, 5.0).view(3, 3))
            self.first.bias.zero_()
            self.second.weight.copy_(torch.arange(-3.0, 3.0).view(2, 3))
            self.second.bias.fill_(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.act(self.first(x)))[:, 0]


def test_captums_introduction() -> None:
    x = torch.tensor([[0.2961, 0.5166, 0.2517], [0.6886, 0.0740, 0.8665]])
    came, change = shares(Toy(), x, torch.zeros_like(x))
    expected = torch.tensor([[-0.5922, -1.5497, -1.0067], [0.0, -0.2219, -5.1991]])
    torch.testing.assert_close(came, expected, atol=2e-3, rtol=0)  # the inputs are printed to four digits
    torch.testing.assert_close(came.sum(-1), change)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.LeakyReLU, nn.ELU])
def test_captum_agrees_on_networks_it_covers(activation: Callable[[], nn.Module]) -> None:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(5, 7), activation(), nn.Linear(7, 6), activation(), nn.Linear(6, 1))
    real, base = torch.randn(4, 5), torch.randn(4, 5)
    came, change = shares(nn.Sequential(net, nn.Flatten(0)), real, base)
    expected = CaptumDeepLift(net).attribute(real, base, target=0)
    torch.testing.assert_close(came, expected, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(came.sum(-1), change, atol=1e-5, rtol=1e-5)


def _attention(x: Tensor) -> Tensor:
    return torch.softmax(x @ x.transpose(-1, -2) * 3, dim=-1) @ x


def _masked_attention(x: Tensor) -> Tensor:
    mask = torch.full((4, 4), -torch.inf).triu(1)
    return nn.functional.softmax(x @ x.transpose(-1, -2) + mask, dim=-1, dtype=torch.float32) @ x


def _new_gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1.0 + torch.tanh(0.8 * (x + 0.044715 * torch.pow(x, 3.0))))


OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "attention": _attention,
    "masked attention": _masked_attention,
    "gelu": nn.functional.gelu,
    "gelu by hand": _new_gelu,
    "silu": nn.functional.silu,
    "gate": lambda x: nn.functional.silu(x) * (x @ torch.ones(5, 5)),
    "layer norm": lambda x: nn.functional.layer_norm(x, (5,), torch.arange(5.0), torch.ones(5)),
    "rms norm": lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6),
    "quotient": lambda x: 1 / (1 + x**2) + x / (2 + x.abs()),
    "roots": lambda x: (x**2 + 0.1).sqrt() + (x**2 + 0.1) ** -0.5 + (x**2 + 0.2) ** 0.3,
    "exp and log": lambda x: torch.log(1 + (x / 9).exp()) + torch.log_softmax(x, -1),
    "capping": lambda x: 3 * torch.tanh(x / 3),
    "squared relu": lambda x: torch.square(torch.relu(x)),
    "einsum": lambda x: torch.einsum("bij,bkj->bik", x, x),
    "cube": lambda x: x.pow(3),
    "largest": lambda x: torch.softmax(x - x.max(dim=-1, keepdim=True).values, -1) + torch.amax(x, 1, keepdim=True),
    "smallest": lambda x: x - x.min(dim=-1, keepdim=True).values + torch.amin(x, 1, keepdim=True),
    "larger of two": lambda x: torch.maximum(x, x.flip(-1)) * torch.max(x, x.flip(1)),
    "smaller of two": lambda x: torch.minimum(x, torch.tensor(0.2)) + torch.min(torch.full((5,), -0.1), x),
    "sink": lambda x: x * torch.sigmoid(torch.logsumexp(x, dim=-1) - 0.3)[..., None],
    "clamp": lambda x: x.clamp(-0.3, 0.4),
}


class Wrapped(nn.Module):
    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.linspace(-1, 1, 4)[:, None]
        return (self.operation(x).mean(-1, keepdim=True) * weights).sum((1, 2))


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("distance", [1.0, 1e-3, 30.0])
def test_every_rule_is_complete(name: str, distance: float) -> None:
    torch.manual_seed(0)
    real = torch.randn(3, 4, 5)
    base = real + distance * torch.randn(3, 4, 5)
    base[:, 1] = real[:, 1]
    came, change = shares(Wrapped(OPERATIONS[name]), real, base)
    assert torch.isfinite(came).all()
    scale = came.abs().sum((1, 2)) + change.abs()
    # far apart, logits run into the thousands, where single precision is coarse
    part = 2e-4 if distance > 10 else 2e-5
    assert (came.sum((1, 2)) - change).abs().max() <= part * scale.max() + 1e-6


def test_multipliers_next_to_the_baseline_are_derivatives() -> None:
    torch.manual_seed(0)
    real = torch.randn(2, 4, 5, dtype=torch.float64)
    net = Wrapped(lambda x: _new_gelu(nn.functional.layer_norm(x, (5,))) * torch.sigmoid(x)).double()
    leaf = real.clone().requires_grad_()
    weights = torch.linspace(-1, 1, 4)[:, None].double()
    (slope,) = torch.autograd.grad((net.operation(leaf).mean(-1, keepdim=True) * weights).sum(), leaf)
    batch = torch.cat([real, real]).requires_grad_()
    with rescale_rule(net):
        out = (net.operation(batch).mean(-1, keepdim=True) * weights).sum((1, 2))
    (came,) = torch.autograd.grad(out[:2].sum(), batch)
    torch.testing.assert_close(came[:2], slope, atol=1e-9, rtol=1e-9)


def test_the_network_is_left_as_it_was() -> None:
    net = Toy()
    with pytest.raises(RuntimeError, match="shapes"), rescale_rule(net):
        net(torch.zeros(2, 4))
    assert all(p.requires_grad for p in net.parameters())
    assert not net.act._forward_hooks
    assert not net.act._forward_pre_hooks
    x = torch.randn(2, 3, requires_grad=True)
    torch.testing.assert_close(torch.autograd.grad(torch.relu(x).sum(), x)[0], (x > 0).float())
