"""Settings of the whole suite.

A clean clone draws the same examples each time: what passes once passes again. New examples are drawn by
``HYPOTHESIS_PROFILE=search``, which CONTRIBUTING.md names.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models: threads only wait for one another
os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is fetched from a hub, nor waited for
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script; tests send it to themselves
    signal.signal(signal.SIGINT, signal.default_int_handler)

from tests.chromium import launched

settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser of Playwright's for a module's tests."""
    with launched() as browser:
        yield browser


def pytest_collection_finish() -> None:
    """What was imported and collected stays: no later search for garbage walks through it."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """At the end it may go, as libraries expect that count what is left."""
    gc.unfreeze()
