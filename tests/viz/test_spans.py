from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import InputError, SettingsError
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance
from wherefrom.text.tokens import Segment
from wherefrom_viz import describe, render_html, render_text
from wherefrom_viz.describe.spans import span_names, with_spans
from wherefrom_viz.page import pack, unpack


def test_spans_are_units_with_names_and_other_tokens_stay(hospital: Attribution) -> None:
    picture = describe(hospital, granularity="span", spans=[(0, 5, "the reason"), (12, 14)])
    assert [unit.label for unit in picture.inputs][:3] == ["the reason", "His", "colleagues"]
    assert [unit.label for unit in picture.steps] == ["to", "the␣hospital", "."]
    assert picture.inputs[0].text == "George was sick yesterday."
    raw = np.asarray(hospital.target_attributions)
    assert picture.scores[0, 1] == pytest.approx(raw[:5, 1:3].sum())
    assert picture.pipeline[-1] == "sum over spans"


def test_both_sides_may_have_spans(translation: Attribution) -> None:
    picture = describe(translation, granularity="span", spans=[("source", 1, 3, "who"), ("target", 2, 4, "chi")])
    assert [unit.label for unit in picture.inputs[:3]] == ["The", "who", "argued"]
    assert [unit.label for unit in picture.steps[:3]] == ["La", "chi", "discusse"]


def test_stored_spans_are_followed_and_given_ones_replace_them(chat: Attribution) -> None:
    stored = chat.replace(
        segments=(*chat.segments, Segment(side="target", start=1, end=4, kind="span", label="stored"))
    )
    assert describe(stored, granularity="span").inputs[1].label == "stored"
    assert [unit.label for unit in describe(stored, granularity="turn").steps] == ["Goethe␣wrote␣it.␣In␣1808."]
    given = with_spans(stored, [(2, 4, "given")])
    assert [(s.kind, s.label) for s in given.segments] == [("turn", "user"), ("turn", "assistant"), ("span", "given")]
    assert with_spans(stored, ()) is stored
    assert [s.kind for s in with_spans(stored, {0: []}).segments] == ["turn", "turn"]


def test_examples_may_each_have_their_own(chat: Attribution, hospital: Attribution) -> None:
    page = {1: [(0, 3, "first")]}
    assert with_spans(chat, page, 0) is chat
    assert span_names(with_spans(hospital, page, 1), "target") == {0: "first", 1: "first", 2: "first"}


@pytest.mark.parametrize("draw", [render_html, render_text])
def test_names_are_shown_as_text(hospital: Attribution, draw: Callable[..., Any]) -> None:
    drawn = draw(hospital, granularity="span", spans=[(0, 3, "<script>\u202e[/red]\x00")])
    assert "\u202e" not in drawn
    assert "\x00" not in drawn


def test_the_page_holds_them_by_their_kind(hospital: Attribution) -> None:
    packed = pack([(with_spans(hospital, [(0, 3, "a"), (4, 5)]), Provenance())])
    ((header, _),) = unpack(packed.blocks[0])
    assert header["seg"] == [["target", 0, 3, "span", "a"], ["target", 4, 5, "span", ""]]


@pytest.mark.parametrize(
    "spans, message",
    [
        ([(0, 3), (2, 5)], "overlaps another"),
        ([(3, 3)], "overlaps another, or goes beyond"),
        ([(10, 99)], "beyond the 15 tokens of example 1"),
        ([(-1, 2)], "beyond"),
        ([("middle", 0, 2)], "is no span"),
        ([(1,)], "is no span"),
        ([(1, "x")], "is no span"),
    ],
)
def test_senseless_spans_say_what_is_wrong(hospital: Attribution, spans: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        render_html(hospital, spans=spans)


def test_unknown_granularity_knows_of_spans(hospital: Attribution) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'span'"):
        describe(hospital, granularity="spans")  # type: ignore[arg-type]


def test_a_span_over_the_end_of_the_prompt_is_cut_there_and_loses_no_output(hospital: Attribution) -> None:
    picture = describe(hospital, granularity="span", spans=[(9, 13, "across")])
    assert [step.label for step in picture.steps] == ["across", "hospital", "."]
    assert picture.scores.sum() == pytest.approx(describe(hospital).scores.sum())
    titles = {title: [picture.inputs[row].label for row in rows] for title, rows in picture.sections()}
    assert titles["Prompt"].count("across") == titles["Output so far"].count("across") == 1


def test_an_answer_that_begins_inside_a_span_keeps_its_first_words(translation: Attribution) -> None:
    picture = describe(translation, granularity="span", spans=[(0, 3, "start")])
    assert [step.label for step in picture.steps][:2] == ["start", "trice"]
    assert picture.scores.sum() == pytest.approx(describe(translation).scores.sum())


def test_given_spans_are_of_the_tokens_as_they_are_and_segments_of_their_positions(hospital: Attribution) -> None:
    rest = hospital[3:]
    given = with_spans(rest, [(0, 2, "given")])
    assert describe(given, granularity="span").inputs[0].text == "yesterday."
    stored = [Segment(side="target", start=2, end=5, kind="span", label="stored")]
    assert describe(rest, granularity="span", spans=stored).inputs[0].text == "yesterday."
    with pytest.raises(InputError, match="goes beyond"):
        with_spans(rest, [Segment(side="target", start=0, end=3, kind="span", label="gone")])
