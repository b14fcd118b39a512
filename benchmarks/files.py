"""Measure files: size of 1,000 examples as JSON lines, and opening and reading a run of 100,000.

    python benchmarks/files.py                 # both; the run needs about 1.5 GB of disk
    python benchmarks/files.py --examples 5000 # a smaller run

Prints one JSON object. Fails when a promise is broken: 14 MB; open under 1 s, a random example under 5 ms, less than
250 MB above the interpreter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from wherefrom.files import RunWriter, create_run
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Token

SIZE = 50
WORDS = [" the", " of", "ing", " attribution", "er", " model", " token", "s", " see", "nce", " a", " generated", "."]
DEFAULT = (Stage(name="reduce", settings={"aggregate_fn": "vnorm"}), Stage(name="normalize"))

READER = """
import json, sys, time, random

def memory_mb():  # resource's maximum would include the parent's
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

before = memory_mb()
from wherefrom.files import open_run
began = time.perf_counter()
run = open_run(sys.argv[1])
opened = time.perf_counter() - began
rng = random.Random(1)
reads = []
for _ in range(200):
    index = rng.randrange(len(run))
    began = time.perf_counter()
    example = run[index]
    reads.append(time.perf_counter() - began)
    assert example.id == f"ex-{index}", (example.id, index)
began = time.perf_counter()
chosen = run.filter(lambda one: one.scores["probability"] > 0.55)
filtered = time.perf_counter() - began
after = memory_mb()
print(json.dumps({"examples": len(run), "open_s": opened, "read_ms_median": 1e3 * sorted(reads)[100],
                  "read_ms_worst": 1e3 * max(reads), "filter_s": filtered, "chosen": len(chosen),
                  "memory_mb_above_interpreter": after - before}))
"""


def tokens(rng: np.random.Generator, count: int) -> tuple[Token, ...]:
    """Random words, as a byte-level tokenizer gives them."""
    made, end = [], 0
    for position, choice in enumerate(rng.integers(len(WORDS), size=count)):
        text = WORDS[choice]
        made.append(
            Token(
                id=int(rng.integers(50_000)),
                piece=text.replace(" ", "Ġ"),
                text=text,
                position=position,
                start=end,
                end=end + len(text),
                word=position,
            )
        )
        end += len(text)
    return tuple(made)


def example(rng: np.random.Generator, number: int) -> Attribution:
    """50 source tokens, 50 steps, normalised single-precision scores, one step score."""
    scores = rng.random((SIZE, SIZE), dtype=np.float32)
    return Attribution(
        source=tokens(rng, SIZE),
        target=tokens(rng, SIZE + 1),
        attr_pos_start=1,
        attr_pos_end=SIZE + 1,
        source_attributions=scores / scores.sum(axis=0),
        step_scores={"probability": rng.random(SIZE, dtype=np.float32)},
        method="saliency",
        signed=False,
        default_aggregation=DEFAULT,
        aggregations=DEFAULT,
        step_aggregation={"probability": "prod"},
        id=f"ex-{number}",
    )


def measure_formats(folder: Path) -> dict[str, dict[str, float]]:
    """Size and time of 1,000 examples in every format."""
    rng = np.random.default_rng(0)
    result = Attributions(sequence_attributions=tuple(example(rng, number) for number in range(1000)))
    measured = {}
    for suffix in (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".msgpack", ".msgpack.zst"):
        path = folder / f"all{suffix}"
        began = time.perf_counter()
        result.save(path)
        written = time.perf_counter() - began
        began = time.perf_counter()
        back = Attributions.load(path)
        read = time.perf_counter() - began
        mine, theirs = result[999].source_attributions, back[999].source_attributions
        assert mine is not None
        assert theirs is not None
        assert np.array_equal(mine, theirs)
        measured[suffix] = {"mb": path.stat().st_size / 1e6, "write_s": written, "read_s": read}
    half = folder / "half.jsonl"
    result.save(half, scores_precision="float16")
    measured[".jsonl float16"] = {"mb": half.stat().st_size / 1e6}
    return measured


def measure_run(folder: Path, count: int) -> dict[str, float]:
    """Write a run, then open and read it in a fresh process."""
    rng = np.random.default_rng(1)
    few = [example(rng, number) for number in range(200)]
    path = create_run(folder / "run")
    began = time.perf_counter()
    with RunWriter(path, batch=256) as writer:
        for number in range(count):
            writer.append(few[number % len(few)].replace(id=f"ex-{number}"))
    written = time.perf_counter() - began
    done = subprocess.run([sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True)
    return {"write_s": written, **json.loads(done.stdout)}


def main() -> None:
    """Measure, print, and fail where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=None, help="where to write; a temporary folder if not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        formats = measure_formats(Path(folder))
        run = measure_run(Path(folder), options.examples)
    print(json.dumps({"formats_1000_50x50": formats, "run": run}, indent=2))
    promises = {
        "JSON lines in 14 MB": formats[".jsonl"]["mb"] <= 14,
        "open under 1 s": run["open_s"] < 1,
        "random example under 5 ms": run["read_ms_median"] < 5,
        "under 250 MB": run["memory_mb_above_interpreter"] < 250,
    }
    broken = [promise for promise, kept in promises.items() if not kept]
    if broken:
        sys.exit(f"Broken: {', '.join(broken)}")


if __name__ == "__main__":
    main()
