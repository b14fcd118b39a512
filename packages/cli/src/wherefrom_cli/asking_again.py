"""The options that made a result, as a configuration file that asks for the same again."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from attrs import field, frozen
from wherefrom.context import ContextAttribution
from wherefrom.files.manifest import Manifest
from wherefrom.methods.contract import METHODS
from wherefrom.results.aggregation import AGGREGATORS
from wherefrom.results.attribution import Attributions
from wherefrom.results.contrasts import CONTRASTS, contrast_of
from wherefrom.results.provenance import ALIGNMENTS, Provenance, by_example
from wherefrom.results.stages import Stage
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom_viz.describe.text_marks import visible

from wherefrom_cli.texts import literal

_TRACED = ("span", "reasoning", "hops", "leave_out", "signed")

_OF_CONTEXT = {
    "attribution-std-threshold": "attribution_std_threshold",
    "attribution-topk": "attribution_topk",
    "context-sensitivity-metric": "context_sensitivity_metric",
    "context-sensitivity-std-threshold": "context_sensitivity_std_threshold",
    "context-sensitivity-topk": "context_sensitivity_topk",
    "fpr": "fpr",
    "null-draws": "null_draws",
    "output-context-text": "output_context_text",
    "output-current-text": "output_current_text",
    "input-template": "input_template",
    "output-template": "output_template",
    "contextless-input-current-text": "contextless_input_current_text",
    "contextless-output-current-text": "contextless_output_current_text",
    "handle-output-context-strategy": "handle_output_context_strategy",
    "contextless-output-next-tokens": "contextless_output_next_tokens",
    "special-tokens-to-keep": "special_tokens_to_keep",
    "decoder-input-output-separator": "decoder_input_output_separator",
    "attribution-aggregators": "attribution_aggregators",
    "attribution-selectors": "attribution_selectors",
    "normalize-attributions": "normalize_attributions",
    "rescale-attributions": "rescale_attributions",
    "aggregate-output": "aggregate_output",
}
"""Options of ``attribute-context``, and where a result keeps them."""


_OF_ATTRIBUTE = {
    "start-pos": "attr_pos_start",
    "end-pos": "attr_pos_end",
    "attribute-target": "attribute_target",
    "include-eos-baseline": "include_eos_baseline",
    "keep-special": "keep_special",
    "generate-from-target-prefix": "generate_from_target_prefix",
    "skip-special-tokens": "skip_special_tokens",
    "check": "check",
}
"""Options of ``attribute``, and the arguments of `attribute` that they are."""

_OF_MODEL = {
    "model": "name",
    "framework": "framework",
    "device": "device",
    "dtype": "dtype",
    "tokenizer": "tokenizer",
    "model-kwargs": "model_kwargs",
    "tokenizer-kwargs": "tokenizer_kwargs",
    "plugin": "plugins",
}
_OF_DATASET = {
    "dataset": "name",
    "config": "config",
    "dir": "folder",
    "files": "files",
    "split": "split",
    "revision": "revision",
    "dataset-kwargs": "kwargs",
    "limit": "limit",
}
_OF_FIELDS = {
    "input": "input",
    "generated": "output",
    "id-field": "id",
    "contrast-field": "contrast",
    "annotations": "annotations",
}
_OF_REQUEST = {
    "attribution-method": "method",
    "attributed-fn": "attributed_fn",
    "attribution-kwargs": "settings",
    "step-scores": "step_scores",
    "clean-special-chars": "clean_special_chars",
    "generation-kwargs": "generation_args",
    "batch-size": "batch_size",
    "seed": "seed",
}
_OF_REDUCTION = {
    "attribution-aggregators": "aggregators",
    "attribution-selectors": "selectors",
    "normalize-attributions": "normalize",
    "rescale-attributions": "rescale",
    "aggregate-output": "default",
}
"""Options of ``attribute-dataset``, and where a manifest keeps them."""


@frozen(kw_only=True)
class Again:
    """What asks for a result again."""

    sections: Mapping[str, Mapping[str, Any]]
    """Command to its options; what is None or empty is not written."""
    notes: tuple[str, ...] = field(default=())
    """What a configuration file cannot say."""

    def toml(self) -> str:
        """The file."""
        return "\n".join([*(f"# {visible(note)}" for note in self.notes), *self._lines()])

    def _lines(self) -> Iterator[str]:
        for command, options in self.sections.items():
            yield f"[{command}]"
            yield from (f"{name} = {_toml(value)}" for name, value in options.items() if value not in (None, [], {}))


def again(out: Attributions) -> Again:
    """What asks for attributions again, traces included."""
    info: Provenance = out.provenance
    more_to_give = _unnamed_framework(info) + _unknown_names(info)
    if (traced := info.arguments.get("trace")) is not None:
        asked: dict[str, Any] = _model_and_method(info)
        contrasts, notes = _contrasts(info)
        notes += more_to_give
        aligned = by_example(info, ALIGNMENTS, len(out)) or [None]
        if aligned[0] is not None and all(one == aligned[0] for one in aligned):
            asked["attribution-kwargs"] = {**asked["attribution-kwargs"], ALIGNMENTS: aligned[0]}
        elif any(one is not None for one in aligned):
            notes += (f"Its texts have {ALIGNMENTS} of their own, which no option says: ask for each apart.",)
        return Again(
            sections={
                "trace": {
                    **asked,
                    "generation-kwargs": _generation(info),
                    **_trace_options(traced),
                    "contrast-targets": contrasts,
                }
            },
            notes=notes,
        )
    reduced, notes = _reductions(out)
    contrasts, more = _contrasts(info)
    notes += (*more, *more_to_give, *_not_alike(out))
    if not any(name in info.arguments for name in CONTRASTS) and any(map(contrast_of, out)):
        notes += (
            "Its examples were compared with texts that it does not hold: give them too (--contrast-targets, "
            "--contrast-field).",
        )
    sections: dict[str, dict[str, Any]] = {
        "attribute": {
            **_attribute_options(info),
            "attribute-target": False if any(one.scored_sides == ("source",) for one in out) else None,
            "contrast-targets": contrasts,
            **reduced,
        }
    }
    stages = {stage.name: stage.settings for one in out for stage in one.aggregations}
    if "trace" not in stages:
        return Again(sections=sections, notes=notes)
    sections["trace"] = _trace_options(stages["trace"])
    return Again(
        sections=sections,
        notes=(
            "A trace of a saved result: `wherefrom attribute ... -o FILE` first, then `wherefrom trace FILE`.",
            *notes,
        ),
    )


def context_again(out: ContextAttribution) -> Again:
    """What asks for a context attribution again; documents, chats and foreign texts have to be given again."""
    info = out.info
    if "model_name_or_path" not in info and out.provenance is None:
        return Again(sections={}, notes=("It was saved without what was asked (--add-output-info no).",))
    made = out.provenance or Provenance(
        model={"name": info.get("model_name_or_path")},
        method={"name": info.get("attribution_method")},
        attributed_fn={"name": info.get("attributed_fn")},
    )
    options: dict[str, Any] = _model_and_method(made) | _as_options(_OF_CONTEXT, info)
    options["generation-kwargs"] = info.get("generation_kwargs")
    if language := info.get("tgt_lang"):
        options["tokenizer-kwargs"] = {**(options["tokenizer-kwargs"] or {}), "tgt_lang": language}
    missing = []
    current, kinds = info.get("input_current_text"), {part.kind for part in out.parts}
    if isinstance(current, str):
        options["input-current-text"] = current
    elif current is not None and _is_message(current):
        options |= {"input-current-text": current[0]["content"], "as-chat": True}
    else:
        missing.append("--chat FILE")
    if kinds - {"sentence"}:
        missing.append("--documents FILE")
    else:
        options["input-context-text"] = info.get("input_context_text")
    for option in ("input-current-text", "input-context-text", "output-current-text", "output-context-text"):
        if isinstance(text := options.get(option), str):
            options[option] = literal(text)
    for name, file in (("null_documents", "--null-documents FILE"), ("null_contexts", "--null-contexts FILE")):
        if isinstance(info.get(name), list):
            missing.append(file)
    if "sentence" in kinds:
        options["support-unit"] = "sentence"
    if out.parts:
        options["support-threshold"] = out.support_threshold
        options["support-level"] = info.get("support_level") or 0.0
    own = {name: value for name, value in made.arguments.items() if name != "attribution_aggregators"}
    options |= {name.replace("_", "-"): value for name, value in own.items()}
    reduced, more = _cues_reduced(info, made.arguments.get("attribution_aggregators"))
    options |= reduced
    notes = more + _unnamed_framework(made) + _unknown_names(made)
    notes += tuple(
        f"It was made without {name.replace('_', ' ')}, which the command cannot be told."
        for name in ("context_sensitivity_std_threshold", "attribution_std_threshold")
        if name in info and info[name] is None
    )
    notes += (f"Its texts are no part of a configuration: give {', '.join(missing)} too.",) if missing else ()
    return Again(sections={"attribute-context": options}, notes=notes)


def _cues_reduced(info: Mapping[str, Any], asked: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Options that reduce the scores of cues as they were, where ``info`` has not the command's own; and what no option
    can say."""
    if asked is None or any(option.replace("-", "_") in info for option in _OF_REDUCTION):
        return {}, ()
    if isinstance(asked, list) and all(isinstance(one, Mapping) for one in asked):
        return _reducing([Stage(name=one["name"], settings=one.get("settings", {})) for one in asked], [])
    return {}, (f"Its scores were reduced in a way that no option says: {asked}.",)


def run_again(manifest: Manifest) -> Again:
    """What asks for a run again, in another folder."""
    asked = manifest.settings
    if asked.get("command") != "attribute-dataset":
        return again(Attributions(sequence_attributions=(), provenance=manifest.provenance))
    model, request, reduced, rows = (_of(asked, part) for part in ("model", "request", "reduction", "dataset"))
    shard = _of(rows, "shard")
    options = {
        **_as_options(_OF_MODEL, model),
        **_as_options(_OF_DATASET, rows),
        **_as_options(_OF_FIELDS, _of(rows, "fields")),
        "shard": f"{shard['number']}/{shard['of']}" if shard.get("of", 1) != 1 and "number" in shard else None,
        **_as_options(_OF_REQUEST, request),
        **_as_options(_OF_ATTRIBUTE, request),
        **_as_options(_OF_REDUCTION, reduced),
    }
    return Again(
        sections={"attribute-dataset": options},
        notes=("A run has a folder of its own: give -o FOLDER too.",),
    )


def _attribute_options(info: Provenance) -> dict[str, Any]:
    """What has no option of its own is an argument of `attribute` as any setting of the method is."""
    options = _model_and_method(info)
    own = {*_OF_ATTRIBUTE.values(), "contrast_targets"}
    options["attribution-kwargs"] |= {
        name: value for name, value in info.arguments.items() if name not in own and value is not None
    }
    return {
        **options,
        "step-scores": [score.get("name") for score in info.step_scores],
        **_as_options(_OF_ATTRIBUTE, info.arguments),
        "generation-kwargs": _generation(info),
    }


def _generation(info: Provenance) -> dict[str, Any]:
    """What generation was told. A length that is None differs between parts of merged results; elsewhere None may
    have been given."""
    given = info.generation_args
    return {name: value for name, value in given.items() if value is not None or name != "max_new_tokens"}


def _not_alike(out: Attributions) -> Iterator[str]:
    """What is not told of merged results, since their parts had different ones."""
    info = out.provenance
    told = [name for name, value in info.arguments.items() if value is None]
    told += [f"generation_args.{name}" for name, value in info.generation_args.items() if value is None]
    told += ["seed"] if info.seed is None else []
    if told and len(out) > 1:
        yield f"Its parts had different values of {', '.join(told)}, or none is told: ask for those of each apart."


def _contrasts(info: Provenance) -> tuple[list[Any], tuple[str, ...]]:
    """The texts that were compared with, one for each input; and what the option cannot say of them."""
    given = info.arguments.get("contrast_targets")
    texts = [given] if isinstance(given, str) else list(given or [])
    if None in texts:
        return [], ("Only some of its examples have a contrast, which no option says: ask for these apart.",)
    return texts, ()


def _model_and_method(info: Provenance) -> dict[str, Any]:
    settings = [one.get("settings", {}) for one in (info.attributed_fn, info.method, *info.step_scores)]
    revision = info.model.get("revision")
    return {
        "model": info.model.get("name"),
        "framework": info.model.get("framework") or None,
        "dtype": info.model.get("dtype"),
        "tokenizer": info.model.get("tokenizer"),
        "model-kwargs": {**_of(info.model, "model_kwargs"), **({"revision": revision} if revision else {})},
        "tokenizer-kwargs": _of(info.model, "tokenizer_kwargs"),
        "attribution-method": info.method.get("name"),
        "attributed-fn": info.attributed_fn.get("name"),
        "seed": info.seed,
        "attribution-kwargs": {name: value for some in settings for name, value in some.items()},
    }


def _unnamed_framework(info: Provenance) -> tuple[str, ...]:
    """What to give where it is told that what loaded the model has no name; nothing of files that tell nothing."""
    if info.model.get("framework", "unknown"):
        return ()
    return ("Its model was given to load_model as an adapter: say how it is loaded, with model and framework.",)


def _unknown_names(info: Provenance) -> tuple[str, ...]:
    """What a module of somebody's own registers, which is not told; names with a colon are an adapter's own."""
    named: list[tuple[Container[str], Mapping[str, Any]]] = [(METHODS, info.method)]
    named += [(STEP_FUNCTIONS, one) for one in (info.attributed_fn, *info.step_scores)]
    told = [(str(one.get("name") or ""), registry) for registry, one in named]
    unknown = dict.fromkeys(name for name, registry in told if name and ":" not in name and name not in registry)
    if not unknown:
        return ()
    return (f"Name the module that registers {', '.join(unknown)} too: --plugin MODULE.",)


def _of(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What is told under a name, where it is a mapping as it should be (of models, the arguments of loading)."""
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}


def _reductions(out: Attributions) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Options that reduce scores as these were, by what was applied to the first; and what no option can say."""
    if not len(out):
        return {}, ()
    stages = [stage for stage in out[0].aggregations if stage.name != "trace"]
    return _reducing(stages, _placeless(out[0].default_aggregation))


def _reducing(stages: list[Stage], default: list[tuple[str, dict[str, Any]]]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Options that say these aggregations, and what no option can say.

    Args:
        default: What ``--aggregate-output`` applies, as `_placeless` gives it.
    """
    options: dict[str, Any] = {}
    for name, option in (("rescale", "rescale-attributions"), ("normalize", "normalize-attributions")):
        if not options and stages and stages[-1] == Stage(name=name) and _placeless(stages) != default:
            options[option] = True
            stages = stages[:-1]
    if "rescale-attributions" in options:
        default = [one for one in default if one[0] != "normalize"]
    if _placeless(stages) == default:
        return (options if options or not stages else {"aggregate-output": True}), ()
    typed = [_typed(stage) for stage in stages]
    selected = [index for _, index in typed if index is not None]
    if any(name is None for name, _ in typed) or 0 < len(selected) < len(typed):
        told = ", ".join(f"{stage.name} {json.dumps(stage.settings, default=str)}" for stage in stages)
        return {}, (f"Its scores were reduced in a way that no option says: {told}.",)
    return {
        **options,
        "attribution-aggregators": [name for name, _ in typed],
        "attribution-selectors": selected,
    }, ()


def _placeless(stages: Iterable[Stage]) -> list[tuple[str, dict[str, Any]]]:
    """Names and settings without the dimension, which the defaults of methods do not name."""
    return [(one.name, {key: value for key, value in one.settings.items() if key != "dimension"}) for one in stages]


def _typed(stage: Stage) -> tuple[str | None, int | None]:
    """An aggregation as it is typed, and the index that it selects; no name: it cannot be typed."""
    ((_, settings),) = _placeless([stage])
    if not settings:
        return stage.name if stage.name in AGGREGATORS else None, None
    if stage.name in ("reduce", "scores") and set(settings) <= {"aggregate_fn", "select_idx"}:
        return settings.get("aggregate_fn"), settings.get("select_idx")
    return None, None


def _as_options(options: Mapping[str, str], said: Mapping[str, Any]) -> dict[str, Any]:
    """Options with what was said of them."""
    return {option: said.get(name) for option, name in options.items()}


def _trace_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    told = {name.replace("_", "-"): settings.get(name) for name in _TRACED}
    told |= {name: _place(told[name]) for name in ("span", "reasoning")}
    return {**told, "hops": "all" if told["hops"] is None else told["hops"]}


def _place(place: Any) -> Any:
    """As it is typed: a pair of positions is ``12:15``."""
    if isinstance(place, list | tuple) and len(place) == 2 and all(isinstance(one, int) for one in place):
        return f"{place[0]}:{place[1]}"
    return place


def _is_message(current: Any) -> bool:
    return isinstance(current, list) and len(current) == 1 and current[0].get("role") == "user"


def _toml(value: Any) -> str:
    """A value as TOML writes it; what holds a null, which TOML has no word for, as a text of JSON."""
    if isinstance(value, Mapping | list | tuple) and _holds_null(value):
        return _toml(json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return "".join(map(_toml_letter, json.dumps(value, ensure_ascii=False)))


def _toml_letter(letter: str) -> str:
    """Itself, or the escape of what cannot be seen."""
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if letter <= "\uffff" else f"\\U{ord(letter):08x}"


def _holds_null(value: Any) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return value is None or any(map(_holds_null, inner))
