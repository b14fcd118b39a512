"""Two thousand tokens on a pretrained model within the memory limit; `-s` shows what was measured."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from wherefrom_hf.demo import is_fetched

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not is_fetched("smollm2"), reason="demo:smollm2 was not fetched"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc"),
]


@pytest.mark.parametrize("method, steps", [("attention", 16), ("saliency", 2)])
def test_memory_stays_within_the_limit(method: str, steps: int) -> None:
    command = [sys.executable, "-m", "benchmarks.long_inputs", "--one", "--methods", method, "--lengths", "2000"]
    command += ["--steps", str(steps), "--memory-limit", "512 MiB"]  # a process of its own: memory is not given back
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
    print(answer)
    one = json.loads(answer)
    assert one["finite"]
    # the scores, what they are made of, and their copy in the result come on top
    assert one["peak_mib"] <= 512 + 3 * one["result_mib"]
