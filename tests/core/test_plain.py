"""Free-form values in files: as any reader would write them, not as Python does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from wherefrom.files.wire.plain import to_plain


@pytest.mark.parametrize(
    "value, written",
    [
        (date(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3, 4, tzinfo=UTC), "2024-01-02T03:04:00+00:00"),
        (time(3, 4), "03:04:00"),
        (np.datetime64("2024-01-02T03:04:05.000000001"), "2024-01-02T03:04:05.000000001"),
        ("café".encode(), "café"),
        (b"a\xff", "a\\xff"),
        (np.bytes_(b"a"), "a"),
        (Decimal("1.50"), "1.50"),
        ("lat\udce4.jsonl", "lat\\udce4.jsonl"),
        ({"\udce4": ["\udce4"]}, {"\\udce4": ["\\udce4"]}),
        ({"days": [date(2024, 1, 2)]}, {"days": ["2024-01-02"]}),
    ],
)
def test_dates_and_bytes_are_text(value: Any, written: Any) -> None:
    assert to_plain(value) == written
