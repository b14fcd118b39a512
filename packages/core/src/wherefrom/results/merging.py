"""Several results as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from wherefrom.errors import InputError
from wherefrom.results.data import AnyAttributions, AttributionsData
from wherefrom.results.given import no_result, several_results
from wherefrom.results.provenance import Provenance

_ALIKE = ("model", "method", "attributed_fn", "step_scores", "constrained_decoding")
_SAME_MODEL = ("name", "model_class", "tokenizer_name", "tokenizer_class", "revision")


def merge_attributions(results: Iterable[AnyAttributions]) -> AnyAttributions:
    """All examples of several results, in order. The results must come from one model, method and target function;
    one without an example, as a run has of which all failed, says nothing of these.

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
        provenance = merged_provenance([result.provenance for result in told])
    except InputError as error:
        raise InputError(
            f"{error} To set methods or models side by side, compare them: a - b, or wherefrom.compare(a, b)."
        ) from None
    return told[0].replace(
        sequence_attributions=tuple(example for result in told for example in result.sequence_attributions),
        provenance=provenance,
    )


def merged_provenance(parts: Sequence[Provenance]) -> Provenance:
    """How examples of several results were made, if they were made alike: their texts and warnings one after the other.

    Raises:
        InputError: They differ in model, method or target function; the field is named.
    """
    for other in parts[1:]:
        for name in _ALIKE:
            mine, theirs = (_comparable(name, getattr(one, name)) for one in (parts[0], other))
            if mine != theirs:
                raise InputError(f"Cannot merge results that differ in {name}: {mine!r} and {theirs!r}.")
    return msgspec.structs.replace(
        parts[0],
        input_texts=[text for part in parts for text in part.input_texts],
        generated_texts=[text for part in parts for text in part.generated_texts],
        seconds=sum(part.seconds for part in parts),
        warnings=list(dict.fromkeys(warning for part in parts for warning in part.warnings)),
    )


def _comparable(name: str, value: Any) -> Any:
    """What must agree: of a model its identity, not the device it ran on."""
    if name == "model":
        return {key: value.get(key) for key in _SAME_MODEL if value.get(key)}
    return value
