"""Packages and programs that only some tests need: without one its tests skip and say what is missing; packages of a
dependency group are told how they are had, and where everything is to be tested (``CI``, ``TEST_EVERYTHING``) their
tests fail."""

from __future__ import annotations

import importlib
import os
import shutil
from types import ModuleType

import pytest

NODE = shutil.which("node") or ""
needs_node = pytest.mark.skipif(not NODE, reason="node is not installed")


def need_cairo() -> None:
    """Skip a test that draws PDF where cairosvg, or the library of the system that it draws with, is missing."""
    pytest.importorskip("cairosvg", exc_type=(ImportError, OSError))


def needed(package: str, group: str) -> ModuleType:
    """The package, which the dependency group ``group`` brings."""
    if os.environ.get("CI") or os.environ.get("TEST_EVERYTHING"):
        return importlib.import_module(package)
    return pytest.importorskip(package, reason=f"{package} is not installed: uv sync --inexact --group {group}")
