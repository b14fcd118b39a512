"""The precision that scores are computed in."""

from __future__ import annotations

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def at_least_single(values: Tensor) -> Tensor:
    """Half precision widened to single; single and double as they are."""
    return values.float() if values.dtype in HALF else values
