"""Several results as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from wherefrom.errors import InputError
from wherefrom.results.data import AnyAttributions, AttributionsData
from wherefrom.results.given import no_result, several_results
from wherefrom.results.provenance import BY_EXAMPLE, Provenance, by_example, put_by_example

_ALIKE = ("model", "method", "attributed_fn", "step_scores")
_SAME_MODEL = (
    "name",
    "model_class",
    "tokenizer_name",
    "tokenizer_class",
    "revision",
    "dtype",
    "model_kwargs",
    "tokenizer_kwargs",
)
_WHERE_IT_RUNS = ("device_map", "max_memory")
"""Arguments that a model is loaded with and that decide no number."""
_IN_THE_RESULT = ("attr_pos_start", "attr_pos_end", "check", "output_step_attributions", "generation_seed")
"""Arguments whose outcome each example shows itself: told of all where they are alike."""
_BY_DEFAULT = {"keep_special": True}
"""Arguments that are not written where they are this; others where they are False."""


def merge_attributions(results: Iterable[AnyAttributions]) -> AnyAttributions:
    """All examples of several results, in order. The results must come from one model, method and target function, with
    the same arguments; one without an example, as a run has of which all failed, says nothing of these.

    Texts, and what each example was compared with, follow one another; all outputs were forced if those of each part
    were. Seed, positions and settings of generation are told where all parts have the same, of generation those that
    generated; else they are None.

    Raises:
        InputError: There is nothing to merge, or the results were made in different ways; the field is named.
    """
    results = list(several_results(results))
    if not results:
        raise InputError("There is nothing to merge. Give at least one result.")
    for one in results:
        if not isinstance(one, AttributionsData):
            raise no_result(one)
    told = [one for one in results if one.sequence_attributions] or results[:1]
    try:
        provenance = merged_provenance([(result.provenance, len(result)) for result in told])
    except InputError as error:
        raise InputError(
            f"{error} To set methods or models side by side, compare them: a - b, or wherefrom.compare(a, b)."
        ) from None
    return told[0].replace(
        sequence_attributions=tuple(example for result in told for example in result.sequence_attributions),
        provenance=provenance,
    )


def merged_provenance(parts: Sequence[tuple[Provenance, int]]) -> Provenance:
    """How examples of several results were made, if they were made alike: their texts and warnings one after the other.

    Args:
        parts: How each result was made, and how many examples it has.

    Raises:
        InputError: They differ in model, method, target function or an argument that decides numbers; it is named.
    """
    made = [one for one, _ in parts]
    first = made[0]
    for other in made[1:]:
        for name, mine, theirs in _differences(first, other):
            raise InputError(f"Cannot merge results that differ in {name}: {mine!r} and {theirs!r}.")
    seeds = {one.seed for one in made}
    generated = [one for one in made if not one.constrained_decoding] or made
    return msgspec.structs.replace(
        first,
        arguments=_merged_arguments(parts),
        generation_args=_alike_or_none([one.generation_args for one in generated]),
        input_texts=[text for part in made for text in part.input_texts],
        constrained_decoding=all(one.constrained_decoding for one in made),
        generated_texts=[text for part in made for text in part.generated_texts],
        seed=first.seed if len(seeds) == 1 else None,
        seconds=sum(part.seconds for part in made),
        warnings=list(dict.fromkeys(warning for part in made for warning in part.warnings)),
    )


def _differences(one: Provenance, other: Provenance) -> Iterable[tuple[str, Any, Any]]:
    """Names of what must agree and does not, with both values."""
    for name in _ALIKE:
        mine, theirs = (_comparable(name, getattr(each, name)) for each in (one, other))
        if mine != theirs:
            yield name, mine, theirs
    for name in dict.fromkeys([*one.arguments, *other.arguments]):
        if name not in (*BY_EXAMPLE, *_IN_THE_RESULT):
            mine, theirs = (_argument(each, name) for each in (one, other))
            if mine != theirs:
                yield name, mine, theirs


def _comparable(name: str, value: Any) -> Any:
    """What must agree: of a model its identity, not the device it ran on."""
    if name != "model":
        return value
    told = {key: _without_places(value.get(key)) for key in _SAME_MODEL}
    return {key: one for key, one in told.items() if one}


def _without_places(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: one for name, one in value.items() if name not in _WHERE_IT_RUNS}


def _argument(made: Provenance, name: str) -> Any:
    """An argument's value, as it is where nothing is written of it."""
    value = made.arguments.get(name)
    return _BY_DEFAULT.get(name, False) if value is None else value


def _merged_arguments(parts: Sequence[tuple[Provenance, int]]) -> dict[str, Any]:
    """What all have, of steps None where they differ; and what each example was compared with, if told."""
    made = [one for one, _ in parts]
    merged = {name: value for name, value in made[0].arguments.items() if name not in _IN_THE_RESULT}
    shown = [{name: one.arguments[name] for name in _IN_THE_RESULT if name in one.arguments} for one in made]
    merged |= _alike_or_none(shown)
    for name in BY_EXAMPLE:
        if len(parts) > 1 and any(name in one.arguments for one in made):
            entries = [by_example(one, name, count) for one, count in parts]
            told = [] if any(some is None for some in entries) else [one for some in entries for one in some or ()]
            put_by_example(merged, name, told)
    return merged


def _alike_or_none(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each setting, None where not all have the same."""
    names = dict.fromkeys(name for one in settings for name in one)
    return {
        name: settings[0].get(name) if all(one.get(name) == settings[0].get(name) for one in settings) else None
        for name in names
    }
