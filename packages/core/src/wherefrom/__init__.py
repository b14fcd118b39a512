"""wherefrom: for every token a sequence model generates, where does it come from?

>>> import wherefrom
>>> model = wherefrom.load_model("demo:lm", "integrated_gradients")  # doctest: +SKIP
>>> out = model.attribute("George was sick yesterday. His colleagues asked him to come")  # doctest: +SKIP
>>> out.show()  # doctest: +SKIP
"""

from wherefrom import aggregators, errors, methods, step_functions
from wherefrom._api import list_supported_frameworks, load_model
from wherefrom.aggregation import AggregatorPipeline, Stage, list_aggregators
from wherefrom.aggregators.functions import list_aggregation_functions, register_aggregation_function
from wherefrom.attribution import Attribution, Attributions, Segment
from wherefrom.errors import WherefromError, WherefromWarning
from wherefrom.methods.base import list_feature_attribution_methods
from wherefrom.model import AttributionModel
from wherefrom.provenance import Provenance
from wherefrom.rendering import show_attributions
from wherefrom.step_functions.registration import list_step_functions, register_step_function
from wherefrom.tokens import Token

__all__ = [
    "AggregatorPipeline",
    "Attribution",
    "AttributionModel",
    "Attributions",
    "Provenance",
    "Segment",
    "Stage",
    "Token",
    "WherefromError",
    "WherefromWarning",
    "aggregators",
    "errors",
    "list_aggregation_functions",
    "list_aggregators",
    "list_feature_attribution_methods",
    "list_step_functions",
    "list_supported_frameworks",
    "load_model",
    "methods",
    "register_aggregation_function",
    "register_step_function",
    "show_attributions",
    "step_functions",
]
