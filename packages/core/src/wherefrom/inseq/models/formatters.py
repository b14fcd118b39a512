"""From texts and arguments to batches."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from wherefrom.inseq._elsewhere import NotHereError
from wherefrom.inseq.attr.step_functions import StepFunctionDecoderOnlyArgs, StepFunctionEncoderDecoderArgs
from wherefrom.inseq.data.batch import Batch, BatchEmbedding, BatchEncoding, DecoderOnlyBatch, EncoderDecoderBatch
from wherefrom.inseq.utils.typing import TextSequences

_STEPS = "Attribution is done by the library's own methods, all steps at once: call model.attribute."


class InputFormatter:
    """How a kind of model arranges its inputs."""

    @staticmethod
    def prepare_inputs_for_attribution(
        attribution_model: Any, inputs: Any, include_eos_baseline: bool = False, skip_special_tokens: bool = False
    ) -> Any:
        """A batch of texts."""
        raise NotImplementedError

    @staticmethod
    def format_attribution_args(*args: Any, **kwargs: Any) -> Any:
        """Not here."""
        raise NotHereError(_STEPS)

    @staticmethod
    def enrich_step_output(*args: Any, **kwargs: Any) -> Any:
        """Not here."""
        raise NotHereError(_STEPS)

    @staticmethod
    def format_forward_args(*args: Any, **kwargs: Any) -> Any:
        """Not here."""
        raise NotHereError(_STEPS)

    @staticmethod
    def format_contrast_targets_alignments(*args: Any, **kwargs: Any) -> Any:
        """Not here."""
        raise NotHereError("Pairs are found by wherefrom.text.alignment.align.")

    @staticmethod
    def get_step_function_reserved_args() -> list[str]:
        """Names that step functions are given."""
        return list(StepFunctionEncoderDecoderArgs.__dataclass_fields__)


def _batch(ids: Tensor, mask: Tensor, embeds: Tensor | None) -> Batch:
    return Batch(BatchEncoding(input_ids=ids, attention_mask=mask), BatchEmbedding(input_embeds=embeds))


class DecoderOnlyInputFormatter(InputFormatter):
    """Prompt and output in one sequence."""

    @staticmethod
    def prepare_inputs_for_attribution(
        attribution_model: Any, inputs: Any, include_eos_baseline: bool = False, skip_special_tokens: bool = False
    ) -> DecoderOnlyBatch:
        """A batch of texts."""
        return DecoderOnlyBatch.from_batch(
            attribution_model.batch_of(inputs, include_eos_baseline, False, skip_special_tokens)
        )

    @staticmethod
    def convert_args_to_batch(
        args: Any = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        decoder_input_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> DecoderOnlyBatch:
        """What a step function was told, as a batch."""
        if args is not None:
            decoder_input_ids, decoder_attention_mask = args.decoder_input_ids, args.decoder_attention_mask
            decoder_input_embeds = args.decoder_input_embeds
        assert decoder_input_ids is not None
        assert decoder_attention_mask is not None
        return DecoderOnlyBatch.from_batch(_batch(decoder_input_ids, decoder_attention_mask, decoder_input_embeds))

    @staticmethod
    def format_step_function_args(
        attribution_model: Any, forward_output: Any, target_ids: Tensor, batch: Any, is_attributed_fn: bool = False
    ) -> StepFunctionDecoderOnlyArgs:
        """A batch as a step function's arguments."""
        return StepFunctionDecoderOnlyArgs(
            attribution_model=attribution_model,
            forward_output=forward_output,
            target_ids=target_ids,
            is_attributed_fn=is_attributed_fn,
            decoder_input_ids=batch.target_ids,
            decoder_input_embeds=batch.target_embeds,
            decoder_attention_mask=batch.target_mask,
        )

    @staticmethod
    def get_text_sequences(attribution_model: Any, batch: Any) -> TextSequences:
        """The batch's texts."""
        return TextSequences(sources=None, targets=attribution_model.decode(batch.target_ids))

    @staticmethod
    def get_step_function_reserved_args() -> list[str]:
        """Names that step functions are given."""
        return list(StepFunctionDecoderOnlyArgs.__dataclass_fields__)


class EncoderDecoderInputFormatter(InputFormatter):
    """A source and a target."""

    @staticmethod
    def prepare_inputs_for_attribution(
        attribution_model: Any, inputs: Any, include_eos_baseline: bool = False, skip_special_tokens: bool = False
    ) -> EncoderDecoderBatch:
        """A batch of (sources, targets)."""
        sources, targets = inputs
        return EncoderDecoderBatch(
            sources=attribution_model.batch_of(sources, include_eos_baseline, False, skip_special_tokens),
            targets=attribution_model.batch_of(targets, include_eos_baseline, True, skip_special_tokens),
        )

    @staticmethod
    def convert_args_to_batch(
        args: Any = None,
        encoder_input_ids: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_input_embeds: Tensor | None = None,
        decoder_input_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> EncoderDecoderBatch:
        """What a step function was told, as a batch."""
        if args is not None:
            encoder_input_ids, encoder_attention_mask = args.encoder_input_ids, args.encoder_attention_mask
            decoder_input_ids, decoder_attention_mask = args.decoder_input_ids, args.decoder_attention_mask
            encoder_input_embeds, decoder_input_embeds = args.encoder_input_embeds, args.decoder_input_embeds
        assert encoder_input_ids is not None
        assert encoder_attention_mask is not None
        assert decoder_input_ids is not None
        assert decoder_attention_mask is not None
        return EncoderDecoderBatch(
            sources=_batch(encoder_input_ids, encoder_attention_mask, encoder_input_embeds),
            targets=_batch(decoder_input_ids, decoder_attention_mask, decoder_input_embeds),
        )

    @staticmethod
    def format_step_function_args(
        attribution_model: Any, forward_output: Any, target_ids: Tensor, batch: Any, is_attributed_fn: bool = False
    ) -> StepFunctionEncoderDecoderArgs:
        """A batch as a step function's arguments."""
        return StepFunctionEncoderDecoderArgs(
            attribution_model=attribution_model,
            forward_output=forward_output,
            target_ids=target_ids,
            is_attributed_fn=is_attributed_fn,
            encoder_input_ids=batch.source_ids,
            decoder_input_ids=batch.target_ids,
            encoder_input_embeds=batch.source_embeds,
            decoder_input_embeds=batch.target_embeds,
            encoder_attention_mask=batch.source_mask,
            decoder_attention_mask=batch.target_mask,
        )

    @staticmethod
    def get_text_sequences(attribution_model: Any, batch: Any) -> TextSequences:
        """The batch's texts."""
        return TextSequences(
            sources=attribution_model.decode(batch.source_ids), targets=attribution_model.decode(batch.target_ids)
        )
