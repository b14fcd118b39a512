"""The page in a real browser. Text as it is written: hostile, right to left, of several tokens, code."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from wherefrom.results.attribution import Attribution
from wherefrom_viz import render_html

from tests.viz.page.reader import ACCESSIBILITY, VIEWS, Open, background, card, show

pytestmark = pytest.mark.browser


def test_hostile_tokens_are_shown_and_do_nothing(open_page: Open, hostile: Attribution, hospital: Attribution) -> None:
    page = open_page(render_html([hostile, hostile.replace(method="other"), hospital]))
    for tab in VIEWS:
        show(page, tab)
        assert page.evaluate("document.querySelectorAll('.wf script, .wf img, .wf iframe').length") == 0
        text = page.locator(".panel").inner_text()
        for mark in ("</script>", "[/red]", "‹U+202E›", "‹U+D800›", "␀␛[31m", "&lt;b&gt;"):
            assert mark in text, (tab, mark)
        assert "\u202e" not in text


def test_right_to_left_text_keeps_its_own_direction(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(make(["السلام", " عليكم", " ورحمة", " الله"], 2)))
    flow = page.locator(".flow.inputs")
    assert flow.evaluate("e => getComputedStyle(e).direction") == "rtl"
    assert flow.evaluate("e => getComputedStyle(e).textAlign") == "start"
    first, second = (flow.locator(".tok").nth(i).bounding_box() for i in range(2))
    assert first is not None
    assert second is not None
    assert first["x"] > second["x"]


def test_a_character_of_several_tokens_is_one_box_in_stripes(open_page: Open, make: Callable[..., Attribution]) -> None:
    one = make(["I", " 智", "", "", " go", " 能", "", "!"], 5, {(2, 0): 0.9, (3, 0): -0.5})
    tokens = [msgspec.structs.replace(token, word=None) for token in one.target]
    page = open_page(render_html(one.replace(target=tuple(tokens), source=tuple(tokens[:5]))))
    flow = page.locator(".flow.inputs")
    assert "∅" not in page.locator(".texts").inner_text()
    assert flow.locator(".char").count() == 1
    stripes = flow.locator(".char .stripe")
    assert [stripes.nth(i).get_attribute("title") for i in range(3)] == [f"智 byte {i} of 3" for i in (1, 2, 3)]
    page.locator(".outputs .stripe").first.click()
    assert card(page)[0] == "智 2/3 +0.9"
    assert card(page)[1] == "智 3/3 -0.5"
    assert background(stripes.nth(1)) == "rgb(163, 16, 42)"
    assert page.evaluate(ACCESSIBILITY) == []


def test_a_character_begun_behind_a_break_is_no_part_of_it(open_page: Open, make: Callable[..., Attribution]) -> None:
    """An answer that was cut off within a character: its first bytes have no text."""
    page = open_page(render_html(make(["I", " go", "\n", "", " on", "\n", "", ""], 4)))
    assert page.locator(".flow .stripe").count() == 0
    assert page.locator(".flow.outputs .tok").all_inner_texts() == ["on", "⏎", "∅", "∅"]


def test_a_line_ends_within_a_character_of_several_tokens(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(make(["I", " 智\n", "", " go", " on"], 3)))
    stripes = page.locator(".inputs .char .stripe")
    assert [stripes.nth(i).get_attribute("title") for i in range(2)] == [f"智 byte {i} of 2" for i in (1, 2)]


def test_code_keeps_its_lines(open_page: Open, make: Callable[..., Attribution]) -> None:
    one = make(["if", " x", ":", "\n\t\t", "return", "\n\n   ", " else", " y"], 7)
    page = open_page(render_html(one))
    tops = page.locator(".inputs .tok").evaluate_all(
        "all => all.map(e => e.getClientRects()[e.getClientRects().length - 1].top)"
    )
    lines = sorted(set(tops))
    assert len(lines) == 4 - 1, tops
    assert [lines.index(top) for top in tops] == [0, 0, 0, 1, 1, 2, 2]
    page.keyboard.press("w")
    page.wait_for_selector(".wf.mono")
    assert "mono" in page.locator(".flow").first.evaluate("e => getComputedStyle(e).fontFamily").lower()
    assert page.evaluate("location.hash") == "#mono=1"


def test_a_line_begins_with_no_blank_and_blanks_are_faint(open_page: Open, make: Callable[..., Attribution]) -> None:
    page = open_page(render_html(make(["in", "\n", " on", " ", "25", "\n\n", " at", " go"], 7)))
    lefts = {
        text: page.locator(".inputs .tok", has_text=text).evaluate("e => e.getBoundingClientRect().left")
        for text in ("in", "on", "at")
    }
    assert len(set(lefts.values())) == 1, lefts
    mark = page.locator(".inputs .mark", has_text="␣")
    assert float(mark.evaluate("e => getComputedStyle(e).opacity")) < 0.7


def test_a_number_stands_after_its_right_to_left_word(open_page: Open, make: Callable[..., Attribution]) -> None:
    words = ["המלך", " אמר", " לעם", ":", " 25", " שלום", " (", " ok", " טוב"]
    page = open_page(render_html(make(words, 4), view="steps"))
    ordered = page.locator(".chip").evaluate_all(
        """all => all.map(chip => {
            const range = document.createRange();
            range.selectNode(chip.lastChild);
            return chip.querySelector("bdi").getBoundingClientRect().right <= range.getBoundingClientRect().left + 1;
        })"""
    )
    assert len(ordered) == 15
    assert all(ordered)


def test_compared_texts_keep_lines_and_name_no_byte_empty(open_page: Open, make: Callable[..., Attribution]) -> None:
    one = make(["if", " x", ":", "\n\t\t", "return", " 智", "", "", "\n", " y", "!"], 9, {(2, 0): 0.9})
    tokens = tuple(msgspec.structs.replace(token, word=None) for token in one.target)
    one = one.replace(target=tokens, source=tokens[:9])
    page = open_page(render_html([one, one.replace(method="occlusion")], view="compare"))
    page.get_by_role("button", name="!", exact=True).click()
    flow = page.locator(".compare .flow").first
    assert flow.inner_text().split("\n") == ["if x:⏎", "⇥⇥return 智··⏎", "y"]
