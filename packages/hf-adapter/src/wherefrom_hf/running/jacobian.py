"""Backward passes of several outputs through one graph."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge


def vector_jacobian_products(
    cut_points: Sequence[Tensor | GradientEdge], leaves: Sequence[Tensor], cotangents: Sequence[Tensor], *, retain: bool
) -> tuple[Tensor, ...]:
    """d(top · cotangent)/d(leaf), summed over ``cut_points``, for each cotangent: shape ``(cotangents, *leaf.shape)``.

    A leaf that the cut points do not depend on gets zeros.
    """

    made: list[Any] = list(cut_points)

    def backward(given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            made, list(leaves), list(given), retain_graph=retain, allow_unused=True, materialize_grads=True
        )

    if len(cotangents[0]) > 1:
        with (
            warnings.catch_warnings()
        ):  # operations without a batched form of their own are looped over: right, but slow
            warnings.filterwarnings("ignore", "There is a performance drop")
            return torch.vmap(backward)(list(cotangents))
    return tuple(grad.unsqueeze(0) for grad in backward([cotangent[0] for cotangent in cotangents]))
