"""The record of an aggregation: what was applied to a result, or what its method would apply by default."""

from __future__ import annotations

from typing import Any

import msgspec


class Stage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One aggregation, by registered name and settings: applied already, or the default to apply."""

    name: str
    settings: dict[str, Any] = {}
