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

if "PYTEST_XDIST_WORKER" in os.environ:
    # several workers share the cores: a worker's torch, and that of each process it starts, takes its share of them.
    # Two threads each on two cores wait for one another, and the suite takes more than twice the CPU time.
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser of Playwright's for a module's tests."""
    with launched() as browser:
        yield browser
