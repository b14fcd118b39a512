"""The precision that scores are computed in, and whether numbers are the same up to rounding."""

from __future__ import annotations

import math

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def at_least_single(values: Tensor) -> Tensor:
    """Half precision widened to single; single and double as they are."""
    return values.float() if values.dtype in HALF else values


def same_numbers(
    one: Tensor,
    other: Tensor,
    part: float,
    *,
    half: float | None = None,
    made_in: torch.dtype | None = None,
    size: float | None = None,
) -> bool:
    """Are both of one shape, and the same up to rounding?

    NaN in both, or the same infinity, is no difference; in one alone it is one. Whoever computes with such numbers gets
    such scores, and the check of scores names the cause.

    Args:
        part: Part of the largest number by which both may differ.
        half: The same where one of them was made in half precision; None: ``part``.
        made_in: The precision that both were made in, if they were widened since.
        size: The largest of the numbers that were rounded; None: that of ``other``.
    """
    if one.shape != other.shape:
        return False
    if half is not None and any(dtype in HALF for dtype in (one.dtype, other.dtype, made_in)):
        part = half
    return largest_difference(one, other) <= part * (largest(other) if size is None else size) + 1e-12


def equal_numbers(one: Tensor, other: Tensor) -> bool:
    """Are both of one shape and the same number for number? NaN in both is no difference."""
    if torch.equal(one, other):
        return True
    return one.shape == other.shape and bool(one.isnan().any()) and largest_difference(one, other) == 0


def largest_difference(one: Tensor, other: Tensor) -> float:
    """Of two tensors of one shape, by the rule of `same_numbers`: infinity where NaN or infinity is in one alone."""
    apart = (one.detach() - other.detach()).abs()
    most = float(apart.max()) if apart.numel() else 0.0
    if math.isfinite(most):
        return most
    alike = (one == other) | (one.isnan() & other.isnan())
    return float(apart.masked_fill(alike, 0.0).nan_to_num(nan=torch.inf, posinf=torch.inf).max())


def largest(values: Tensor) -> float:
    """The largest size among the numbers that are finite; 0 where none is."""
    values = values.detach()
    most = float(values.abs().max()) if values.numel() else 0.0
    return most if math.isfinite(most) else float(values.nan_to_num(0.0, 0.0, 0.0).abs().max())
