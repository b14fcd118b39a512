"""Size and speed of HTML pages, against their budgets.

Run with ``uv run python benchmarks/html_pages.py``; needs Chromium at /usr/bin/chromium for the timings in the page.
``--large`` adds the page of 10,000 examples. Scores are heavy-tailed random numbers, a near-worst case for compression.
Exits with 1 if a budget is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright
from wherefrom.results.attribution import Attribution
from wherefrom.text.tokens import Token
from wherefrom_viz import render_html
from wherefrom_viz.page import bundle

CHROMIUM = "/usr/bin/chromium"
WORDS = [
    f"{a}{b}{c}" for a in ("ta", "re", "mo", "si", "lu", "po") for b in "nrlsmdt" for c in ("", "a", "ing", "o", "e")
]


def example(seed: int, size: int) -> Attribution:
    """``size`` source tokens, ``size`` steps, random scores."""
    random = np.random.default_rng(seed)

    def tokens(count: int) -> tuple[Token, ...]:
        texts = random.choice(WORDS, count)
        return tuple(Token(id=i, piece=t, text=f" {t}", position=i) for i, t in enumerate(map(str, texts)))

    scores = (random.normal(0, 1, (size, size)) * np.exp(random.normal(0, 1, (size, size)))).astype(np.float32)
    return Attribution(
        source=tokens(size),
        target=tokens(size),
        attr_pos_start=0,
        attr_pos_end=size,
        source_attributions=scores,
        step_scores={"probability": random.uniform(size=size).astype(np.float32)},
        id=f"example {seed}",
        method="random",
    )


class Report:
    """Prints each measurement beside its budget and remembers what was missed."""

    missed = 0

    def line(self, what: str, value: float, budget: float | None, unit: str) -> None:
        ok = budget is None or value <= budget
        self.missed += not ok
        bound = "" if budget is None else f"  (budget {budget:g} {unit}{'' if ok else ', MISSED'})"
        print(f"{what:<52}{value:9.3f} {unit}{bound}", flush=True)


TIMES = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return paint ? paint.startTime : NaN;
}"""


def opened(browser: Browser, path: Path) -> Iterator[tuple[str, float]]:
    """Seconds to first paint, to the first example, and to next examples."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(
        "const seen = new MutationObserver(() => {"
        "const ready = document.querySelector('.wf-mount')?.dataset.ready;"
        "if (!window.usableAt && ready) window.usableAt = performance.now();"
        "}); seen.observe(document, { subtree: true, attributes: true, childList: true });"
    )
    page.goto(path.as_uri(), wait_until="commit")
    while not page.evaluate("window.usableAt"):  # polled from outside: the page's policy forbids what waits inside
        time.sleep(0.02)
    yield "usable", page.evaluate("window.usableAt") / 1000
    page.wait_for_selector("[data-complete]", state="attached", timeout=60_000)
    yield "paint", page.evaluate(TIMES) / 1000
    for name, target in (("next, same block", 1), ("next, new block", 120)):
        hash_ = f"#ex={target + 1}"
        taken = page.evaluate(
            """async ([hash, place]) => {
              const start = performance.now();
              location.hash = hash;
              const shown = () => document.querySelector('.place').textContent;
              while (!shown().startsWith(place)) await new Promise(requestAnimationFrame);
              return performance.now() - start;
            }""",
            [hash_, f"{target + 1} of"],
        )
        yield name, taken / 1000
    page.close()


def large_example(browser: Browser, folder: Path) -> dict[str, float]:
    """Seconds to redraw a 500x500 matrix: crosshair, scrolling and zooming. Reading a pixel waits for the drawing."""
    path = folder / "large.html"
    path.write_text(render_html(example(0, 500), view="matrix"))
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(path.as_uri())
    page.wait_for_selector("[data-complete]", state="attached")
    taken = page.evaluate(
        """async () => {
          const canvas = document.querySelector('canvas');
          const frame = canvas.closest('.scroll');
          const box = canvas.getBoundingClientRect();
          const timed = (act, times) => {
            const start = performance.now();
            for (let i = 0; i < times; i++) {
              act(i);
              canvas.getContext('2d').getImageData(200, 200, 1, 1);
            }
            return (performance.now() - start) / times / 1000;
          };
          const move = (i) => {
            const at = { clientX: box.left + 150 + i * 9, clientY: box.top + 150 + i * 7 };
            canvas.dispatchEvent(new MouseEvent('mousemove', at));
          };
          const scroll = (i) => {
            frame.scrollTop = 30 * i;
            frame.dispatchEvent(new Event('scroll'));
          };
          const key = (key) => canvas.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
          return { crosshair: timed(move, 10), scroll: timed(scroll, 10), zoom: timed(() => key('+'), 3) };
        }"""
    )
    page.close()
    return dict(taken)


def long_prompt(browser: Browser, folder: Path, inputs: int = 2000, steps: int = 300) -> dict[str, float]:
    """Seconds that the reading view of a long prompt takes: to be usable, to pin the next output and
    to show what is pointed at.

    Each is from the event to the end of the frame that shows it.
    """
    random = np.random.default_rng(0)
    texts = [f" {text}" for text in map(str, random.choice(WORDS, inputs + steps))]
    tokens = tuple(Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(texts))
    scores = (random.normal(0, 1, (inputs + steps, steps)) ** 3).astype(np.float32)
    scores[np.arange(inputs + steps)[:, None] >= inputs + np.arange(steps)[None, :]] = 0
    one = Attribution(
        source=tokens[:inputs],
        target=tokens,
        attr_pos_start=inputs,
        attr_pos_end=inputs + steps,
        target_attributions=scores,
        step_scores={"probability": random.uniform(size=steps).astype(np.float32)},
        method="random",
    )
    path = folder / "long.html"
    path.write_text(render_html(one))
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    start = time.perf_counter()
    page.goto(path.as_uri())
    page.wait_for_selector("[data-ready]", state="attached")
    usable = time.perf_counter() - start
    taken = page.evaluate(
        """async () => {
          const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          const timed = async (act, times) => {
            const took = [];
            for (let i = 0; i < times; i++) {
              await frame();
              const start = performance.now();
              act(i);
              await frame();
              took.push((performance.now() - start) / 1000);
            }
            return took.sort((a, b) => a - b)[Math.floor(took.length / 2)];
          };
          const down = (key) => new KeyboardEvent('keydown', { key, bubbles: true, composed: true });
          const press = (key) => document.body.dispatchEvent(down(key));
          const tokens = (kind) => [...document.querySelectorAll(`.${kind} .tok`)];
          const point = (kind, i) => tokens(kind)[7 * i].dispatchEvent(new MouseEvent('mouseenter'));
          const hoverOutput = await timed((i) => point('outputs', i), 15);
          const hoverInput = await timed((i) => point('inputs', i), 15);
          const pin = await timed(() => press('ArrowRight'), 15);
          return { 'point at an output': hoverOutput, 'point at an input': hoverInput, 'pin the next output': pin };
        }"""
    )
    page.close()
    return {"usable": usable, **taken}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="also 10,000 examples")
    arguments = parser.parse_args()
    report = Report()
    code = len(bundle.script("boot_page").encode()) + len(bundle.style().encode())
    report.line("code and style", code / 1024, 88, "KB")
    examples = [example(seed, 50) for seed in range(1000)]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for precision, budget in (("display", 6.5), ("compact", 3.0), ("exact", 12.5)):
            start = time.perf_counter()
            page = render_html(examples, precision=precision)
            taken = time.perf_counter() - start
            report.line(f"1,000 x 50x50, {precision}: size", len(page.encode()) / 1e6, budget, "MB")
            report.line(f"1,000 x 50x50, {precision}: write", taken, 2.0, "s")
            (folder / f"{precision}.html").write_text(page)
        budgets = {"paint": 0.3, "usable": 1.0, "next, same block": 0.1, "next, new block": 0.4}
        for what, seconds in opened(browser, folder / "display.html"):
            report.line(f"1,000 x 50x50, display: {what}", seconds, budgets[what], "s")
        if arguments.large:
            page = render_html([example(seed, 50) for seed in range(10_000)], precision="compact")
            report.line("10,000 x 50x50, compact: size", len(page.encode()) / 1e6, 28, "MB")
            (folder / "huge.html").write_text(page)
            for what, seconds in opened(browser, folder / "huge.html"):
                report.line(f"10,000 x 50x50, compact: {what}", seconds, budgets[what], "s")
        for what, seconds in large_example(browser, folder).items():
            report.line(f"500x500: redraw, {what}", seconds, 0.1, "s")
        for what, seconds in long_prompt(browser, folder).items():
            report.line(
                f"prompt of 2,000 tokens x 300 outputs: {what}", seconds, 1.0 if what == "usable" else 0.15, "s"
            )
        browser.close()
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
