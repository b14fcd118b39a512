"""Which coordinates of a word lie between those of two others."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from wherefrom.inseq._elsewhere import NotHereError


class MonotonicPathBuilder:
    """Paths over words are found by `wherefrom.methods.paths.word_paths`; this answers its one geometric question."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotHereError(
            "Word paths belong to the method: attribute(..., method='discretized_integrated_gradients')."
        )

    @staticmethod
    def get_monotonic_dims(tensor: Tensor, baseline: Tensor, input: Tensor) -> Tensor:
        """Where ``tensor`` lies between ``baseline`` and ``input``, ends included. Shape of the three."""
        return (tensor - baseline) * (tensor - input) <= 0
