"""Ctrl-C once, and twice."""

from __future__ import annotations

import io
import os
import signal

import pytest
from wherefrom_cli.console import Console
from wherefrom_cli.dataset.interruption import Interruption


def test_first_signal_is_noted_and_the_second_stops() -> None:
    console = Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    before = signal.getsignal(signal.SIGINT)
    with Interruption(console) as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.asked
        assert "once more" in console.stderr.getvalue()  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
