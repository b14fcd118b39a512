"""What an example is called: people count from 1, Python from 0."""

from __future__ import annotations

import pytest
from wherefrom.questions.numbering import example_mark, examples_named, place_of_mark
from wherefrom.questions.positions import no_step_note


def test_examples_are_counted_from_one() -> None:
    assert examples_named([0]) == "example 1"
    assert examples_named([0, 2]) == "examples 1, 3"
    assert no_step_note(1, 3, 4, None).startswith("The target of example 2 has 3 tokens")


@pytest.mark.parametrize("place", [0, 1, 11])
def test_a_mark_leads_back_to_its_place(place: int) -> None:
    assert place_of_mark(example_mark(place), 12) == place


def test_an_id_is_the_name_where_there_is_one() -> None:
    assert example_mark(1, "wmt-7") == "wmt-7"
    assert example_mark(1) == "#2"


@pytest.mark.parametrize("mark", ["#0", "#4", "2", "#", "#-1", "#x", "##1", "wmt-7"])
def test_what_is_no_mark_of_three_examples_has_no_place(mark: str) -> None:
    assert place_of_mark(mark, 3) is None
