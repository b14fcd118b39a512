"""Custom step functions: from a plain function to a registered settings class.

The function's first parameter is the `StepPrediction`; its other parameters become declared settings, with
the types and defaults of its signature, so that they are validated like those of the built-in ones::

    @register_step_function("confident", aggregate_map={"spans": "min"})
    def confident(prediction, temperature: float = 1.0):
        return prediction.at_target(prediction.log_probabilities()) / temperature
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast, overload

import attrs

from wherefrom.arrays import Array
from wherefrom.errors import SettingsError, ShapeError, nearest
from wherefrom.settings import Named, Renamed
from wherefrom.step_functions.base import (
    STEP_FUNCTIONS,
    ComparesDistributions,
    FallsWithProbability,
    HasLogarithm,
    PlainWithoutContrast,
    ReadsContrastAlone,
    StepFunction,
    StepPrediction,
)

Function = TypeVar("Function", bound=Callable[..., Any])

CONTRAST_ARGUMENTS = frozenset(
    {
        "contrast_sources",
        "contrast_targets",
        "contrast_targets_alignments",
        "contrast_force_inputs",
        "skip_special_tokens",
    }
)
"""Arguments of `attribute` that make the contrast. A function that names them is contrastive; it finds the
finished contrast in ``prediction.contrast``."""

SPAN_FUNCTIONS = ("absmax", "max", "mean", "min", "prod", "sum")
"""Aggregation functions that make sense for the scores of a span."""


@overload
def register_step_function(
    fn: Function | type[StepFunction],
    identifier: str | None = None,
    aggregate_map: Mapping[str, str] | None = None,
    overwrite: bool = False,
    *,
    differentiable: bool | None = None,
    contrastive: bool | None = None,
    falls_with_probability: bool | None = None,
    plain_without_contrast: bool | None = None,
    reads_contrast_alone: bool | None = None,
    compares_distributions: bool | None = None,
) -> Function: ...
@overload
def register_step_function(
    fn: str | None = None,
    identifier: str | None = None,
    aggregate_map: Mapping[str, str] | None = None,
    overwrite: bool = False,
    *,
    differentiable: bool | None = None,
    contrastive: bool | None = None,
    falls_with_probability: bool | None = None,
    plain_without_contrast: bool | None = None,
    reads_contrast_alone: bool | None = None,
    compares_distributions: bool | None = None,
) -> Callable[[Function], Function]: ...
def register_step_function(
    fn: Any = None,
    identifier: str | None = None,
    aggregate_map: Mapping[str, str] | None = None,
    overwrite: bool = False,
    *,
    differentiable: bool | None = None,
    contrastive: bool | None = None,
    falls_with_probability: bool | None = None,
    plain_without_contrast: bool | None = None,
    reads_contrast_alone: bool | None = None,
    compares_distributions: bool | None = None,
) -> Any:
    """Make a function usable as a step score and as ``attributed_fn``, by name.

    Nothing that exists already changes: results keep the aggregation they were made with.

    Args:
        fn: ``fn(prediction, **settings)`` returning one value per step, or a frozen attrs class that is a
            `StepFunction`. Left out, or the identifier in its place: a decorator is returned.
        identifier: Its name; by default that of the function.
        aggregate_map: ``{"spans": "prod"}`` says how scores of a span become one; ``"absmax"`` by default.
        overwrite: Replace a function of the same name?
        differentiable: Can gradient methods explain it? Yes by default.
        contrastive: Does it read ``prediction.contrast``? By default, if it names an argument of the
            contrast.
        falls_with_probability: Does it fall where the model becomes surer (a loss, a rank)? Signed scores of it are
            turned before they are traced or evaluated. No by default.
        plain_without_contrast: Contrastive: is it a plain value of the token where there is no contrast? No by default.
        reads_contrast_alone: Contrastive: does it read the contrastive prediction alone? No by default.
        compares_distributions: Contrastive: does it compare whole predictions? No by default.

    Of a class, what is given here goes before what the class says.

    Returns:
        The function itself, unchanged.

    Raises:
        SettingsError: The name is taken, the aggregation is unknown, or the signature cannot be settings: it has
            ``*args``, or a parameter that is called like a fact of step functions (`RESERVED`).

    Example:
        >>> @register_step_function("half_logit", aggregate_map={"spans": "sum"}, overwrite=True)
        ... def half_logit(prediction, factor: float = 0.5):
        ...     return factor * prediction.at_target(prediction.logits)
        >>> STEP_FUNCTIONS.get("half_logit")(factor=0.25)
        half_logit(factor=0.25)
    """
    given = {
        "differentiable": differentiable,
        "contrastive": contrastive,
        "falls_with_probability": falls_with_probability,
        "plain_without_contrast": plain_without_contrast,
        "reads_contrast_alone": reads_contrast_alone,
        "compares_distributions": compares_distributions,
    }
    if fn is None or isinstance(fn, str):

        def decorate(function: Any) -> Any:
            name = identifier if fn is None else fn
            return register_step_function(function, name, aggregate_map, overwrite, **given)

        return decorate
    facts = {name: value for name, value in given.items() if value is not None}
    if isinstance(fn, type):
        cls = _checked_class(fn, identifier, aggregate_map, facts)
    else:
        name = str(identifier or getattr(fn, "__name__", ""))
        cls = _class_of(fn, name, {"span_aggregation": _span_aggregation(name, aggregate_map) or "absmax", **facts})
    STEP_FUNCTIONS.register(identifier or cls.identifier, cls, overwrite=overwrite)
    return fn


def list_step_functions() -> list[str]:
    """Identifiers of all step functions, sorted; those of installed plug-ins are listed without being
    imported."""
    return list(STEP_FUNCTIONS)


class _FromFunction:
    """What all classes made from plain functions share."""

    identifier: ClassVar[str]
    span_aggregation = "absmax"
    differentiable: ClassVar[bool] = True
    contrastive: ClassVar[bool] = False
    sampled: ClassVar[bool] = False
    function: ClassVar[Callable[..., Array]]

    def __call__(self, prediction: StepPrediction, /) -> Array:
        """Shape ``(steps,)``."""
        settings = {field.name: getattr(self, field.name) for field in attrs.fields(type(cast(Any, self)))}
        values = type(self).function(prediction, **settings)
        steps = prediction.logits.shape[0]
        if tuple(getattr(values, "shape", ())) != (steps,):
            raise ShapeError(
                f"Step function {self.identifier!r} returned {_described(values)}; expected one value per step, "
                f"an array of shape ({steps},). Reduce over the vocabulary, for instance with "
                "prediction.at_target(...)."
            )
        return values


def _reserved() -> frozenset[str]:
    """What a step function says of itself: a setting of that name would be taken for it."""
    facts = (
        StepFunction,
        ComparesDistributions,
        ReadsContrastAlone,
        FallsWithProbability,
        PlainWithoutContrast,
        HasLogarithm,
        Renamed,
        _FromFunction,
    )
    names = {name for one in facts for name in (*vars(one), *inspect.get_annotations(one)) if not name.startswith("_")}
    return frozenset({"self", *names})


RESERVED = _reserved()
"""Names that no setting of a plain function can have."""


def _class_of(
    fn: Callable[..., Array],
    identifier: str,
    facts: Mapping[str, Any],
) -> type[StepFunction]:
    """A frozen settings class that calls ``fn``, and says of itself what ``facts`` do."""
    if not callable(fn) or not identifier:
        raise SettingsError(f"A step function is a function with a name; got {fn!r} called {identifier!r}.")
    parameters = list(inspect.signature(fn).parameters.values())
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise SettingsError(
            f"Step function {identifier!r} takes no prediction. Write it as fn(prediction, **its_own_settings)."
        )
    hints = _type_hints(fn)
    fields: dict[str, Any] = {}
    for parameter in parameters[1:]:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            raise SettingsError(
                f"Step function {identifier!r} takes *{parameter.name}, which cannot be told by name. "
                "Declare each setting as a parameter."
            )
        if parameter.name in CONTRAST_ARGUMENTS and parameter.default is inspect.Parameter.empty:
            raise SettingsError(
                f"Step function {identifier!r} needs {parameter.name}, but arguments of the contrast are not handed "
                f"over: the finished contrast is in prediction.contrast. Write {parameter.name}=None, which says that "
                "the function is contrastive, and read prediction.contrast.target_ids and .logits."
            )
        if parameter.kind is inspect.Parameter.VAR_KEYWORD or parameter.name in CONTRAST_ARGUMENTS:
            continue
        if parameter.name in RESERVED or parameter.name.startswith("__"):
            raise SettingsError(
                f"Step function {identifier!r} has a parameter {parameter.name!r}, which is what a step function says "
                f"of itself and can be no setting. Give it another name; taken are: {', '.join(sorted(RESERVED))}."
            )
        default = attrs.NOTHING if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = attrs.field(
            default=default,
            type=hints.get(parameter.name, _type_of(default)),
            alias=parameter.name,  # by default without underscores in front
        )
    named = any(parameter.name in CONTRAST_ARGUMENTS for parameter in parameters)
    cls = attrs.make_class(
        identifier,
        fields,
        bases=(_FromFunction,),
        class_body={
            "__doc__": inspect.getdoc(fn) or f"The step function {identifier!r}.",
            "identifier": identifier,
            "contrastive": named,
            "function": staticmethod(fn),
            **facts,
        },
        frozen=True,
        kw_only=True,
    )
    cls.__module__ = getattr(fn, "__module__", None) or cls.__module__
    return cast("type[StepFunction]", cls)


def _checked_class(
    cls: type, identifier: str | None, aggregate_map: Mapping[str, str] | None, facts: Mapping[str, bool]
) -> type[StepFunction]:
    """A class that is a step function already, with the class variables that a short one may leave out."""
    name = identifier or (cls.identifier if isinstance(cls, Named) else "")
    is_called = any("__call__" in vars(base) for base in cls.__mro__)
    if not name or not attrs.has(cls) or not is_called:
        raise SettingsError(
            f"{cls.__name__} is no step function: expected a frozen attrs class with an identifier and "
            "__call__(self, prediction). A plain function of the prediction is enough, too."
        )
    told = _span_aggregation(name, aggregate_map)
    missing = {
        "identifier": name,
        "span_aggregation": "absmax",
        "differentiable": True,
        "contrastive": False,
        "sampled": False,
    }
    undecided = vars(StepFunction)["span_aggregation"]
    for attribute, value in missing.items():
        if getattr(cls, attribute, undecided) is undecided:
            setattr(cls, attribute, value)
    known = cast("type[StepFunction]", cls)
    body = {"identifier": name, **({} if told is None else {"span_aggregation": told}), **facts}
    if all(getattr(cls, fact, None) == value for fact, value in body.items()):
        return known
    # another name, aggregation or fact makes another class, so that whoever holds the first keeps its meaning
    renamed = type(cls.__name__, (cls,), {**body, "__doc__": cls.__doc__})
    return cast("type[StepFunction]", attrs.frozen(kw_only=True)(renamed))


def _span_aggregation(identifier: str, aggregate_map: Mapping[str, str] | None) -> str | None:
    """The aggregation function that an ``aggregate_map`` names for spans, if any."""
    for aggregator, fn in (aggregate_map or {}).items():
        if not isinstance(fn, str):
            raise SettingsError(
                f"aggregate_map of {identifier!r}: scores are merged by a function's name, so that files can say it, "
                f"and {fn!r} is none. Write aggregate_map={{'spans': NAME}} with one of: {', '.join(SPAN_FUNCTIONS)}."
            )
        if aggregator != "spans":
            raise SettingsError(
                f"aggregate_map of {identifier!r}: step scores are merged over 'spans' alone (subwords and splits "
                f"are spans, too), not over {aggregator!r}. Write aggregate_map={{'spans': {fn!r}}}."
            )
        if fn not in SPAN_FUNCTIONS:
            raise SettingsError(
                f"aggregate_map of {identifier!r}: no aggregation {fn!r} for spans."
                f"{nearest(str(fn), SPAN_FUNCTIONS)} There are: {', '.join(SPAN_FUNCTIONS)}."
            )
        return fn
    return None


def _type_hints(fn: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(fn)
    except (NameError, TypeError):  # annotations that only a type checker can see say nothing about settings
        return {}


def _type_of(default: Any) -> Any:
    """The type of a setting without annotation: that of its default, if plain."""
    kind = type(default)
    return kind if kind in (bool, int, float, str) else Any


def _described(values: Any) -> str:
    if hasattr(values, "shape"):
        return f"an array of shape {tuple(values.shape)}"
    return f"{values!r}, a {type(values).__name__}"


def step_function_of(fn: Callable[..., Array]) -> type[StepFunction]:
    """A plain function as a step function, without registering it: for one call of `attribute`."""
    return _class_of(fn, getattr(fn, "__name__", ""), {})
