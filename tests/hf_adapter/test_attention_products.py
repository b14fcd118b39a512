"""Products of softmax attention with many cotangents are those of PyTorch's own backward pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from wherefrom_hf.running import attention_products
from wherefrom_hf.running.attention_products import SoftmaxAttention

SCALE = 0.3


class Causal(nn.Module):
    is_causal = True


def windowed(length: int, width: int) -> Tensor:
    return torch.ones(length, length, dtype=torch.bool).tril().triu(1 - width)[None, None]


def padded(length: int) -> Tensor:
    """Of two rows the second begins with padding, whose queries see nothing."""
    visible = torch.ones(length, length, dtype=torch.bool).tril()[None, None].repeat(2, 1, 1, 1)
    visible[1, :, :, :7] = False
    return visible


def of_each_head(length: int, heads: int) -> Tensor:
    return torch.stack([windowed(length, 9 * (head + 1))[0, 0] for head in range(heads)])[None]


CASES: dict[str, tuple[tuple[int, int, int, int, int, int], Tensor | None]] = {
    "causal": ((1, 9, 3, 700, 16, 16), None),
    "one head of keys for each": ((2, 3, 3, 130, 8, 8), None),
    "values of another width": ((1, 4, 2, 90, 8, 12), None),
    "a window": ((1, 4, 4, 600, 8, 8), windowed(600, 64)),
    "a window that begins in another tile": ((1, 2, 1, 1300, 4, 4), windowed(1300, 20)),
    "padding": ((2, 4, 2, 130, 8, 8), padded(130)),
    "a window for each head": ((1, 4, 2, 200, 8, 8), of_each_head(200, 4)),
}


def passed(sizes: tuple[int, int, int, int, int, int], visible: Tensor | None) -> tuple[tuple[Tensor, ...], Tensor]:
    """Queries, keys and values, and what attention makes of them: ``(rows, queries, heads, width)``."""
    rows, heads, key_heads, length, width, value_width = sizes
    torch.manual_seed(0)
    shapes = ((heads, width), (key_heads, width), (key_heads, value_width))
    inputs = tuple(
        torch.randn(rows, count, length, size, dtype=torch.float64, requires_grad=True) for count, size in shapes
    )
    query, *others = inputs
    key, value = (one.repeat_interleave(heads // key_heads, 1) for one in others)
    context = functional.scaled_dot_product_attention(
        query, key, value, attn_mask=visible, is_causal=visible is None, scale=SCALE
    )
    return inputs, context.transpose(1, 2)


@pytest.mark.parametrize("name", CASES)
def test_as_torch_carries_them_back(name: str) -> None:
    sizes, visible = CASES[name]
    inputs, context = passed(sizes, visible)
    cotangents = torch.randn(5, *context.shape, dtype=torch.float64)
    cotangents[:, :, 50:70] = 0  # nothing comes back to some queries
    right = [torch.autograd.grad(context, inputs, one, retain_graph=True) for one in cotangents]
    options = {"attention_mask": visible, "scaling": SCALE}
    found = SoftmaxAttention.of(Causal(), *inputs, options)
    assert found is not None
    for came, *expected in zip(found.products(cotangents, context.detach()), *right, strict=True):
        torch.testing.assert_close(came, torch.stack(expected), rtol=0, atol=1e-12)


def test_what_comes_back_to_some_channels_only_counts() -> None:
    inputs, context = passed((1, 4, 2, 90, 8, 8), None)
    cotangents = torch.randn(2, *context.shape, dtype=torch.float64)
    cotangents[..., 0] = 0
    right = torch.autograd.grad(context, inputs, cotangents[1], retain_graph=True)
    found = SoftmaxAttention.of(Causal(), *inputs, {"scaling": SCALE})
    assert found is not None
    for came, expected in zip(found.products(cotangents, context.detach()), right, strict=True):
        torch.testing.assert_close(came[1], expected, rtol=0, atol=1e-12)


def test_a_cotangent_that_is_nothing_gives_nothing() -> None:
    inputs, context = passed((1, 4, 2, 90, 8, 12), None)
    found = SoftmaxAttention.of(Causal(), *inputs, {"scaling": SCALE})
    assert found is not None
    assert not any(
        one.any() for one in found.products(torch.zeros(2, *context.shape, dtype=torch.float64), context.detach())
    )


def test_many_cotangents_ask_for_weights_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, context = passed((1, 2, 1, 300, 4, 4), None)
    found = SoftmaxAttention.of(Causal(), *inputs, {"scaling": SCALE})
    assert found is not None
    made: list[Any] = []
    softmax = torch.softmax
    monkeypatch.setattr(attention_products.torch, "softmax", lambda *given: made.append(1) or softmax(*given))
    for count in (1, 16):
        made.clear()
        found.products(torch.randn(count, *context.shape, dtype=torch.float64), context.detach())
        assert len(made) == 300 // (192 // 2) + 1


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.1},
        {"position_bias": torch.zeros(1)},
        {"is_causal": False},
        {"attention_mask": torch.zeros(1, 1, 30, 30)},
        {"attention_mask": torch.ones(1, 1, 30, 40, dtype=torch.bool)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_is_more_than_softmax_attention_is_left_to_autograd(options: dict[str, Any]) -> None:
    inputs, _ = passed((1, 2, 2, 30, 4, 4), None)
    assert SoftmaxAttention.of(Causal(), *inputs, options) is None


def test_half_precision_is_left_to_autograd() -> None:
    inputs, _ = passed((1, 2, 2, 30, 4, 4), None)
    halves = [one.bfloat16() for one in inputs]
    assert SoftmaxAttention.of(Causal(), *halves, {}) is None
