"""Methods and step functions under inseq's names."""

from wherefrom.inseq.attr.feat import FeatureAttribution, extract_args, list_feature_attribution_methods
from wherefrom.inseq.attr.step_functions import (
    STEP_SCORES_MAP,
    StepFunctionArgs,
    list_step_functions,
    register_step_function,
)

__all__ = [
    "STEP_SCORES_MAP",
    "FeatureAttribution",
    "StepFunctionArgs",
    "extract_args",
    "list_feature_attribution_methods",
    "list_step_functions",
    "register_step_function",
]
