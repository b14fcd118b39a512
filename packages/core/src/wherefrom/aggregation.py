"""How aggregators are named, chained and recorded.

An *aggregator* is a frozen settings object that turns an `Attribution` into a smaller one. This module knows only
that: the registry, and the way from what a user writes (``"vnorm"``, ``["mean", "mean"]``, a pipeline) to a chain of
aggregators. The aggregators themselves are in `wherefrom.aggregators`, one per file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar, runtime_checkable

import attrs
import msgspec

from wherefrom._registry import Registry
from wherefrom.errors import SettingsError
from wherefrom.settings import from_mapping, non_default

if TYPE_CHECKING:
    from wherefrom.attribution import Attribution


class Stage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One aggregation, by registered name and settings: applied already, or the default to apply."""

    name: str
    settings: dict[str, Any] = {}


@runtime_checkable
class Aggregator(Protocol):
    """Turns an attribution into a smaller one and records that it did."""

    identifier: ClassVar[str]

    def __call__(self, attribution: Attribution) -> Attribution: ...


AggregatorLike: TypeAlias = (
    None | str | Aggregator | Stage | type[Aggregator] | Sequence["str | Aggregator | Stage | tuple[str, str]"]
)
"""What `aggregate` accepts: nothing (the default), a name, an aggregator, or a list of these."""

AGGREGATORS: Registry[type[Aggregator]] = Registry("aggregator", group="wherefrom.aggregators")

A = TypeVar("A", bound="type[Aggregator]")


def aggregator(cls: A) -> A:
    """Register a frozen attrs class as an aggregator under its ``identifier``."""
    AGGREGATORS.register(cls.identifier, cls)
    return cls


def stage_of(item: Aggregator) -> Stage:
    """The record of an aggregator: its name and the settings that differ from their defaults."""
    return Stage(name=item.identifier, settings=non_default(item))


def list_aggregators() -> list[str]:
    """Identifiers of all aggregators, sorted."""
    return list(AGGREGATORS)


def aggregate(attribution: Attribution, what: AggregatorLike, fn: Any = None, **settings: Any) -> Attribution:
    """Apply the aggregators that ``what`` names, in order; see `Attribution.aggregate`."""
    if what is None and fn is None and not settings:
        if attribution.aggregations:
            return attribution
        chain = [build(stage.name, stage.settings) for stage in attribution.default_aggregation]
    else:
        chain = resolve(what, fn, **settings)
    for step in chain:
        attribution = step(attribution)
    return attribution


def build(name: str, settings: dict[str, Any]) -> Aggregator:
    """The aggregator registered as ``name`` with ``settings``."""
    return from_mapping(AGGREGATORS.get(name), settings, where=f"aggregator {name!r}")


def resolve(what: AggregatorLike, fn: Any = None, **settings: Any) -> list[Aggregator]:
    """The chain of aggregators that a user's shorthand stands for.

    Raises:
        UnknownNameError: A name is neither an aggregator nor an aggregation function.
        SettingsError: A setting fits none of the chain's aggregators, or the shorthand makes no sense.
    """
    if isinstance(what, Stage):
        return [build(what.name, {**what.settings, **settings})]
    if isinstance(what, type) and attrs.has(what):
        return [from_mapping(what, settings, where=f"aggregator {what.identifier!r}")]
    if isinstance(what, str) or what is None:
        return [build(what or "scores", {**settings, **({} if fn is None else {"aggregate_fn": fn})})]
    if isinstance(what, Aggregator):
        return [attrs.evolve(what, **settings)] if settings else [what]
    raise SettingsError(f"Cannot aggregate with {what!r}. Give a name, an aggregator, or a list of these.")
