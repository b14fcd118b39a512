"""What users' code registers in a test is taken out again, so that no other test of the process sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wherefrom._registry import Registry
from wherefrom.context.results import CONTEXT_RENDERERS
from wherefrom.evaluation.contract import METRICS
from wherefrom.evaluation.verify.contract import TRUTHS
from wherefrom.loading import ADAPTERS
from wherefrom.methods import METHODS
from wherefrom.methods.perturbation.samplers import SAMPLERS
from wherefrom.progress import DISPLAYS
from wherefrom.results.aggregation import AGGREGATORS
from wherefrom.results.aggregators.functions import AGGREGATION_FUNCTIONS
from wherefrom.results.rendering import RENDERERS
from wherefrom.step_functions.base import STEP_FUNCTIONS

REGISTRIES: tuple[Registry[Any], ...] = (
    ADAPTERS,
    AGGREGATION_FUNCTIONS,
    AGGREGATORS,
    CONTEXT_RENDERERS,
    DISPLAYS,
    METHODS,
    METRICS,
    RENDERERS,
    SAMPLERS,
    STEP_FUNCTIONS,
    TRUTHS,
)

OURS = re.compile(r"wherefrom(_\w+)?(\.|$)")
"""Modules of the packages; a plugin's name has a colon."""


@contextmanager
def nothing_stays() -> Iterator[None]:
    """Within the block users' code may register; what packages of ours register meanwhile stays."""
    before = [set(registry._entries) for registry in REGISTRIES]
    try:
        yield
    finally:
        for registry, known in zip(REGISTRIES, before, strict=True):
            theirs = {
                name
                for name, item in registry._entries.items()
                if name not in known and not OURS.match(getattr(item, "__module__", ""))
            }
            for name in theirs:
                del registry._entries[name]
            for alias in [alias for alias, name in registry._aliases.items() if name in theirs]:
                del registry._aliases[alias]
