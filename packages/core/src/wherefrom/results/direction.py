"""Which way scores point: for what was said, or against it.

Signed scores of a target function that falls where the model becomes surer (a loss, an entropy) are positive for inputs
that speak against what was said. Whoever reads a positive score as support asks here first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherefrom.results.aggregation import outstanding
from wherefrom.results.contrasts import is_contrast
from wherefrom.results.data import AttributionData

FALLS = "falls_with_probability"
"""Name of the detail: the identifier of the target function, where scores have a sign and it falls. Empty: scores have
a sign and no direction, as differences of sizes do. Results that have none either rise, or are of files whose writer
knew no such detail."""


_FALLING = ("crossentropy", "entropy", "perplexity", "rank", "surprisal_bits", "top_p_size")
_FALLING_FROM_A_CONTRAST = ("contrast_logits", "contrast_prob", "in_context_pvi", "pcxmi")
"""Target functions that fall, of results that do not tell it themselves; the second where there is a contrast."""
_OTHERWISE_SIGNED = (
    "alti",
    "attention",
    "attention_flow",
    "attention_gradient_rollout",
    "attention_rollout",
    "context_cite",
    "dummy",
    "flashtrace",
    "information_flow_routes",
    "learned_attention",
    "reagent",
    "saliency",
    "squaregrad",
    "value_norms",
    "value_zeroing",
    "vargrad",
)
"""Methods whose scores do not say which way an input moves the target function: a sign has come from elsewhere. With
``abs=False`` those of saliency do."""


def turned(result: AttributionData) -> str:
    """The target function of a result whose scores are turned before they are judged; empty: they stay as they are.

    Norms have no sign to turn, also those that the result's default aggregation is still to take. A result that says
    nothing of it itself, of inseq or of a file written before, is read by how it was made.
    """
    if becomes_norms(result):
        return ""
    if FALLS in result.details or not result.signed:
        return str(result.details.get(FALLS, ""))
    return _from_how_it_was_made(result)


def _from_how_it_was_made(result: AttributionData) -> str:
    """The falling target function that signed scores explain, by the names of built-in methods and functions; empty: it
    rises, is not known here, or the method does not say which way inputs move it."""
    made = result.provenance
    name = str(made.attributed_fn.get("name", ""))
    method = str(made.method.get("name", result.method))
    falls = name in _FALLING or (name in _FALLING_FROM_A_CONTRAST and is_contrast(result))
    keeps_signs = made.method.get("settings", {}).get("abs") is False
    return name if falls and (method not in _OTHERWISE_SIGNED or keeps_signs) else ""


def becomes_norms(result: AttributionData) -> bool:
    """Is what the result's default aggregation is still to take a norm?"""
    return any(stage.settings.get("aggregate_fn") == "vnorm" for stage in outstanding(result))


def without_direction(details: Mapping[str, Any], *, signed: bool = False) -> dict[str, Any]:
    """The details of scores that no longer have the sign they had; ``signed``: they have another, which says nothing
    for or against what was said."""
    rest = {name: value for name, value in details.items() if name != FALLS}
    return {**rest, FALLS: ""} if signed else rest


def direction_of_both(one: AttributionData, other: AttributionData) -> dict[str, Any]:
    """What the details of a sum or a difference say of its direction: what both have alike."""
    if not (one.signed and other.signed):
        return {FALLS: ""}
    told = [half.details.get(FALLS) for half in (one, other)]
    if told == [None, None]:
        return {}
    return {FALLS: told[0] if all(told) else ""}
