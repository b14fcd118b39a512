"""The options that made a result, as a configuration file that asks for the same again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen
from wherefrom.context import ContextAttribution
from wherefrom.results.attribution import Attributions
from wherefrom.results.provenance import Provenance

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
}
"""Options of ``attribute-context``, and where a result keeps them."""


@frozen(kw_only=True)
class Again:
    """What asks for a result again."""

    sections: Mapping[str, Mapping[str, Any]]
    """Command to its options; what is None or empty is not written."""
    notes: tuple[str, ...] = field(default=())
    """What a configuration file cannot say."""

    def toml(self) -> str:
        """The file."""
        return "\n".join([*(f"# {note}" for note in self.notes), *self._lines()])

    def _lines(self) -> Iterator[str]:
        for command, options in self.sections.items():
            yield f"[{command}]"
            yield from (f"{name} = {_toml(value)}" for name, value in options.items() if value not in (None, [], {}))


def again(out: Attributions) -> Again:
    """What asks for attributions again, traces included."""
    info: Provenance = out.provenance
    if (traced := info.arguments.get("trace")) is not None:
        contrast = info.arguments.get("contrast_targets")
        asked: dict[str, Any] = _model_and_method(info)
        contrasts = [contrast] if isinstance(contrast, str) else contrast
        return Again(
            sections={
                "trace": {
                    **asked,
                    "generation-kwargs": info.generation_args,
                    **_trace_options(traced),
                    "contrast-targets": contrasts,
                }
            }
        )
    sections: dict[str, dict[str, Any]] = {"attribute": _attribute_options(info)}
    stages = {stage.name: stage.settings for one in out for stage in one.aggregations}
    if "trace" not in stages:
        return Again(sections=sections)
    sections["trace"] = _trace_options(stages["trace"])
    return Again(
        sections=sections,
        notes=("A trace of a saved result: `wherefrom attribute ... -o FILE` first, then `wherefrom trace FILE`.",),
    )


def context_again(out: ContextAttribution) -> Again:
    """What asks for a context attribution again; documents, chats and foreign texts have to be given again."""
    info = out.info
    made = out.provenance or Provenance(
        model={"name": info.get("model_name_or_path")},
        method={"name": info.get("attribution_method")},
        attributed_fn={"name": info.get("attributed_fn")},
    )
    options: dict[str, Any] = _model_and_method(made)
    for score in made.step_scores:
        options["attribution-kwargs"] |= score.get("settings", {})
    options |= {option: info.get(name) for option, name in _OF_CONTEXT.items()}
    options["generation-kwargs"] = info.get("generation_kwargs")
    if language := info.get("tgt_lang"):
        options["tokenizer-kwargs"] = {"tgt_lang": language}
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
    for name, file in (("null_documents", "--null-documents FILE"), ("null_contexts", "--null-contexts FILE")):
        if isinstance(info.get(name), list):
            missing.append(file)
    if "sentence" in kinds:
        options["support-unit"] = "sentence"
    if out.parts:
        options["support-threshold"] = out.support_threshold
        options["support-level"] = info.get("support_level") or 0.0
    options |= {name.replace("_", "-"): value for name, value in made.arguments.items()}
    notes = tuple(
        f"It was made without {name.replace('_', ' ')}, which the command cannot be told."
        for name in ("context_sensitivity_std_threshold", "attribution_std_threshold")
        if name in info and info[name] is None
    )
    notes += (f"Its texts are no part of a configuration: give {', '.join(missing)} too.",) if missing else ()
    return Again(sections={"attribute-context": options}, notes=notes)


def _attribute_options(info: Provenance) -> dict[str, Any]:
    arguments = info.arguments
    return {
        **_model_and_method(info),
        "step-scores": [score.get("name") for score in info.step_scores],
        "start-pos": arguments.get("attr_pos_start"),
        "end-pos": arguments.get("attr_pos_end"),
        "attribute-target": arguments.get("attribute_target"),
        "include-eos-baseline": arguments.get("include_eos_baseline"),
        "generate-from-target-prefix": arguments.get("generate_from_target_prefix"),
        "skip-special-tokens": arguments.get("skip_special_tokens"),
        "generation-kwargs": info.generation_args,
    }


def _model_and_method(info: Provenance) -> dict[str, Any]:
    return {
        "model": info.model.get("name"),
        "attribution-method": info.method.get("name"),
        "attributed-fn": info.attributed_fn.get("name"),
        "seed": info.seed,
        "attribution-kwargs": {**info.attributed_fn.get("settings", {}), **info.method.get("settings", {})},
    }


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
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
