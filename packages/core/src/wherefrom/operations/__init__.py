"""What can be done with results besides aggregating them. They know attributions by type only."""

from wherefrom.operations.comparison import Comparison, compare
from wherefrom.operations.contributors import Contributor, top_contributors
from wherefrom.operations.merging import merge_attributions
from wherefrom.operations.shares import share_on
from wherefrom.operations.step_views import StepAttribution
from wherefrom.operations.tables import dataset_card, save_dataset

__all__ = [
    "Comparison",
    "Contributor",
    "StepAttribution",
    "compare",
    "dataset_card",
    "merge_attributions",
    "save_dataset",
    "share_on",
    "top_contributors",
]
