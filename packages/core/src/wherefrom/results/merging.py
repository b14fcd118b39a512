"""Several results as one."""

from __future__ import annotations

from collections.abc import Iterable
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
    first = told[0]
    for other in told[1:]:
        for name in _ALIKE:
            mine, theirs = (_comparable(name, getattr(one.provenance, name)) for one in (first, other))
            if mine != theirs:
                raise InputError(
                    f"Cannot merge results that differ in {name}: {mine!r} and {theirs!r}. "
                    "To set methods or models side by side, compare them: a - b, or wherefrom.compare(a, b)."
                )
    return first.replace(
        sequence_attributions=tuple(example for result in told for example in result.sequence_attributions),
        provenance=_merged([result.provenance for result in told]),
    )


def _comparable(name: str, value: Any) -> Any:
    """What must agree: of a model its identity, not the device it ran on."""
    if name == "model":
        return {key: value.get(key) for key in _SAME_MODEL if value.get(key)}
    return value


def _merged(parts: list[Provenance]) -> Provenance:
    warnings = list(dict.fromkeys(warning for part in parts for warning in part.warnings))
    return msgspec.structs.replace(
        parts[0],
        input_texts=[text for part in parts for text in part.input_texts],
        generated_texts=[text for part in parts for text in part.generated_texts],
        seconds=sum(part.seconds for part in parts),
        warnings=warnings,
    )
