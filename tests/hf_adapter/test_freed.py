"""What blocks of a long sequence free goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.running import freed, gradients
from wherefrom_hf.running.freed import LEAST_BYTES, hand_back_freed
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.kept_states import Keeping
from wherefrom_hf.running.memory import HOST_LIMIT

from tests.hf_adapter.architectures import build, rows_for
from tests.hf_adapter.test_gradients import asked
from tests.hf_adapter.test_long_inputs import tight

BLOCKS = 2


@pytest.fixture
def trimmed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each time that freed memory is handed back; every state is long enough, and the process grows all the time."""
    calls: list[int] = []
    monkeypatch.setattr(freed, "_trim", lambda: calls.append)
    monkeypatch.setattr(freed, "LEAST_BYTES", 0)
    monkeypatch.setattr(freed, "_least", 0)
    grown = count(2**30, 2**30)
    monkeypatch.setattr(freed, "resident", lambda: next(grown))
    return calls


def test_after_each_block_that_is_looked_into(trimmed: list[int]) -> None:
    list(attentions(build("llama"), rows_for("llama")[:1]))
    assert len(trimmed) == BLOCKS + 1, "and when the layers have been put together"


def test_after_each_block_on_the_way_there_and_back(trimmed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    differentiator = Differentiator(tight("llama", monkeypatch))
    monkeypatch.setattr(gradients, "keeping", lambda *_: Keeping(stride=BLOCKS))
    differentiator._structure  # noqa: B018  tried once, by passes of its own
    trimmed.clear()
    row = asked(rows_for("llama")[0])
    list(differentiator.gradients([row], None, True, True))
    forwards, again, groups = BLOCKS, BLOCKS - 1, BLOCKS * len(row.steps)
    attention = BLOCKS
    assert len(trimmed) == forwards + 1 + again + attention + 2 * groups + 1, "also after all forwards, and at the end"


def test_a_short_state_is_let_be(trimmed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed, "LEAST_BYTES", LEAST_BYTES)
    for numbers, expected in ((LEAST_BYTES // 4 - 1, 0), (LEAST_BYTES // 4, 1)):
        hand_back_freed(torch.zeros(numbers))
        assert len(trimmed) == expected
    hand_back_freed(torch.zeros(LEAST_BYTES, device="meta"))
    assert len(trimmed) == 1


def test_what_is_freed_is_kept_while_the_process_grows_little(
    trimmed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = torch.zeros(2**20)
    kept = HOST_LIMIT // 2 - 13 * state.nbytes
    sizes = iter([100, 50, 50 + kept, 51 + kept, 60, 60 + kept, 10**12, 70, 70, 70])
    monkeypatch.setattr(freed, "resident", lambda: next(sizes))
    monkeypatch.setattr(freed, "_least", None)
    for expected in (0, 0, 0, 1, 1, 2):  # after each time that it goes back, what is left is looked at
        hand_back_freed(state)
        assert len(trimmed) == expected
    assert freed._least == 70
    hand_back_freed(state, all_of_it=True)
    assert len(trimmed) == 3, "the last block has run"


def test_with_a_limit_half_of_it_is_kept(trimmed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    state = torch.zeros(2**20)
    kept = 2**27 - 13 * state.nbytes
    sizes = iter([100, 100 + kept, 101 + kept, 60])
    monkeypatch.setattr(freed, "resident", lambda: next(sizes))
    monkeypatch.setattr(freed, "_least", None)
    for expected in (0, 0, 1):
        hand_back_freed(state, limit=2**28)
        assert len(trimmed) == expected


def test_a_large_piece_in_use_hides_nothing_when_it_goes(trimmed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    state, piece = torch.zeros(2**20), 2**30
    kept = HOST_LIMIT // 2 - 13 * state.nbytes
    sizes = iter([100, 100 + kept + piece, 101 + kept + piece, 60 + piece, 61 + kept, 60])
    monkeypatch.setattr(freed, "resident", lambda: next(sizes))
    monkeypatch.setattr(freed, "_least", None)
    for held, expected in ((0, 0), (piece, 0), (piece, 1), (0, 2)):
        hand_back_freed(state, held=held)
        assert len(trimmed) == expected
    assert freed._least == 60


def test_of_long_states_less_is_kept(trimmed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed, "resident", lambda: 2**27)
    for numbers, expected in ((2**20, 0), (2**23, 1)):
        monkeypatch.setattr(freed, "_least", 0)
        hand_back_freed(torch.empty(numbers))
        assert len(trimmed) == expected


@pytest.mark.heavy
@pytest.mark.skipif(freed._trim() is None, reason="only glibc is known to keep large pieces")
def test_large_pieces_come_from_what_is_kept() -> None:
    """Asked of processes of their own, in which nothing large was freed before."""
    program = """
import ctypes, sys, torch

class Use(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena o s h apart us fs u f k".split()]

tell = ctypes.CDLL(None).mallinfo2
tell.restype = Use
if sys.argv[1] == "kept":
    from wherefrom_hf.running.freed import keep_large_pieces

    keep_large_pieces()
before = tell().apart
piece = torch.empty(7 * 2**20)
print(tell().apart - before)
"""
    apart = {
        how: int(subprocess.run([sys.executable, "-c", program, how], check=True, capture_output=True).stdout)
        for how in ("kept", "as before")
    }
    assert apart["kept"] == 0
    assert apart["as before"] >= 4 * 7 * 2**20, "mapped anew, and given back when it is freed"


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_other_c_libraries_have_no_such_thing(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Any) -> Any:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert freed._trim.__wrapped__() is None
    monkeypatch.setattr(freed, "_trim", lambda: None)
    hand_back_freed(torch.zeros(LEAST_BYTES))


@pytest.mark.skipif(freed._trim() is None, reason="this C library keeps no freed memory that could be handed back")
def test_it_does_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    pieces = [np.ones(2**12) for _ in range(2**11)]  # 64 MiB in pieces that are kept when freed
    kept = pieces[::64]
    before = resident()
    monkeypatch.setattr(freed, "_least", before - HOST_LIMIT)
    del pieces
    hand_back_freed(torch.zeros(LEAST_BYTES))
    assert resident() < before - 2**25
    assert all(piece[0] == 1 for piece in kept)
