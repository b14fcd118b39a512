from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wherefrom_viz.describe import text_marks


@pytest.mark.parametrize(
    "text, shown",
    [
        (" to", "to"),
        ("", "∅"),
        (" ", "␣"),
        ("\n\n", "⏎⏎"),
        ("\t", "⇥"),
        ("a\u00a0b", "a⍽b"),
        ("\x00\x1b[31m", "␀␛[31m"),
        ("\ud800x", "‹U+D800›x"),
        ("\u202eabc", "‹U+202E›abc"),
        ("\u200b", "‹U+200B›"),
        ("\u2028", "‹U+2028›"),
        ("[/red]", "[/red]"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("a\u200db", "a‹U+200D›b"),
        ("\u0301", "◌\u0301"),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_labels_show_what_cannot_be_seen(text: str, shown: str) -> None:
    assert text_marks.label(text) == shown


@pytest.mark.parametrize(
    "texts",
    [
        ["हि", "न", "\u094d", "दी"],
        ["", "\u0301", "e", "\u0301"],
        ["a", " ", "\u0301"],
        ["क", "\u094d", "\u200d", "ष"],
        ["👩", "\u200d", "👩", "\u200d", "👧"],
        ["👩\u200d", "👧", "\u200d"],
        ["❤", "\ufe0f"],
        ["a", "\u200d", "b", "\u200b", "\n", "\u202e"],
    ],
)
def test_tokens_side_by_side_are_shown_as_their_text(texts: list[str]) -> None:
    assert text_marks.joined(map(text_marks.visible, texts)) == text_marks.visible("".join(texts))


@given(st.lists(st.text("aक\u094d\u0301\u200d\u200c\ufe0f👩 \n", max_size=3), max_size=6))
def test_any_tokens_side_by_side_are_shown_as_their_text(texts: list[str]) -> None:
    assert text_marks.joined(map(text_marks.visible, texts)) == text_marks.visible("".join(texts))


@given(st.text(st.characters(codec=None), max_size=200))
def test_no_visible_text_can_act_on_its_surroundings(text: str) -> None:
    shown = text_marks.visible(text)
    shown.encode("utf-8")
    left = {c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert left <= {"\u200d", "\u200c"}


@given(st.text(max_size=80), st.integers(1, 30))
def test_elided_text_fits_its_width(text: str, width: int) -> None:
    assert text_marks.cells(text_marks.elide(text_marks.label(text), width)) <= width


def test_elision_keeps_both_ends_and_whole_emoji() -> None:
    assert text_marks.elide("hospitalisation", 7) == "hos…ion"
    assert text_marks.elide(r"\u667a\u80fd\u4eba", 14) == r"\u667a…\u4eba"
    assert text_marks.elide(r"\u667a\u80fd", 8) == r"\u667a…"
    assert text_marks.elide("👩\u200d👩\u200d👧" * 4, 5) == "👩\u200d👩\u200d👧…👩\u200d👩\u200d👧"


def test_a_ten_thousand_letter_token_is_short_in_running_text() -> None:
    assert text_marks.cells(text_marks.flowing("x" * 10_000)) == 60


def test_right_to_left_text_is_fenced() -> None:
    assert text_marks.isolate("العربية") == "\u2068العربية\u2069"
    assert text_marks.isolate("漢字") == "漢字"
