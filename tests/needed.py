"""Packages that only some tests need: without one its tests skip and say how it is had; where
everything is to be tested (``CI``, ``TEST_EVERYTHING``) they fail."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest


def needed(package: str, group: str) -> ModuleType:
    """The package, which the dependency group ``group`` brings."""
    if os.environ.get("CI") or os.environ.get("TEST_EVERYTHING"):
        return importlib.import_module(package)
    return pytest.importorskip(package, reason=f"{package} is not installed: uv sync --inexact --group {group}")
