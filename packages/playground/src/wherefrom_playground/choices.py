"""What can be chosen, read from the registries: methods, target functions, and the settings of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs
from wherefrom import methods, step_functions
from wherefrom._registry import Registry
from wherefrom.errors import SettingsError, nearest
from wherefrom.evaluation import METRICS, list_metrics
from wherefrom.methods.contract import METHODS
from wherefrom.settings import plain, read_value
from wherefrom.step_functions.base import STEP_FUNCTIONS

_REGISTERING = (methods, step_functions)  # importing them fills the registries
DEFAULT_TARGET = "probability"
DEFAULT_METRICS = ("abpc", "comprehensiveness", "sufficiency", "tau_loo")
REMOVALS = ("delete", "unk")
DEFAULT_CONTRAST = "contrast_prob_diff"
Row = list[str]
"""Name, value as JSON, type."""


def method_names() -> list[str]:
    """Every registered method, sorted."""
    return sorted(METHODS)


def target_names(*, contrastive: bool) -> list[str]:
    """Registered step functions that compare with a contrast, or that need none, sorted."""
    return sorted(name for name in STEP_FUNCTIONS if STEP_FUNCTIONS.get(name).contrastive is contrastive)


def metric_names() -> list[str]:
    """Every metric that needs no annotations of a human, sorted."""
    return sorted(name for name in list_metrics() if not METRICS.get(name).needs_gold)


def method_rows(name: str) -> list[Row]:
    """Settings of a method with their defaults."""
    return _rows(METHODS, name)


def target_rows(name: str) -> list[Row]:
    """Settings of a step function with their defaults."""
    return _rows(STEP_FUNCTIONS, name)


def _rows(registry: Registry[Any], name: str) -> list[Row]:
    fields = attrs.fields(registry.get(name))
    return [[one.name, _written(one.default), str(one.type)] for one in fields if one.init]


def _written(default: Any) -> str:
    if default is attrs.NOTHING:
        return ""
    value = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
    return json.dumps(plain(value))


def changed(rows: Sequence[Sequence[Any]], defaults: Sequence[Row], where: str) -> dict[str, Any]:
    """The settings in a table that are not as they were.

    Args:
        rows: What stands in the table now: name, value, type.
        defaults: What stood in it first.
        where: Whose settings, for messages.

    Raises:
        SettingsError: A name is unknown, or a row is no name and value.
    """
    before = {name: value for name, value, _ in defaults}
    given: dict[str, Any] = {}
    for row in rows:
        name, *values = ("" if cell is None else str(cell).strip() for cell in (row or [None]))
        if not name:
            continue
        if not values:
            raise SettingsError(
                f"{where}: a setting is a row of its name and its value, such as ['n_steps', '50'], not {list(row)!r}. "
                "Leave the row out, or give both."
            )
        written = values[0]
        if name not in before:
            raise SettingsError(f"{where} has no setting {name!r}.{nearest(name, before)}")
        if written != before[name]:
            given[name] = read_value(written)
    return given
