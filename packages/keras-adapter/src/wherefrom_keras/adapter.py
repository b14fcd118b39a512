"""The entry point of this package: core finds `load` here through the entry point ``wherefrom.adapters``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from wherefrom.adapters import Encoding, ModelCard, Row, RowGradients, RowPrediction, Side
from wherefrom.adapters.layers import LayerGradients, LayerStates
from wherefrom.arrays import Array, IntArray
from wherefrom.errors import ModelCapabilityError, SettingsError
from wherefrom.text.tokens import Token

from wherefrom_keras.backend import jax, keras, keras_hub
from wherefrom_keras.cutting import Cut, Values
from wherefrom_keras.empty_rows import EmptyRows
from wherefrom_keras.generating import Generation, continued
from wherefrom_keras.opening import Opened, opened
from wherefrom_keras.passes import Passes
from wherefrom_keras.wording import Wording


def load(
    model: Any,
    *,
    tokenizer: Any = None,
    device: Any = None,
    model_kwargs: Mapping[str, Any] | None = None,
    tokenizer_kwargs: Mapping[str, Any] | None = None,
) -> KerasModel:
    """A causal model of KerasHub as core wants it.

    Args:
        model: Name of a preset, a folder, ``hf://...``, or a ``keras_hub.models.CausalLM``.
        tokenizer: A tokeniser of KerasHub or its preset; default: that of the model's preprocessor.
        device: None: where JAX puts arrays by default.
        model_kwargs: Handed to ``CausalLM.from_preset`` (``dtype``, ``load_weights``, ...).
        tokenizer_kwargs: Handed to ``Tokenizer.from_preset``.

    Raises:
        ModelLoadError: It cannot be loaded, is no causal model, or Keras does not compute with JAX.
        ModelCapabilityError: The model is built in a way that is not understood.
        SettingsError: ``device`` is given, or keywords for a model that is loaded already.
    """
    if device is not None:
        raise SettingsError(
            f"device = {device!r}: JAX decides where arrays are. Leave device out and set JAX_PLATFORMS, or "
            "jax.default_device, where the model is made."
        )
    found = opened(model, tokenizer, model_kwargs or {}, tokenizer_kwargs or {})
    cut = Cut(found.task)
    made = KerasModel(found, cut, Wording(found.tokenizer, found.starts), EmptyRows(cut))
    made.check_cuts()
    return made


@frozen(eq=False)
class KerasModel:
    """A decoder-only model of KerasHub, behind `wherefrom.adapters`.

    The model stays the user's: nothing is assigned to it, and its variables are read at each call.
    """

    _opened: Opened
    _cut: Cut
    _wording: Wording
    _empty_rows: EmptyRows
    _shuffled: Values | None = field(default=None)
    """Values instead of those of the variables."""

    hides_positions = True

    @property
    def module(self) -> Any:
        """The ``keras_hub.models.CausalLM``."""
        return self._opened.task

    @property
    def tokenizer(self) -> Any:
        """The ``keras_hub.tokenizers.Tokenizer``."""
        return self._opened.tokenizer

    @property
    def card(self) -> ModelCard:
        """Who the model is; see `wherefrom.adapters.ModelCard`."""
        backbone, wording = self._cut.backbone, self._wording
        weights = self._cut.weights(self._values)
        pad = wording.single("pad_token_id", "end_token_id")
        return ModelCard(
            name=self._opened.name,
            kind="decoder-only",
            model_class=type(self.module).__name__,
            tokenizer_name=self._opened.tokenizer_name,
            tokenizer_class=type(self.tokenizer).__name__,
            framework="keras_hub",
            dtype=str(weights.dtype),
            device=str(next(iter(weights.devices()))),
            layers=len(self._cut.blocks),
            heads=int(getattr(backbone, "num_query_heads", None) or getattr(backbone, "num_heads", None) or 0),
            width=int(weights.shape[1]),
            vocabulary=int(weights.shape[0]),
            bos_id=wording.start_id,
            eos_ids=wording.end_ids,
            pad_id=pad,
            unk_id=wording.single("unk_token_id", "end_token_id"),
            mask_id=None,
            max_length=self._longest,
            versions={"jax": jax.__version__, "keras": keras.__version__, "keras_hub": keras_hub.__version__},
        )

    def encode(
        self,
        text: str | Sequence[Mapping[str, str]],
        *,
        side: Side,
        add_special_tokens: bool = True,
        decoder_prefix: bool = False,
    ) -> Encoding:
        """See `wherefrom.adapters.SequenceModel.encode`."""
        return self._wording.encode(text, side=side, add_special_tokens=add_special_tokens and not decoder_prefix)

    def tokens(self, ids: IntArray, *, side: Side) -> tuple[Token, ...]:
        """See `wherefrom.adapters.SequenceModel.tokens`."""
        return self._wording.tokens(ids)

    def decode(self, ids: IntArray, *, skip_special_tokens: bool = True) -> str:
        """See `wherefrom.adapters.SequenceModel.decode`."""
        return self._wording.decode(ids, skip_special_tokens=skip_special_tokens)

    def generate(
        self,
        prompts: Sequence[IntArray],
        *,
        decoder_prefixes: Sequence[IntArray] | None = None,
        settings: Mapping[str, Any],
        seed: int | None = None,
    ) -> list[list[IntArray]]:
        """See `wherefrom.adapters.SequenceModel.generate`. Settings: `wherefrom_keras.generating.Generation`."""
        how = Generation.of(settings, "keras_hub")

        def following(ids: IntArray) -> Any:
            row = Row(target_ids=np.append(ids, 0), steps=np.array([len(ids)]))
            return np.asarray(next(self.predict([row])).logits[0])

        return [
            [
                continued(prompt, how, following, self._wording.end_ids, self._longest, np.random.default_rng(own))
                for own in how.seeds(seed, place)
            ]
            for place, prompt in enumerate(prompts)
        ]

    def embed(self, ids: IntArray, *, side: Side) -> Array:
        """See `wherefrom.adapters.Embeds.embed`."""
        return self._cut.embed(self._values, ids)

    def embedding_table(self, *, side: Side) -> Array:
        """See `wherefrom.adapters.Embeds.embedding_table`."""
        return self._cut.table(self._values)

    def mean_embedding(self, *, side: Side) -> Array:
        """See `wherefrom.adapters.Embeds.mean_embedding`."""
        return self._cut.table(self._values).mean(axis=0)

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        """See `wherefrom.adapters.PredictsSteps.predict`."""
        return _exactly(self._passes.predict(rows, chunk))

    def gradients(
        self, rows: Iterable[Row], *, chunk: int | None = None, source: bool = True, target: bool = True
    ) -> Iterator[RowGradients]:
        """See `wherefrom.adapters.GivesGradients.gradients`."""
        return _exactly(self._passes.gradients(rows, chunk, target))

    def layer_states(self, rows: Iterable[Row], *, layer: Any, chunk: int | None = None) -> Iterator[LayerStates]:
        """See `wherefrom.adapters.layers.GivesLayers.layer_states`. Layers are those of the backbone, by name."""
        return _exactly(self._passes.layer_states(rows, self._cut.layer_name(layer), chunk))

    def layer_gradients(
        self,
        rows: Iterable[Row],
        *,
        layer: Any,
        states: Iterable[LayerStates] | None = None,
        chunk: int | None = None,
    ) -> Iterator[LayerGradients]:
        """See `wherefrom.adapters.layers.GivesLayers.layer_gradients`."""
        return _exactly(self._passes.layer_gradients(rows, self._cut.layer_name(layer), states, chunk))

    def bad_weights(self) -> tuple[str, ...]:
        """See `wherefrom.adapters.FindsBadWeights`."""
        return tuple(
            variable.path
            for variable, value in zip(self._cut.variables, self._values, strict=True)
            if jax.numpy.issubdtype(value.dtype, jax.numpy.floating) and not bool(jax.numpy.isfinite(value).all())
        )

    @contextmanager
    def randomised(self, share: float, *, seed: int) -> Iterator[KerasModel]:
        """See `wherefrom.adapters.RandomisesWeights`. A second adapter; the model itself stays as it is."""
        floats = jax.numpy.floating
        weights = [place for place, one in enumerate(self._values) if jax.numpy.issubdtype(one.dtype, floats)]
        chosen = weights[::-1][: math.ceil(share * len(weights))]
        rng = np.random.default_rng(seed)
        values = list(self._values)
        for place in chosen:
            values[place] = jax.numpy.asarray(rng.permuted(np.asarray(values[place]).ravel())).reshape(
                values[place].shape
            )
        yield evolve(self, shuffled=values)

    def check_cuts(self) -> None:
        """Hold the parts, put together again, against the whole, as exactly as the model computes.

        Raises:
            ModelCapabilityError: They say something else.
        """
        ids = np.arange(3, dtype=np.int64)[None] % self.card.vocabulary
        mask = np.ones_like(ids)
        whole = np.asarray(self.module({"token_ids": ids, "padding_mask": mask}), np.float32)
        states = self._cut.states(self._values, self.embed(ids, side="target"), mask.astype(bool))
        came = np.asarray(self._cut.logits(self._values, states), np.float32)
        part = max(1e-4, 8 * float(jax.numpy.finfo(self._cut.backbone.compute_dtype).eps))
        if not np.allclose(came, whole, rtol=0, atol=part * max(1.0, float(np.abs(whole).max()))):
            raise ModelCapabilityError(
                f"{type(self.module).__name__} is built in a way that this adapter does not understand: from its token "
                f"embeddings its logits come out {np.abs(came - whole).max():.3g} apart. Load the same weights with "
                "framework='hf_transformers'."
            )

    @property
    def _values(self) -> Values:
        self._cut.require_unchanged()
        return [one.value for one in self._cut.variables] if self._shuffled is None else self._shuffled

    @property
    def _passes(self) -> Passes:
        return Passes(self._cut, self._values, self._longest, self._empty_rows)

    @property
    def _longest(self) -> int | None:
        """Tokens that the model reads at most."""
        return getattr(self._cut.backbone, "max_sequence_length", None)


def _exactly(answers: Iterator[Any]) -> Iterator[Any]:
    """Answers whose products of matrices are of full precision, on accelerators that would round them."""
    while True:
        with jax.default_matmul_precision("highest"):
            answer = next(answers, None)
        if answer is None:
            return
        yield answer
