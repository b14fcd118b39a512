"""Ctrl-C once, and twice."""

from __future__ import annotations

import io
import os
import signal

import pytest
from wherefrom_cli.dataset.interruption import Interruption
from wherefrom_cli.talk import Talk


def test_first_signal_is_noted_and_the_second_stops() -> None:
    talk = Talk(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    before = signal.getsignal(signal.SIGINT)
    with Interruption(talk) as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.asked
        assert "once more" in talk.stderr.getvalue()  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
