"""Pages, examples and notebooks register things as their readers would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.registered import nothing_stays


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    """What the code of a page defined is taken out again."""
    with nothing_stays():
        yield
