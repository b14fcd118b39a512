"""Two lists of tokens of like texts, cut into parts that correspond."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wherefrom.text.correspondence import align
from wherefrom.text.tokens import Token


def tokens(*texts: str) -> list[Token]:
    return [Token(id=i, piece=t, text=t, position=i, special=t.startswith("<")) for i, t in enumerate(texts)]


@pytest.mark.parametrize(
    "a, b, parts",
    [
        (["un", "happy"], ["unhap", "py"], [((0, 2), (0, 2))]),
        (["a", " b"], ["a", "b"], [((0, 1), (0, 1)), ((1, 2), (1, 2))]),
        (["ab", "c"], ["a", "b", "c"], [((0, 1), (0, 2)), ((1, 2), (2, 3))]),
        (["a", "x", "b"], ["a", "b"], [((0, 1), (0, 1)), ((1, 2), (1, 1)), ((2, 3), (1, 2))]),
        (["a"], ["b"], [((0, 1), (0, 1))]),
        (["<s>", "un", "do"], ["u", "ndo", "</s>"], [((0, 1), (0, 0)), ((1, 3), (0, 2)), ((3, 3), (2, 3))]),
        (["<s>", "undo"], ["<s>", "un", "do"], [((0, 1), (0, 1)), ((1, 2), (1, 3))]),
        (["a", " "], ["a"], [((0, 2), (0, 1))]),
    ],
)
def test_tokens_align_by_the_characters_they_cover(a: list[str], b: list[str], parts: list[object]) -> None:
    assert align(tokens(*a), tokens(*b)) == parts


@given(st.text("abc", min_size=1, max_size=30), st.data())
def test_any_two_cuts_of_one_text_align_completely(text: str, data: st.DataObject) -> None:
    def cut() -> list[str]:
        edges = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)))) | {0, len(text)})
        return [text[a:b] for a, b in itertools.pairwise(edges)]

    a, b = cut(), cut()
    parts = align(tokens(*a), tokens(*b))
    assert "".join("".join(a[x:y]) for (x, y), _ in parts) == text
    assert all("".join(a[x:y]) == "".join(b[v:w]) for (x, y), (v, w) in parts)


@given(st.lists(st.sampled_from(["a", "b", " a", " ", "", "<s>", "ab"]), max_size=9), st.data())
def test_every_token_is_in_one_part(a: list[str], data: st.DataObject) -> None:
    b = data.draw(st.lists(st.sampled_from(["a", "b", " a", " ", "", "<s>", "ab"]), max_size=9))
    parts = align(tokens(*a), tokens(*b))
    for side, texts in ((0, a), (1, b)):
        assert [index for part in parts for index in range(*part[side])] == list(range(len(texts)))
    assert all(part[0][0] < part[0][1] or part[1][0] < part[1][1] for part in parts)
