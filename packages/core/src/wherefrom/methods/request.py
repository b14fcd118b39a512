"""What a call asks for: a method, a target function and step scores, each with the settings that are meant for it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from wherefrom.adapters import SequenceModel
from wherefrom.errors import SettingsError, WherefromWarning
from wherefrom.methods.capabilities import check_capabilities
from wherefrom.methods.contract import AnyMethod, given_method
from wherefrom.methods.default import DEFAULT_METHOD
from wherefrom.questions.routing import Consumer, deal
from wherefrom.results.card import CHANCE, FIT, STABILITY
from wherefrom.step_functions.base import STEP_FUNCTIONS, StepFunction, StepFunctionLike
from wherefrom.step_functions.differentiability import require_differentiable, require_explainable
from wherefrom.step_functions.registration import step_function_of

RESERVED_STEP_SCORES = frozenset({"deltas", "bias", "feed_forward", FIT, CHANCE, STABILITY})
"""Names of step scores that methods and checks add."""


@frozen(eq=False)
class Request:
    """What a call asks for, as settings objects."""

    method: AnyMethod
    function: StepFunction
    """The target function."""
    scores: Mapping[str, StepFunction]
    """Step scores by identifier."""


def requested(
    model: SequenceModel,
    method: str | AnyMethod | type[AnyMethod] | None,
    attributed_fn: StepFunctionLike | None,
    step_scores: Sequence[StepFunctionLike],
    *,
    default_function: StepFunctionLike,
    settings: Mapping[str, Any],
    attribution_args: Mapping[str, Any],
    attributed_fn_args: Mapping[str, Any],
    step_scores_args: Mapping[str, Any],
    reserved: Sequence[str],
) -> Request:
    """The method, the target function and the step scores, with their settings.

    Args:
        model: Who will be asked; it must give what the method needs.
        method: None: `wherefrom.methods.default.DEFAULT_METHOD`.
        attributed_fn: The target function; None: ``default_function``.
        settings: Settings by name, for whichever of them declares the name.
        attribution_args: Settings for the method alone; the other two likewise.
        reserved: Names of the caller's own parameters, for messages.

    Raises:
        UsageError: A name or setting is unknown, or the model or the target function does not fit the method.
    """
    consumers = [
        _method_consumer(method, attribution_args),
        _function_consumer(default_function if attributed_fn is None else attributed_fn, attributed_fn_args),
        *(_function_consumer(score, {}, shared=step_scores_args) for score in _once(step_scores)),
    ]
    for name in step_scores_args:
        if not any(name in consumer.accepts for consumer in consumers[2:]):
            raise SettingsError(f"step_scores_args has {name!r}, but no step score takes it.")
    chosen, function, *scores = deal(settings, consumers, reserved=reserved)
    check_capabilities(model, chosen)
    if chosen.uses_target_function:
        require_explainable(function)
    if chosen.differentiates:
        require_differentiable(function, method=chosen.identifier)
    if not chosen.uses_target_function and attributed_fn is not None:
        warnings.warn(
            f"{chosen.identifier} does not look at the target function; attributed_fn changes nothing here.",
            WherefromWarning,
            stacklevel=3,
        )
    return Request(chosen, function, _by_name(scores))


def _once(scores: Sequence[StepFunctionLike]) -> list[StepFunctionLike]:
    return list({id(score): score for score in scores}.values())


def _by_name(scores: Sequence[StepFunction]) -> dict[str, StepFunction]:
    """Step scores by the name that they are recorded under.

    Raises:
        SettingsError: Two that differ have one name, or one has a name that methods give to their own.
    """
    named: dict[str, StepFunction] = {}
    for score in scores:
        name = score.identifier
        if name in RESERVED_STEP_SCORES:
            raise SettingsError(
                f"step_scores has {name!r}, a name that methods give to step scores of their own. Give the function "
                "another name."
            )
        if named.setdefault(name, score) != score:
            raise SettingsError(
                f"step_scores has two that are called {name!r} and differ, and a result keeps one by each name. Give "
                "one of them another name, or ask for them in two calls."
            )
    return named


def _method_consumer(method: str | AnyMethod | type[AnyMethod] | None, given: Mapping[str, Any]) -> Consumer:
    cls = given_method(DEFAULT_METHOD if method is None else method)
    if isinstance(cls, type):
        return Consumer(cls=cls, label=f"method {cls.identifier!r}", given=given)
    return Consumer(cls=type(cls), label=f"method {cls.identifier!r}", given=given, instance=cls)


def _function_consumer(
    function: StepFunctionLike, given: Mapping[str, Any], *, shared: Mapping[str, Any] | None = None
) -> Consumer:
    """A step function as a consumer; ``shared`` settings go to it as far as it declares them."""
    thing: Any = STEP_FUNCTIONS.get(function) if isinstance(function, str) else function
    if not isinstance(thing, type) and not isinstance(thing, StepFunction):
        thing = step_function_of(thing)
    if not isinstance(thing, StepFunction):
        raise SettingsError(
            f"A step function is an identifier, a step function, its class or a function, not {thing!r}."
        )
    cls: Any = thing if isinstance(thing, type) else type(thing)
    consumer = Consumer(
        cls=cls,
        label=f"step function {cls.identifier!r}",
        given=given,
        instance=None if isinstance(thing, type) else thing,
    )
    if shared:
        consumer = evolve(consumer, given={**given, **{k: v for k, v in shared.items() if k in consumer.accepts}})
    return consumer
