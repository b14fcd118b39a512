"""The same run on Ray. Real clusters are heavy; the worker itself is tested in this process."""

from __future__ import annotations

import json
import os
import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wherefrom.errors import UsageError
from wherefrom.files import open_run
from wherefrom_cli.dataset.batches import Batch
from wherefrom_cli.dataset.source import Numbered
from wherefrom_cli.dataset.work import Job
from wherefrom_cli.ray_engine import Worker
from wherefrom_cli.request import AttributionRequest, ModelRequest
from wherefrom_cli.texts import Example

from tests.cli.processes import started

Run = Callable[..., Any]
BASE = ("attribute-dataset", "-m", "demo:lm", "-d", "texts.jsonl", "-bs", "4", "-q", "--device", "cpu")


def batch() -> Batch:
    text = "George was sick yesterday."
    example = Example(text=text, generated=text + " He was at home.", id="a")
    return Batch(number=3, examples=(Numbered(index=0, example=example),))


def worker(method: str) -> Worker:
    return Worker(Job(request=AttributionRequest(method=method)), ModelRequest(name="demo:lm", device="cpu"), 1)


def test_worker_does_what_the_local_engine_does() -> None:
    made = worker("saliency")
    result = made({"batch": pickle.dumps(batch())})
    (found,) = pickle.loads(result["result"])
    model = ModelRequest(name="demo:lm", device="cpu").load()
    (expected,) = Job(request=AttributionRequest(method="saliency")).run(model, batch())
    assert result["number"] == 3
    assert found.attribution is not None
    assert expected.attribution is not None
    assert found.attribution.target_attributions.tobytes() == expected.attribution.target_attributions.tobytes()


def test_worker_hands_a_wrong_request_back() -> None:
    result = worker("salience")({"batch": pickle.dumps(batch())})
    assert isinstance(pickle.loads(result["result"]), UsageError)


def write(path: Path, count: int) -> None:
    with path.open("w") as file:
        for index in range(count):
            text = f"{('George', 'Mary', 'Anna')[index % 3]} was {('sick', 'hungry')[index % 2]} yesterday."
            file.write(json.dumps({"id": f"e{index}", "text": text, "target": text + " He was at home."}) + "\n")


def scores(path: str) -> dict[str | None, bytes]:
    run = open_run(path)
    assert set(Counter(one.id for one in run).values()) == {1}
    return {one.id: one.target_attributions.tobytes() for one in run}


@pytest.mark.heavy
def test_two_actors_make_the_run_of_the_local_engine(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", 40)
    assert wherefrom(*BASE, "-o", "local").code == 0
    ran = wherefrom(*BASE, "-o", "ray", "--engine", "ray", "--actors", 2)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert scores("ray") == scores("local")


@pytest.mark.heavy
def test_run_begun_on_ray_goes_on_here(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", 12)
    assert wherefrom(*BASE, "-o", "ray", "--engine", "ray", "--actors", 1).code == 0
    assert wherefrom(*BASE, "-o", "ray", "--resume").code == 0
    assert len(scores("ray")) == 12


@pytest.mark.heavy
def test_an_actor_that_dies_is_replaced(wherefrom: Run, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    write(tmp_path / "texts.jsonl", 200)
    assert wherefrom(*BASE, "-o", "local").code == 0
    killed: list[int] = []

    def kill_one_actor() -> None:
        until = time.monotonic() + 300
        while time.monotonic() < until and not killed:
            index = list((tmp_path / "ray").glob("part-*.index"))
            if index and index[0].read_bytes().count(b"\n") >= 8:
                for child in psutil.Process().children(recursive=True):
                    if "MapWorker" in child.name() or "MapWorker" in " ".join(child.cmdline()):
                        os.kill(child.pid, signal.SIGKILL)
                        killed.append(child.pid)
                        return
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one_actor)
    killer.start()
    ran = wherefrom(*BASE, "-o", "ray", "--engine", "ray", "--actors", 2)
    killer.join()
    assert killed, "no actor was found to kill"
    assert ran.code == 0, ran.err
    assert scores("ray") == scores("local")


@pytest.mark.heavy
def test_a_driver_that_dies_leaves_a_run_that_goes_on(wherefrom: Run, tmp_path: Path) -> None:
    write(tmp_path / "texts.jsonl", 120)
    assert wherefrom(*BASE, "-o", "local").code == 0
    options = ["-o", str(tmp_path / "ray"), "--engine", "ray", "--actors", "1"]
    driver = started([*BASE, *options], tmp_path / "said.txt")
    until = time.monotonic() + 300
    while driver.is_alive() and time.monotonic() < until:
        index = list((tmp_path / "ray").glob("part-*.index"))
        if index and index[0].read_bytes().count(b"\n") >= 8:
            break
        time.sleep(0.02)
    driver.kill()
    driver.join()
    assert driver.exitcode == -signal.SIGKILL, (tmp_path / "said.txt").read_text("utf-8")
    begun = len(open_run("ray"))
    assert 0 < begun < 120
    ran = wherefrom(*BASE, "-o", "ray", "--resume")
    assert ran.code == 0, ran.err
    assert scores("ray") == scores("local")
