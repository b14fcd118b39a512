"""Ctrl-C once, and twice."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path

import pytest
from wherefrom_cli.console import Console
from wherefrom_cli.dataset.interruption import Interruption
from wherefrom_cli.dataset.work import Job
from wherefrom_cli.main import main
from wherefrom_cli.request import ModelRequest


def test_first_signal_is_noted_and_the_second_stops() -> None:
    console = Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    before = signal.getsignal(signal.SIGINT)
    with Interruption(console) as interruption:
        interruption.begin()
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.asked
        assert "once more" in console.stderr.getvalue()  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_a_script_ignores_stays_ignored() -> None:
    console = Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption(console) as interruption:
            os.kill(os.getpid(), signal.SIGINT)
            assert not interruption.asked
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_while_nothing_is_begun_the_first_signal_stops() -> None:
    console = Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    with Interruption(console), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert console.stderr.getvalue() == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize("second", [False, True], ids=["while it loads", "in a batch"])
def test_ctrl_c_stops_a_data_set_while_its_model_loads(
    second: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = ModelRequest.load
    run = Job.run

    def interrupted_load(request: ModelRequest) -> object:
        if not second:
            os.kill(os.getpid(), signal.SIGINT)
        return load(request)

    def interrupted_run(*arguments: object) -> object:
        if second:
            os.kill(os.getpid(), signal.SIGINT)
        return run(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ModelRequest, "load", interrupted_load)
    monkeypatch.setattr(Job, "run", interrupted_run)
    texts = tmp_path / "texts.txt"
    texts.write_text("He was sick.\n" * 3)
    code = main(
        ["attribute-dataset", "-m", "demo:lm", "-a", "saliency", "--dataset", str(texts), "--batch-size", "1",
         "--max-new-tokens", "1", "-o", str(tmp_path / "run")]
    )  # fmt: skip
    told = capsys.readouterr().err
    assert code == 130
    assert ("Finishing this batch" in told) is second
    assert ("1 attributed" in told) is second
