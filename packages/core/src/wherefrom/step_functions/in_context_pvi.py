"""What usable information the contrastive prompt holds about the token."""

from __future__ import annotations

import math
from typing import Literal

from attrs import field, frozen, validators

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function(
    "in_context_pvi",
    span_aggregation="sum",
    differentiable=True,
    contrastive=True,
    zero_without_contrast=True,
    falls_with_probability=True,
)
@frozen(kw_only=True)
class InContextPVI(StepFunction):
    """Pointwise usable information of a prompt, ``-log2 p(y) + log2 p'(y')``.

    The prediction is the one after the empty prompt, its contrast the one after the real prompt; then the
    value is the number of bits of information about the token that the model can use of the prompt,
    negative where it misleads. Without a contrast there is nothing to use: 0.

    Source: Lu, Chen, Li, Bitterman, Savova & Gurevych (2023), "Measuring Pointwise V-Usable Information
    In-Context-ly", after Ethayarajh, Choi & Swayamdipta (2022), whose logarithms have base 2.
    """

    unit: Literal["bits", "nats"] = field(default="bits", validator=validators.in_(("bits", "nats")))
    """``"bits"`` as in the paper, or ``"nats"``."""

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in bits or nats."""
        unprompted, prompted = prediction.compared_log_probabilities()
        gain = prompted - unprompted
        return gain / math.log(2.0) if self.unit == "bits" else gain
