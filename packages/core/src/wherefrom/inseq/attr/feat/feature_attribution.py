"""Attribution methods under inseq's class names: each is bound to a model and holds one of the library's methods."""

from __future__ import annotations

from typing import Any, ClassVar

from wherefrom.inseq._elsewhere import NotHereError
from wherefrom.inseq.utils.registry import Registry
from wherefrom.methods.contract import METHODS
from wherefrom.settings import fields_of, from_mapping

_ALL_AT_ONCE = "All steps are answered at once by a wherefrom method: call model.attribute(...)."


REMOVAL = {"units": "token", "baseline": "unk"}


class FeatureAttribution(Registry):
    """A method, bound to a model.

    Attributes:
        method: The library's own method with its settings.
    """

    registry_attr = "method_name"
    ignore_extra_args: ClassVar[list[str]] = ["inputs", "baselines", "target", "additional_forward_args"]
    method_name: ClassVar[str] = ""
    uses_attributed_fn: bool = True

    def __init__(
        self, attribution_model: Any, hook_to_model: bool = True, identifier: str | None = None, **kwargs: Any
    ):
        name = identifier or self.method_name
        cls: Any = METHODS.get(name)
        own = {key: value for key, value in kwargs.items() if key in fields_of(cls)}
        if "units" in fields_of(cls):  # inseq replaces single tokens
            own = {**{key: value for key, value in REMOVAL.items() if key in fields_of(cls)}, **own}
        self.attribution_model = attribution_model
        self.method = from_mapping(cls, own, where=f"method {name!r}")
        self.unused = sorted(set(kwargs) - set(own))
        self.uses_attributed_fn = bool(self.method.uses_target_function)
        self.is_final_step_method = name in ("attention", "value_zeroing")
        self.forward_batch_embeds = True
        if name != self.method_name:
            self.__dict__["method_name"] = name
        if self.unused:
            from_mapping(cls, kwargs, where=f"method {name!r}")  # says which name is unknown, and the nearest

    @classmethod
    def load(
        cls, method_name: str, attribution_model: Any = None, model_name_or_path: str | None = None, **kwargs: Any
    ) -> FeatureAttribution:
        """The method of a name, bound to a model."""
        bound: FeatureAttribution = attribution_model.get_attribution_method(method_name, **kwargs)
        return bound

    def changed(self, sequence: Any) -> Any:
        """What inseq makes of the scores."""
        return sequence

    def hook(self, **kwargs: Any) -> None:
        """Nothing: hooks are on the model for the time of a pass alone."""

    def unhook(self, **kwargs: Any) -> None:
        """Nothing."""

    def attribute(self, *args: Any, **kwargs: Any) -> Any:
        """Not here."""
        raise NotHereError(_ALL_AT_ONCE)

    prepare_and_attribute = attribute_step = filtered_attribute_step = attribute

    def get_attribution_args(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Those keyword arguments that the method takes, and the others."""
        known = fields_of(type(self.method))
        own = {name: value for name, value in kwargs.items() if name in known}
        return own, {name: value for name, value in kwargs.items() if name not in own}

    def format_contrastive_targets(self, *args: Any, **kwargs: Any) -> Any:
        """Not here."""
        raise NotHereError("Contrasts are made by wherefrom.questions.contrast: pass contrast_targets to attribute.")


def list_feature_attribution_methods() -> list[str]:
    """Identifiers of inseq 0.7.1's methods, sorted; `wherefrom.list_feature_attribution_methods` has more."""
    return sorted(METHOD_NAMES)


METHOD_NAMES = (
    "attention",
    "deeplift",
    "discretized_integrated_gradients",
    "dummy",
    "gradient_shap",
    "input_x_gradient",
    "integrated_gradients",
    "layer_deeplift",
    "layer_gradient_x_activation",
    "layer_integrated_gradients",
    "lime",
    "occlusion",
    "reagent",
    "saliency",
    "sequential_integrated_gradients",
    "value_zeroing",
)


class DummyAttribution(FeatureAttribution):
    """No scores, step scores alone."""

    method_name = "dummy"
