"""wherefrom: for every token a sequence model generates, where does it come from?

>>> import wherefrom
>>> model = wherefrom.load_model("demo:lm", "integrated_gradients")  # doctest: +SKIP
>>> out = model.attribute("George was sick yesterday. His colleagues asked him to come")  # doctest: +SKIP
>>> out.show()  # doctest: +SKIP
"""

from wherefrom import aggregators, errors, files, methods, operations, step_functions
from wherefrom._api import explain, list_supported_frameworks, load_model
from wherefrom.ablation import AblationTable, ablate
from wherefrom.aggregation import AggregatorPipeline, Stage, list_aggregators
from wherefrom.aggregators.functions import list_aggregation_functions, register_aggregation_function
from wherefrom.attribution import Attribution, Attributions
from wherefrom.context import ContextAttribution, attribute_context
from wherefrom.errors import WherefromError, WherefromWarning
from wherefrom.files import RunWriter, create_run, load, open_run, save, save_inseq
from wherefrom.method import list_feature_attribution_methods
from wherefrom.model import AttributionModel
from wherefrom.operations import Comparison, compare, merge_attributions, top_contributors
from wherefrom.provenance import Provenance
from wherefrom.rendering import list_renderers, show_attributions
from wherefrom.rendering import show_granular as show_granular_attributions
from wherefrom.rendering import show_tokens as show_token_attributions
from wherefrom.step_functions.base import StepPrediction
from wherefrom.step_functions.registration import list_step_functions, register_step_function
from wherefrom.tokens import Segment, Token

__all__ = [
    "AblationTable",
    "AggregatorPipeline",
    "Attribution",
    "AttributionModel",
    "Attributions",
    "Comparison",
    "ContextAttribution",
    "Provenance",
    "RunWriter",
    "Segment",
    "Stage",
    "StepPrediction",
    "Token",
    "WherefromError",
    "WherefromWarning",
    "ablate",
    "aggregators",
    "attribute_context",
    "compare",
    "create_run",
    "errors",
    "explain",
    "files",
    "list_aggregation_functions",
    "list_aggregators",
    "list_feature_attribution_methods",
    "list_renderers",
    "list_step_functions",
    "list_supported_frameworks",
    "load",
    "load_model",
    "merge_attributions",
    "methods",
    "open_run",
    "operations",
    "register_aggregation_function",
    "register_step_function",
    "save",
    "save_inseq",
    "show_attributions",
    "show_granular_attributions",
    "show_token_attributions",
    "step_functions",
    "top_contributors",
]
