"""What contrastive step functions of custom are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

CONTRAST_FN_ARGS_DOCSTRING = (
    "contrast_sources, contrast_targets: texts to compare with. contrast_targets_alignments: pairs (position, position "
    "in the contrast). contrast_force_inputs: compare with the prediction after the contrastive context."
)


def contrast_fn_docstring() -> Callable[[Any], Any]:
    """Decorator: add what contrastive arguments mean to a function's description."""

    def described(function: Any) -> Any:
        function.__doc__ = f"{function.__doc__ or ''}\n\n{CONTRAST_FN_ARGS_DOCSTRING}"
        return function

    return described


@dataclass
class ContrastInputs:
    """The contrastive context of a step, and the token that stands there."""

    batch: Any = None
    target_ids: Tensor | None = None
