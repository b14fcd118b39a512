"""Two thousand tokens on a pretrained model within the memory limit; `-s` shows what was measured."""

from __future__ import annotations

import json
import sys

import pytest
from wherefrom_hf.demo import is_fetched

from benchmarks.long_inputs import measured

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not is_fetched("smollm2"), reason="demo:smollm2 was not fetched"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc"),
]


@pytest.mark.parametrize("method, steps", [("attention", 16), ("value_zeroing", 2), ("saliency", 2)])
def test_memory_stays_within_the_limit(method: str, steps: int) -> None:
    one = measured("demo:smollm2", method, 2000, steps, "512 MiB")
    print(json.dumps(one))
    assert one["finite"]
    # the scores, what they are made of, and their copy in the result come on top
    assert one["peak_mib"] <= 512 + 3 * one["result_mib"]
