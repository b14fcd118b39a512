"""What blocks of a long sequence free goes back to the system."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.running import freed
from wherefrom_hf.running.freed import LEAST_BYTES, hand_back_freed
from wherefrom_hf.running.gradients import Differentiator

from tests.hf_adapter.architectures import build, rows_for
from tests.hf_adapter.test_gradients import asked
from tests.hf_adapter.test_long_inputs import tight

BLOCKS = 2


@pytest.fixture
def trimmed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each time that freed memory is handed back; every state is long enough."""
    calls: list[int] = []
    monkeypatch.setattr(freed, "_trim", lambda: calls.append)
    monkeypatch.setattr(freed, "LEAST_BYTES", 0)
    return calls


def test_after_each_block_that_is_looked_into(trimmed: list[int]) -> None:
    list(attentions(build("llama"), rows_for("llama")[:1]))
    assert len(trimmed) == BLOCKS + 1, "and when the layers have been put together"


def test_after_each_block_on_the_way_there_and_back(trimmed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    differentiator = Differentiator(tight("llama", monkeypatch))
    differentiator._structure  # noqa: B018  tried once, by passes of its own
    trimmed.clear()
    list(differentiator.gradients([asked(rows_for("llama")[0])], None, True, True))
    assert len(trimmed) == 2 * (BLOCKS - 1), "the last block has its graph in the pass itself"


def test_a_short_state_is_let_be(trimmed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed, "LEAST_BYTES", LEAST_BYTES)
    for numbers, expected in ((LEAST_BYTES // 4 - 1, 0), (LEAST_BYTES // 4, 1)):
        hand_back_freed(torch.zeros(numbers))
        assert len(trimmed) == expected
    hand_back_freed(torch.zeros(LEAST_BYTES, device="meta"))
    assert len(trimmed) == 1


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_other_c_libraries_have_no_such_thing(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Any) -> Any:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert freed._trim.__wrapped__() is None
    monkeypatch.setattr(freed, "_trim", lambda: None)
    hand_back_freed(torch.zeros(LEAST_BYTES))


@pytest.mark.skipif(freed._trim() is None, reason="this C library keeps no freed memory that could be handed back")
def test_it_does_go_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    pieces = [np.ones(2**12) for _ in range(2**11)]  # 64 MiB in pieces that are kept when freed
    kept = pieces[::64]
    before = resident()
    del pieces
    hand_back_freed(torch.zeros(LEAST_BYTES))
    assert resident() < before - 2**25
    assert all(piece[0] == 1 for piece in kept)
