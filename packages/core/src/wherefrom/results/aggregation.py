"""How aggregators are named, chained and recorded.

An *aggregator* is a frozen settings object that turns an `Attribution` into a smaller one. This module knows only
that: the registry, and the way from what a user writes (``"vnorm"``, ``["mean", "mean"]``, a pipeline) to a chain of
aggregators. The aggregators themselves are in `wherefrom.results.aggregators`, one per file.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, count
from types import CodeType, FunctionType, MethodType
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar, cast, overload, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt
from attrs import frozen

from wherefrom._registry import Registry, fact, stated
from wherefrom.errors import InputError, SettingsError, UnknownNameError, nearest
from wherefrom.results.data import AnyAttribution, AttributionData
from wherefrom.results.stages import Stage as Stage
from wherefrom.settings import Named, fields_of, from_mapping, non_default, unknown_setting


@runtime_checkable
class Aggregator(Protocol):
    """Turns an attribution into a smaller one and records that it did."""

    __slots__ = ()

    identifier: ClassVar[str] = fact()
    """Given by the decorator `aggregator`."""

    @abstractmethod
    def __call__(self, attribution: AnyAttribution) -> AnyAttribution: ...


@frozen
class AggregatorPipeline:
    """Aggregators in order, with an aggregation function for each where one is wanted.

    ``AggregatorPipeline(["scores", "spans"], ["vnorm", "absmax"])`` is the same as
    ``[("scores", "vnorm"), ("spans", "absmax")]``.
    """

    aggregators: Sequence[Any]
    aggregate_fn: Sequence[str | None] | str | None = None


AggregatorLike: TypeAlias = (
    str
    | Aggregator
    | Stage
    | type[Aggregator]
    | AggregatorPipeline
    | Sequence["str | Aggregator | Stage | type[Aggregator] | tuple[Any, str | None]"]
    | None
)
"""What `aggregate` accepts: nothing (the default), a name, an aggregator, or a list of these."""

AGGREGATORS: Registry[type[Aggregator]] = Registry("aggregator", group="wherefrom.aggregators")

A = TypeVar("A", bound="type[Aggregator]")


@overload
def aggregator(cls: A, /) -> A: ...
@overload
def aggregator(identifier: str, /) -> Callable[[A], A]: ...
def aggregator(identifier: Any, /) -> Any:
    """Class decorator: name a frozen attrs class, and register it as an aggregator. A class in place of the name has
    its ``identifier`` as a class variable."""
    if isinstance(identifier, type):
        return AGGREGATORS.register(cast(Any, identifier).identifier, cast(Any, identifier))
    return lambda cls: AGGREGATORS.register(identifier, stated(cls, identifier=identifier))


def stage_of(item: Aggregator) -> Stage:
    """The record of an aggregator: its name and the settings that differ from their defaults."""
    return Stage(name=item.identifier, settings=non_default(item))


def list_aggregators() -> list[str]:
    """Identifiers of all aggregators, sorted."""
    return list(AGGREGATORS)


def aggregate(
    attribution: AnyAttribution, what: AggregatorLike, fn: Any, functions: Registry[Any], **settings: Any
) -> AnyAttribution:
    """Apply the aggregators that ``what`` names, in order; see `Attribution.aggregate`."""
    checked = settings.pop("do_post_aggregation_checks", False)
    settings.pop("do_pre_aggregation_checks", None)  # ours always run
    if what is None and fn is None and not settings:
        chain = [build(stage.name, stage.settings) for stage in outstanding(attribution)]
    else:
        chain = resolve(what, fn, functions, **settings)
    for step in chain:
        attribution = step(attribution)
    if checked and attribution.dimensions:
        raise InputError(
            f"After aggregation the scores still have {', '.join(attribution.dimensions)}. "
            "Add an aggregation function for each, or drop do_post_aggregation_checks."
        )
    return attribution


def aggregated(attribution: AnyAttribution) -> AnyAttribution:
    """The attribution with what is outstanding of its default aggregation applied."""
    for stage in outstanding(attribution):
        attribution = build(stage.name, stage.settings)(attribution)
    return attribution


def outstanding(attribution: AttributionData) -> tuple[Stage, ...]:
    """What is still to be applied of the attribution's default aggregation.

    All of it to raw scores; nothing once there is one number per cell. In between (words merged but the width still
    there, heads averaged but not layers) the tail that removes the dimensions that are left.
    """
    default = attribution.default_aggregation
    if not attribution.aggregations:
        return default
    places = removals(default)
    left = len(attribution.dimensions)
    return default[places[-left] :] if 0 < left <= len(places) else ()


def removals(default: Sequence[Stage]) -> list[int]:
    """Places of the stages of a default aggregation that remove a dimension each: the last is the first dimension's."""
    return [place for place, stage in enumerate(default) if stage.name in ("reduce", "scores")]


def build(name: str, settings: Mapping[str, Any]) -> Aggregator:
    """The aggregator registered as ``name`` with ``settings``."""
    return from_mapping(AGGREGATORS.get(name), settings, where=f"aggregator {name!r}")


def resolve(what: AggregatorLike, fn: Any, functions: Registry[Any], **settings: Any) -> list[Aggregator]:
    """The chain of aggregators that a user's shorthand stands for.

    A setting goes to every aggregator of the chain that declares it; a function named for one stage stays with it.

    Args:
        fn: An aggregation function for the chain, or one for each of its stages.
        functions: The aggregation functions whose names stand for ``scores``.

    Raises:
        UnknownNameError: A name is neither an aggregator nor an aggregation function.
        SettingsError: A setting fits none of the chain's aggregators, or the shorthand makes no sense.
    """
    if isinstance(what, AggregatorPipeline):
        fn = what.aggregate_fn if fn is None else fn
        what = what.aggregators
    if isinstance(what, list | tuple):
        if len(what) == 2 and isinstance(what, tuple) and all(isinstance(one, str) for one in what):
            pair = what[0] in AGGREGATORS and what[1] in functions
            what = [(what[0], str(what[1]))] if pair else list(what)
        items: list[Any] = list(what)
    else:
        items = ["scores" if what is None else what]
    if isinstance(fn, list | tuple):
        if len(fn) != len(items):
            raise SettingsError(
                f"{len(fn)} aggregation functions for {len(items)} aggregators. Give one for each, or one."
            )
        items = [(item, own) for item, own in zip(items, fn, strict=True)]
    elif fn is not None:
        settings["aggregate_fn"] = fn
    if "aggregate_fn" in settings:
        settings["aggregate_fn"] = named(settings["aggregate_fn"], functions)
    stages = [_stage(item, functions) for item in items]
    for name in settings:
        if not any(name in fields_of(cls) for cls, _ in stages):
            known = {field for cls, _ in stages for field in fields_of(cls)}
            names = ", ".join(dict.fromkeys(repr(cls.identifier) for cls, _ in stages)) or "an empty list"
            raise unknown_setting(name, known, f"aggregation by {names}")
    chain = []
    for cls, own in stages:
        dealt = {name: value for name, value in settings.items() if name in fields_of(cls)}
        chain.append(from_mapping(cls, {**dealt, **own}, where=f"aggregator {cls.identifier!r}"))
    return chain


def settings_of(what: AggregatorLike, functions: Registry[Any]) -> set[str]:
    """Names of the settings that the aggregators of a shorthand take."""
    if isinstance(what, AggregatorPipeline):
        what = what.aggregators
    items: list[Any] = list(what) if isinstance(what, list | tuple) else [what]
    return {name for item in items for name in fields_of(_stage(item, functions)[0])}


def named(fn: Any, functions: Registry[Any]) -> Any:
    """A function as a name that the stages of a result can record; a name as it is.

    ``fn(values, axis=...)`` gives values without the axis; a function that names ``where`` is told which cells exist,
    others see none but those. A name that is another function's gets a number: ``"__main__.<lambda>#2"``.
    """
    if not callable(fn) or isinstance(fn, type):
        return fn
    first = f"{getattr(fn, '__module__', None) or ''}.{getattr(fn, '__qualname__', type(fn).__name__)}".lstrip(".")
    for name in chain([first], (f"{first}#{number}" for number in count(2))):
        if name not in functions:
            functions.register(name, _Given(fn))
            return name
        if isinstance(known := functions.get(name), _Given) and _alike(known.fn, fn):
            return name
    raise AssertionError("numbers have no end")


@frozen(eq=False)
class _Given:
    """A function of the user's as an `AggregationFunction`."""

    fn: Callable[..., Any]

    def __call__(self, values: Any, axis: int, where: Any) -> Any:
        taken = _parameter_names(self.fn)
        if "where" in taken and "keepdims" not in taken:  # NumPy's own want a first value as well, or warn of none
            return self.fn(values, axis=axis, where=where)
        return self.fn(values, axis=axis) if where.all() else self._of_existing(values, axis, where)

    def _of_existing(self, values: Any, axis: int, where: Any) -> Any:
        """Called for each pattern of cells that exist, with no others; 0 where none does."""
        lines, present = (np.moveaxis(each, axis, -1) for each in (values, where))
        shape = lines.shape[:-1]
        lines, present = (each.reshape(-1, each.shape[-1]) for each in (lines, present))
        found = np.zeros(len(lines), dtype=values.dtype)
        patterns, which = np.unique(present, axis=0, return_inverse=True)
        for index, pattern in enumerate(patterns):
            if pattern.any():
                here = which.reshape(-1) == index
                found[here] = one_number_each(self.fn(lines[here][:, pattern], axis=1), (int(here.sum()),), self.fn)
        return found.reshape(shape)


def one_number_each(found: Any, shape: tuple[int, ...], fn: Any) -> npt.NDArray[Any]:
    """What an aggregation function gave, where it has the shape that it should.

    Raises:
        SettingsError: It has another, or is none of numbers.
    """
    array = np.asarray(found)
    if array.shape != shape or array.dtype.kind not in "biuf":
        what = f"an array of shape {array.shape}" if array.ndim else f"{found!r:.60}"
        raise SettingsError(
            f"The aggregation function {_called(fn)} gave {what}, where an array of shape {shape} was expected: one "
            "number in place of each line along the axis that it is told, as numpy.mean(values, axis=axis) gives."
        )
    return array


def _called(fn: Any) -> str:
    return repr(fn) if isinstance(fn, str) else f"{getattr(fn, '__qualname__', type(fn).__name__)!r}"


def _parameter_names(fn: Any) -> set[str]:
    try:
        return set(inspect.signature(fn).parameters)
    except (TypeError, ValueError):  # written in C: it is called with values and axis alone
        return set()


def _alike(one: Any, other: Any) -> bool:
    """Are they one function, or the same code with the same values bound to it, as of a lambda in a loop?"""
    if one is other:
        return True
    mine, its = _bound(one), _bound(other)
    if type(one) is not type(other) or mine is None or its is None or len(mine) != len(its):
        return False
    return all(
        a is b or (type(a) is type(b) and isinstance(a, _PLAIN) and a == b) for a, b in zip(mine, its, strict=True)
    )


_PLAIN = (str, bytes, int, float, CodeType)
"""Values that are compared as such; others are the same only where they are one object."""


def _bound(fn: Any) -> list[Any] | None:
    """What a function is made of; None: nothing that could be told."""
    if isinstance(fn, FunctionType):
        named_only = sorted((fn.__kwdefaults__ or {}).items())
        cells = [cell.cell_contents for cell in fn.__closure__ or ()]
        return [fn.__code__, *(fn.__defaults__ or ()), *(part for pair in named_only for part in pair), *cells]
    if isinstance(fn, partial):
        return [fn.func, *fn.args, *(part for pair in sorted(fn.keywords.items()) for part in pair)]
    return [fn.__func__, fn.__self__] if isinstance(fn, MethodType) else None


def _stage(item: Any, functions: Registry[Any]) -> tuple[type[Aggregator], dict[str, Any]]:
    """An aggregator class and the settings that belong to this stage alone."""
    if isinstance(item, tuple) and len(item) == 2:
        cls, own = _stage(item[0], functions)
        return cls, own if item[1] is None else {**own, "aggregate_fn": named(item[1], functions)}
    if isinstance(item, Stage):
        return AGGREGATORS.get(item.name), dict(item.settings)
    if isinstance(item, str):
        if item in AGGREGATORS:
            return AGGREGATORS.get(item), {}
        if item in functions:
            return AGGREGATORS.get("scores"), {"aggregate_fn": item}
        known = [*AGGREGATORS, *functions]
        raise UnknownNameError(
            f"No aggregator or aggregation function is called {item!r}.{nearest(item, known)} "
            f"Aggregators: {', '.join(AGGREGATORS)}. Functions: {', '.join(functions)}."
        )
    kind: Any = item if isinstance(item, type) else type(item)
    if callable(item) and not attrs.has(kind):
        return AGGREGATORS.get("scores"), {"aggregate_fn": named(item, functions)}
    if isinstance(item, type) and attrs.has(kind) and isinstance(kind, Named):
        return cast("type[Aggregator]", kind), {}
    if attrs.has(kind) and isinstance(item, Aggregator):
        default = {field.name: field.default for field in attrs.fields(kind)}
        own = {name: getattr(item, name) for name in fields_of(kind)}
        return cast("type[Aggregator]", kind), {
            name: value for name, value in own.items() if value is not default[name]
        }
    raise SettingsError(
        f"Cannot aggregate with {item!r}. "
        "Give a name, an aggregator, an (aggregator, function) pair, or a list of these."
    )
