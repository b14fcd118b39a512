"""Attribution methods under inseq's class names: each is bound to a model and holds one of the library's methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from wherefrom.inseq._elsewhere import NotHereError
from wherefrom.inseq.utils.registry import Registry
from wherefrom.methods.contract import METHODS
from wherefrom.settings import fields_of, from_mapping

_ALL_AT_ONCE = "All steps are answered at once by a wherefrom method: call model.attribute(...)."

REMOVAL = {"units": "token", "baseline": "unk"}
"""How every method of inseq that removes does it: single tokens, by the unknown one."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "integrated_gradients": {"n_steps": 50},
    "sequential_integrated_gradients": {"n_steps": 50},
    "discretized_integrated_gradients": {"n_steps": 50},
    "layer_integrated_gradients": {"n_steps": 50},
    "gradient_shap": {"n_samples": 5},
    "lime": {"n_samples": 50},
}
"""What else inseq takes where a script says nothing, and the library takes something else."""


_OF_LAYERS = ("layer_deeplift", "layer_gradient_x_activation", "layer_integrated_gradients")

FLAGS: Mapping[str, tuple[str, ...]] = {
    "is_final_step_method": ("attention", "value_zeroing"),
    "use_attention_weights": ("attention",),
    "use_hidden_states": ("value_zeroing",),
    "use_baselines": (
        "deeplift",
        "discretized_integrated_gradients",
        "gradient_shap",
        "integrated_gradients",
        "layer_deeplift",
        "layer_integrated_gradients",
        "occlusion",
        "sequential_integrated_gradients",
    ),
    "attribute_batch_ids": ("discretized_integrated_gradients", *_OF_LAYERS),
}
"""What inseq says of its methods, and of which it is true. Scripts read it; nothing here depends on it."""


class FeatureAttribution(Registry):
    """A method, bound to a model.

    Attributes:
        method: The library's own method with its settings.
        use_predicted_target: Can another target function than the default be explained?
    """

    is_final_step_method: bool
    use_attention_weights: bool
    use_hidden_states: bool
    use_baselines: bool
    attribute_batch_ids: bool

    registry_attr = "method_name"
    ignore_extra_args: ClassVar[list[str]] = ["inputs", "baselines", "target", "additional_forward_args"]
    method_name: ClassVar[str] = ""
    uses_attributed_fn: bool = True

    def __init__(
        self, attribution_model: Any, hook_to_model: bool = True, identifier: str | None = None, **kwargs: Any
    ):
        own_name = self.method_name or identifier
        name = identifier if identifier in METHODS else known_name(type(self))
        if name is None:
            raise NotHereError(
                f"{type(self).__name__} computes scores of its own, step by step, which is not run here. Write it as a "
                "method of wherefrom.methods, a frozen settings object with one verb, and pass that."
            )
        cls: Any = METHODS.get(name)
        removal = REMOVAL if "units" in fields_of(cls) else {}
        own = {
            **{key: value for key, value in removal.items() if key in fields_of(cls)},
            **DEFAULTS.get(name, {}),
            **{key: value for key, value in kwargs.items() if key in fields_of(cls)},
        }
        self.attribution_model = attribution_model
        self.method = from_mapping(cls, own, where=f"method {name!r}")
        self.unused = sorted(set(kwargs) - set(own))
        self.uses_attributed_fn = bool(self.method.uses_target_function)
        self.use_predicted_target = self.uses_attributed_fn or name == "dummy"  # which reads no target at all
        for flag, methods in FLAGS.items():
            setattr(self, flag, name in methods)
        self.forward_batch_embeds = name not in _OF_LAYERS
        self.target_layer = self._layer() if name in _OF_LAYERS else None
        self.use_model_config = False
        if name != self.method_name:
            self.__dict__["method_name"] = own_name or name
        if self.unused:
            from_mapping(cls, kwargs, where=f"method {name!r}")  # says which name is unknown, and the nearest

    @classmethod
    def load(
        cls, method_name: str, attribution_model: Any = None, model_name_or_path: str | None = None, **kwargs: Any
    ) -> FeatureAttribution:
        """The method of a name, bound to a model."""
        bound: FeatureAttribution = attribution_model.get_attribution_method(method_name, **kwargs)
        return bound

    def _layer(self) -> Any:
        """The module that is explained: the one asked for, or the one that embeds ids; a name that the model does not
        have as it is."""
        layer, model = self.method.target_layer, self.attribution_model
        if layer is None:
            return model.get_embedding_layer()
        if not isinstance(layer, str):
            return layer
        parts = dict(model.model.named_modules(remove_duplicate=False))
        return parts.get(layer.replace("[", ".").replace("]", ""), layer)

    def changed(self, sequence: Any) -> Any:
        """What inseq makes of the scores."""
        return sequence

    def hook(self, **kwargs: Any) -> None:
        """The model's configuration, for classes that set ``use_model_config``; else nothing: hooks last for a pass."""
        if self.use_model_config:
            self.attribution_model.take_configuration()

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


_COMPUTES = ("attribute", "attribute_step", "prepare_and_attribute")


def known_name(cls: type[FeatureAttribution]) -> str | None:
    """The library's method that a class stands for: its own or the nearest above; None where it computes by itself."""
    for one in cls.__mro__:
        if vars(one).get("method_name") in METHODS:
            return str(vars(one)["method_name"])
        if one is not FeatureAttribution and any(name in vars(one) for name in _COMPUTES):
            return None
    return None


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
