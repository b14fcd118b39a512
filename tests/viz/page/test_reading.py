"""The page in a real browser. Reading: pointing, pinning, what the colours and the card say."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom.text.tokens import Segment
from wherefrom_viz import render_html
from wherefrom_viz.page import meta

from tests.viz.page.reader import ACCESSIBILITY, Open, Page, background, card, output, show

pytestmark = pytest.mark.browser


def darkest(page: Page) -> tuple[float, float]:
    """What the legend says of the strongest colour, and the largest strength painted, read from what is drawn."""
    bound = float(page.locator(".legend .scale").first.get_attribute("data-bound") or "nan")
    said = page.locator(".legend .scale").first.inner_text().split()[-1]
    assert float(said.replace("−", "-")) == pytest.approx(bound, rel=6e-3)
    top = page.locator(".card .value").first.inner_text()
    return bound, abs(float(top.replace("−", "-")))


def test_hover_previews_and_click_pins(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    sick = page.locator(".inputs .tok", has_text="sick")
    output(page, "hospital").hover()
    assert card(page)[0] == "sick +0.62"
    assert background(sick) == "rgb(163, 16, 42)"
    output(page, "hospital").click()
    output(page, "the").hover()
    assert card(page)[0] == "sick +0.62", "a preview must not override a pin"
    assert output(page, "hospital").get_attribute("aria-selected") == "true"
    page.keyboard.press("Escape")
    output(page, "the").hover(force=True)
    page.mouse.move(5, 700)
    assert "All outputs together" in page.locator(".card").inner_text()


def test_one_output_alone_keeps_its_colours_after_the_first_input_was_pointed_at(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    """With one column, sums over the first row and over the column are of the same places."""
    page = open_page(render_html(make(["George", " was", " sick", " hospital"], 3, {(0, 0): 0.1, (2, 0): 0.62})))
    sick = page.locator(".inputs .tok", has_text="sick")
    page.locator(".inputs .tok", has_text="George").hover()
    assert card(page) == ["hospital +0.1"]
    output(page, "hospital").hover()
    assert card(page)[0] == "sick +0.62"
    assert background(sick) == "rgb(163, 16, 42)"


def test_shift_click_pins_a_span_and_sums_it(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    output(page, "to").click()
    output(page, "the").click(modifiers=["Shift"])
    assert page.locator(".outputs .tok.picked").count() == 2
    assert "sum over 2 outputs" in page.locator(".card").inner_text()
    assert card(page)[0] == "come +0.52"


def test_on_a_touch_screen_a_span_is_tapped(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital), has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    assert "Tap a token" in page.locator(".card").inner_text()
    output(page, "to").tap()
    page.get_by_role("button", name="Widen").tap()
    assert page.get_by_role("button", name="Widen").get_attribute("aria-pressed") == "true"
    output(page, "hospital").tap()
    assert page.locator(".outputs .tok.picked").all_inner_texts() == ["to", "the", "hospital"]
    output(page, "the").tap()
    assert page.locator(".outputs .tok.picked").all_inner_texts() == ["the"], "only the next one"


def test_an_input_shows_which_outputs_it_drove(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    page.locator(".inputs .tok", has_text="sick").click()
    assert "Input sick drove" in page.locator(".card h2").inner_text()
    assert card(page)[0] == "hospital +0.62"
    assert background(output(page, "hospital")) == "rgb(163, 16, 42)"


def test_source_and_output_stand_in_two_blocks(open_page: Open, translation: Attribution) -> None:
    page = open_page(render_html(translation))
    assert page.locator(".block h2").all_inner_texts() == ["Source", "Output"]
    output(page, "trice").click()
    assert card(page)[0] == "oper +0.6"


def test_turns_are_named_where_they_begin(open_page: Open, chat: Attribution) -> None:
    page = open_page(render_html(chat), hash_="#g=turn")
    assert page.locator(".segment").all_inner_texts() == ["user", "assistant"]
    assert page.locator(".outputs .tok").count() == 1
    assert page.evaluate(ACCESSIBILITY) == []


def test_granularity_switches_without_python(open_page: Open, translation: Attribution) -> None:
    page = open_page(render_html(translation))
    assert page.locator(".outputs .tok").count() == 9
    page.locator("[data-key=g]").select_option("word")
    assert "sviluppatrice" in page.locator(".outputs").inner_text().replace("\u200b", "")
    assert page.locator(".outputs .tok").count() == 7
    output(page, "sviluppatrice").click()
    raw = np.asarray(translation.source_attributions)
    assert card(page)[0] == f"developer +{raw[1:3, 1:3].sum():.3g}"
    assert "sum over words" in page.locator(".legend").inner_text()


def test_shares_are_of_the_sides_that_have_scores(open_page: Open, hospital: Attribution) -> None:
    scores = np.asarray(hospital.target_attributions)[: len(hospital.source)]
    one = hospital.replace(source_attributions=scores, target_attributions=None)
    page = open_page(render_html([one, one.replace(method="saliency", signed=False)], view="compare"))
    page.wait_for_selector(".agreement")
    for column, cell in enumerate(page.locator("td.chips").all()[::2]):
        largest = np.abs(scores[:, column]).max() / np.abs(scores[:, column]).sum()
        assert abs(float(cell.locator(".chip").first.inner_text().split()[-1])) == pytest.approx(largest, rel=0.01)


def test_a_range_of_inputs_shows_what_it_drove(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    page.locator(".inputs .tok", has_text="sick").click()
    page.locator(".inputs .tok", has_text="George").click(modifiers=["Shift"])
    assert "Input George was sick drove" in page.locator(".card h2").inner_text()
    scores = np.asarray(hospital.target_attributions)[:3].sum(axis=0)
    assert card(page)[0] == f"hospital +{scores[2]:.3g}"
    assert page.evaluate("location.hash") == "#row=1-3"
    assert "Input George was sick, strongest outputs: hospital" in page.locator("[aria-live]").inner_text()
    page.locator(".flow.inputs").focus()
    page.keyboard.press("Escape")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert page.locator(".tok.picked").all_inner_texts() == ["was", "sick"]
    # a range stays within its block: from the prompt it does not reach into the output
    show(page, "matrix")
    page.locator(".matrix th[data-row='9']").click()
    page.locator(".matrix th[data-row='10']").click(modifiers=["Shift"])
    assert page.locator(".matrix th.picked").all_inner_texts() == ["to", "come"]
    page.locator(".matrix th[data-row='12']").click(modifiers=["Shift"])
    assert page.locator(".matrix th.picked").all_inner_texts() == ["the"]


def test_the_legend_says_what_the_darkest_colour_stands_for(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    bound, top = darkest(page)
    assert bound == pytest.approx(top, rel=6e-3), "all outputs together: the strongest input has the strongest colour"
    name = page.locator(".card .name").first.inner_text()
    assert background(page.locator(".tok", has_text=name).first) == "rgb(163, 16, 42)"
    output(page, "hospital").click()
    assert darkest(page) == pytest.approx((0.62, 0.62), rel=6e-3)
    output(page, ".").click(modifiers=["Shift"])
    bound, top = darkest(page)
    assert bound == pytest.approx(top, rel=6e-3), "a span: the strongest of its sums"
    page.locator("details.display summary").click()
    page.get_by_label("Scale").select_option("step")
    page.keyboard.press("Escape")
    for text in ("to", "the", "."):
        output(page, text).click()
        bound, top = darkest(page)
        assert bound == pytest.approx(top, rel=6e-3), "each output on its own scale"
    page.keyboard.press("2")
    page.wait_for_selector(".legend >> text=the largest of each output")


def test_special_and_template_tokens_are_left_out_until_asked_for(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    texts = [
        "<|im_start|>",
        "user",
        "\n",
        "What",
        " now",
        "?",
        "<|im_end|>",
        "\n",
        "<|im_start|>",
        "assistant",
        "\n",
        "Go",
        ".",
    ]
    made = make(texts, 11, {(0, 0): 5.0, (1, 0): 3.0, (3, 0): 0.5})
    marked = tuple(
        msgspec.structs.replace(token, special=token.text.startswith("<|"), word=None) for token in made.target
    )
    segments = (
        Segment(side="target", start=0, end=8, kind="turn", label="user"),
        Segment(side="target", start=8, end=13, kind="turn", label="assistant"),
    )
    page = open_page(render_html(made.replace(target=marked, source=marked[:11], segments=segments)))
    assert page.locator(".inputs .tok").all_inner_texts() == ["What", "now", "?"]
    assert page.locator(".segment").all_inner_texts() == ["user", "assistant"]
    output(page, "Go").click()
    assert card(page)[0] == "What +0.5"
    assert background(page.locator(".inputs .tok").first) == "rgb(163, 16, 42)", "markers take no part in the scale"
    assert "special and template tokens left out" in page.locator(".legend").inner_text()
    page.keyboard.press("h")
    page.wait_for_selector(".inputs .tok >> text=<|im_start|>")
    output(page, "Go").click()
    assert card(page)[0] == "<|im_start|> +5"
    page.keyboard.press("h")
    page.get_by_label("Units").select_option("turn")
    page.wait_for_selector(".card >> text=user: What now?")


def test_what_a_template_writes_is_named_once_and_only_where_it_is_shown(
    open_page: Open, make: Callable[..., Attribution]
) -> None:
    made = make(["<|sys|>", "You", " help", "What", " now", "?", "Go", "."], 6, {(3, 0): 0.5})
    marked = tuple(msgspec.structs.replace(token, special=token.text.startswith("<|")) for token in made.target)
    segments = (
        Segment(side="target", start=0, end=3, kind="template", label="template"),
        Segment(side="target", start=3, end=6, kind="turn", label="user"),
    )
    page = open_page(render_html(made.replace(target=marked, source=marked[:6], segments=segments)))
    assert page.locator(".segment").all_inner_texts() == ["user"]
    page.keyboard.press("h")
    page.wait_for_selector(".inputs .tok >> text=<|sys|>")
    assert page.locator(".segment").all_inner_texts() == ["template", "user"]


def test_a_long_prompt_and_its_output_are_in_sight_together(open_page: Open, make: Callable[..., Attribution]) -> None:
    words = [f" word{i}" for i in range(360)]
    one = make(words, 300, {(3, 20): 0.9, (290, 21): 0.8}, id="long")
    for size in ((1280, 800), (390, 844), (2560, 1300)):
        page = open_page(render_html(one), hash_="#tok=21", viewport={"width": size[0], "height": size[1]})
        inside = "e => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight; }"
        picked = page.locator(".outputs .picked")
        assert picked.evaluate(inside), size
        assert page.locator(".inputs .tok", has_text="word3").first.evaluate(inside), "the strongest input"
        assert page.locator(".inputs .tok *").count() == 0, "a token is one element"
        assert page.locator(".inputs .tok").first.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
        page.keyboard.press("ArrowRight")
        assert page.locator(".outputs .picked").evaluate(inside), size
        assert page.locator(".inputs .tok", has_text="word290").evaluate(inside), size
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scroll"
        page.locator(".card .name").nth(1).click()
        assert page.locator(".tok.found").count() == 1
        assert page.locator(".tok.found").evaluate(inside), "a line of the card leads to its token"
        boxes = [page.locator(f".pane.{name}").bounding_box() for name in ("in", "out")]
        beside = boxes[0]["y"] == boxes[1]["y"]  # type: ignore[index]
        assert beside == (size[0] > 1000)


def test_what_is_not_told_from_chance_is_pale_in_every_view(open_page: Open, hospital: Attribution) -> None:
    """Two of the outputs are doubtful: pale when looked at alone or together, in what an input drove, and as words."""
    chance = np.full(len(hospital.steps), 0.01)
    chance[[0, 1]] = 0.5
    checked = hospital.replace(
        step_scores={**hospital.step_scores, "check_chance": chance}, step_aggregation={"check_chance": "max"}
    )

    def seen(one: Attribution) -> dict[str, float]:
        page = open_page(render_html(one))

        def strongest(kind: str) -> float:
            shades = page.locator(f".{kind} .tok").evaluate_all(
                "all => all.map((e) => getComputedStyle(e).backgroundColor.match(/\\d+/g).map(Number))"
            )
            return max((765 - sum(shade[:3]) for shade in shades if len(shade) < 4 or shade[3]), default=0)

        found = {}
        for name, first, last in (("told", 2, 2), ("doubtful", 1, 1), ("both", 0, 1), ("mixed", 1, 2)):
            page.keyboard.press("Escape")
            page.locator(".outputs .tok").nth(first).click()
            if last != first:
                page.locator(".outputs .tok").nth(last).click(modifiers=["Shift"])
            found[name] = strongest("inputs")
        page.keyboard.press("Escape")
        page.locator(".inputs .tok", has_text="come").click()
        found["driven"] = strongest("outputs")
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        page.locator(".outputs .tok").nth(0).click()
        found["word"] = strongest("inputs")
        return found

    plain, pale = seen(hospital), seen(checked)
    for name in ("told", "mixed"):
        assert pale[name] == plain[name], name
    for name in ("doubtful", "both", "word"):
        assert 0 < pale[name] < plain[name] / 2, name
    assert pale["driven"] <= plain["driven"]


def test_what_is_read_alone_has_a_scale_of_its_own(open_page: Open, hospital: Attribution) -> None:
    """The best of one output, or of one input, is as strong as the best of all: else most of a text stays pale."""
    page = open_page(render_html(hospital))
    strong = "rgb(163, 16, 42)"
    output(page, "to").click()
    assert darkest(page) == pytest.approx((0.41, 0.41), rel=6e-3)
    assert background(page.locator(".inputs .tok", has_text="come")) == strong
    page.locator(".inputs .tok", has_text="yesterday").click()
    bound, top = darkest(page)
    assert bound == pytest.approx(top, rel=6e-3)
    page.locator("details.display summary").click()
    page.get_by_label("Scale").select_option("example")
    page.keyboard.press("Escape")
    output(page, "to").click()
    assert darkest(page) == pytest.approx((0.62, 0.41), rel=6e-3), "comparable between outputs, on request"
    assert page.evaluate("location.hash") == "#tok=1&sc=example"
    page.keyboard.press("2")
    page.wait_for_selector(".matrix table")
    assert "0.62" in page.locator(".legend .scale").inner_text()


def test_a_view_that_cannot_be_drawn_is_told_and_can_be_left(open_page: Open, hospital: Attribution) -> None:
    page = open_page(render_html(hospital))
    page.evaluate(
        """() => {
          const own = document.createElement.bind(document);
          const none = () => { throw new Error("no tables today"); };
          document.createElement = (name) => (name === "tbody" ? none() : own(name));
          console.error = (error) => { document.body.dataset.told = error.message; };
        }"""
    )
    page.keyboard.press("3")
    told = page.locator(".panel").get_by_role("alert").inner_text()
    assert "cannot be drawn: no tables today" in told
    assert page.locator("body").get_attribute("data-told") == "no tables today", "also to whoever looks for the cause"
    show(page, "read")
    assert page.locator(".panel").get_by_role("alert").count() == 0
    assert card(page)


def test_how_pale_and_from_which_chance_on_is_python_s_to_say(
    open_page: Open, hospital: Attribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = hospital.replace(step_scores={"check_chance": np.full(len(hospital.steps), 0.5)})

    def shade(one: Attribution) -> str:
        page = open_page(render_html(one, view="matrix"))
        return background(page.locator("td[data-r='2'][data-c='2']"))

    assert shade(checked) != shade(hospital)
    monkeypatch.setattr(meta, "LEVEL", 0.6)
    assert shade(checked) == shade(hospital)
    monkeypatch.undo()
    monkeypatch.setattr(meta, "FADED", 1.0)
    assert shade(checked) == shade(hospital)
