"""A functional model of KerasHub, cut into pure functions of arrays: embeddings → states → logits.

The graph that Keras keeps of a model is cut where its token embeddings come out, scaled as the model scales them and
before positions are added, and where its last states do. Between these cuts and the names of layers any part can be had
as a function, so that embeddings or a layer's answer can be given instead of computed. The variables are arguments, not
constants, so that a compiled function serves when they change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from wherefrom.adapters.layers import Depth
from wherefrom.errors import ModelCapabilityError, UnknownNameError, nearest

from wherefrom_keras.backend import jax, keras, keras_hub

Values = Sequence[Any]
"""Values of all variables of a model, in `Cut.variables`' order."""


class Cut:
    """The parts of one causal model.

    Raises:
        ModelCapabilityError: The model is built in a way that is not understood.
    """

    def __init__(self, task: Any) -> None:
        self.task = task
        self.backbone = task.backbone
        self.variables = list(task.variables)
        quantised = {str(mode) for one in task._flatten_layers() if (mode := getattr(one, "quantization_mode", None))}
        if quantised:
            raise _not_understood(task, f"it is quantised ({', '.join(sorted(quantised))})")
        if not hasattr(self.backbone, "_operations"):
            raise _not_understood(task, "its backbone is not a functional model")
        names = {tensor.name: tensor for tensor in self.backbone.inputs}
        if set(names) != {"token_ids", "padding_mask"}:
            raise _not_understood(task, f"its backbone reads {', '.join(sorted(names))}")
        self._mask = names["padding_mask"]
        self._layer, self._positions = _token_embedding(self.backbone)
        if self._layer is None:
            raise _not_understood(task, "no token embedding begins its graph")
        embedding = self._layer if self._positions is None else self._positions
        self._embeddings, self.scale = _scaled(self.backbone, _made_from_inputs(embedding, self.backbone))
        self._states = self.backbone.output
        self._hidden = _calls(self.backbone)[-1].outputs[0]
        self._parts: dict[Any, Callable[..., Any]] = {}

    def require_unchanged(self) -> None:
        """Refuse a model that has other variables than when it was cut: its compiled parts know nothing of them.

        Raises:
            ModelCapabilityError: It has: layers were added to (LoRA), or quantised.
        """
        now = list(self.task.variables)
        if len(now) != len(self.variables) or any(
            one is not other for one, other in zip(now, self.variables, strict=True)
        ):
            raise ModelCapabilityError(
                f"{type(self.task).__name__} has other variables than when it was loaded here (LoRA, quantisation). "
                "Load it again with load_model."
            )

    @property
    def blocks(self) -> list[Any]:
        """The model's blocks, in order."""
        found = getattr(self.backbone, "transformer_layers", None)
        return list(found) if found is not None else []

    def weights(self, values: Values) -> Any:
        """Embeddings of the vocabulary as they are kept, shape ``(vocabulary, width)``; no copy."""
        return values[self._place_of_table]

    def table(self, values: Values) -> Any:
        """Embeddings of the vocabulary, scaled, likewise."""
        return self._times_scale(self.weights(values))

    def embed(self, values: Values, ids: Any) -> Any:
        """Embeddings of ids, scaled; those of the rest of the vocabulary are not computed."""
        return self._times_scale(self.weights(values)[ids])

    def _times_scale(self, weights: Any) -> Any:
        return weights if self.scale is None else weights * jax.numpy.asarray(self.scale, weights.dtype)

    @cached_property
    def _place_of_table(self) -> int:
        wanted = self._layer.embeddings
        place = next((place for place, one in enumerate(self.variables) if one is wanted), None)
        if place is None:
            raise _not_understood(self.task, "its token embeddings are computed, as by LoRA on them, and not a table")
        return place

    def states(self, values: Values, embeddings: Any, mask: Any) -> Any:
        """The last states, shape as ``embeddings``: ``(batch, positions, width)``; ``mask``: ``(batch, positions)``."""
        return self._run(("states",), values, embeddings, mask)

    def logits(self, values: Values, states: Any) -> Any:
        """``(…, width)`` to ``(…, vocabulary)``, for two leading axes."""
        return self._run(("logits",), values, states)

    def layer_answer(self, layer: str, values: Values, embeddings: Any, mask: Any) -> Any:
        """What a layer answers, shape ``(batch, positions, width of the layer)``."""
        return self._run(("to", layer), values, embeddings, mask)

    def states_behind(self, layer: str, values: Values, answer: Any, mask: Any) -> Any:
        """The last states, where a layer answers so."""
        return self._run(("from", layer), values, answer, mask)

    def layer_name(self, layer: Any) -> str:
        """The name of a layer that is given by name, as itself or as a `Depth`.

        Raises:
            UnknownNameError: The backbone has no such layer.
            ModelCapabilityError: Its blocks are not known, or the layer does not answer one vector per position.
        """
        if isinstance(layer, Depth):
            if not self.blocks:
                raise _not_understood(self.task, "its blocks are not listed; name a layer")
            name = str(self.blocks[layer.block(len(self.blocks))].name)
        else:
            name = layer if isinstance(layer, str) else str(getattr(layer, "name", layer))
        known = [one.name for one in self.backbone.layers if one.name not in ("token_ids", "padding_mask")]
        if name not in known:
            raise UnknownNameError(
                f"{type(self.backbone).__name__} has no layer {name!r}.{nearest(name, known)} "
                f"Known: {', '.join(known)}."
            )
        if len(self._answer(name).shape) != 3:
            raise ModelCapabilityError(f"{name} does not answer one vector per position. Name another layer.")
        return name

    def _answer(self, name: str) -> Any:
        return _calls(self.backbone.get_layer(name))[0].outputs[0]

    def _run(self, part: tuple[str, ...], values: Values, *inputs: Any) -> Any:
        if part not in self._parts:
            self._parts[part] = self._compiled(part)
        return self._parts[part](list(values), *inputs)

    def _compiled(self, part: tuple[str, ...]) -> Callable[..., Any]:
        graph = self._graph(part)
        variables = self.variables
        positions = self._positions if part[0] in ("states", "to") else None

        def run(values: Values, *inputs: Any) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                given = list(inputs)
                if positions is not None:
                    given[0] = given[0] + positions.position_embedding(given[0])
                return graph(given)

        return jax.jit(run)  # type: ignore[no-any-return]

    def _graph(self, part: tuple[str, ...]) -> Any:
        kind = part[0]
        if kind == "logits":
            return _function(self.task, [self._hidden], self.task.output)
        if kind == "states":
            return _function(self.task, [self._embeddings, self._mask], self._states)
        answer = self._answer(part[1])
        if kind == "to":
            return _function(self.task, [self._embeddings, self._mask], answer)
        return _function(self.task, [answer, self._mask], self._states)


def _function(task: Any, inputs: list[Any], outputs: Any) -> Any:
    try:
        return keras.Function(inputs=inputs, outputs=outputs)
    except ValueError as error:
        raise _not_understood(task, f"a part of it reads more than the part before gives ({error})") from error


def _token_embedding(backbone: Any) -> tuple[Any, Any]:
    """The layer whose table embeds tokens, and the layer around it that adds positions, if there is one."""
    both = keras_hub.layers.TokenAndPositionEmbedding
    for layer in backbone.layers:
        if isinstance(layer, both):
            return layer.token_embedding, layer
    found = getattr(backbone, "token_embedding", None)
    return (found if isinstance(found, keras.layers.Embedding) else None), None


def _made_from_inputs(layer: Any, backbone: Any) -> Any:
    """What the layer answers to the model's token ids."""
    inputs = {id(tensor) for tensor in backbone.inputs}
    for node in _calls(layer):
        if any(id(tensor) in inputs for tensor in node.input_tensors):
            return node.outputs[0]
    raise ModelCapabilityError(f"{layer.name} does not read the token ids of {type(backbone).__name__}.")


def _scaled(backbone: Any, embeddings: Any) -> tuple[Any, float | None]:
    """The embeddings behind their multiplication by a number, if that is all that reads them; and the number."""
    readers = [
        node
        for operation in backbone._operations
        for node in _calls(operation)
        if any(tensor is embeddings for tensor in node.input_tensors)
    ]
    if len(readers) != 1 or not isinstance(readers[0].operation, keras.src.ops.numpy.Multiply):
        return embeddings, None
    others = [one for one in readers[0].arguments.args if one is not embeddings]
    if len(others) != 1 or isinstance(others[0], keras.KerasTensor) or np.ndim(others[0]):
        return embeddings, None
    return readers[0].outputs[0], float(others[0])


def _calls(operation: Any) -> list[Any]:
    """The places in a graph where an operation is called."""
    return list(operation._inbound_nodes)


def _not_understood(task: Any, why: str) -> ModelCapabilityError:
    return ModelCapabilityError(
        f"{type(task).__name__} is built in a way that this adapter does not understand: {why}. Load the same weights "
        "with framework='hf_transformers'."
    )
