"""Aggregators: from raw scores to the size that answers the question. One per file.

They know the noun alone (`wherefrom.results.data`), so `wherefrom.results.attribution` may import them.
"""

from wherefrom.results.aggregators.against_other_steps import AgainstOtherSteps
from wherefrom.results.aggregators.characters import Characters
from wherefrom.results.aggregators.functions import (
    AGGREGATION_FUNCTIONS,
    list_aggregation_functions,
    register_aggregation_function,
)
from wherefrom.results.aggregators.normalize import Normalize
from wherefrom.results.aggregators.pair import Pair
from wherefrom.results.aggregators.reduce import Reduce
from wherefrom.results.aggregators.rescale import Rescale
from wherefrom.results.aggregators.scores import Scores
from wherefrom.results.aggregators.segments import Documents, Turns
from wherefrom.results.aggregators.sentences import Sentences
from wherefrom.results.aggregators.slices import Slices
from wherefrom.results.aggregators.spans import Spans
from wherefrom.results.aggregators.split import Split
from wherefrom.results.aggregators.subwords import Subwords
from wherefrom.results.aggregators.trace import Trace

__all__ = [
    "AGGREGATION_FUNCTIONS",
    "AgainstOtherSteps",
    "Characters",
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
    "Trace",
    "Turns",
    "list_aggregation_functions",
    "register_aggregation_function",
]
