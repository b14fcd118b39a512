"""Settings of the whole suite.

A clean clone draws the same examples each time: what passes once passes again. New examples are drawn by
``HYPOTHESIS_PROFILE=search``, which CONTRIBUTING.md names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.chromium import launched

settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser of Playwright's for a module's tests."""
    with launched() as browser:
        yield browser
