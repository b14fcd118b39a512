"""Modules of inseq that hold its own machinery alone: they can be imported, and their names say what to do here."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from wherefrom.inseq._elsewhere import names_elsewhere, refusal

_METHOD = "Methods are frozen settings objects of wherefrom.methods: pass their name or an object as method=...."
_PROGRESS = "Pass progress=..., a function of (phase, done, total), to wherefrom's attribute."
_VIEW = "Views are drawn by wherefrom-viz: result.show(), to_html(), to_svg(); see the page on views."
_FILES = "Files are read and written by wherefrom.load and wherefrom.save_inseq."
_CONTEXT = "wherefrom.attribute_context(model, current, context) does all of it; see the page on context."
_ALIGN = "Texts are aligned by wherefrom.text.alignment and wherefrom.text.common_units."
_HOOKS = "Nothing hooks into a model's code by variable name: wherefrom_hf watches attention itself."

NAMES: Mapping[str, Mapping[str, str]] = {
    "attr.attribution_decorators": {
        "set_hook": _HOOKS,
        "unset_hook": _HOOKS,
        "batched": "Pass batch_size=... to attribute.",
        "logger": "Use logging.getLogger.",
    },
    "attr.feat.ops.discretized_integrated_gradients": {"DiscretetizedIntegratedGradients": _METHOD},
    "attr.feat.ops.lime": {"Lime": _METHOD, "logger": "Use logging.getLogger."},
    "attr.feat.ops.reagent": {"Reagent": _METHOD},
    "attr.feat.ops.reagent_core": dict.fromkeys(
        (
            "DeltaProbImportanceScoreEvaluator",
            "AggregateRationalizer",
            "TopKStoppingConditionEvaluator",
            "UniformTokenReplacer",
            "POSTagTokenSampler",
        ),
        _METHOD,
    ),
    "attr.feat.ops.reagent_core.importance_score_evaluator": dict.fromkeys(
        ("BaseImportanceScoreEvaluator", "DeltaProbImportanceScoreEvaluator"), _METHOD
    ),
    "attr.feat.ops.reagent_core.rationalizer": dict.fromkeys(("BaseRationalizer", "AggregateRationalizer"), _METHOD),
    "attr.feat.ops.reagent_core.stopping_condition_evaluator": dict.fromkeys(
        ("StoppingConditionEvaluator", "TopKStoppingConditionEvaluator", "DummyStoppingConditionEvaluator"), _METHOD
    ),
    "attr.feat.ops.reagent_core.token_replacer": dict.fromkeys(
        ("TokenReplacer", "RankingTokenReplacer", "UniformTokenReplacer"), _METHOD
    ),
    "attr.feat.ops.reagent_core.token_sampler": {
        "TokenSampler": _METHOD,
        "POSTagTokenSampler": "wherefrom_hf.samplers has samplers for reagent.",
        "logger": "Use logging.getLogger.",
    },
    "attr.feat.ops.sequential_integrated_gradients": {"SequentialIntegratedGradients": _METHOD},
    "attr.feat.ops.value_zeroing": {
        "ValueZeroing": _METHOD,
        "ValueZeroingModule": _METHOD,
        "ValueZeroingSimilarityMetric": "Pass similarity_metric='cosine' or 'euclidean' to attribute.",
        "logger": "Use logging.getLogger.",
    },
    "commands.attribute_context.attribute_context_viz_helpers": dict.fromkeys(
        (
            "visualize_attribute_context",
            "get_formatted_procedure_details",
            "get_formatted_attribute_context_results",
            "visualize_attribute_context_rich",
            "visualize_attribute_context_treescope",
        ),
        "Show a wherefrom.ContextAttribution with show() or to_html().",
    ),
    "utils.cache": {
        "DEFAULT_XDG_CACHE_HOME": "wherefrom keeps graphs of word paths with the model alone, in memory.",
        "XDG_CACHE_HOME": "wherefrom keeps graphs of word paths with the model alone, in memory.",
        "DEFAULT_INSEQ_HOME_CACHE": "wherefrom keeps graphs of word paths with the model alone, in memory.",
        "INSEQ_HOME_CACHE": "wherefrom keeps graphs of word paths with the model alone, in memory.",
        "DEFAULT_INSEQ_ARTIFACTS_CACHE": "wherefrom keeps graphs of word paths with the model alone, in memory.",
        "INSEQ_ARTIFACTS_CACHE": "wherefrom keeps graphs of word paths with the model alone, in memory.",
        "cache_results": "Use functools.cache.",
        "logger": "Use logging.getLogger.",
    },
    "utils.hooks": {
        "get_last_variable_assignment_position": _HOOKS,
        "get_post_variable_assignment_hook": _HOOKS,
    },
    "utils.viz_utils": dict.fromkeys(
        (
            "red",
            "beige",
            "blue",
            "green",
            "brown",
            "get_instance_html",
            "interpolate_color",
            "generate_colormap",
            "red_transparent_blue_colormap",
            "treescope_cmap",
            "get_color",
            "sanitize_html",
            "get_colors",
            "test_dim",
            "maybe_add_linebreak",
            "treescope_ignore",
            "final_plot_html",
            "saliency_heatmap_table_header",
            "saliency_heatmap_html",
        ),
        _VIEW,
    ),
}
"""Module, below ``inseq``, to name to advice."""

PARTIAL: Mapping[str, Mapping[str, str]] = {
    "attr.feat.attribution_utils": {
        "extract_args": "attribute deals arguments out itself; wherefrom.questions.routing.deal is how.",
        "logger": "Use logging.getLogger.",
    },
    "attr.feat.ops": {
        "DiscretetizedIntegratedGradients": _METHOD,
        "Lime": _METHOD,
        "Reagent": _METHOD,
        "SequentialIntegratedGradients": _METHOD,
        "ValueZeroing": _METHOD,
    },
    "attr.feat.ops.monotonic_path_builder": {
        "PathBuildingStrategies": "Pass method='greedy' or 'maxcount' in attribution_args.",
        "UnknownPathBuildingStrategy": "wherefrom.errors.SettingsError is raised instead.",
        "logger": "Use logging.getLogger.",
    },
    "attr.feat.feature_attribution": {"logger": "Use logging.getLogger."},
    "attr.feat.gradient_attribution": {"logger": "Use logging.getLogger."},
    "attr.feat.internals_attribution": {"logger": "Use logging.getLogger."},
    "attr.feat.perturbation_attribution": {"logger": "Use logging.getLogger."},
    "attr.step_functions": {"logger": "Use logging.getLogger."},
    "commands.attribute_context": {
        "visualize_attribute_context": "Show a wherefrom.ContextAttribution with show() or to_html().",
    },
    "commands.attribute_context.attribute_context_helpers": dict.fromkeys(
        (
            "generate_with_special_tokens",
            "generate_model_output",
            "prompt_user_for_context",
            "get_output_context_from_aligned_inputs",
            "prepare_outputs",
            "get_contextless_output",
            "generate_contextless_output",
            "get_source_target_cci_scores",
            "prompt_user_for_contextless_output_next_tokens",
            "logger",
        ),
        _CONTEXT,
    ),
    "commands.attribute_context.attribute_context": {"logger": "Use logging.getLogger."},
    "commands.attribute_context.attribute_context_args": {"logger": "Use logging.getLogger."},
    "data.aggregation_functions": {"logger": "Use logging.getLogger."},
    "data.aggregator": {"logger": "Use logging.getLogger."},
    "data.attribution": {"logger": "Use logging.getLogger."},
    "data.viz": {
        **dict.fromkeys(
            (
                "final_plot_html",
                "saliency_heatmap_html",
                "saliency_heatmap_table_header",
                "get_attribution_colors",
                "get_heatmap_type",
                "get_saliency_heatmap_html",
                "get_saliency_heatmap_rich",
                "get_saliency_heatmap_treescope",
                "get_single_token_heatmap_treescope",
                "get_tokens_heatmap_treescope",
            ),
            _VIEW,
        ),
        **dict.fromkeys(("get_progress_bar", "update_progress_bar", "close_progress_bar"), _PROGRESS),
    },
    "models.attribution_model": {"logger": "Use logging.getLogger."},
    "models.decoder_only": {"logger": "Use logging.getLogger."},
    "models.encoder_decoder": {"logger": "Use logging.getLogger."},
    "models.huggingface_model": {"logger": "Use logging.getLogger."},
    "models.model_config": {"logger": "Use logging.getLogger."},
    "models": {"logger": "Use logging.getLogger."},
    "utils": {
        "INSEQ_ARTIFACTS_CACHE": "wherefrom keeps graphs of word paths with the model alone, in memory.",
        "INSEQ_HOME_CACHE": "wherefrom keeps graphs of word paths with the model alone, in memory.",
        "cache_results": "Use functools.cache.",
        "get_adjusted_alignments": _ALIGN,
        "get_post_variable_assignment_hook": _HOOKS,
        "save_to_file": _FILES,
        "bin_str_to_ndarray": _FILES,
        "ndarray_to_bin_str": _FILES,
        "lists_of_numbers_to_ndarray": _FILES,
        "get_cls_from_instance_type": _FILES,
    },
    "utils.alignment_utils": {
        **dict.fromkeys(
            (
                "get_aligner_model",
                "get_aligner_tokenizer",
                "compute_word_aligns",
                "align_tokenizations",
                "propagate_alignments",
                "add_alignment_extra_positions",
                "auto_align_sequences",
                "get_adjusted_alignments",
            ),
            _ALIGN,
        ),
        "ALIGN_MODEL_ID": "Pass contrast_targets_alignments='auto:sentence-transformers/LaBSE'.",
        "logger": "Use logging.getLogger.",
    },
    "utils.contrast_utils": {"logger": "Use logging.getLogger."},
    "utils.misc": {
        **dict.fromkeys(
            (
                "ndarray_to_bin_str",
                "save_to_file",
                "bin_str_to_ndarray",
                "lists_of_numbers_to_ndarray",
                "get_cls_from_instance_type",
            ),
            _FILES,
        ),
        "logger": "Use logging.getLogger.",
    },
    "utils.serialization": dict.fromkeys(
        (
            "EncodableObject",
            "DecodableObject",
            "class_instance_encode",
            "ndarray_encode",
            "ENCODE_HOOKS",
            "AttributionSerializer",
            "ndarray_hook",
            "class_instance_hook",
            "AttributionDeserializer",
            "DECODE_HOOKS",
        ),
        _FILES,
    ),
    "utils.torch_utils": {"logger": "Use logging.getLogger."},
}
"""Names that modules which are there leave out."""

REMARKS: Mapping[str, str] = {
    "AttributionModel": "attr_pos_end is exclusive for encoder-decoders, too; a misspelt keyword is told in a warning",
    "DeepLiftAttribution": "the rescale rule at every non-linearity; inseq's is gradient x (input - baseline)",
    "LayerDeepLiftAttribution": "inseq gives zeros",
    "LayerIntegratedGradientsAttribution": "inseq gives zeros",
    "LimeAttribution": "one score per token, which is masked; inseq writes the token's id into embeddings",
    "ReagentAttribution": "one score per token; works with encoder-decoders and without NLTK",
    "ValueZeroingAttribution": "works on every model whose attention can be watched",
    "GradientShapAttribution": "seeded; baselines come from the example alone",
    "SubwordAggregator": "a word that a text ends with is merged like others only where an end token follows",
    "top_p_size_fn": "one count per row",
    "kl_divergence_fn": "never NaN",
    "mc_dropout_prob_avg_fn": "the model is left in the mode it was in; 0 where it has no dropout",
    "FeatureAttributionOutput": "files hold float32, float16 or float8; float8 has no scale, as inseq's has none",
    "HuggingfaceModel": "any torch device; embeddings are scaled once (inseq scales Marian's decoder twice)",
    "AttributeContextCommand": "contexts are aligned by ids; no context at all is refused",
    "attribute_context": "contexts are aligned by ids; no context at all is refused",
    "AttributeDatasetCommand": "a field that is not there is an error",
    "register_model_config": "kept, and read by nothing",
    "list_feature_attribution_methods": "sorted; wherefrom.list_feature_attribution_methods has more",
}
"""What differs, by name."""

HOMES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "AttributionForwardInputs",
            "IndexSpan",
            "OneOrMoreIndices",
            "SequenceAttributionTensor",
            "StepAttributionTensor",
            "TextInput",
        ),
        "utils.typing",
    ),
    "CustomForwardOutput": "models.attribution_model",
    "DEFAULT_ATTRIBUTION_AGGREGATE_DICT": "data.aggregation_functions",
    "FeatureAttributionInput": "data.attribution",
    "INSEQ_ARTIFACTS_CACHE": "utils.cache",
    "ModelOutput": "models.attribution_model",
    "StepFunctionArgs": "attr.step_functions",
    "isnotebook": "utils.misc",
    "optional": "utils.misc",
}
"""Names that inseq's modules hand on from one to another, and where they live."""

_OWN_AGGREGATOR = "An aggregator of your own is a frozen attrs class: see wherefrom.results.aggregation.aggregator."
_STEPS = "Sequences are made from wherefrom's results: wherefrom.inseq.data.attribution.from_wherefrom."

MEMBERS: Sequence[tuple[str, str, Sequence[str], str]] = (
    (
        "data.aggregator",
        "Aggregator",
        (
            *(f"{when}_aggregation_hook" for when in ("start", "end")),
            *(f"{when}_aggregate_hook" for when in ("pre", "post")),
            "is_compatible",
            *(
                f"aggregate_{what}"
                for what in (
                    "attr_pos_start",
                    "attr_pos_end",
                    "sequence_scores",
                    "source",
                    "source_attributions",
                    "step_scores",
                    "target",
                    "target_attributions",
                )
            ),
        ),
        _OWN_AGGREGATOR,
    ),
    (
        "data.attribution",
        "FeatureAttributionSequenceOutput",
        ("config", "from_step_attributions", "get_remove_pad_fn"),
        _STEPS,
    ),
    ("data.attribution", "FeatureAttributionStepOutput", ("remap_from_filtered",), _STEPS),
    ("models.attribution_model", "AttributionModel", ("validate_attribute_args",), "attribute checks its arguments."),
    (
        "models.formatters",
        "InputFormatter",
        ("convert_args_to_batch", "format_step_function_args", "get_text_sequences"),
        "Each kind of model has a formatter of its own: model.formatter.",
    ),
    ("attr.feat.internals_attribution", "AttentionWeightsAttribution", ("AttentionWeights",), _METHOD),
    (
        "attr.feat.ops.monotonic_path_builder",
        "MonotonicPathBuilder",
        (
            "build_monotonic_path_embedding",
            "check_monotonic",
            "compute_embeddings_knn",
            "find_path",
            "get_closest_word",
            "get_word_distance",
            "load",
            "make_monotonic_vec",
            "scale_inputs",
        ),
        _METHOD,
    ),
)
"""Module, class, members that are its machinery, advice."""

_ROOT = "wherefrom.inseq."


class _Modules(MetaPathFinder, Loader):
    """Finds the modules of `NAMES` where there is no file."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A module of the table."""
        short = fullname.removeprefix(_ROOT)
        if not fullname.startswith(_ROOT) or short not in NAMES:
            return None
        is_package = any(name.startswith(f"{short}.") for name in NAMES)
        return ModuleSpec(fullname, self, is_package=is_package)

    def exec_module(self, module: ModuleType) -> None:
        """Names of the module say what to do."""
        names = dict(NAMES[module.__name__.removeprefix(_ROOT)])
        module.__doc__ = "Machinery of inseq; its names say what to do here."
        module.__getattr__ = names_elsewhere(module.__name__, names, (), HOMES)  # type: ignore[method-assign]
        module.__dir__ = lambda: sorted(names)  # type: ignore[method-assign]


def install() -> None:
    """Let the modules of the table be imported, once, and complete those that leave names out."""
    if not any(isinstance(finder, _Modules) for finder in sys.meta_path):
        sys.meta_path.append(_Modules())
    for short, names in PARTIAL.items():
        module = import_module(f"{_ROOT}{short}")
        module.__getattr__ = names_elsewhere(module.__name__, dict(names), vars(module), HOMES)  # type: ignore[method-assign]
    for short, kind, members, advice in MEMBERS:
        cls = getattr(import_module(f"{_ROOT}{short}"), kind)
        for member in members:
            if not hasattr(cls, member):
                setattr(cls, member, staticmethod(refusal(f"{kind}.{member}", advice)))
