"""From a call of inseq's `attribute` to a call of ours: defaults, names, positions and functions."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from attrs import field, frozen

from wherefrom.errors import InputError
from wherefrom.inseq.attr.running import as_step_function
from wherefrom.inseq.attr.step_functions import BUILTIN, get_step_function
from wherefrom.methods.contract import given_method
from wherefrom.questions.contrast import contrasts_as_list
from wherefrom.questions.routing import Consumer
from wherefrom.settings import by_own_names, fields_of, former_names, from_mapping
from wherefrom.step_functions import MCDropoutZScore
from wherefrom.step_functions.base import STEP_FUNCTIONS, StepPrediction
from wherefrom.step_functions.registration import step_function_of
from wherefrom.text.alignment import one_per_example

logger = logging.getLogger(__name__)

CONTRAST = ("contrast_targets", "contrast_sources", "contrast_targets_alignments", "contrast_force_inputs")

OWN_MEANING = ("perplexity", "mc_dropout_prob_avg")
"""Functions whose values are defined otherwise here: inseq's definition is run."""

FUNCTION_DEFAULTS: dict[str, dict[str, Any]] = {"in_context_pvi": {"unit": "nats"}}

DROPPED = (
    "output_step_probabilities",
    "layers",
    "heads",
    "aggregate_heads_fn",
    "aggregate_layers_fn",
)
"""Arguments of old versions, which inseq 0.7.1 ignores, too."""


@frozen(kw_only=True)
class Asked:
    """Functions and settings of a call, ready for our `attribute`."""

    method: Any
    function: Any
    scores: list[Any]
    settings: dict[str, Any] = field(factory=dict)
    contrast: dict[str, Any] = field(factory=dict)
    is_foreign: bool = False
    """Is a function among them that is run one position after the other, with texts of its own?"""
    told: dict[str, dict[str, Any]] = field(factory=dict)
    """``attribution_args``, ``attributed_fn_args`` and ``step_scores_args``, as `info` says them."""


def asked(
    model: Any,
    method: Any,
    attributed_fn: Any,
    step_scores: Sequence[Any],
    kwargs: Mapping[str, Any],
    groups: Mapping[str, Mapping[str, Any]],
    forwarded: Mapping[str, Any] | None = None,
) -> Asked:
    """Deal keyword arguments out by name, as inseq does: a name nobody takes is told in a warning and left out.

    Args:
        groups: ``attribution_args``, ``attributed_fn_args`` and ``step_scores_args``.
        forwarded: Arguments of `attribute` itself that functions of custom may take, too.
    """
    given = {**kwargs, **(forwarded or {})}
    cls = given_method(method)
    identifier = cls.identifier
    instance = None if isinstance(cls, type) else cls
    kind = cls if isinstance(cls, type) else type(cls)
    taken = {*fields_of(kind), *former_names(kind)}
    for_method, own = (
        {name: value for name, value in some.items() if name in taken} for some in (kwargs, groups["attribution_args"])
    )
    used = set(for_method)
    function, function_args, foreign = _function(
        model, attributed_fn, given, groups["attributed_fn_args"], is_target=True
    )
    if not cls.uses_target_function:
        function_args = {name: value for name, value in function_args.items() if name not in CONTRAST}
    used |= set(function_args)
    contrasts = [_contrast_in(function_args)] if function.contrastive and cls.uses_target_function else []
    scores, score_args = [], {}
    for score in step_scores:
        made, args, other = _function(model, score, given, groups["step_scores_args"], is_target=False)
        scores.append(made)
        score_args.update(args)
        contrasts += [_contrast_in(args)] if made.contrastive else []
        foreign = foreign or other
    used |= set(score_args)
    unknown = [name for name in (*kwargs, *groups["attribution_args"]) if name not in used and name not in taken]
    if unknown:
        logger.warning("Nobody takes %s: left out. attribute() of wherefrom makes it an error.", ", ".join(unknown))
    forced = {name: one for name, one in _contrast_in(function_args).items() if name == "contrast_force_inputs"}
    contrasts = [{**one, **forced} for one in contrasts]  # of step scores it says nothing
    if any(one != contrasts[0] for one in contrasts):
        raise InputError(
            "The target function and the step scores are given different contrasts (attributed_fn_args, "
            "step_scores_args), and an answer has one. Ask for each in a call of its own."
        )
    where = f"method {identifier!r}"
    settings = {**by_own_names(kind, for_method, where=where), **by_own_names(kind, own, where=where)}
    if settings:
        cls = Consumer(cls=kind, label=where, given=settings, instance=instance).build({})
    return Asked(
        method=cls,
        function=function,
        scores=scores,
        contrast=contrasts[0] if contrasts else {},
        is_foreign=foreign,
        told={
            "attribution_args": {**for_method, **groups["attribution_args"]},
            "attributed_fn_args": function_args,
            "step_scores_args": score_args,
        },
    )


@frozen(kw_only=True)
class AskedOfContext:
    """Functions of a question about a context, ready for our `attribute_context`."""

    function: Any
    metric: Any
    settings: dict[str, Any]
    """Arguments that are left for the method and for our own functions."""


def asked_of_context(
    model: Any, method: Any, attributed_fn: Any, metric: Any, arguments: Mapping[str, Any]
) -> AskedOfContext:
    """The target function and the metric by inseq's names for them; those of custom are told of the contrast that our
    `attribute_context` makes.

    Args:
        method: One of ours, with its settings.
        arguments: For whoever names them.
    """
    named = [(attributed_fn, True)] * bool(method.uses_target_function) + [(metric, False)]
    made = [_function(model, one, arguments, {}, is_target=is_target, in_context=True) for one, is_target in named]
    ours = {*fields_of(type(method)), *former_names(type(method))}
    classes = [one if isinstance(one, type) else type(one) for one, _, _ in made]
    ours |= {name for cls in classes for name in fields_of(cls)}
    taken = {name for _, args, _ in made for name in args} - ours
    return AskedOfContext(
        function=made[0][0] if method.uses_target_function else None,
        metric=made[-1][0],
        settings={name: value for name, value in arguments.items() if name not in taken},
    )


def _contrast_in(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: arguments[name] for name in CONTRAST if arguments.get(name) is not None}


def _function(
    model: Any,
    given: Any,
    shared: Mapping[str, Any],
    own: Mapping[str, Any],
    *,
    is_target: bool,
    in_context: bool = False,
) -> tuple[Any, dict[str, Any], bool]:
    """A step function of ours, the arguments it takes, and whether it is given texts of its own.

    Args:
        shared: Arguments of the call, for whoever names them.
        own: Arguments for functions of this kind: one that takes any is given all of them.
        in_context: Is its contrast that of a context, which it needs no texts for?
    """
    kwargs = {**shared, **own}
    name = given if isinstance(given, str) else str(getattr(given, "__name__", "attributed_fn"))
    called: Callable[..., Any] = get_step_function(given) if isinstance(given, str) else given
    plain = next((key for key, value in BUILTIN.items() if value is called), None)
    if plain is not None and plain not in OWN_MEANING:
        cls: Any = STEP_FUNCTIONS.get(plain)
        args = {key: value for key, value in kwargs.items() if key in fields_of(cls)}
        contrast = {key: value for key, value in kwargs.items() if key in CONTRAST and cls.contrastive}
        settings = {**FUNCTION_DEFAULTS.get(plain, {}), **args}
        return from_mapping(cls, settings, where=f"step function {plain!r}"), {**args, **contrast}, False
    if called is BUILTIN["perplexity"]:
        return step_function_of(perplexity), {}, False
    if called is BUILTIN["mc_dropout_prob_avg"] and not is_target:
        args = {key: value for key, value in kwargs.items() if key in fields_of(MCDropoutZScore)}
        return from_mapping(DropoutScore, args, where=f"step function {DropoutScore.identifier!r}"), args, False
    named = inspect.signature(called).parameters
    takes_all = any(one.kind is one.VAR_KEYWORD for one in named.values())
    args = {key: value for key, value in kwargs.items() if key in list(named)[1:] or (takes_all and key in own)}
    foreign = any(key in CONTRAST for key in args)
    compares = foreign or (in_context and "contrast_targets" in named)
    told = tuple(named) if in_context else ()
    made = as_step_function(called, name, model, args, is_target=is_target, contrastive=compares, named=told)
    return made, args, foreign


def perplexity(prediction: StepPrediction) -> Any:
    """2 to the power of the cross-entropy in nats."""
    return 2 ** -prediction.log_probability()


@frozen(kw_only=True)
class DropoutScore(MCDropoutZScore):
    """The library's ``mc_dropout_zscore`` under inseq's name for it."""

    identifier: ClassVar[str] = "mc_dropout_prob_avg"
    span_aggregation: ClassVar[str] = "prod"


def contrast_of(arguments: Mapping[str, Any], index: int, count: int) -> dict[str, Any]:
    """The part of the contrast that belongs to one example of several."""
    found = {}
    for name, value in _contrast_in(arguments).items():
        if name == "contrast_targets_alignments":
            found[name] = [one_per_example(value, count)[index]]
        elif name == "contrast_force_inputs":
            found[name] = value
        else:
            found[name] = contrasts_as_list(value, count, name=name)[index]
    return found
