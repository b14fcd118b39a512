"""2,000 examples, killed at twenty random moments: nothing lost, nothing twice, the same numbers."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from attrs import define, field
from wherefrom.files import open_run

from tests.cli.processes import started

KILLS = 20
TWO_WRITERS = (4, 11)
"""At these kills a second writer is started together with the first, as a scheduler that requeues a job does."""
COUNT = 2000


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore:.*cut off")
def test_killed_twenty_times_the_run_equals_an_undisturbed_one(tmp_path: Path) -> None:
    chance = random.Random(0)
    data = tmp_path / "texts.jsonl"
    with data.open("w") as file:
        for index in range(COUNT):
            name = chance.choice(["George", "Mary", "Anna", "Peter", "The old teacher"])
            text = f"{name} was {chance.choice(['sick', 'hungry', 'in the garden'])} yesterday."
            file.write(json.dumps({"id": f"e{index}", "text": text, "target": text + " He came home."}) + "\n")
    command = ["attribute-dataset", "-m", "demo:lm", "-d", str(data)]
    command += ["-a", "attention", "-bs", "16", "-q", "--device", "cpu"]
    undisturbed = started([*command, "-o", str(tmp_path / "whole")], tmp_path / "undisturbed.txt")
    undisturbed.join()
    assert undisturbed.exitcode == 0
    killed = 0
    written = Written(folder=tmp_path / "killed")
    while True:
        before = written.lines()
        resume = [*command, "-o", str(tmp_path / "killed"), "--resume"]
        process = started(resume, tmp_path / "one.txt")
        if killed in TWO_WRITERS:
            process = the_one_that_writes(process, started(resume, tmp_path / "other.txt"), tmp_path)
        if killed < KILLS:
            goal = before + chance.randrange(1, COUNT // (KILLS + 2))
            while process.is_alive() and written.lines() < goal:
                time.sleep(0.01)
            time.sleep(chance.random() * 0.05)
            process.kill()
        process.join()
        code = process.exitcode
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
    assert killed == KILLS
    assert exact(tmp_path / "killed") == exact(tmp_path / "whole")


def the_one_that_writes(one: BaseProcess, other: BaseProcess, folder: Path) -> BaseProcess:
    """Of two writers one is refused, and says who is writing."""
    while one.is_alive() and other.is_alive():
        time.sleep(0.01)
    refused, writing, said = (other, one, "other.txt") if one.is_alive() else (one, other, "one.txt")
    refused.join()
    assert refused.exitcode == 2
    assert f"Process {writing.pid} on" in (folder / said).read_text(encoding="utf-8")
    return writing


@define(kw_only=True)
class Written:
    """How many lines the parts of a run have by now, as the kernel sees them; only what is new is read."""

    folder: Path
    _ends: dict[Path, tuple[int, int]] = field(factory=dict)
    """Bytes and lines of each part, as far as they were read."""

    def lines(self) -> int:
        """All lines."""
        for path in self.folder.glob("part-*.jsonl"):
            size, count = self._ends.get(path, (0, 0))
            now = path.stat().st_size
            if now < size:  # what a kill cut off was taken away
                size, count = 0, 0
            if now != size:
                with path.open("rb") as file:
                    file.seek(size)
                    more = file.read()
                self._ends[path] = (size + len(more), count + more.count(b"\n"))
        return sum(count for _, count in self._ends.values())


def exact(folder: Path) -> dict[str | None, bytes]:
    """Name to scores, each name once."""
    run = open_run(folder)
    assert len(run) == COUNT
    assert set(Counter(one.id for one in run).values()) == {1}
    return {one.id: one.target_attributions.tobytes() for one in run}
