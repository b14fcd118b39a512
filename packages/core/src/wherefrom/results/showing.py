"""What a verb of showing is asked to aggregate first, and which of its options nobody takes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, TracebackType
from typing import Any, TypeVar

from wherefrom.errors import SettingsError, nearest
from wherefrom.results.aggregation import AggregatorLike, aggregate, settings_of
from wherefrom.results.aggregators import AGGREGATION_FUNCTIONS
from wherefrom.results.data import AttributionData, AttributionsData
from wherefrom.results.given import several_results

Shown = TypeVar("Shown")

_UNKNOWN = re.compile(r"(\w+)\(\) got an unexpected keyword argument '(\w+)'")
_TWICE = re.compile(r"(\w+)\(\) got multiple values for (?:keyword )?argument '(\w+)'")


def aggregated_for_view(
    shown: Shown, aggregator: AggregatorLike, do_aggregation: bool, options: Mapping[str, Any]
) -> tuple[Shown, dict[str, Any]]:
    """What is drawn, and the options that are left for whoever draws it.

    Args:
        aggregator: As for `aggregate`; None leaves it to the view, which applies the default. Its settings are taken
            from ``options``; so is ``normalize`` where it is true or false.
        do_aggregation: False: as it is.

    Raises:
        SettingsError: Both no aggregation and an aggregator are asked for.
    """
    left = dict(options)
    if not do_aggregation:
        if aggregator is not None:
            raise SettingsError("aggregator names an aggregation, and do_aggregation=False wants none. Choose one.")
        return shown, left
    is_flag = isinstance(left.get("normalize"), bool)
    if aggregator is None and not is_flag:
        return shown, left
    chosen: AggregatorLike = "scores" if aggregator is None else aggregator
    known = settings_of(chosen, AGGREGATION_FUNCTIONS)
    mine = {name: left.pop(name) for name in list(left) if name in known and (name != "normalize" or is_flag)}
    return _each(shown, lambda one: aggregate(one, chosen, None, AGGREGATION_FUNCTIONS, **mine)), left


def _each(shown: Any, change: Callable[[AttributionData], AttributionData]) -> Any:
    if isinstance(shown, AttributionData):
        return change(shown)
    if isinstance(shown, AttributionsData):
        return shown.replace(sequence_attributions=tuple(change(one) for one in shown))
    return [_each(one, change) for one in several_results(shown)]


@contextmanager
def options_known(options: Mapping[str, Any], what: str, given: Collection[str] = ()) -> Iterator[None]:
    """Within the block, an option that nobody takes, or that the caller gives itself, is an error of the library's.

    Args:
        options: What is handed on in the block.
        what: What takes them, for messages.
        given: Names that the caller gives itself.

    Raises:
        SettingsError: Nobody takes one of them, with the nearest name; or the caller gives it.
    """
    try:
        yield
    except TypeError as error:
        told = _given_twice(error, options, what) or _unknown_option(error, options, what, given)
        if told is None:
            raise
        raise told from error


def _given_twice(error: TypeError, options: Mapping[str, Any], what: str) -> SettingsError | None:
    """A Python error about an option beside an argument of its name; None: about something else."""
    found = _TWICE.search(str(error))
    if found is None or found[2] not in options:
        return None
    return SettingsError(
        f"{what} takes no option {found[2]!r}: it is given in another way. Leave it out of the options."
    )


def _unknown_option(
    error: TypeError, options: Mapping[str, Any], what: str, given: Collection[str]
) -> SettingsError | None:
    """A Python error about one of our options, as the library's error; None: about something else."""
    found = _UNKNOWN.search(str(error))
    if found is None or found[2] not in options:
        return None
    known = _parameters(error.__traceback__, found[1]) - {*given}
    return SettingsError(
        f"{what} takes no option {found[2]!r}.{nearest(found[2], known)} It takes: {', '.join(sorted(known))}."
    )


def _parameters(trace: TracebackType | None, called: str) -> set[str]:
    """Names that the functions on the way take, and the one that was called last."""
    names: set[str] = set()
    while trace is not None:
        code = trace.tb_frame.f_code
        if "options" in code.co_varnames or "wherefrom_viz" in str(trace.tb_frame.f_globals.get("__name__")):
            # what a verb draws, and with what, comes by place; its options come by name
            names |= set(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])
        found = [trace.tb_frame.f_globals.get(called)]
        own = (value for value in trace.tb_frame.f_locals.values() if isinstance(value, FunctionType))
        found += [function for function in own if function.__name__ == called]  # who draws, found by name
        for function in filter(callable, found):
            kinds = inspect.signature(function).parameters.values()
            names |= {one.name for one in kinds if one.kind is one.KEYWORD_ONLY}
        trace = trace.tb_next
    return {name for name in names if not name.startswith("_")}
