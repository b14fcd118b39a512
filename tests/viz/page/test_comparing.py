"""The page in a real browser. Two results beside one another."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom.results.stages import Stage
from wherefrom_viz import compare, render_html

from tests.viz.page.reader import Open, background, expect, exported, rival_of

pytestmark = pytest.mark.browser


def test_two_methods_compare(open_page: Open, hospital: Attribution) -> None:
    other = hospital.replace(method="saliency", target_attributions=-np.asarray(hospital.target_attributions))
    page = open_page(render_html([hospital, other], view="compare"))
    page.wait_for_selector(".agreement")
    assert "Rank agreement -1.00" in page.locator(".agreement").inner_text()
    assert page.locator(".compare section h2").all_inner_texts() == ["A", "B", "A − B"]
    bounds = [float(one.get_attribute("data-bound") or "nan") for one in page.locator(".compare .scale").all()]
    assert bounds[0] == bounds[1] == bounds[2] / 2, "each text has its own legend"
    assert "more in B" in page.locator(".compare section").last.inner_text()
    page.locator(".compare button.token", has_text="hospital").click()
    sick = page.locator(".compare section .tok", has_text="sick")
    assert sick.count() == 3
    assert background(sick.nth(0)) != background(sick.nth(1))


def test_files_of_a_comparison_are_called_by_it(
    open_page: Open, hospital: Attribution, make: Callable[..., Attribution]
) -> None:
    page = open_page(render_html([hospital, rival_of(hospital, make)], view="compare"))
    page.wait_for_selector(".agreement")
    page.locator("details.export summary").click()
    for name in ("Markdown", "TSV"):
        with page.expect_download() as download:
            page.locator("details.export button", has_text=name).click()
        assert download.value.suggested_filename.startswith("A_B_of_hospital")


def test_the_legend_tells_how_both_came_about(open_page: Open, make: Callable[..., Attribution]) -> None:
    flat = make(["the", " cat", " sat"], 1)
    norm, added = (
        flat.replace(
            target_attributions=np.stack([np.asarray(flat.target_attributions)] * 2, axis=-1),
            dimensions=("width",),
            method=how,
            default_aggregation=(Stage(name="reduce", settings={"aggregate_fn": how}),),
        )
        for how in ("vnorm", "sum")
    )
    page = open_page(render_html([norm, added], view="compare"))
    page.wait_for_selector(".agreement")
    own = [f"{how} over width → share of each step's total" for how in ("L2 norm", "sum")]
    both = f"A: {own[0]} · B: {own[1]}"
    assert both in page.locator(".legend").inner_text()
    for name, words in (("matrix A", own[0]), ("matrix B", own[1]), ("matrix A − B", both)):
        page.get_by_role("radiogroup", name="Show").get_by_text(name, exact=True).click()
        assert words in page.locator(".legend").inner_text()
        assert ("A: " in page.locator(".legend").inner_text()) == (words == both)


def test_compare_opens_with_the_same_text_however_its_tokenizer_spaces_it(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    words = ["The", " cat", " sat", " down"]
    other = make([*words[:3], " up"], 2, id="other text")
    again = make([word.strip() for word in words], 2, id="same text", seed=2)
    page = open_page(render_html([make(words, 2, id="first"), other, again], view="compare"))
    page.wait_for_selector(".agreement")
    assert page.locator(".compare select option:checked").inner_text() == "same text"


def test_the_matrices_of_a_comparison_are_a_choice(open_page: Open, hospital: Attribution) -> None:
    flipped = hospital.replace(id="flipped", target_attributions=-np.asarray(hospital.target_attributions))
    page = open_page(render_html([hospital, flipped], view="compare"))
    cell = page.locator(".compare td[data-r='2'][data-c='2']")
    shares = np.abs(np.asarray(hospital.target_attributions))
    share = float(shares[2, 2] / shares[:, 2].sum())
    for name, value in (("matrix A", share), ("matrix B", -share), ("matrix A − B", 2 * share)):
        page.get_by_role("radiogroup", name="Show").get_by_text(name, exact=True).click()
        assert float(cell.inner_text()) == pytest.approx(value, abs=0.006), name
    assert cell.get_attribute("data-sign") == "+"
    legend = page.locator(".legend").inner_text()
    assert "blue − more in B" in legend
    assert "red + more in A" in legend
    cell.hover()
    assert page.locator(".status").inner_text().startswith("sick counts more in A than in B for hospital: +")
    cell.click()
    assert page.locator(".compare th.picked").all_inner_texts() == ["hospital"]
    assert page.evaluate("location.hash") == "#tok=3&cm=difference"
    page.keyboard.press("m")
    page.wait_for_selector(".compare .agree")
    assert page.locator(".chosen").inner_text() == "Where hospital comes from:"
    page.keyboard.press("1")
    assert page.locator(".outputs .picked").inner_text() == "hospital"


def test_what_has_no_counterpart_is_marked(
    open_page: Open, hospital: Attribution, make: Callable[..., Attribution]
) -> None:
    html = render_html([hospital, rival_of(hospital, make)], view="compare")
    page = open_page(html, hash_="#cm=difference")
    heads = [" ".join(text.split()) for text in page.locator(".compare thead th").all_inner_texts()]
    assert heads == ["to", "see only B", "the", "hospital only A", "doctor only B", "."]
    alone = page.locator(".compare td.alone")
    assert alone.count() == 3 * 16 + 3 * 3
    assert "repeating-linear-gradient" in alone.first.evaluate("e => getComputedStyle(e).backgroundImage")
    alone.first.hover()
    assert "has no counterpart" in page.locator(".status").inner_text()
    assert "no counterpart in the other" in page.locator(".legend").inner_text()
    page.get_by_text("texts", exact=True).click()
    assert page.locator(".compare .agree td.number").all_inner_texts()[1] == "only in B"
    page.keyboard.press("Escape")
    for output, loners in (("the", ["see"]), (".", ["hospital", "see", "doctor"])):
        page.get_by_role("button", name=output, exact=True).click()
        assert page.locator(".compare .tok.alone").all_inner_texts() == loners, "only what that output could see"


def test_a_comparison_is_exported_as_it_is_shown(
    open_page: Open, hospital: Attribution, make: Callable[..., Attribution]
) -> None:
    page = open_page(render_html([hospital, rival_of(hospital, make)], view="compare"), hash_="#cm=difference")
    shown = float(page.locator(".compare td[data-r='2'][data-c='2']").inner_text())
    files = exported(page)
    assert b'fill="url(#alone)"' in files["SVG"]
    assert "A − B of hospital and rival" in files["SVG"].decode()
    assert "blue − more in B · red + more in A" in files["SVG"].decode()
    assert files["PNG"].startswith(b"\x89PNG")
    table = files["Markdown"].decode()
    assert "hospital \\(only in A\\)" in table
    assert table.startswith("**A − B of hospital and rival")
    assert "\n\n\\+ more in A, \\- more in B\\. share of each step's total\\.\n" in table
    assert "see (only in B)" in files["TSV"].decode()
    pair = json.loads(files["JSON"])
    assert pair["difference"][2][2] == pytest.approx(shown, abs=0.006)
    assert pair["difference"][2][2] == pytest.approx(pair["a"][2][2] - pair["b"][2][2])
    assert pair["difference"][2][3] is None
    assert pair["outputs_only_in"] == [None, "B", None, "A", "B", None]
    assert pair["agreement"][1] is None
    assert pair["titles"] == ["hospital", "rival"]
    assert [method.split(" · ")[0] for method in pair["methods"]] == ["integrated_gradients", "integrated_gradients"]


def test_what_one_side_could_not_see_has_no_difference(open_page: Open, make: Callable[..., Attribution]) -> None:
    whole = make(["a", " b", " cd"], 1, {(0, 0): 0.5, (0, 1): 0.2, (1, 1): 0.3}, seed=1, id="A")
    parts = {(0, 0): 0.5, (0, 1): 0.2, (1, 1): 0.3, (2, 2): 0.4, (0, 2): 0.1, (1, 2): 0.1}
    parted = make(["a", " b", " c", "d"], 1, parts, seed=1, id="B")
    expected = compare(whole, parted)
    page = open_page(render_html([whole, parted], view="compare"), hash_="#cm=a")
    for name, matrix in (("matrix A", expected.a), ("matrix B", expected.b), ("matrix A − B", expected.difference)):
        page.get_by_role("radiogroup", name="Show").get_by_text(name, exact=True).click()
        assert page.locator(".compare tbody th").all_inner_texts() == ["a", "b", "cd"], "the same rows in all"
        cells = page.locator(".compare tbody td")
        hidden = [cell == "·" for cell in cells.all_inner_texts()]
        assert hidden == (~matrix.visible).ravel().tolist(), name
    assert cells.last.inner_text() == "·"
    files = json.loads(exported(page)["JSON"])
    assert [files[name][2][1] for name in ("a", "difference")] == [None, None]
    assert files["b"][2][1] == pytest.approx(expected.b.scores[2, 1], rel=1e-3)
    page.get_by_text("texts", exact=True).click()
    page.get_by_role("button", name="cd", exact=True).click()
    texts = [" ".join(text.split()) for text in page.locator(".compare section .flow").all_inner_texts()]
    assert texts == ["a b", "a b cd", "a b"]


def test_ends_of_the_colours_that_were_asked_for_are_those_of_both(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    pair = [make(["a", " b", " c"], 1, {(0, 0): 0.5, (0, 1): 0.2, (1, 1): 0.3}, seed=s, id=str(s)) for s in (1, 2)]
    free = compare(*pair)
    page = open_page(render_html(pair, view="compare", max_val=2.0), hash_="#cm=a")
    for name, bound in (("matrix A", 2.0), ("matrix B", 2.0), ("matrix A − B", free.difference.scale.bound)):
        page.get_by_role("radiogroup", name="Show").get_by_text(name, exact=True).click()
        shown = [float(one.get_attribute("data-bound") or "nan") for one in page.locator(".scale").all()]
        assert shown == [pytest.approx(bound, rel=1e-3)], name


def test_a_large_comparison_is_a_canvas(open_page: Open, make: Callable[..., Attribution]) -> None:
    long = make([f" w{i}" for i in range(160)], 80, {(3, 7): 0.9}, id="long")
    other = make([f" w{i}" if i != 90 else " else" for i in range(160)], 80, {(3, 7): -0.9}, seed=2, id="other")
    page = open_page(render_html([long, other], view="compare"), hash_="#cm=difference")
    canvas = page.locator(".compare canvas")
    canvas.focus()
    for key in [*["ArrowRight"] * 8, *["ArrowDown"] * 3]:
        page.keyboard.press(key)
    assert page.locator(".status").inner_text().startswith("w3 counts more in A than in B for w87: +")
    page.keyboard.press("Enter")
    assert "tok=8" in page.evaluate("location.hash")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert "has no counterpart" in page.locator(".status").inner_text()


def test_compared_examples_are_named_by_what_tells_them_apart(open_page: Open, hospital: Attribution) -> None:
    for names, one, other in (
        ("hospital · integrated_gradients|hospital · occlusion", hospital, hospital.replace(method="occlusion")),
        (
            "1 · integrated_gradients|2 · occlusion",
            hospital.replace(id=None),
            hospital.replace(id=None, method="occlusion"),
        ),
        ("hospital|flipped", hospital, hospital.replace(id="flipped")),
    ):
        a, b = names.split("|")
        page = open_page(render_html([one, other], view="compare"), hash_="#cm=difference")
        caption = page.locator(".compare caption")
        assert caption.inner_text().startswith(f"A − B of {a} and {b}: how much each input is more in A (+)")
        assert page.locator(".names").inner_text().startswith(f"A {a}")
        for matrix, name in (("matrix A", f"A, {a}: "), ("matrix B", f"B, {b}: ")):
            page.get_by_text(matrix, exact=True).click()
            expect(caption).to_contain_text(name)
        svg = exported(page)["SVG"].decode()
        assert f">B, {b}" in svg
        assert svg.count("integrated_gradients") == int(one.method == other.method), "not the method of the other"
