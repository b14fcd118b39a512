"""Pictures of the views for the documentation, from the README's example: ``uv run python tools/screenshots.py``.

Needs Chromium at /usr/bin/chromium. Writes to ``docs/images``. With ``--pretrained smollm2`` the README's examples are
asked of a pretrained model instead, each drawn as a terminal window, and what each cost is printed.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import wherefrom
from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI
from wherefrom.methods.default import DEFAULT_METHOD
from wherefrom_viz import render_console, render_html, render_png, render_svg
from wherefrom_viz.colours import Theme
from wherefrom_viz.context import render_context_html

IMAGES = Path(__file__).parents[1] / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
PROMPT = "George was sick yesterday. His colleagues asked him to come"
OTHERS = ["saliency", "input_x_gradient"]


def pretrained(browser: Browser, name: str, only: Sequence[str]) -> None:
    """The README's first two examples, its sentence about George, a context with documents, a chat and a trace."""
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
        "chat": lambda: model.attribute(
            [{"role": "user", "content": "Name the capital of Spain, in one word."}],
            generation_args={"max_new_tokens": 6},
            units="word",
            step_scores=["probability"],
        ),
        "context": lambda: wherefrom.attribute_context(
            model,
            current="His colleagues asked him to come",
            context="George was sick yesterday.",
            output="to the hospital. He said he was too sick to go.",
            attributed_fn="contrast_prob_diff",
        ),
        "trace": lambda: wherefrom.trace(
            model, REASONED, REASONED + REASONING, span="George went to the hospital", hops=2
        ),
    }
    for example, ask in asked.items():
        if only and example not in only:
            continue
        begun, began = time.perf_counter(), time.process_time()
        out = ask()
        print(f"{example}: {time.process_time() - began:.0f} s of CPU, {time.perf_counter() - begun:.0f} s", flush=True)
        if example == "chat":
            on_pages(browser, render_html(out), {f"{name}-chat": "tok=1"}, WINDOW, "light")
        elif example == "context":
            on_pages(browser, render_context_html(out), {f"{name}-context": "tok=10"}, WINDOW, "light")
        else:
            view = "trace" if example == "trace" else "auto"
            terminal(browser, out, f"{name}-{example}", width=80, view=view, theme="light")


def terminal(browser: Browser, out: Any, name: str, *, width: int, view: str, theme: Theme) -> None:
    """The console view, drawn as a terminal window."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    render_console(out, console, view, theme=theme)
    colours = MONOKAI if theme == "dark" else DEFAULT_TERMINAL_THEME
    drawn = console.export_svg(title="wherefrom attribute", theme=colours, unique_id=name)
    page = browser.new_page(device_scale_factor=1.5)
    page.set_content(f"<body style='margin:0'>{drawn}")
    page.locator("svg").evaluate("(e, width) => { e.style.width = width + 'px' }", 10 * width)
    kept(name, page.locator("svg").screenshot())
    page.close()


def on_pages(
    browser: Browser, html: str, pictures: Mapping[str, str], size: ViewportSize, theme: Theme, scale: float = 1.5
) -> None:
    """Pictures of one page at one size: the name of each to what the page's address says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport=size, color_scheme=theme, device_scale_factor=scale, reduced_motion="reduce"
        )
        for name, address in pictures.items():
            page = context.new_page()
            page.goto(f"{path.as_uri()}#{address}")
            page.wait_for_selector("[data-complete]", state="attached")
            page.wait_for_selector(".panel > div > *")
            page.wait_for_timeout(200)
            kept(name, page.screenshot())
        context.close()


def kept(name: str, png: bytes) -> None:
    """Write a picture with at most 256 colours, which is a third of its size: these have few."""
    drawn = Image.open(io.BytesIO(png)).convert("RGBA")
    page = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")
    few = page.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(IMAGES / f"{name}.png", optimize=True)


PICTURES = {
    "read": "tok=3",
    "spans": "g=span&tok=3&sp=1t2-6~the%20reason!1t7-11~the%20request",
}
TALL_PICTURES = {
    "matrix": "tab=matrix&tok=3",
    "compare": "tab=compare&tok=3",
    "difference": "tab=compare&cm=difference&tok=3",
}
"""Picture to what the page's address says."""
WINDOW: ViewportSize = {"width": 1240, "height": 620}
TALL: ViewportSize = {"width": 1240, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}
WIDE: ViewportSize = {"width": 2560, "height": 1100}

LONG = " ".join(
    f"{name} was {state} yesterday. The colleagues asked {name} to come."
    for name, state in {
        "Anna": "happy", "Peter": "tired", "Mary": "busy", "John": "late", "Paul": "lost", "David": "happy"
    }.items()
)  # fmt: skip
DOCUMENTS = ["George was sick yesterday.", "The weather was nice.", "Anna went to the station."]
REASONED = "George was sick yesterday. Where did he go?"
REASONING = " He was sick. Sick people go to the hospital. So George went to the hospital."


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pretrained", metavar="NAME", help="smollm2 or gemma3")
    parser.add_argument("--only", nargs="+", default=[], metavar="PICTURE", help="of the pretrained model's pictures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        if options.pretrained:
            pretrained(browser, options.pretrained, options.only)
        else:
            built_in(browser)
        browser.close()


def built_in(browser: Browser) -> None:
    """The README's sentence with the demo model, in every view."""
    runs = [
        wherefrom.load_model("demo:lm", method).attribute(PROMPT, step_scores=["probability"])
        for method in (DEFAULT_METHOD, *OTHERS)
    ]
    out = runs[0]
    (IMAGES / "figure.svg").write_text(render_svg(out), encoding="utf-8")
    kept("figure", render_png(out))
    model = wherefrom.load_model("demo:lm", DEFAULT_METHOD)
    long = render_html(model.attribute(f"{LONG} {PROMPT}", units="word", step_scores=["probability"]))
    context = render_context_html(model.attribute_context("His colleagues asked him to come", DOCUMENTS))
    terminal(browser, out, "console-80-dark", width=80, view="auto", theme="dark")
    terminal(browser, out, "console-80-light", width=80, view="auto", theme="light")
    terminal(browser, out, "console-80-read", width=80, view="read", theme="dark")
    themes: tuple[Theme, ...] = ("light", "dark")
    for theme in themes:
        named = {f"page-{name}-{theme}": address for name, address in PICTURES.items()}
        on_pages(browser, render_html(runs), named, WINDOW, theme)
        tall = {f"page-{name}-{theme}": address for name, address in TALL_PICTURES.items()}
        on_pages(browser, render_html(runs), tall, TALL, theme)
        on_pages(browser, long, {f"page-phone-{theme}": "tok=3"}, PHONE, theme)
        on_pages(browser, long, {f"page-wide-{theme}": "tok=3"}, WIDE, theme, scale=1)
        cited = {f"page-context-{theme}": "", f"page-citations-{theme}": "tab=citations"}
        on_pages(browser, context, cited, WINDOW, theme)


if __name__ == "__main__":
    main()
