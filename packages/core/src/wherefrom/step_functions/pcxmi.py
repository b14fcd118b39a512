"""What the contrastive context tells about the token."""

from __future__ import annotations

import math

from attrs import frozen

from wherefrom.arrays import Array
from wherefrom.step_functions.base import StepFunction, StepPrediction, step_function


@step_function(
    "pcxmi",
    span_aggregation="sum",
    differentiable=True,
    contrastive=True,
    zero_without_contrast=True,
    falls_with_probability=True,
)
@frozen(kw_only=True)
class PointwiseCXMI(StepFunction):
    """Pointwise conditional cross-mutual information, ``-log2(p(y) / p'(y'))``.

    In the paper's words the prediction is the one *without* context, its contrast the one *with* it; then
    the value is the number of bits by which the context helps, negative where it hurts. Without a contrast
    there is nothing to learn from: 0.

    Source: Fernandes, Yin, Neubig & Martins (2021), "Measuring and Increasing Context Usage in
    Context-Aware Machine Translation" (CXMI); Yin, Fernandes, Martins & Neubig (2021), "When Does
    Translation Require Context?" (P-CXMI).
    """

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``, in bits."""
        without_context, with_context = prediction.compared_log_probabilities()
        return (with_context - without_context) / math.log(2.0)
