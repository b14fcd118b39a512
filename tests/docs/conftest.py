"""Pages, examples and notebooks register things as their readers would: nothing of it stays for other tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
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


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    """What the code of a page defined is taken out again; what packages registered meanwhile stays."""
    yield
    for registry in REGISTRIES:
        theirs = {name for name, item in registry._entries.items() if getattr(item, "__module__", "") == "__main__"}
        for name in theirs:
            del registry._entries[name]
        for alias in [alias for alias, name in registry._aliases.items() if name in theirs]:
            del registry._aliases[alias]
