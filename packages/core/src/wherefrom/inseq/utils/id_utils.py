"""What a name means."""

from __future__ import annotations

from wherefrom.inseq.attr.feat import ATTRIBUTIONS
from wherefrom.inseq.attr.step_functions import STEP_SCORES_MAP
from wherefrom.inseq.data.aggregation_functions import FUNCTIONS, aggregation_functions
from wherefrom.inseq.data.aggregator import AGGREGATORS, aggregators
from wherefrom.loading import explain as explain_ours

INSEQ_ID_MAP: dict[str, object] = {**ATTRIBUTIONS, **AGGREGATORS, **FUNCTIONS, **STEP_SCORES_MAP}


def explain(id: str) -> None:
    """Print what a method, step function, aggregator or aggregation function does."""
    thing = STEP_SCORES_MAP.get(id) or aggregators().get(id) or aggregation_functions().get(id)
    if thing is None:
        explain_ours(id)
    else:
        print(f"{id}\n\n{thing.__doc__}")
