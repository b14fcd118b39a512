"""The command ``attribute-context``, by the library's own PECoRe."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from wherefrom.context import attribute_context as attribute_context_ours
from wherefrom.context.results import ContextAttribution
from wherefrom.inseq.commands.attribute.attribute import aggregate_attribution_scores
from wherefrom.inseq.commands.attribute_context.attribute_context_args import AttributeContextArgs
from wherefrom.inseq.commands.attribute_context.attribute_context_helpers import (
    AttributeContextOutput,
    CCIOutput,
    get_filtered_tokens,
)
from wherefrom.inseq.commands.base import BaseCLICommand
from wherefrom.inseq.commands.commands_utils import refuse_unwritable, write_text
from wherefrom.inseq.data.as_wherefrom import as_wherefrom
from wherefrom.inseq.data.attribution import from_wherefrom
from wherefrom.inseq.models import HuggingfaceModel, load_model
from wherefrom.inseq.models.asking import asked_of_context
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance


def attribute_context(args: AttributeContextArgs) -> AttributeContextOutput:
    """Load the model and do it."""
    refuse_unwritable(args.viz_path, args.save_path)
    model = load_model(args.model_name_or_path, args.attribution_method, **args.loading())
    return attribute_context_with_model(args, model)  # type: ignore[arg-type]


def attribute_context_with_model(args: AttributeContextArgs, model: HuggingfaceModel) -> AttributeContextOutput:
    """Which tokens of the output depend on the context; shown and saved as the options say."""
    method = model.get_attribution_method(None).method
    function = model.default_attributed_fn_id if args.attributed_fn is None else args.attributed_fn
    asked = asked_of_context(model, method, function, args.context_sensitivity_metric, args.attribution_kwargs)
    done = attribute_context_ours(
        model.wherefrom,
        args.input_current_text,
        args.input_context_text or None,
        output=args.output_current_text,
        output_context=args.output_context_text or None,
        method=method,
        attributed_fn=asked.function,
        context_sensitivity_metric=asked.metric,
        context_sensitivity_std_threshold=args.context_sensitivity_std_threshold,
        context_sensitivity_topk=args.context_sensitivity_topk,
        attribution_std_threshold=args.attribution_std_threshold,
        attribution_topk=args.attribution_topk,
        input_template=args.input_template,
        output_template=_without_context(args.output_template, args.output_context_text),
        contextless_input_template=args.contextless_input_current_text,
        contextless_output_template=args.contextless_output_current_text,
        handle_output_context_strategy=args.handle_output_context_strategy,  # type: ignore[arg-type]
        contextless_output_next_tokens=args.contextless_output_next_tokens,
        prompt_user_for_contextless_output_next_tokens=args.prompt_user_for_contextless_output_next_tokens,
        special_tokens_to_keep=args.special_tokens_to_keep,
        decoder_input_output_separator=args.decoder_input_output_separator,
        tgt_lang=args.tokenizer_kwargs.get("tgt_lang"),
        attribution_aggregators=_reduction(args),
        generation_args=dict(args.generation_kwargs),
        support_unit="none",
        **{**_drawn_seed(args, model), **asked.settings},
    )
    output = as_inseq(done, args if args.add_output_info else None)
    if args.output_context_text == "":
        output = with_empty_output_context(output)
    output = spelt_alone(output, model, args.special_tokens_to_keep)
    if args.save_path:
        write_text(args.save_path, json.dumps(output.to_dict(), ensure_ascii=False, indent=4))
    if args.viz_path:
        done.save_html(args.viz_path, overwrite=True)
    if args.show_viz:
        done.show()
    return output


def _drawn_seed(args: AttributeContextArgs, model: HuggingfaceModel) -> dict[str, int]:
    """A seed from torch's generator where outputs are sampled, so that they follow ``torch.manual_seed``."""
    samples = args.generation_kwargs.get("do_sample", model.model.generation_config.do_sample)
    return {"seed": int(torch.randint(2**31, ()))} if samples else {}


def _reduction(args: AttributeContextArgs) -> Callable[[Attribution], Attribution] | None:
    """How scores become one number per token, where the options say it: by inseq's aggregators."""
    asked = (args.attribution_selectors, args.attribution_aggregators)
    scale = (args.normalize_attributions, args.rescale_attributions)
    if not any((*asked, *scale)):
        return None

    def reduced(one: Attribution) -> Attribution:
        output = from_wherefrom(Attributions(sequence_attributions=(one,), provenance=Provenance()))
        return as_wherefrom(aggregate_attribution_scores(output, *asked, *scale))[0]

    return reduced


def _without_context(template: str | None, context: str | None) -> str | None:
    """A template whose context is known to be empty, without it."""
    if template is None or context != "":
        return template
    return template.replace("{context}", "").lstrip() if "{context}" in template else template


def as_inseq(done: ContextAttribution, args: AttributeContextArgs | None) -> AttributeContextOutput:
    """Our result as inseq's record."""
    info = None
    if args is not None:
        info = args.to_dict()
        info["has_input_context"] = done.input_context is not None
        info["has_output_context"] = done.output_context is not None
    return AttributeContextOutput(
        input_context=done.input_context,
        input_context_tokens=done.input_context_tokens,
        output_context=done.output_context,
        output_context_tokens=done.output_context_tokens,
        output_current=done.output_current,
        output_current_tokens=done.output_current_tokens,
        cti_scores=list(done.cti_scores),
        cci_scores=[
            CCIOutput(
                cti_idx=one.cti_idx,
                cti_token=one.cti_token,
                cti_score=one.cti_score,
                contextual_output=one.contextual_output,
                contrast_token=one.contrast_token,
                contextless_output=one.contextless_output,
                input_context_scores=one.input_context_scores,
                output_context_scores=one.output_context_scores,
            )
            for one in done.cci_scores
        ],
        info=info,
    )


def with_empty_output_context(output: AttributeContextOutput) -> AttributeContextOutput:
    """A record whose output context was said to be empty: it has one, of no tokens."""
    cues = [replace(one, output_context_scores=[]) for one in output.cci_scores]
    return replace(output, output_context="", output_context_tokens=[], cci_scores=cues)


def spelt_alone(output: AttributeContextOutput, model: Any, kept: Sequence[str]) -> AttributeContextOutput:
    """A record whose texts are spelt as each is when it stands alone, where that gives as many tokens."""

    def spelt(text: str | None, tokens: list[str] | None, *, is_target: bool) -> list[str] | None:
        if not text or tokens is None:
            return tokens
        alone = get_filtered_tokens(text, model, kept, is_target=is_target)
        return alone if len(alone) == len(tokens) else tokens

    current = spelt(output.output_current, output.output_current_tokens, is_target=True) or []
    was = output.output_current_tokens or []
    cues = [
        replace(one, cti_token=current[one.cti_idx]) if one.cti_token == was[one.cti_idx] else one
        for one in output.cci_scores
    ]
    return replace(
        output,
        input_context_tokens=spelt(output.input_context, output.input_context_tokens, is_target=False),
        output_context_tokens=spelt(output.output_context, output.output_context_tokens, is_target=True),
        output_current_tokens=current,
        cci_scores=cues,
    )


class AttributeContextCommand(BaseCLICommand):
    """Attribute to a context."""

    _name = "attribute-context"
    _help = "find the words of an output that depend on a context, and what of it they depend on"
    _dataclasses = AttributeContextArgs

    @staticmethod
    def run(args: AttributeContextArgs) -> Any:
        """Do it."""
        return attribute_context(args)
