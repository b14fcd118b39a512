"""Step functions written for inseq, run as the library's own: position by position, looking inside on demand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from wherefrom.errors import ModelCapabilityError, ShapeError
from wherefrom.inseq.attr.step_functions import StepFunctionDecoderOnlyArgs, StepFunctionEncoderDecoderArgs
from wherefrom.inseq.data.aggregation_functions import DEFAULT_ATTRIBUTION_AGGREGATE_DICT
from wherefrom.inseq.data.batch import AnsweredBatch
from wherefrom.step_functions.base import StepFunction, StepPrediction


class LateOutput(dict[str, Any]):
    """What a forward pass returned, seen from its last position; states and attention are fetched when they are asked
    for, by attribute or by key."""

    def __init__(
        self, prediction: StepPrediction, index: int, is_encoder_decoder: bool, run: Callable[..., Any]
    ) -> None:
        """``run`` asks the model again for what a prediction does not hold."""
        super().__init__(logits=prediction.logits[index][None, None])
        self._prediction = prediction
        self._index = index
        self._run = run
        self._again: Any = None
        self._late: dict[str, Callable[[], Any]] = {"hidden_states": lambda: self._states("target")}
        weights = ["attentions"]
        if is_encoder_decoder:
            self._late = {
                "encoder_hidden_states": lambda: self._states("source"),
                "decoder_hidden_states": lambda: self._states("target"),
            }
            weights = ["encoder_attentions", "decoder_attentions", "cross_attentions"]
        self._late |= {name: partial(self._weights, name) for name in weights}

    def __missing__(self, name: str) -> Any:
        """States or attention weights, computed once."""
        if name not in self._late:
            raise KeyError(name)
        self[name] = value = self._late[name]()
        return value

    def __getattr__(self, name: str) -> Any:
        """Attention weights by their name."""
        if name in self.__dict__.get("_late", {}):
            return self[name]
        there = ", ".join(("logits", *self.__dict__.get("_late", {})))
        raise AttributeError(f"The output of a step has no {name!r}; it has {there}.")

    def get(self, name: str, default: Any = None) -> Any:
        """What there is of a name, also if it has to be computed."""
        return self[name] if name in self or name in self._late else default

    @property
    def logits(self) -> Tensor:
        """Shape ``(1, 1, vocabulary)``: of the last position alone."""
        logits: Tensor = self["logits"]
        return logits

    @property
    def hidden_states(self) -> tuple[Tensor, ...]:
        """States of all layers at the positions that were read, shape ``(1, positions, width)`` each."""
        return self._states("target")

    @property
    def decoder_hidden_states(self) -> tuple[Tensor, ...]:
        """As `hidden_states`, by their name in encoder-decoder models."""
        return self._states("target")

    @property
    def encoder_hidden_states(self) -> tuple[Tensor, ...]:
        """Those of the source."""
        return self._states("source")

    def _weights(self, name: str) -> Any:
        if self._again is None:
            self._again = self._run(output_attentions=True)
        weights = self._again.get(name)
        if not weights:
            raise ModelCapabilityError(
                f"The model shows no {name}. Load it with model_kwargs={{'attn_implementation': 'eager'}}."
            )
        return weights

    def _states(self, side: Any) -> tuple[Tensor, ...]:
        layers = self._prediction.card.layers if self._prediction.card is not None else 0
        until = int(self._prediction.steps[self._index]) if side == "target" else None
        return tuple(self._prediction.hidden_states(layer, side)[None, :until] for layer in range(layers + 1))


class _Late:
    """Fields that are computed when they are asked for, and may be set."""

    _later: dict[str, Callable[[], Any]]

    def __getattr__(self, name: str) -> Any:
        later = self.__dict__.get("_later", {})
        if name not in later:
            raise AttributeError(f"step function arguments have no {name!r}; they have {', '.join(later)}")
        value = later[name]()
        self.__dict__[name] = value
        return value


class LateDecoderOnlyArgs(_Late, StepFunctionDecoderOnlyArgs):
    """Arguments of a position of a decoder-only model."""

    def __init__(self, later: dict[str, Callable[[], Any]]) -> None:
        self.__dict__["_later"] = later


class LateEncoderDecoderArgs(_Late, StepFunctionEncoderDecoderArgs):
    """Arguments of a position of an encoder-decoder model."""

    def __init__(self, later: dict[str, Callable[[], Any]]) -> None:
        self.__dict__["_later"] = later


def arguments_at(model: Any, prediction: StepPrediction, index: int, *, is_target: bool) -> Any:
    """What a function of inseq's is told of one of the steps, asked for when the function does."""

    def before(values: Tensor) -> Tensor:
        return values[None, : int(prediction.steps[index])]

    def embedded(values: Tensor) -> Tensor:
        """A score of a step may differentiate on its own what it asks the model for."""
        return values if is_target else values.detach().requires_grad_(torch.is_grad_enabled())

    def again(**wanted: Any) -> Any:
        untouched = arguments_at(model, prediction, index, is_target=is_target)
        return model.get_forward_output(model.formatter.convert_args_to_batch(untouched), **wanted)

    later: dict[str, Callable[[], Any]] = {
        "attribution_model": lambda: model,
        "forward_output": lambda: LateOutput(prediction, index, model.is_encoder_decoder, again),
        "target_ids": lambda: prediction.target_ids[index].reshape(1),
        "later_ids": lambda: prediction.target_ids[index + 1 :],
        "decoder_input_ids": lambda: before(prediction.input_ids()),
        "decoder_input_embeds": lambda: embedded(before(prediction.input_embeddings())),
        "decoder_attention_mask": lambda: before(prediction.attention_mask()),
        "is_attributed_fn": lambda: is_target,
    }
    if not model.is_encoder_decoder:
        return LateDecoderOnlyArgs(later)
    later["encoder_input_ids"] = lambda: prediction.input_ids("source")[None]
    later["encoder_input_embeds"] = lambda: embedded(prediction.input_embeddings("source")[None])
    later["encoder_attention_mask"] = lambda: prediction.attention_mask("source")[None]
    return LateEncoderDecoderArgs(later)


class _Foreign:
    """What step functions made of inseq's share."""

    identifier: ClassVar[str]
    span_aggregation: ClassVar[str] = "absmax"
    differentiable: ClassVar[bool] = True
    contrastive: ClassVar[bool] = False
    sampled: ClassVar[bool] = False
    ask: ClassVar[Callable[[StepPrediction, int], Any]]

    def __call__(self, prediction: StepPrediction, /) -> Tensor:
        """Shape ``(steps,)``."""
        values = []
        for index in range(len(prediction.target_ids)):
            value = torch.as_tensor(type(self).ask(prediction, index))
            if value.numel() != 1:
                raise ShapeError(
                    f"Step function {self.identifier!r} returned shape {tuple(value.shape)} for one position; expected "
                    "one value per sequence. Register a function for each of several values."
                )
            values.append(value.reshape(()).to(prediction.logits.device))
        return torch.stack(values).to(prediction.logits.dtype)


def as_step_function(
    fn: Callable[..., Any],
    identifier: str,
    model: Any,
    settings: Mapping[str, Any],
    *,
    is_target: bool,
    contrastive: bool,
    named: Collection[str] = (),
) -> type[StepFunction]:
    """A function of inseq's as one of the library's, bound to a model and to its settings.

    Args:
        contrastive: Does it compare with a contrast?
        named: Arguments that tell it of the prediction's own contrast, where its settings hold none.
    """
    merged = DEFAULT_ATTRIBUTION_AGGREGATE_DICT["step_scores"].get("spans", {}).get(identifier, "absmax")

    def ask(prediction: StepPrediction, index: int) -> Any:
        if is_target:
            return asked(prediction, index)
        with torch.enable_grad():
            return torch.as_tensor(asked(prediction, index)).detach()

    def asked(prediction: StepPrediction, index: int) -> Any:
        arguments = arguments_at(model, prediction, index, is_target=is_target)
        if "contrast_targets" not in named or prediction.contrast is None:
            return fn(arguments, **settings)
        other = arguments_at(model, prediction.contrast, index, is_target=is_target)
        told: dict[str, Any] = {"contrast_targets": AnsweredBatch(other.forward_output, other.target_ids)}
        if "contrast_force_inputs" in named:
            told["contrast_force_inputs"] = prediction.contrast.logits is not prediction.logits
        return fn(arguments, **{**told, **settings})

    made: Any = attrs.make_class(
        identifier,
        {},
        bases=(_Foreign,),
        class_body={
            "__doc__": fn.__doc__ or f"The step function {identifier!r}.",
            "identifier": identifier,
            "span_aggregation": merged if isinstance(merged, str) else "absmax",
            "contrastive": contrastive,
            "ask": staticmethod(ask),
        },
        frozen=True,
        kw_only=True,
    )
    return made  # type: ignore[no-any-return]
