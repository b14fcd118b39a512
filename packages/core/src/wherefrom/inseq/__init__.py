"""inseq 0.7.1's names on top of this library: ``import wherefrom.inseq as inseq`` in place of ``import inseq``.

Defaults are inseq's: probabilities are explained, norms over the width shown, each step's scores sum to 1, results are
torch tensors that are changed in place. What cannot be says where to go instead. Nothing else of the library depends on
this package; whoever starts anew uses `wherefrom` itself. See ``docs/coming-from-inseq.md``.
"""

from __future__ import annotations

from importlib.metadata import version

from wherefrom.inseq import _machinery, attr, commands, data, models, utils
from wherefrom.inseq._elsewhere import NotHereError
from wherefrom.inseq.attr import list_feature_attribution_methods, list_step_functions, register_step_function
from wherefrom.inseq.commands import cli
from wherefrom.inseq.data import (
    FeatureAttributionOutput,
    list_aggregation_functions,
    list_aggregators,
    merge_attributions,
    show_attributions,
    show_granular_attributions,
    show_token_attributions,
)
from wherefrom.inseq.models import AttributionModel, list_supported_frameworks, load_model, register_model_config
from wherefrom.inseq.utils import contrast_utils, id_utils
from wherefrom.inseq.utils.id_utils import explain


def get_version() -> str:
    """The version of this library."""
    return version("wherefrom")


__all__ = [
    "AttributionModel",
    "FeatureAttributionOutput",
    "NotHereError",
    "attr",
    "cli",
    "commands",
    "contrast_utils",
    "data",
    "explain",
    "get_version",
    "id_utils",
    "list_aggregation_functions",
    "list_aggregators",
    "list_feature_attribution_methods",
    "list_step_functions",
    "list_supported_frameworks",
    "load_model",
    "merge_attributions",
    "models",
    "register_model_config",
    "register_step_function",
    "show_attributions",
    "show_granular_attributions",
    "show_token_attributions",
    "utils",
]

_machinery.install()
