"""Attention layers head by head, mixed over queries, one layer at a time while the pass goes on.

A norm with its statistics fixed is one linear map for all positions, times a number per position. So what a head brings
of a key is a vector that no query changes, times a number that mixes over queries as attention weights do: a span of
any length costs what one query costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.adapters.head_terms import HeadTerms, RowHeadTerms
from wherefrom.adapters.internals import Where
from wherefrom.arrays import FloatArray
from wherefrom.errors import ModelCapabilityError

from wherefrom_hf.inside.attention import watched
from wherefrom_hf.inside.attention_watch import Attended, BlockCall
from wherefrom_hf.inside.decomposition import Sublayer, close, head_values, sublayer_of
from wherefrom_hf.inside.frozen_norm import FrozenNorm
from wherefrom_hf.running.precision import at_least_single

_ORDER: tuple[Where, ...] = ("encoder", "decoder", "cross")


def head_terms(
    module: PreTrainedModel,
    rows: Iterable[Row],
    *,
    mixtures: Iterable[FloatArray | None],
    reduce: Callable[[HeadTerms], Any],
) -> Iterator[RowHeadTerms]:
    """See `wherefrom.adapters.head_terms.DecomposesHeads.head_terms`."""
    for row, mixture in zip(rows, mixtures, strict=True):
        reader = _Reader(mixture, reduce)
        _, passed = watched(module, [row], leaves=True, finished=reader.block)
        yield RowHeadTerms(layers=reader.layers, scores=passed.scores[0])


class _Reader:
    """Reads each block when it has run."""

    def __init__(self, mixture: FloatArray | None, reduce: Callable[[HeadTerms], Any]) -> None:
        self.layers: list[Any] = []
        self._mixture = mixture
        self._reduce = reduce
        self._counts = dict.fromkeys(_ORDER, 0)

    @torch.no_grad()
    def block(self, call: BlockCall, attended: list[Attended]) -> None:
        """Reduce the attention of one block, self-attention before cross-attention."""
        below = call.state.reshape(-1, call.state.shape[-1])
        for one in sorted(attended, key=lambda one: _ORDER.index(one.where)):
            sublayer = sublayer_of(one, call, below)
            below = sublayer.state
            layer = self._counts[one.where]
            self._counts[one.where] += 1
            if one.where == "encoder" and self._mixture is not None:
                continue
            mixture = None if one.where == "encoder" else self._mixture
            self.layers.append(self._reduce(_terms(one, sublayer, layer, mixture)))


def _terms(one: Attended, sublayer: Sublayer, layer: int, mixture: FloatArray | None) -> HeadTerms:
    weights, vectors, bias = head_values(one)
    queries = weights.shape[1]
    sizes = torch.ones(queries, dtype=vectors.dtype, device=vectors.device)
    constant, residual = bias.expand(queries, -1), sublayer.residual
    inner, outer = sublayer.inner, sublayer.outer
    if inner is not None:
        vectors, sizes = _mapped(inner, vectors, sizes)
        constant = inner.linear(constant) + inner.shift
    vectors, constant = sublayer.scale * vectors, sublayer.scale * constant
    if outer is not None:
        vectors, sizes = _mapped(outer, vectors, sizes)
        residual, constant = outer.linear(residual), outer.linear(constant) + outer.shift
    state = sublayer.state
    if mixture is None:
        coefficients = (weights * sizes[None, :, None]).transpose(0, 1)
    else:
        mix = torch.as_tensor(mixture[:, :queries], dtype=vectors.dtype, device=vectors.device)
        # a head at a time, so that not all of its weights are held once more
        coefficients = torch.stack([(mix * sizes) @ at_least_single(head) for head in weights], dim=1)
        residual, constant, state = mix @ residual, mix @ constant, mix @ state
    made = torch.einsum("mhk,khw->mw", coefficients, vectors) + residual + constant
    if not close(made, state, made_in=weights.dtype):
        raise ModelCapabilityError(
            f"{one.name} cannot be written as a sum over heads and positions: its terms do not sum to the state behind "
            "it. Use a method without internals: saliency, occlusion. attention_rollout and value_zeroing may work too."
        )
    return HeadTerms(
        where=one.where,
        layer=layer,
        coefficients=coefficients,
        vectors=vectors,
        residual=residual,
        constant=constant,
        state=state,
    )


def _mapped(norm: FrozenNorm, vectors: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors through the part of a norm that all positions share, and the numbers with what is each position's own."""
    shared = norm.scale[:1]
    own = norm.scale @ shared[0] / (shared[0] @ shared[0])
    keys = len(vectors)
    fixed = FrozenNorm(norm.centres, shared.expand(keys, -1), norm.shift)
    return fixed.linear(vectors), sizes * own
