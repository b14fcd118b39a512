from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wherefrom.results.partners import as_called, bare_text, have_ids, matched, named_apart

from tests.core.made import spelt

IDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6)


@given(IDS, IDS)
def test_the_second_of_an_id_is_matched_with_the_second(first: list[str], second: list[str]) -> None:
    found = matched(first, second)
    if second:
        assert all(first[a] == second[b] for a, b in found)
        assert all(first[:a].count(first[a]) == second[:b].count(second[b]) for a, b in found)
        assert len(found) == sum(min(first.count(name), second.count(name)) for name in "abc")
    assert {(b, a) for a, b in matched(second, first)} == set(found)


NAMES = st.lists(st.sampled_from(["a", "b", "1", None]), max_size=5)


@given(NAMES, NAMES)
def test_which_result_comes_first_changes_no_pair(first: list[str | None], second: list[str | None]) -> None:
    found = matched(first, second)
    assert {(b, a) for a, b in matched(second, first)} == set(found)
    if have_ids(first, second) and first != second:
        assert all(first[a] is not None and first[a] == second[b] for a, b in found)


def test_places_count_only_where_one_result_has_no_ids() -> None:
    assert matched(["a", "b"], [None]) == matched([None], ["a", "b"]) == [(0, 0)]
    assert matched([None, None], [None]) == [(0, 0)]
    assert matched(["a", None], ["b", "a", "c"]) == [(0, 1)]
    assert matched(["c", "1", "a"], ["a", None, "c"]) == [(0, 2), (2, 0)]
    assert matched(["a", None], ["b", None]) == []
    assert matched(["a", None, None], ["a", None, None]) == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize(
    "named, count, pairs",
    [
        (["2", "0", "1"], 3, [(0, 2), (1, 0), (2, 1)]),
        (["3", "0"], 4, [(0, 3), (1, 0)]),  # of a shard, or some failed
        (["1", "0", "2"], 2, [(0, 1), (1, 0)]),
        (["2", "1"], 2, [(0, 0), (1, 1)]),  # numbered from 1: no places
        (["01", "00"], 2, [(0, 0), (1, 1)]),
        (["1", "1"], 2, [(0, 0), (1, 1)]),
        (["1", None], 2, [(0, 0), (1, 1)]),
        (["1", "b"], 2, [(0, 0), (1, 1)]),
    ],
)
def test_ids_that_are_places_are_those_of_what_has_no_ids(
    named: list[str | None], count: int, pairs: list[tuple[int, int]]
) -> None:
    unnamed: list[str | None] = [None] * count
    assert matched(named, unnamed) == pairs
    assert sorted((b, a) for a, b in matched(unnamed, named)) == sorted(pairs)


def test_what_has_ids_keeps_them() -> None:
    assert as_called(["1", "0"], ["a", "b"]) == [["1", "0"], ["a", "b"]]
    assert as_called(["1", "0"], [None, None], ["0", "1"], [None]) == [["1", "0"], ["0", "1"], ["0", "1"], ["0"]]
    assert as_called(["1", "0"], [None, None], ["a", "b"]) == [["1", "0"], [None, None], ["a", "b"]]
    assert as_called([None], [], ["0"]) == [["0"], [], ["0"]]
    assert as_called([None], [None]) == [[None], [None]]


def test_a_text_is_the_same_whatever_its_tokenizer_does_to_spaces_and_capitals() -> None:
    one, other = spelt(["<s>", "The", " cat"], special=(0,)), spelt(["the", "cat", "</s>"], special=(2,))
    assert bare_text(one) == bare_text(other) == "thecat"


def test_ids_tell_examples_apart_where_each_has_one_of_its_own() -> None:
    assert named_apart(["a", "b"], ["b", "c"])
    assert not named_apart(["a", "b"], ["b", None])
    assert not named_apart(["a", "a"], ["a", "b"])
