"""A traced answer in console, page and terminal browser: mass by part, role, hop and sentence."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom.errors import InputError
from wherefrom.results.attribution import Attribution
from wherefrom.results.parts import path_of, shares_by_part
from wherefrom.text.tokens import Segment, Token
from wherefrom_viz.console import render_text
from wherefrom_viz.describe.description import describe
from wherefrom_viz.describe.trace import describe_trace
from wherefrom_viz.page import render_html

TEXTS = ["<s>", "Cats", " purr", ".", " Dogs", " bark", ".", " So", ",", " yes", ".", " Then", " bark", ".", " bark"]
"""Two turns of the user, then a reasoning of two sentences and the answer."""


def traced(hops: int | None = 2) -> Attribution:
    tokens = tuple(
        Token(id=number, piece=text, text=text, position=number, special=number == 0)
        for number, text in enumerate(TEXTS)
    )
    scores = np.zeros((15, 8))
    scores[4, :7] = 0.6
    scores[2, :7] = 0.4
    scores[12, 7], scores[9, 7], scores[4, 7] = 0.5, 0.3, 0.2  # the answer reads both sentences, and the dogs
    turns = (
        Segment(side="target", start=1, end=4, kind="turn", label="user"),
        Segment(side="target", start=4, end=7, kind="turn", label="user"),
    )
    one = Attribution(
        source=tokens[:7],
        target=tokens,
        target_attributions=scores,
        attr_pos_start=7,
        attr_pos_end=15,
        segments=turns,
        method="made",
        signed=False,
    )
    return one.trace((14, 15), hops=hops)


def test_shares_by_part_are_the_mass_of_each_hop():
    parts = {part.label: part.shares for part in shares_by_part(traced())}
    np.testing.assert_allclose(parts["output"], [0.8, 0, 0])
    np.testing.assert_allclose(parts["user 1"], [0, 0.32, 0.32])
    np.testing.assert_allclose(parts["user 2"], [0.2, 0.68, 0.68])
    roles = {part.label: part.shares for part in shares_by_part(traced(), by_role=True)}
    np.testing.assert_allclose(roles["user"], [0.2, 1, 1])


@pytest.mark.parametrize("hops", [2, None])
def test_the_path_names_the_sentences_that_carried_it(hops):
    stops = path_of(traced(hops))
    assert [stop.text for stop in stops] == ["So, yes.", "Then bark."]
    np.testing.assert_allclose([stop.visits for stop in stops], [0.3, 0.5])
    np.testing.assert_allclose(stops[1].waiting, [0.5, *[0.0] * (len(stops[1].waiting) - 1)])


def test_a_result_that_is_no_trace_has_no_path():
    one = traced().replace(details={})
    assert path_of(one) == []
    assert describe_trace(one) is None
    with pytest.raises(InputError, match="no trace"):
        render_text(one, view="trace")
    assert "no trace" in render_text([one, traced()], view="trace")


def test_parts_of_untraced_results_are_prompt_and_output():
    one = traced().replace(details={}, segments=())
    assert {part.label for part in shares_by_part(one)} <= {"prompt", "output"}


def test_the_console_tells_parts_roles_hops_and_path():
    text = render_text(traced(), width=100, view="trace")
    assert "Traced from 'bark'" in text
    for line in ("user 1", "user 2", "Mass by role", "Then bark."):
        assert line in text
    row = next(line for line in text.splitlines() if line.startswith("user 2"))
    assert row.split()[2:5] == ["20%", "68%", "68%"]
    assert "Mass by part" in render_text(traced(), width=100), "views append the tables"


def test_a_narrow_console_keeps_the_numbers():
    for line in render_text(traced(), width=48, view="trace").splitlines():
        assert len(line) <= 48
    assert "68%" in render_text(traced(), width=48, view="trace")


def test_the_page_has_the_tables_and_escapes_them():
    one = traced()
    page = render_html(one)
    assert page.count('<details class="wf-trace"') == 1
    assert "<td>68%</td>" in page
    evil = one.replace(segments=tuple(Segment(side="target", start=1, end=7, kind="turn", label="<b>") for _ in "a"))
    assert "<b>" not in render_html(evil).split('<details class="wf-trace"')[1].split("</details>")[0]
    assert "wf-trace" not in render_html(one.replace(details={}))


def test_rows_of_a_trace_are_prompt_before_and_output_after_the_first_generated_token():
    description = describe(traced())
    titles = dict(description.sections())
    assert max(titles["Prompt"]) < 7 <= min(titles["Output so far"])


def test_hops_are_named_alone_where_steps_were_compared_with_others():
    one = traced()
    contrast = {"pairs": [{"step": one.steps[0].position, "target": " bark", "contrast": " meow"}]}
    one = one.replace(details={**one.details, "contrast": contrast})
    assert [unit.label for unit in describe(one).steps] == [unit.label for unit in describe(traced()).steps]
