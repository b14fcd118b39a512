"""Backward passes of several outputs through one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor
from torch.autograd.graph import GradientEdge

from wherefrom_hf.running.filtered import SharedFilter
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.scaled import Scaled

_LOOPED_OVER = SharedFilter("ignore", "There is a performance drop")
"""Operations without a batched form of their own are looped over: right, but slow."""


def vector_jacobian_products(
    cut_points: Sequence[Tensor | GradientEdge],
    leaves: Sequence[Tensor],
    cotangents: Sequence[Tensor],
    *,
    retain: bool,
    dtype: torch.dtype | None = None,
    by_row: bool = True,
) -> tuple[Tensor, ...]:
    """d(top · cotangent)/d(leaf), summed over ``cut_points``, for each cotangent: shape ``(cotangents, *leaf.shape)``.

    A leaf that the cut points do not depend on gets zeros. In float16 cotangents are scaled and products come in single
    precision: see `scaled`.

    Args:
        dtype: Of cut points that are edges of a graph.
        by_row: Are the first dimensions of cut points and leaves the same rows, none of which depends on another?
    """

    made: list[Any] = list(cut_points)
    dtypes = [top.dtype if isinstance(top, Tensor) else dtype or leaves[0].dtype for top in cut_points]
    scaled = Scaled.of(cotangents, dtypes, leaves, alone=2 if by_row else 1)

    def backward(given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            made, list(leaves), list(given), retain_graph=retain, allow_unused=True, materialize_grads=True
        )

    if len(cotangents[0]) > 1:
        with _LOOPED_OVER:
            grads = torch.vmap(backward)(scaled.cotangents)
    else:
        grads = tuple(grad.unsqueeze(0) for grad in backward([cotangent[0] for cotangent in scaled.cotangents]))
    return tuple(scaled.back(grad) for grad in grads)


@frozen(eq=False)
class Outputs:
    """What a pass gave at the positions that are read, and what values are computed from."""

    made: Tensor
    """In the graph of the pass, shape ``(reads, vocabulary)``."""
    read: Tensor
    """The same numbers in single precision or double; where the pass has float16 in it, the leaf of a graph of its own,
    so that what comes back can be scaled before it enters."""

    @staticmethod
    def of(made: Tensor, ends: Sequence[Tensor]) -> Outputs:
        """Outputs that will be differentiated with respect to ``ends``."""
        single = at_least_single(made)
        if made.requires_grad and any(one.dtype == torch.float16 for one in (made, *ends)):
            single = single.detach().requires_grad_()
        return Outputs(made, single)

    def gradients(
        self, total: Tensor, ends: Sequence[Tensor], at: tuple[Tensor, ...] | None = None, *, retain: bool = False
    ) -> list[Tensor]:
        """d(total)/d(end) of each read, shape ``(reads, ...)``.

        Args:
            total: The sum of the values, in the graph of what was read.
            ends: One line per read, or where ``at`` says.
        """
        more: dict[str, Any] = {"retain_graph": retain, "allow_unused": True, "materialize_grads": True}
        if not self.read.is_leaf or not self.read.requires_grad:
            grads = torch.autograd.grad(total, list(ends), **more)
            return [grad if at is None else grad[at] for grad in grads]
        (at_outputs,) = torch.autograd.grad(total, self.read)
        scaled = Scaled.of([at_outputs], [self.made.dtype], ends, alone=1)
        grads = torch.autograd.grad(self.made, list(ends), scaled.cotangents, **more)
        return [scaled.back(grad if at is None else grad[at]) for grad in grads]
