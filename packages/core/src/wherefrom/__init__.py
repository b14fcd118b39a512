"""wherefrom: for every token a sequence model generates, where does it come from?

>>> import wherefrom
>>> model = wherefrom.load_model("demo:lm", "integrated_gradients")  # doctest: +SKIP
>>> out = model.attribute("George was sick yesterday. His colleagues asked him to come")  # doctest: +SKIP
>>> out.show()  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from wherefrom import _moved, errors, files
from wherefrom import results as operations
from wherefrom._late import late
from wherefrom.context import ContextAttribution
from wherefrom.errors import WherefromError, WherefromWarning
from wherefrom.files import RunWriter, create_run, load, open_run, save, save_inseq
from wherefrom.results import Comparison, aggregators, compare, merge_attributions, top_contributors
from wherefrom.results.aggregation import AggregatorPipeline, list_aggregators
from wherefrom.results.aggregators.functions import list_aggregation_functions, register_aggregation_function
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom.results.rendering import list_renderers, show_attributions
from wherefrom.results.rendering import show_granular as show_granular_attributions
from wherefrom.results.rendering import show_tokens as show_token_attributions
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Segment, Token

if TYPE_CHECKING:
    __version__: str

    from wherefrom import methods, step_functions
    from wherefrom.attribute import AttributionModel
    from wherefrom.context import attribute_context
    from wherefrom.evaluation import evaluate
    from wherefrom.loading import explain, list_supported_frameworks, load_model
    from wherefrom.methods.contract import list_feature_attribution_methods
    from wherefrom.methods.perturbation.ablation import AblationTable, ablate
    from wherefrom.step_functions.base import StepPrediction
    from wherefrom.step_functions.registration import list_step_functions, register_step_function
    from wherefrom.tracing import trace

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
    "__version__",
    "ablate",
    "aggregators",
    "attribute_context",
    "compare",
    "create_run",
    "errors",
    "evaluate",
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
    "trace",
]

_LATE = {
    "AblationTable": "wherefrom.methods.perturbation.ablation",
    "AttributionModel": "wherefrom.attribute",
    "StepPrediction": "wherefrom.step_functions.base",
    "ablate": "wherefrom.methods.perturbation.ablation",
    "attribute_context": "wherefrom.context",
    "evaluate": "wherefrom.evaluation",
    "explain": "wherefrom.loading",
    "list_feature_attribution_methods": "wherefrom.methods.contract",
    "list_step_functions": "wherefrom.step_functions.registration",
    "list_supported_frameworks": "wherefrom.loading",
    "load_model": "wherefrom.loading",
    "methods": "wherefrom.methods",
    "register_step_function": "wherefrom.step_functions.registration",
    "step_functions": "wherefrom.step_functions",
    "trace": "wherefrom.tracing",
}
"""What asks a model. Results are read without it."""

_late = late(__name__, _LATE)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes its time: only for who asks

        return version("wherefrom")
    return _late(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_moved.install()
