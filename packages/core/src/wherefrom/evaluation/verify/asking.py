"""How a method is asked on a model with a known answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import evolve

from wherefrom.adapters.check import in_words, unmet
from wherefrom.arrays import FloatArray
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, SettingsError
from wherefrom.evaluation.verify.breaking import Broken
from wherefrom.evaluation.verify.contract import NotTestedError
from wherefrom.methods.answers import is_signed
from wherefrom.methods.perturbation.unit_scores import token_scores
from wherefrom.results.attribution import Attribution


def asked(
    model: Any, method: Any, text: str, target: str | None = None, *, function: Any = "logit", **arguments: Any
) -> Attribution:
    """One result of a method on an adapter, explaining logits where it explains anything that is asked.

    Raises:
        NotTestedError: The adapter lacks what the method needs.
    """
    if missing := unmet(model, method.needs):
        raise NotTestedError(f"it needs a model that {in_words(missing[0])}")
    explained = AttributionModel(model)
    if method.uses_target_function:
        arguments["attributed_fn"] = function
    explained.method = method
    arguments["show_progress"] = False
    return explained.attribute(text, target, **arguments)[0]


def adding(method: Any) -> Any:
    """The method with the zero vector as its baseline, where it has one.

    Raises:
        NotTestedError: Its scores need not add up to the target function, or not from zero.
    """
    if not is_signed(method):
        raise NotTestedError("its scores carry no sign")
    if not method.uses_target_function:
        raise NotTestedError("it explains something of its own, not the target function")
    if any(stage.settings.get("aggregate_fn") == "vnorm" for stage in method.aggregation):
        raise NotTestedError("its scores are gradients, which add up to nothing")
    return from_zero(method)


def from_zero(method: Any) -> Any:
    """The method with the zero vector as its baseline, where it has one.

    Raises:
        NotTestedError: It knows no such baseline.
    """
    try:
        if any(one.name == "baseline" for one in attrs.fields(type(method))):
            return evolve(method, baseline="zero")
        if any(one.name == "method" for one in attrs.fields(type(method))):
            return evolve(method, method=from_zero(method.method))
    except SettingsError as error:
        raise NotTestedError(f"not from zero: {str(error).splitlines()[0]}") from error
    return method


def with_settings(method: Any, settings: Mapping[str, Any]) -> Any:
    """The method, or the one that was broken, with other settings."""
    if isinstance(method, Broken):
        return evolve(method, method=with_settings(method.method, settings))
    return evolve(method, **settings)


def claimed(method: Any) -> str:
    """The identifier of the method, or of the one that was broken."""
    return claimed(method.method) if isinstance(method, Broken) else str(method.identifier)


def scores_of(result: Attribution, side: str) -> FloatArray:
    """Scores of one side's tokens, shape ``(tokens, steps)``.

    Raises:
        InputError: It has none.
    """
    sides = token_scores(result)
    if side not in sides:
        raise InputError(f"It gives no scores of the {side}.")
    return sides[side]
