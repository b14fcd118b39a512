"""Pictures of the views for the documentation, from the README's example: ``uv run python tools/screenshots.py``.

Needs Chromium at /usr/bin/chromium. Writes to ``docs/images``. With ``--pretrained smollm2`` the README's examples are
asked of a pretrained model instead, each drawn as a terminal window, and what each cost is printed.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import wherefrom
from playwright.sync_api import Browser, ViewportSize, sync_playwright
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI
from wherefrom.context import ContextAttribution
from wherefrom.methods.default import DEFAULT_METHOD
from wherefrom.results.attribution import Attributions
from wherefrom_viz import render_console, render_html, render_png, render_svg
from wherefrom_viz.colours import Theme
from wherefrom_viz.console.context import context_view
from wherefrom_viz.context import render_context_html

IMAGES = Path(__file__).parents[1] / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
PROMPT = "George was sick yesterday. His colleagues asked him to come"
OTHERS = ["saliency", "input_x_gradient"]


def pretrained(browser: Browser, name: str) -> None:
    """The README's first two examples, its sentence about George, and the same as a context."""
    model = wherefrom.load_model(f"demo:{name}", device="cpu")
    asked: dict[str, Callable[[], Any]] = {
        "ladies": lambda: model.attribute(
            "Hello ladies and", method="integrated_gradients", generation_args={"max_new_tokens": 9}
        ),
        "contrast": lambda: model.attribute(
            "George went home because",
            "George went home because he was sick",
            method="integrated_gradients",
            attributed_fn="contrast_prob_diff",
            contrast_targets="George went home because she was sick",
            step_scores=["probability", "entropy"],
        ),
        "sick": lambda: model.attribute(PROMPT, PROMPT + " to the hospital."),
        "context": lambda: wherefrom.attribute_context(
            model,
            current="His colleagues asked him to come",
            context="George was sick yesterday.",
            output="to the hospital.",
        ),
    }
    for example, ask in asked.items():
        begun, began = time.perf_counter(), time.process_time()
        out = ask()
        print(f"{example}: {time.process_time() - began:.0f} s of CPU, {time.perf_counter() - begun:.0f} s", flush=True)
        terminal(browser, out, f"{name}-{example}", width=80, view="auto", theme="light")


def terminal(browser: Browser, out: Any, name: str, *, width: int, view: str, theme: Theme) -> None:
    """The console view, drawn as a terminal window."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    if isinstance(out, ContextAttribution):
        console.print(context_view(out, theme=theme))
    else:
        render_console(out, console, view, theme=theme)
    colours = MONOKAI if theme == "dark" else DEFAULT_TERMINAL_THEME
    drawn = console.export_svg(title="wherefrom attribute", theme=colours, unique_id=name)
    page = browser.new_page(device_scale_factor=1.5)
    page.set_content(f"<body style='margin:0'>{drawn}")
    page.locator("svg").evaluate("(e, width) => { e.style.width = width + 'px' }", 10 * width)
    page.locator("svg").screenshot(path=IMAGES / f"{name}.png")
    page.close()


PICTURES = {
    "read": "tok=3",
    "matrix": "tab=matrix&tok=3",
    "compare": "tab=compare&tok=3",
    "difference": "tab=compare&cm=difference&tok=3",
    "spans": "g=span&tok=3&sp=1t2-6~the%20reason!1t7-11~the%20request",
}
"""Picture to what the page's address says."""


def pages(browser: Browser, runs: list[Attributions], theme: Theme) -> None:
    """The tabs of the page."""
    path = IMAGES / "page.html"
    path.write_text(render_html(runs), encoding="utf-8")
    size: ViewportSize = {"width": 1240, "height": 620}
    context = browser.new_context(viewport=size, color_scheme=theme, device_scale_factor=1.5, reduced_motion="reduce")  # type: ignore[arg-type]
    for name, address in PICTURES.items():
        page = context.new_page()
        if name == "difference":
            page.set_viewport_size({"width": 1240, "height": 860})
        page.goto(f"{path.as_uri()}#{address}")
        page.wait_for_selector("[data-complete]", state="attached")
        page.wait_for_selector(".panel > div > *")
        page.wait_for_timeout(200)
        page.screenshot(path=IMAGES / f"page-{name}-{theme}.png")
        page.close()
    context.close()
    path.unlink()


SIZES: dict[str, ViewportSize] = {"phone": {"width": 390, "height": 844}, "wide": {"width": 2560, "height": 1100}}


def sizes(browser: Browser, html: str, theme: Theme) -> None:
    """A long prompt on a phone and on a wide screen."""
    path = IMAGES / "page.html"
    path.write_text(html, encoding="utf-8")
    for name, size in SIZES.items():
        page = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce").new_page()  # type: ignore[arg-type]
        page.goto(f"{path.as_uri()}#tok=3")
        page.wait_for_selector("[data-complete]", state="attached")
        page.wait_for_timeout(200)
        page.screenshot(path=IMAGES / f"page-{name}-{theme}.png")
        page.close()
    path.unlink()


def context_page(browser: Browser, html: str, theme: Theme) -> None:
    """A context with documents: reading view and citations."""
    path = IMAGES / "page.html"
    path.write_text(html, encoding="utf-8")
    size: ViewportSize = {"width": 1240, "height": 560}
    context = browser.new_context(viewport=size, color_scheme=theme, device_scale_factor=1.5, reduced_motion="reduce")  # type: ignore[arg-type]
    for name, address in {"context": "", "citations": "tab=citations"}.items():
        page = context.new_page()
        page.goto(f"{path.as_uri()}#{address}")
        page.wait_for_selector("[data-complete]", state="attached")
        page.wait_for_timeout(200)
        page.screenshot(path=IMAGES / f"page-{name}-{theme}.png")
        page.close()
    context.close()
    path.unlink()


LONG = " ".join(
    f"{name} was {state} yesterday. The colleagues asked {name} to {wish}."
    for name, state, wish in [
        ("George", "sick", "come"), ("Anna", "happy", "stay"), ("Peter", "tired", "rest"), ("Maria", "busy", "wait"),
    ] * 3
)  # fmt: skip
DOCUMENTS = ["George was sick yesterday.", "The weather was nice.", "Anna went to the station."]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pretrained", metavar="NAME", help="smollm2 or gemma3")
    options = parser.parse_args()
    torch.set_num_threads(1)
    IMAGES.mkdir(parents=True, exist_ok=True)
    if options.pretrained:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            pretrained(browser, options.pretrained)
            browser.close()
        return
    runs = []
    for method in (DEFAULT_METHOD, *OTHERS):
        model = wherefrom.load_model("demo:lm", method)
        runs.append(model.attribute(PROMPT, step_scores=["probability"]))
    out = runs[0]
    (IMAGES / "figure.svg").write_text(render_svg(out), encoding="utf-8")
    (IMAGES / "figure.png").write_bytes(render_png(out))
    model = wherefrom.load_model("demo:lm", DEFAULT_METHOD)
    long = model.attribute(f"{LONG} {PROMPT}", units="word", step_scores=["probability"])
    context = model.attribute_context("His colleagues asked him to come", DOCUMENTS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        terminal(browser, out, "console-80-dark", width=80, view="auto", theme="dark")
        terminal(browser, out, "console-80-light", width=80, view="auto", theme="light")
        terminal(browser, out, "console-80-read", width=80, view="read", theme="dark")
        for theme in ("light", "dark"):
            pages(browser, runs, theme)  # type: ignore[arg-type]
            sizes(browser, render_html(long), theme)  # type: ignore[arg-type]
            context_page(browser, render_context_html(context), theme)  # type: ignore[arg-type]
        browser.close()


if __name__ == "__main__":
    main()
