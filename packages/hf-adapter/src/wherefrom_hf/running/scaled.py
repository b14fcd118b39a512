"""Cotangents in float16, scaled so that the way back does not lose them.

Numbers of float16 end at 6e-8 and are coarse below 6e-5: what a small probability depends on is less than that from the
start. A backward pass is linear in its cotangent, also one with rules. So cotangents are kept in single precision,
divided by a power of two near their largest number while they pass through float16, and what comes out is multiplied by
it, in single precision. Other types have the range, and are passed on as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor

from wherefrom_hf.running.precision import at_least_single

_FARTHEST = 120
"""Exponents of scales stay where both they and their reciprocals are ordinary numbers of single precision."""


def kept_as(dtype: torch.dtype) -> torch.dtype:
    """The type that cotangents of numbers of this one are kept in while they do not pass through the model."""
    return torch.float32 if dtype == torch.float16 else dtype


@frozen(eq=False)
class Scaled:
    """Cotangents as they are given to a backward pass."""

    cotangents: list[Tensor]
    scales: Tensor | None
    """What they were divided by, shape of their first dimensions; None: by nothing."""

    @staticmethod
    def of(
        cotangents: Sequence[Tensor], dtypes: Sequence[torch.dtype], ends: Sequence[Tensor], *, alone: int
    ) -> Scaled:
        """Cotangents of tensors of these types, scaled if they pass through float16.

        Args:
            ends: What is differentiated with respect to.
            alone: In so many first dimensions nothing depends on its neighbours, and each has a scale of its own.
        """
        narrow = [dtype == torch.float16 for dtype in dtypes]
        if not any(narrow) and all(end.dtype != torch.float16 for end in ends):
            return Scaled([one.to(dtype) for one, dtype in zip(cotangents, dtypes, strict=True)], None)
        counted = [one for one, small in zip(cotangents, narrow, strict=True) if small] or list(cotangents)
        scales = _near(torch.stack([_largest(one, alone) for one in counted]).amax(0))
        given = [
            (one.to(kept_as(one.dtype)) / _beside(scales, one)).to(dtype)
            for one, dtype in zip(cotangents, dtypes, strict=True)
        ]
        return Scaled(given, scales)

    def back(self, gradient: Tensor) -> Tensor:
        """What came out, in the size that it has."""
        if self.scales is None:
            return gradient
        return at_least_single(gradient) * _beside(self.scales, gradient)


def _largest(cotangent: Tensor, alone: int) -> Tensor:
    """The largest magnitude, shape of the first ``alone`` dimensions."""
    rest = tuple(range(alone, cotangent.ndim))
    return torch.linalg.vector_norm(cotangent.to(kept_as(cotangent.dtype)), torch.inf, rest).float()


def _near(largest: Tensor) -> Tensor:
    """The next larger powers of two, by which division does not round; 1 where there is nothing to scale."""
    power = largest.log2().ceil().clamp(-_FARTHEST, _FARTHEST).exp2()
    return torch.where(largest.isfinite() & (largest > 0), power, 1.0)


def _beside(scales: Tensor, one: Tensor) -> Tensor:
    return scales.reshape(*scales.shape, *[1] * (one.ndim - scales.ndim))
