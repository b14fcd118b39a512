"""Models of transformers under inseq's names."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from wherefrom.errors import ShapeError
from wherefrom.inseq.attr.feat import ATTRIBUTIONS, FeatureAttribution
from wherefrom.inseq.data.batch import AnsweredBatch, BatchEncoding
from wherefrom.inseq.models.attribution_model import AttributionModel
from wherefrom.inseq.models.formatters import DecoderOnlyInputFormatter, EncoderDecoderInputFormatter
from wherefrom.inseq.models.model_config import MODEL_CONFIGS, get_model_config
from wherefrom.loading import load_model as load_ours

SUPPORTED_AUTOCLASSES = [AutoModelForSeq2SeqLM, AutoModelForCausalLM]
_OF_BOTH_STACKS = ("output_attentions", "output_hidden_states")
"""What a forward pass is told that its encoder wants to know, too."""


def _embeddings(ids: Tensor, embeddings: Tensor | None, use_embeddings: bool) -> Tensor | None:
    """Embeddings to read in place of those of ids, where they are wanted and there are any."""
    if not use_embeddings or embeddings is None:
        return None
    if embeddings.shape[:2] != ids.shape:
        raise ShapeError(
            f"Embeddings of shape {tuple(embeddings.shape)} for ids of shape {tuple(ids.shape)}: expected one for each "
            "id. Give both with as many rows and positions."
        )
    return embeddings


class EncoderDecoderAttributionModel(AttributionModel):
    """A model that reads a source and says a target."""

    formatter = EncoderDecoderInputFormatter
    is_encoder_decoder = True

    def get_forward_output(self, batch: Any, use_embeddings: bool = True, **kwargs: Any) -> Any:
        """What the model returns for a batch of sources and targets.

        Args:
            use_embeddings: Read the batch's embeddings where it has them, or those of its ids?

        Raises:
            ShapeError: There is not one embedding for each id.
        """
        if isinstance(batch, AnsweredBatch):
            return batch.forward_output
        adapter, told = self.wherefrom.adapter, {name: kwargs[name] for name in _OF_BOTH_STACKS if name in kwargs}
        source = _embeddings(batch.source_ids, batch.source_embeds, use_embeddings)
        target = _embeddings(batch.target_ids, batch.target_embeds, use_embeddings)
        with adapter.reading(source, side="source"):
            states = self.get_encoder()(input_ids=batch.source_ids, attention_mask=batch.source_mask, **told)
        with adapter.reading(target, side="target"):
            return self.model(
                encoder_outputs=states,
                attention_mask=batch.source_mask,
                decoder_input_ids=batch.target_ids,
                decoder_attention_mask=batch.target_mask,
                **kwargs,
            )


class DecoderOnlyAttributionModel(AttributionModel):
    """A model of one sequence, prompt and output."""

    formatter = DecoderOnlyInputFormatter
    is_encoder_decoder = False

    def get_forward_output(self, batch: Any, use_embeddings: bool = True, **kwargs: Any) -> Any:
        """What the model returns for a batch.

        Args:
            use_embeddings: Read the batch's embeddings where it has them, or those of its ids?

        Raises:
            ShapeError: There is not one embedding for each id.
        """
        if isinstance(batch, AnsweredBatch):
            return batch.forward_output
        embeddings = _embeddings(batch.target_ids, batch.target_embeds, use_embeddings)
        with self.wherefrom.adapter.reading(embeddings, side="target"):
            return self.model(input_ids=batch.target_ids, attention_mask=batch.target_mask, **kwargs)


class HuggingfaceModel(AttributionModel):
    """A model of transformers with its tokenizer."""

    _autoclass: Any = None

    @staticmethod
    def load(
        model: Any,
        attribution_method: Any = None,
        tokenizer: Any = None,
        device: Any = None,
        model_kwargs: Mapping[str, Any] | None = None,
        tokenizer_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> HuggingfaceModel:
        """Load a model by hub id or path, or take a model object."""
        ours = load_ours(
            model,
            tokenizer=tokenizer,
            device=None if device is None else str(device),
            model_kwargs=dict(model_kwargs or {}) or None,
            tokenizer_kwargs=dict(tokenizer_kwargs or {}) or None,
        )
        encoder_decoder = ours.adapter.card.kind == "encoder-decoder"
        cls = HuggingfaceEncoderDecoderModel if encoder_decoder else HuggingfaceDecoderOnlyModel
        return cls(ours, attribution_method, **kwargs)

    def get_attribution_method(
        self, method: Any = None, override_default_attribution: bool | None = False, **kwargs: Any
    ) -> Any:
        """The method of a name, bound to this model; a warning where its configuration was taken away."""
        bound = super().get_attribution_method(method, override_default_attribution, **kwargs)
        kind = type(self.model).__name__
        if bound.method_name == "value_zeroing" and kind in MODEL_CONFIGS.removed:
            warnings.warn(
                f"The configuration of {kind} was removed. Value zeroing works without it.", UserWarning, stacklevel=2
            )
        return bound

    def _methods(self) -> Mapping[str, Any]:
        """inseq's, and those that scripts derive from them."""
        return {**FeatureAttribution.available_classes(), **ATTRIBUTIONS}

    def take_configuration(self) -> None:
        """Put what is registered for this class of model into ``config``."""
        self.config = get_model_config(type(self.model).__name__, self.is_encoder_decoder)

    def generate(
        self,
        inputs: str | Sequence[str] | BatchEncoding,
        return_generation_output: bool | None = False,
        skip_special_tokens: bool | None = None,
        output_generated_only: bool = False,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Texts that the model generates; with ``return_generation_output`` also what transformers returned."""
        encoding = inputs if isinstance(inputs, BatchEncoding) else self.encode(inputs)
        with torch.no_grad():
            output = self.model.generate(
                inputs=encoding.input_ids,
                attention_mask=kwargs.pop("attention_mask", encoding.attention_mask),
                return_dict_in_generate=True,
                pad_token_id=kwargs.pop("pad_token_id", self.pad_token_id),
                **kwargs,
            )
        ids: Tensor = output.sequences
        if output_generated_only and not self.is_encoder_decoder:
            ids = ids[:, encoding.input_ids.shape[1] :]
        skip = True if skip_special_tokens is None else skip_special_tokens
        texts = self.decode(ids, skip_special_tokens=skip)
        return [(texts, output)] if return_generation_output else texts


class HuggingfaceEncoderDecoderModel(HuggingfaceModel, EncoderDecoderAttributionModel):
    """An encoder-decoder of transformers."""

    _autoclass = AutoModelForSeq2SeqLM


class HuggingfaceDecoderOnlyModel(HuggingfaceModel, DecoderOnlyAttributionModel):
    """A decoder-only model of transformers."""

    _autoclass = AutoModelForCausalLM
