"""The page in a real browser. Outputs of notebook cells, and sliders over layers and heads."""

from __future__ import annotations

import re

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom_viz import render_granular, render_notebook
from wherefrom_viz.page import packing

from tests.viz.page.reader import Open, background

pytestmark = pytest.mark.browser


def test_notebook_outputs_are_each_their_own(open_page: Open, hospital: Attribution) -> None:
    cell = render_notebook(hospital)
    style = "<style>.tok { display: none } button { color: red !important }</style>"
    page = open_page(f"<!DOCTYPE html><body class='vscode-dark'>{style}{cell}{cell}", wait="[data-complete]")
    page.locator("[data-complete]").nth(1).wait_for(state="attached")
    assert page.locator(".wf").count() == 2
    assert page.locator(".wf").first.get_attribute("data-theme") == "dark"
    page.locator(".outputs .tok", has_text="hospital").first.click()
    assert page.locator(".tok.picked").count() == 1


@pytest.mark.parametrize(
    "names", [("jp-layout-color0", "jp-content-font-color1"), ("vscode-editor-background", "vscode-editor-foreground")]
)
def test_a_notebooks_own_colours_are_taken_up(open_page: Open, hospital: Attribution, names: tuple[str, str]) -> None:
    style = f"<style>:root {{ --{names[0]}: #002b36; --{names[1]}: #fdf6e3 }}</style>"
    page = open_page(f"<!DOCTYPE html><body data-jp-theme-light='false'>{style}{render_notebook(hospital)}")
    root = page.locator(".wf")
    assert root.get_attribute("data-theme") == "dark"
    assert background(root) == "rgb(0, 43, 54)"
    assert root.evaluate("e => getComputedStyle(e).color") == "rgb(253, 246, 227)"
    assert background(page.locator(".wf button.help")) == "rgb(0, 43, 54)"
    page.locator("details.display summary").click()
    page.locator("[data-key=t]").select_option("light")
    assert background(root) == "rgb(255, 255, 255)"


def test_granular_pages_have_a_slider_per_dimension(open_page: Open, deep: Attribution) -> None:
    page = open_page(str(render_granular(deep, target="html")))
    sliders = page.locator(".dimensions input")
    assert [slider.get_attribute("aria-label") for slider in sliders.all()] == ["layer", "head"]
    sliders.nth(0).fill("1")
    sliders.nth(1).fill("2")
    page.wait_for_selector("header .name >> text=layer 1 · head 2")
    page.keyboard.press("k")
    page.wait_for_selector("header .name >> text=layer 1 · head 1")
    assert [slider.input_value() for slider in sliders.all()] == ["1", "1"]
    assert page.locator(".dimensions output").all_inner_texts() == ["layer 1", "head 1"]


def test_layers_by_heads_are_small_multiples_to_click(open_page: Open, deep: Attribution) -> None:
    strong = np.array(deep.target_attributions)
    strong[..., 1, 2] = 20 * np.abs(strong).max()
    page = open_page(str(render_granular(deep.replace(target_attributions=strong), target="html")))
    page.wait_for_selector(".overview[data-drawn]")
    multiples = page.get_by_role("listbox", name="All slices").get_by_role("option")
    assert [one.get_attribute("aria-label") for one in multiples.all()] == [
        f"layer {layer} · head {head}" for layer in range(2) for head in range(3)
    ]
    boxes = [one.bounding_box() for one in multiples.all()]
    assert len({box["y"] for box in boxes if box}) == 2, "a row for each layer"
    greenest = """e => {
      const { data } = e.querySelector('canvas').getContext('2d').getImageData(0, 0, 99, 99);
      return Math.min(...data.filter((_, i) => i % 4 === 1 && data[i + 2] === 255));
    }"""
    shades = [one.evaluate(greenest) for one in multiples.all()]
    assert min(shades[:5]) > 200 > shades[5], "one scale for all: the strong head alone is strong"
    multiples.nth(5).click()
    page.wait_for_selector("header .name >> text=layer 1 · head 2")
    assert page.get_by_label("head", exact=True).input_value() == "2"
    assert [one.get_attribute("aria-selected") for one in multiples.all()] == ["false"] * 5 + ["true"]
    page.get_by_role("listbox", name="All slices").focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_selector("header .name >> text=layer 0 · head 2")


@pytest.mark.parametrize("normalize", ["step", "sequence"])
@pytest.mark.parametrize("size", [1e-4, 50.0])
def test_small_multiples_have_colours_whatever_the_page_shows(
    open_page: Open, deep: Attribution, size: float, normalize: str
) -> None:
    small = deep.replace(target_attributions=np.asarray(deep.target_attributions, dtype=np.float32) * np.float32(size))
    shades = []
    for options in ({}, {"share_scale": True, "normalize": normalize}):
        page = open_page(str(render_granular(small, target="html", **options)))
        page.wait_for_selector(".overview[data-drawn]")
        pixels = "e => [...e.getContext('2d').getImageData(0, 0, e.width, e.height).data]"
        shades.append([one.evaluate(pixels) for one in page.locator(".multiple canvas").all()])
    assert shades[0] == shades[1]
    assert any(map(any, shades[0]))


def test_a_slice_that_cannot_be_read_is_told_and_can_be_left(
    open_page: Open, deep: Attribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "BLOCK_SIZE", 1)
    html = str(render_granular(deep, target="html"))
    page = open_page(re.sub(r'(data-wf="block-1">)[^<]*', r"\g<1>8:0000000000", html))
    assert page.locator(".overview").get_by_role("alert").count() == 1
    page.keyboard.press("ArrowDown")
    assert page.locator(".panel").get_by_role("alert").inner_text()
    heading = page.locator("header .name")
    assert heading.inner_text() == "layer 0 · head 1", "not the title of the one before"
    page.keyboard.press("2")
    assert page.locator(".matrix").count() == 0
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("header .name >> text=layer 0 · head 2")


def test_granular_notebook_cells_have_sliders_of_their_own(open_page: Open, deep: Attribution) -> None:
    cell = str(render_granular(deep, target="notebook"))
    page = open_page(f"<!DOCTYPE html><body>{cell}<p>between</p>{cell}", wait="[data-complete]")
    page.locator("[data-complete]").nth(1).wait_for(state="attached")
    first, second = page.locator(".wf").all()
    assert not first.locator(".list").is_visible()
    head = first.get_by_role("slider", name="head")
    head.focus()
    head.press("ArrowRight")
    first.locator("header .name >> text=layer 0 · head 1").wait_for()
    assert head.evaluate("e => e.getRootNode().activeElement === e"), "the slider must keep the focus"
    head.press("ArrowRight")
    first.locator("header .name >> text=layer 0 · head 2").wait_for()
    assert head.get_attribute("aria-valuetext") == "head 2"
    value = first.locator("td[data-r='0'][data-c='0']").inner_text()
    assert float(value) == pytest.approx(float(np.asarray(deep.target_attributions)[0, 0, 0, 2]), abs=0.006)
    assert second.get_by_role("slider", name="head").input_value() == "0"


def test_granular_cells_without_scripts_show_small_tables(open_page: Open, deep: Attribution) -> None:
    cell = str(render_granular(deep, target="notebook"))
    page = open_page(f"<!DOCTYPE html><body>{cell}", wait=".wf-static", java_script_enabled=False)
    assert page.locator(".wf-static caption").all_inner_texts() == [
        f"layer {j} · head {k}" for j in range(2) for k in range(3)
    ]
    assert page.locator(".wf-static table").last.is_visible()
