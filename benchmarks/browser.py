"""The terminal browser on a run of many examples: first frame, keys, opening, filters, memory.

Usage::

    python benchmarks/browser.py [--examples 100000] [--keep FOLDER]

It writes a run, starts the real program on a pseudo-terminal of 80 by 24, and measures from the key to the bytes that
the terminal receives. Budgets stand beside the numbers; the exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import msgspec
import numpy as np
from wherefrom.files import Manifest, create_run
from wherefrom.files.summaries import summary_of
from wherefrom.files.wire.documents import example_line, header_line
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance
from wherefrom.text.tokens import Token

TEXT = "the patient was sick yesterday so his old colleague asked a nurse where that new hospital might be"
WORDS = TEXT.split(" ")


def example(random: np.random.Generator, inputs: int, steps: int) -> Attribution:
    """A decoder-only example of random words and scores."""
    texts = [" " + WORDS[int(k)] for k in random.integers(0, len(WORDS), inputs + steps)]
    tokens = tuple(Token(id=k, piece=text, text=text, position=k) for k, text in enumerate(texts))
    scores = random.normal(0, 0.1, (inputs + steps, steps)).astype(np.float32)
    scores[np.arange(inputs + steps)[:, None] >= inputs + np.arange(steps)[None, :]] = 0
    return Attribution(
        source=tokens[:inputs],
        target=tokens,
        attr_pos_start=inputs,
        attr_pos_end=inputs + steps,
        target_attributions=scores,
        step_scores={"probability": random.random(steps).astype(np.float32)},
        method="integrated_gradients",
        id="example-PLACEHOLDER",
    )


def write_run(folder: Path, count: int) -> int:
    """A run of ``count`` examples made from 500 different ones; its size in bytes."""
    random = np.random.default_rng(0)
    provenance = Provenance(model={"name": "demo:lm"}, method={"name": "integrated_gradients"})
    create_run(folder, Manifest(total=count, provenance=provenance))
    lines = [example_line(example(random, 10 + k % 8, 6 + k % 5)) for k in range(500)]
    summaries = [summary_of(line, 0) for line in lines]
    end = 0
    with (
        (folder / "part-00000-bench0.jsonl").open("wb") as part,
        (folder / "part-00000-bench0.index").open("wb") as index,
    ):
        end += part.write(header_line(provenance))
        for number in range(count):
            name = f"example-{number}"
            line = lines[number % 500].replace(b"example-PLACEHOLDER", name.encode())
            summary = summaries[number % 500]
            assert summary is not None
            scores = {"probability": (number * 7919 % 10007) / 10007}
            place = {"offset": end, "length": len(line), "crc": crc32(line)}
            entry = msgspec.structs.replace(summary, **place, id=name, scores=scores)
            index.write(msgspec.json.encode(entry) + b"\n")
            end += part.write(line)
    return end


class Terminal:
    """The program on a pseudo-terminal."""

    def __init__(self, path: Path) -> None:
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
            code = f"import wherefrom_viz; wherefrom_viz.browse({str(path)!r})"
            os.execv(sys.executable, [sys.executable, "-c", code])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.fd, keys.encode())

    def until(self, pattern: str, seconds: float = 30.0) -> float:
        """Seconds until the terminal has received what matches, text runs without escape codes."""
        start, seen = time.perf_counter(), b""
        wanted = re.compile(pattern.encode())
        while time.perf_counter() - start < seconds:
            ready, _, _ = select.select([self.fd], [], [], 0.05)
            if ready:
                seen += os.read(self.fd, 1 << 16)
                if wanted.search(re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen)):
                    return time.perf_counter() - start
        raise TimeoutError(f"{pattern!r} did not appear; the last bytes were {seen[-400:]!r}")

    def quiet(self) -> None:
        """Wait until nothing more is drawn."""
        while select.select([self.fd], [], [], 0.3)[0]:
            os.read(self.fd, 1 << 16)

    def cpu_seconds(self) -> float:
        """Processor time it took so far, in all its threads: what a busy machine does not change much."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Resident memory at its peak."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+)", status)
        assert found is not None
        return int(found[1]) / 1024

    def close(self) -> None:
        """Quit as a user does."""
        self.press("\x11")
        with suppress(OSError):  # the terminal goes with the program
            self.quiet()
        os.close(self.fd)
        time.sleep(0.2)
        if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def measure(path: Path, count: int) -> list[tuple[str, float, float, str]]:
    """Name, number, budget, unit of each measurement."""
    rows: list[tuple[str, float, float, str]] = []
    screen = Terminal(path)
    screen.until("example-0")
    rows.append(("first frame with the list", time.perf_counter() - screen.started, 1.0, "s"))
    rows.append(("first frame, processor time", screen.cpu_seconds(), 1.0, "s"))
    screen.until(f"{count:,} examples")
    rows.append(("all examples counted", time.perf_counter() - screen.started, 2.0, "s"))
    screen.quiet()
    times = []
    for _ in range(20):
        screen.press("j")
        times.append(screen.until("example-") * 1000)
        screen.quiet()
    rows.append(("key to paint, median of 20", statistics.median(times), 50, "ms"))
    rows.append(("key to paint, worst of 20", max(times), 100, "ms"))
    screen.press("\x1b[F")
    rows.append(("to the last example", screen.until(f"example-{count - 1}") * 1000, 50, "ms"))
    screen.quiet()
    times, busy = [], []
    for _ in range(9):
        before = screen.cpu_seconds()
        screen.press("\r")
        times.append(screen.until("output 1 of") * 1000)
        busy.append((screen.cpu_seconds() - before) * 1000)
        screen.quiet()
        screen.press("\x7f")
        screen.until("examples")
        screen.quiet()
        screen.press("k")
        screen.quiet()
    rows.append(("open an example, median of 9", statistics.median(times), 100, "ms"))
    rows.append(("open an example, processor time", statistics.median(busy), 100, "ms"))
    screen.press("f")
    screen.quiet()
    screen.press("p")
    screen.quiet()
    for word, what in (("atient sick nurse", "full text, three words"), ("prob<0.2", "a step score")):
        screen.press(word[:-1])
        screen.quiet()
        time.sleep(1)
        screen.quiet()
        screen.press(word[-1])
        elapsed = screen.until(r"of 100,000|of [\d,]+ examples") * 1000
        rows.append((f"filter, first count: {what}", elapsed, 300, "ms"))
        screen.quiet()
        screen.press("\x7f" * 40)
        screen.quiet()
        time.sleep(0.5)
        screen.quiet()
    rows.append(("memory at its peak", screen.megabytes(), 250, "MB"))
    screen.close()
    return rows


def filter_times(path: Path) -> list[tuple[str, float, float, str]]:
    """How long whole filters take, without the terminal around them."""
    from wherefrom_viz.browser.filter_language import parse_filter
    from wherefrom_viz.browser.ordering import Tested, filtered
    from wherefrom_viz.browser.sources import Library, open_source

    library = Library([open_source(path)])
    library.refresh()
    rows = []
    for text in ("sick nurse", "prob<0.2", "input~/sick.*nurse/"):
        accepts = parse_filter(text, library.score_names)
        start = time.perf_counter()
        *_, last = filtered(library.keys(), accepts, Tested(library, set(), library.load), 1e9)
        elapsed = (time.perf_counter() - start) * 1000
        rows.append((f"whole filter {text} ({len(last.found):,} found)", elapsed, 1000, "ms"))
    return rows


def main() -> int:
    """Write the run, measure, print; 1 if a budget was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="where the run is, or is to be kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch) / "run"
        if not (folder / "manifest.json").exists():
            print(f"wrote {write_run(folder, options.examples) / 1e6:.0f} MB")
        missed = 0
        for name, value, budget, unit in [*measure(folder, options.examples), *filter_times(folder)]:
            ok = value <= budget
            missed += not ok
            print(f"{'ok  ' if ok else 'OVER'} {name:<55} {value:9.2f} {unit:<3} (budget {budget:g})")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
