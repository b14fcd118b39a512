"""Aggregators: from raw scores to the size that answers the question. One per file.

They only read an `Attribution` and ask it for a changed copy, so `wherefrom.attribution` may import them.
"""

from wherefrom.aggregators.functions import (
    AGGREGATION_FUNCTIONS,
    list_aggregation_functions,
    register_aggregation_function,
)
from wherefrom.aggregators.normalize import Normalize
from wherefrom.aggregators.pair import Pair
from wherefrom.aggregators.reduce import Reduce
from wherefrom.aggregators.rescale import Rescale
from wherefrom.aggregators.scores import Scores
from wherefrom.aggregators.segments import Documents, Turns
from wherefrom.aggregators.sentences import Sentences
from wherefrom.aggregators.slices import Slices
from wherefrom.aggregators.spans import Spans
from wherefrom.aggregators.split import Split
from wherefrom.aggregators.subwords import Subwords

__all__ = [
    "AGGREGATION_FUNCTIONS",
    "Documents",
    "Normalize",
    "Pair",
    "Reduce",
    "Rescale",
    "Scores",
    "Sentences",
    "Slices",
    "Spans",
    "Split",
    "Subwords",
    "Turns",
    "list_aggregation_functions",
    "register_aggregation_function",
]
