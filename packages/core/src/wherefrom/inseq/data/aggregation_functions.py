"""Functions that make one number of several, along a dimension; NaN never counts for `absmax`."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from wherefrom.errors import UnknownNameError, nearest
from wherefrom.inseq.utils.registry import Registry

DEFAULT_ATTRIBUTION_AGGREGATE_DICT: dict[str, dict[str, Any]] = {
    "source_attributions": {"scores": "mean", "spans": "absmax"},
    "target_attributions": {"scores": "mean", "spans": "absmax"},
    "step_scores": {
        "spans": {
            **dict.fromkeys(
                ["probability", "perplexity", "contrast_prob", "contrast_prob_diff", "mc_dropout_prob_avg"], "prod"
            ),
            **dict.fromkeys(["entropy", "crossentropy", "pcxmi", "kl_divergence"], "sum"),
        }
    },
    "sequence_scores": {"scores": "mean", "spans": "absmax"},
}
"""Which function merges what by default."""


class AggregationFunction(Registry):
    """Several numbers to one."""

    registry_attr = "aggregation_function_name"
    aggregation_function_name: ClassVar[str] = ""

    def __call__(self, scores: Tensor, dim: int, **kwargs: Any) -> Tensor:
        """``scores`` without ``dim``."""
        raise NotImplementedError


class MeanAggregationFunction(AggregationFunction):
    """The mean."""

    aggregation_function_name = "mean"

    def __call__(self, scores: Tensor, dim: int, **kwargs: Any) -> Tensor:
        """``scores`` without ``dim``."""
        return scores.mean(dim)


class MaxAggregationFunction(AggregationFunction):
    """The largest."""

    aggregation_function_name = "max"

    def __call__(self, scores: Tensor, dim: int, **kwargs: Any) -> Tensor:
        """``scores`` without ``dim``."""
        return scores.max(dim).values


class MinAggregationFunction(AggregationFunction):
    """The smallest."""

    aggregation_function_name = "min"

    def __call__(self, scores: Tensor, dim: int, **kwargs: Any) -> Tensor:
        """``scores`` without ``dim``."""
        return scores.min(dim).values


class SumAggregationFunction(AggregationFunction):
    """The sum."""

    aggregation_function_name = "sum"

    def __call__(self, scores: Tensor, dim: int, **kwargs: Any) -> Tensor:
        """``scores`` without ``dim``."""
        return scores.sum(dim)


class ProdAggregationFunction(AggregationFunction):
    """The product."""

    aggregation_function_name = "prod"

    def __call__(self, scores: Tensor, dim: int, **kwargs: Any) -> Tensor:
        """``scores`` without ``dim``."""
        return scores.prod(dim)


class AbsMaxAggregationFunction(AggregationFunction):
    """The one of largest magnitude, with its sign."""

    aggregation_function_name = "absmax"

    def __call__(self, scores: Tensor, dim: int, **kwargs: Any) -> Tensor:
        """``scores`` without ``dim``."""
        largest = torch.nan_to_num(scores).abs().argmax(dim, keepdim=True)
        return scores.gather(dim, largest).squeeze(dim)


class VectorNormAggregationFunction(AggregationFunction):
    """The norm of order ``vnorm_ord``."""

    aggregation_function_name = "vnorm"

    def __call__(self, scores: Tensor, dim: int, vnorm_ord: float = 2, **kwargs: Any) -> Tensor:
        """``scores`` without ``dim``."""
        norm: Tensor = torch.linalg.vector_norm(scores, ord=vnorm_ord, dim=dim)
        return norm


FUNCTIONS: dict[str, type[AggregationFunction]] = {
    cls.aggregation_function_name: cls for cls in AggregationFunction.__subclasses__()
}


def aggregation_functions() -> dict[str, type[AggregationFunction]]:
    """Name to class, also of those that a script has derived."""
    return {**AggregationFunction.available_classes(), **FUNCTIONS}


def list_aggregation_functions() -> list[str]:
    """Identifiers, sorted."""
    return sorted(aggregation_functions())


def aggregation_function(given: Any) -> Any:
    """What is called with (scores, dim): a name's function, or the callable itself.

    Raises:
        UnknownNameError: No function has that name.
    """
    if isinstance(given, str):
        known = aggregation_functions()
        if given not in known:
            raise UnknownNameError(
                f"No aggregation function is called {given!r}.{nearest(given, known)} "
                f"There are: {', '.join(sorted(known))}."
            )
        return known[given]()
    return given() if isinstance(given, type) and issubclass(given, AggregationFunction) else given
