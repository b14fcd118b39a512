"""What length-bucketed batches gain over one text at a time, and whether memory stays flat over a long run.

    python benchmarks/data_set_run.py [--examples 2000] [--batch-size 16]

Throughput is process CPU time, one thread, both ways alternating on slices of the same data. Memory is the peak
resident size of this process, noted every tenth of a run that is written to disk.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path

import torch
from attrs import frozen
from wherefrom.files import Manifest, create_run
from wherefrom.files.locks import RunLock
from wherefrom_cli.dataset.batches import length_bucketed
from wherefrom_cli.dataset.run_sink import RunSink
from wherefrom_cli.dataset.source import Dataset, DatasetRequest, Numbered
from wherefrom_cli.dataset.work import Job
from wherefrom_cli.request import AttributionRequest, ModelRequest, Reduction
from wherefrom_cli.texts import Example


@frozen(kw_only=True)
class Slice:
    """CPU seconds of the same examples, one by one and in batches."""

    single: float
    batched: float


def texts(count: int) -> list[Numbered]:
    """Sentences of one to five clauses with a forced end."""
    chance = random.Random(0)
    made = []
    for index in range(count):
        clauses = [
            f"{chance.choice(['George', 'Mary', 'The old teacher'])} was {chance.choice(['sick', 'hungry'])} yesterday."
            for _ in range(chance.randint(1, 5))
        ]
        text = " ".join(clauses)
        made.append(Numbered(index=index, example=Example(text=text, generated=f"{text} He came home.", id=str(index))))
    return made


def cpu_seconds(job: Job, model: object, items: list[Numbered], batch_size: int) -> float:
    """CPU time of attributing ``items``."""
    before = time.process_time()
    for batch in length_bucketed(items, batch_size):
        job.run(model, batch)  # type: ignore[arg-type]
    return time.process_time() - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--method", default="saliency")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = ModelRequest(name="demo:lm", device="cpu").load()
    job = Job(request=AttributionRequest(method=options.method), reduction=Reduction(default=True))
    items = texts(options.examples)
    cpu_seconds(job, model, items[:16], options.batch_size)
    slices = []
    for start in range(0, min(len(items), 640), 128):
        some = items[start : start + 128]
        slices.append(
            Slice(single=cpu_seconds(job, model, some, 1), batched=cpu_seconds(job, model, some, options.batch_size))
        )
    ratio = statistics.median(one.single / one.batched for one in slices)
    print(f"{options.method}: batches of {options.batch_size} do {ratio:.2f} times the texts per CPU second")
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", Manifest(fingerprint="benchmark"))
        sink = RunSink(
            folder=run,
            manifest=Manifest(fingerprint="benchmark"),
            dataset=Dataset(request=DatasetRequest(name="none"), read=lambda: iter(()), columns=[], count=0),
            done=set(),
            failures=set(),
            lock=RunLock(run).acquire(),
        )
        step = max(1, len(items) // 10)
        noted = 0
        for batch in length_bucketed(items, options.batch_size):
            sink.keep(job.run(model, batch))
            if sink.finished >= noted + step:
                noted = sink.finished
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(f"  {noted:>6} examples  peak {peak:.0f} MB")
        sink.finish(stopped=True)


if __name__ == "__main__":
    main()
