"""A static site of a large run: seconds, peak memory, size.

    uv run python benchmarks/site.py --examples 100000

The run is synthetic: examples of ``--tokens`` prompt tokens and as many outputs, written once by `RunWriter`.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from wherefrom.files import Manifest, RunWriter, create_run, open_run
from wherefrom.results.attribution import Attribution
from wherefrom.text.tokens import Token
from wherefrom_viz import save_site


def example(place: int, tokens: int, random: np.random.Generator) -> Attribution:
    words = tuple(
        Token(id=i, piece=f"Ġw{place + i}", text=f" w{place + i}", position=i, start=9 * i, end=9 * i + 9, word=i)
        for i in range(2 * tokens)
    )
    return Attribution(
        source=words[:tokens],
        target=words,
        attr_pos_start=tokens,
        attr_pos_end=2 * tokens,
        target_attributions=random.normal(size=(2 * tokens, tokens)).astype(np.float32),
        step_scores={"probability": random.random(tokens).astype(np.float32)},
        id=f"e{place}",
        method="saliency",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--folder", type=Path, help="where to keep run and site (default: a temporary folder)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        random = np.random.default_rng(0)
        if not (folder / "run").exists():
            with RunWriter(create_run(folder / "run", Manifest(total=given.examples))) as writer:
                writer.extend(example(place, given.tokens, random) for place in range(given.examples))
        run = open_run(folder / "run")
        opened = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started, cpu = time.perf_counter(), time.process_time()
        peaks = []

        def told(done: int, total: int) -> None:
            if done * 10 // total > len(peaks) - 1:
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

        site = save_site(run, folder / "site", overwrite=True, progress=told)
        files = [file for file in site.rglob("*") if file.is_file()]
        print(
            f"{len(run):,} examples of {given.tokens} x {given.tokens}: {time.perf_counter() - started:.0f} s, "
            f"{time.process_time() - cpu:.0f} s of CPU; {len(files):,} files, "
            f"{sum(file.stat().st_size for file in files) / 1e6:.0f} MB; "
            f"peak memory {opened:.0f} MiB with the index open, then {' '.join(f'{peak:.0f}' for peak in peaks)} MiB"
        )


if __name__ == "__main__":
    main()
