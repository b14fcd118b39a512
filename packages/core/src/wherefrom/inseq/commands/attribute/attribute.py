"""The command ``attribute``."""

from __future__ import annotations

import logging
from typing import Any

from wherefrom.errors import SettingsError
from wherefrom.inseq.commands.attribute.attribute_args import AttributeExtendedArgs, AttributeWithInputsArgs
from wherefrom.inseq.commands.base import BaseCLICommand
from wherefrom.inseq.commands.commands_utils import refuse_unwritable, write_text
from wherefrom.inseq.data.attribution import FeatureAttributionOutput
from wherefrom.inseq.models import load_model


def aggregate_attribution_scores(
    out: FeatureAttributionOutput,
    selectors: list[int] | None = None,
    aggregators: list[str] | None = None,
    normalize_attributions: bool = False,
    rescale_attributions: bool = False,
) -> FeatureAttributionOutput:
    """Scores aggregated as a command line asks: with selectors one aggregator after the other, each with its own.

    Raises:
        SettingsError: There are not as many selectors as aggregators.
    """
    scale = {"normalize": normalize_attributions, "rescale": rescale_attributions}
    if selectors:
        names: list[Any] = list(aggregators or ["scores"] * len(selectors))
        if len(names) != len(selectors):
            raise SettingsError(
                f"{len(selectors)} attribution_selectors for {len(names)} attribution_aggregators. Give one for each."
            )
        for selector, name in zip(selectors, names, strict=True):
            out = out.aggregate(name, select_idx=selector, do_post_aggregation_checks=False, **scale)
        return out
    return out.aggregate(aggregators or None, **scale)


def attribute(input_texts: list[str], generated_texts: list[str] | None, args: AttributeExtendedArgs) -> Any:
    """Load, attribute, aggregate, show and save, as the options say."""
    refuse_unwritable(args.viz_path, args.save_path)
    if args.verbose or args.very_verbose:
        logging.basicConfig(level=logging.DEBUG if args.very_verbose else logging.INFO)
    model = load_model(args.model_name_or_path, args.attribution_method, **args.loading())
    generation = dict(args.generation_kwargs)
    language = args.tokenizer_kwargs.get("tgt_lang")
    if language is not None and model.is_encoder_decoder and "forced_bos_token_id" not in generation:
        generation["forced_bos_token_id"] = model.language_id(language)
    out = model.attribute(
        input_texts,
        generated_texts,
        attribute_target=args.attribute_target or args.do_prefix_attribution,
        step_scores=args.step_scores,
        output_step_attributions=args.output_step_attributions,
        include_eos_baseline=args.include_eos_baseline,
        batch_size=args.batch_size,
        attr_pos_start=args.start_pos,
        attr_pos_end=args.end_pos,
        attributed_fn=args.attributed_fn,
        generate_from_target_prefix=args.generate_from_target_prefix,
        generation_args=generation,
        show_progress=False,
        **args.attribution_kwargs,
    )
    if args.attribution_aggregators or args.attribution_selectors:
        out = aggregate_attribution_scores(
            out,
            args.attribution_selectors,
            args.attribution_aggregators,
            args.normalize_attributions,
            args.rescale_attributions,
        )
    if args.viz_path or not args.hide_attributions:
        page = out.show(display=not args.hide_attributions, return_html=bool(args.viz_path))
        if args.viz_path:
            write_text(args.viz_path, page)
    if args.save_path:
        out.save(args.save_path, overwrite=True)
    return out


class AttributeCommand(BaseCLICommand):
    """Attribute texts."""

    _name = "attribute"
    _help = "attribute one or several texts"
    _dataclasses = AttributeWithInputsArgs

    @staticmethod
    def run(args: AttributeWithInputsArgs) -> Any:
        """Do it."""
        return attribute(args.input_texts, args.generated_texts, args)
