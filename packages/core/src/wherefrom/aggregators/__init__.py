"""Aggregators: from raw scores to the size that answers the question. One per file.

They only read an `Attribution` and ask it for a changed copy, so `wherefrom.attribution` may import them.
"""

from wherefrom.aggregators.functions import (
    AGGREGATION_FUNCTIONS,
    list_aggregation_functions,
    register_aggregation_function,
)
from wherefrom.aggregators.normalize import Normalize
from wherefrom.aggregators.reduce import Reduce
from wherefrom.aggregators.rescale import Rescale
from wherefrom.aggregators.scores import Scores

__all__ = [
    "AGGREGATION_FUNCTIONS",
    "Normalize",
    "Reduce",
    "Rescale",
    "Scores",
    "list_aggregation_functions",
    "register_aggregation_function",
]
