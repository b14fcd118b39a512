"""What a metric is: a frozen setting, a plan of masks and a number."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Protocol, TypeVar, cast, overload, runtime_checkable

import numpy as np
from attrs import frozen

from wherefrom._registry import Registry, fact, stated
from wherefrom.arrays import BoolArray, FloatArray
from wherefrom.errors import InputError, SettingsError
from wherefrom.evaluation.embedded import Embedded
from wherefrom.evaluation.rescoring import Change

Worth = Callable[[BoolArray], FloatArray]
"""What the model says when only some units stay: masks ``(rows, units)``, true for units that stay, to the
log-probability of the explained tokens in nats, ``(rows,)``."""


@frozen(kw_only=True, eq=False)
class Case:
    """One output of one example, as metrics see it."""

    count: int
    """How many units there are."""
    worth: Worth
    gold: BoolArray | None = None
    """The units that are known to matter, shape ``(count,)``; None: not known."""
    seed: int = 0
    """For what is drawn: this output's own, the same for all scores and ways of removal."""
    embedded: Embedded | None = None
    """Its inputs as embeddings; None: not asked for."""
    rescored: Callable[[Hashable, Change], FloatArray] | None = None
    """The same method's scores of the units, shape ``(count,)``, from a changed model; see `rescoring.Again.scores`.
    None: no method made them."""

    def full(self) -> float:
        """The worth of the untouched input."""
        return float(self.worth(np.ones((1, self.count), bool))[0])

    def known_gold(self) -> BoolArray:
        """The gold units.

        Raises:
            InputError: There are none.
        """
        if self.gold is None or not self.gold.any():
            raise InputError("This metric compares with gold units, and the example has none. Pass gold=...")
        return self.gold

    def known_embedded(self) -> Embedded:
        """Its inputs as embeddings.

        Raises:
            InputError: They were not asked for: the metric is no `AsksEmbeddings`.
        """
        if self.embedded is None:
            raise InputError("This metric changes embeddings, and the case has none. Derive it from AsksEmbeddings.")
        return self.embedded

    def scored_again(self, key: Hashable, change: Change) -> FloatArray:
        """The same method's scores from a changed model.

        Raises:
            InputError: No method made the scores.
        """
        if self.rescored is None:
            raise InputError("This metric asks the method again, and no method made these scores.")
        return self.rescored(key, change)


@runtime_checkable
class Metric(Protocol):
    """How good scores are, as one number per output. The facts are given by the decorator `metric`."""

    __slots__ = ()

    identifier: ClassVar[str] = fact()
    higher_is_better: ClassVar[bool] = fact()
    needs_gold: ClassVar[bool] = fact()
    """Does it compare with gold units? Such metrics run no pass."""

    @abstractmethod
    def plan(self, scores: FloatArray, seed: int) -> BoolArray:
        """The masks it will ask for, true for units that stay. Shape ``(rows, units)``."""
        ...

    @abstractmethod
    def measure(self, scores: FloatArray, case: Case) -> float:
        """The number. ``scores`` has shape ``(units,)``; nan where it is undefined."""
        ...


class ReadsSizes:
    """A metric that hangs on the sizes or signs of scores, and not on their order alone.

    Chance is then not any random scores, which have a scale and a sign of their own, but the same scores in another
    order.
    """

    __slots__ = ()


class ReadsOrder:
    """A metric that hangs on the order of scores alone, and would take equal ones in the order of the text.

    It is given scores of which no two are equal: where some are, the mean over an order of them that is drawn by chance
    and its reverse is taken, so that where a unit stands in the text decides nothing.
    """

    __slots__ = ()


METRICS: Registry[type[Metric]] = Registry("metric", group="wherefrom.metrics", builtins="wherefrom.evaluation.builtin")

M = TypeVar("M", bound="type[Metric]")


@overload
def metric(cls: M, /) -> M: ...
@overload
def metric(identifier: str, /, *, higher_is_better: bool, needs_gold: bool = False) -> Callable[[M], M]: ...
def metric(identifier: Any, /, *, higher_is_better: bool = True, needs_gold: bool = False) -> Any:
    """Class decorator: give a frozen attrs class its facts, and register it as a metric.

    Args:
        identifier: Its name. A class in its place states all facts itself, as class variables.
        higher_is_better: Of two methods, has the better one the higher number?
        needs_gold: Does it compare with gold units?

    Raises:
        SettingsError: The name is taken.
    """
    if isinstance(identifier, type):
        return METRICS.register(cast(Any, identifier).identifier, cast(Any, identifier))
    facts = {"identifier": identifier, "higher_is_better": higher_is_better, "needs_gold": needs_gold}
    return lambda cls: METRICS.register(identifier, stated(cls, **facts))


def list_metrics() -> list[str]:
    """Identifiers of all metrics, sorted."""
    return list(METRICS)


def as_metric(value: str | Metric | type[Metric]) -> Metric:
    """A metric from a name, a class or an object.

    Raises:
        UnknownNameError: No metric has that name.
        SettingsError: It is something else.
    """
    thing = METRICS.get(value) if isinstance(value, str) else value
    if not isinstance(thing, Metric):  # a class has the facts of its objects
        raise SettingsError(f"A metric is an identifier, a metric or its class, not {value!r}.")
    return thing() if isinstance(thing, type) else thing


def no_masks(scores: FloatArray) -> BoolArray:
    """The plan of a metric that runs no pass."""
    return np.zeros((0, len(scores)), bool)
