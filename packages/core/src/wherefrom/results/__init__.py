"""What comes out: the result as a value (`data`), what can be computed from results, and the façade with the verbs
(`attribution`)."""

from typing import TYPE_CHECKING

from wherefrom._late import late

if TYPE_CHECKING:
    from wherefrom.results.comparison import Comparison, compare
    from wherefrom.results.contributors import Contributor, top_contributors
    from wherefrom.results.merging import merge_attributions
    from wherefrom.results.shares import share_on
    from wherefrom.results.step_views import StepAttribution
    from wherefrom.results.tables import dataset_card, save_dataset

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

_LATE = {
    "Comparison": "wherefrom.results.comparison",
    "Contributor": "wherefrom.results.contributors",
    "StepAttribution": "wherefrom.results.step_views",
    "compare": "wherefrom.results.comparison",
    "dataset_card": "wherefrom.results.tables",
    "merge_attributions": "wherefrom.results.merging",
    "save_dataset": "wherefrom.results.tables",
    "share_on": "wherefrom.results.shares",
    "top_contributors": "wherefrom.results.contributors",
}
"""The façade imports what is here, so the package must not import it first."""

__getattr__ = late(__name__, _LATE)
