"""Which token is compared with which."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wherefrom.errors import InputError
from wherefrom.text.alignment import align, kept_by_shortest_script, one_per_example
from wherefrom.text.tokens import Token

letters = st.lists(st.sampled_from("abc"), min_size=1, max_size=8)


def tokens(text: str) -> list[Token]:
    """Words as tokens, leading space included; ``|`` cuts a word in pieces."""
    pieces = [piece for word in re.findall(r"\s*\S+", text) for piece in word.split("|")]
    return [
        Token(id=sum(ord(c) * 257**k for k, c in enumerate(piece)) % 2**31, piece=piece, text=piece, position=i)
        for i, piece in enumerate(pieces)
    ]


def worded(text: str) -> list[Token]:
    """The same, with the numbers of words and end tokens."""
    words = [n for n, word in enumerate(text.split()) for _ in word.split("|")]
    return [
        msgspec.structs.replace(token, word=word, special=token.text.strip() == "</s>")
        for token, word in zip(tokens(text), words, strict=True)
    ]


def compared(original: str, contrast: str, **options: Any) -> list[str]:
    """``token > counterpart`` for every token but the first."""
    here, there = tokens(original), tokens(contrast)
    found = align(here, there, np.arange(1, len(here)), **options)
    return [f"{str(here[step]).strip()} > {str(there[other]).strip()}" for step, other in found.pairs]


@pytest.mark.parametrize(
    "original,contrast,expected",
    [
        ("a b c", "a b c", ["b > b", "c > c"]),
        ("he went home .", "he stayed home .", ["went > stayed", "home > home", ". > ."]),
        # an insertion near the beginning shifts nothing
        ("The manager was ill", "The nurse manager was ill", ["manager > manager", "was > was", "ill > ill"]),
        # nor does one that comes first
        ("<s> manager was ill", "<s> nurse manager was ill", ["manager > manager", "was > was", "ill > ill"]),
        # a deleted word is compared with what stands in its place
        ("the nurse manager came", "the manager came", ["nurse > manager", "manager > manager", "came > came"]),
        # one word for two, and two for one
        ("a gentle|man came", "a boy came", ["gentle > boy", "man > boy", "came > came"]),
        ("a boy came", "a gentle|man came", ["boy > gentle", "came > came"]),
        # the same text in other pieces pairs by its characters
        (
            "x un|believ|able y",
            "x unbel|ievable so well y",
            ["un > unbel", "believ > unbel", "able > ievable", "y > y"],
        ),
        # equally many tokens are compared in order
        ("x the v alue is", "x n o v alue", ["the > n", "v > o", "alue > v", "is > alue"]),
        # of the shortest scripts, one that keeps most
        ("s the big red house t", "s a house here t", ["the > a", "big > a", "red > a", "house > house", "t > t"]),
        # an answer that goes on after the contrast ended
        ("a b c d", "a b", ["b > b", "c > b", "d > b"]),
    ],
)
def test_default(original: str, contrast: str, expected: list[str]) -> None:
    assert compared(original, contrast) == expected


@pytest.mark.parametrize(
    "original, contrast, beyond",
    [
        ("a b c d", "a b", ["c", "d"]),
        ("a she was ill", "a he", ["was", "ill"]),  # what stands for a piece is compared with it, too
        ("a she was ill .", "a he .", []),  # a replacement within the text
        ("a she was ill . </s>", "a he </s>", ["was", "ill", "."]),
        ("a b c d </s>", "a b </s>", ["c", "d"]),
        ("a b c d", "a b </s>", ["c", "d"]),
        ("a gentle|man", "a boy", []),  # one word
        ("a gentle|man came", "a boy", ["came"]),
        ("a un|believ|able", "a unbelievable", []),
        ("a b", "a b c d", []),
        ("a b c", "a b c", []),
    ],
)
def test_what_the_contrast_is_too_short_for_is_named(original: str, contrast: str, beyond: list[str]) -> None:
    here, there = map(worded, (original, contrast))
    found = align(here, there, np.arange(1, len(here)))
    assert [here[step].text.strip() for step in found.beyond] == beyond
    assert not len(align(here, there, np.array([1])).beyond)


def test_what_has_no_counterpart_is_named() -> None:
    here, there = tokens("the nurse manager came"), tokens("the manager came")
    found = align(here, there, np.array([1, 2, 3]))
    assert found.unpaired.tolist() == [1]
    assert found.origin == "default"
    assert found.described(here, there)["pairs"][1] == {
        "step": 2,
        "contrast_position": 1,
        "target": " manager",
        "contrast": " manager",
        "contrast_id": there[1].id,
        "contrast_piece": there[1].piece,
    }


def test_given_pairs_are_kept_and_what_lies_between_is_aligned() -> None:
    assert compared("a b c d", "a q c r", alignments=[(1, 3), (2, 2), (3, 1)]) == ["b > r", "c > c", "d > q"]
    assert compared("a b c d e f", "a q c r f", alignments=[(3, 2)]) == [
        "b > q",
        "c > q",
        "d > c",
        "e > r",
        "f > f",
    ]
    # what follows a pair is aligned with what follows its counterpart
    assert compared("a b x y", "a q r b x y", alignments=[(1, 2)]) == ["b > r", "x > x", "y > y"]
    assert compared("a b c d", "a c d b", alignments=[(1, 3)]) == ["b > b", "c > b", "d > b"]


def test_continuations_pair_with_continuations() -> None:
    # by the text alone, "b" of the answer would pair with "b" of the other prompt
    assert compared("a b x", "z q q b y", boundary=(1, 3)) == ["b > b", "x > y"]
    assert compared("a b x", "b q q w y", boundary=(1, 3)) == ["b > w", "x > y"]


@given(prompts=st.tuples(letters, letters), said=st.tuples(letters, letters), auto=st.booleans())
def test_no_token_of_an_answer_is_compared_with_one_of_the_prompt(
    prompts: tuple[list[str], list[str]], said: tuple[list[str], list[str]], auto: bool
) -> None:
    here, there = (tokens("^ " + " ".join([*prompt, *answer])) for prompt, answer in zip(prompts, said, strict=True))
    boundary = (1 + len(prompts[0]), 1 + len(prompts[1]))
    alike = np.array([[float(one.text.strip() == other.text.strip()) for other in there] for one in here])
    options: dict[str, Any] = {"alignments": "auto", "similarity": alike} if auto else {}
    found = align(here, there, np.arange(boundary[0], len(here)), boundary=boundary, **options)
    assert (found.positions >= boundary[1]).all()
    assert (np.diff(found.positions) >= 0).all() or auto


def test_by_similarity() -> None:
    similarity = np.zeros((5, 6))
    similarity[[1, 2, 3], [3, 1, 2]] = 1.0
    similarity[4, 4] = 0.9  # what both texts end with pairs up, whatever is alike
    pairs = compared("s red dog barks .", "s chien aboie rouge fort .", alignments="auto", similarity=similarity)
    assert pairs == ["red > rouge", "dog > chien", "barks > aboie", ". > ."]
    with pytest.raises(InputError, match="'right' is not understood"):
        compared("a b", "a c", alignments="right")


@pytest.mark.parametrize(
    "options,message",
    [
        ({"alignments": [(9, 1)]}, r"target position 9; the target has 4 tokens, 0 to 3"),
        ({"alignments": [(-1, 1)]}, r"target position -1"),
        ({"alignments": [(1, 9)]}, r"contrast position 9; the contrast 'a q c r' has 4 tokens"),
        ({"alignments": [(1, 2), (1, 3)]}, r"position 1 \(' b'\) is aligned with two contrast positions, 2 and 3"),
        ({"alignments": [(1, 0)]}, r"would be the first token of the contrast 'a q c r'.*nothing precedes"),
    ],
)
def test_pairs_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compared("a b c d", "a q c r", **options)


def test_contrasts_that_are_too_short() -> None:
    with pytest.raises(InputError, match=r"The contrast 'z' has 1 token\(s\).*prompt and continuation together"):
        compared("a b", "z")
    with pytest.raises(InputError, match=r"counterpart of step 2 \(' c'\) would be the first token"):
        align(tokens("a b c d"), tokens("c d"), np.array([2, 3]))


@given(old=letters, new=letters)
def test_the_script_is_a_shortest_one_in_order(old: list[str], new: list[str]) -> None:
    kept = kept_by_shortest_script(np.array(old)[:, None] == np.array(new)[None, :])
    assert all(old[i] == new[j] for i, j in kept)
    ends = [(-1, -1), *kept, (len(old), len(new))]
    # between two kept tokens the longer stretch says how many edits there are
    edits = sum(max(k - i, m - j) - 1 for (i, j), (k, m) in pairwise(ends))
    assert edits == _distance(old, new)


@given(old=letters, new=letters)
def test_counterparts_come_in_order(old: list[str], new: list[str]) -> None:
    here, there = tokens("^ " + " ".join(old)), tokens("^ " + " ".join(new))
    found = align(here, there, np.arange(1, len(here)))
    assert (np.diff(found.positions) >= 0).all()
    assert ((found.positions >= 1) & (found.positions < len(there))).all()
    if len(old) == len(new):
        assert found.positions.tolist() == list(range(1, len(here)))


def _distance(a: list[str], b: list[str]) -> int:
    """Levenshtein's distance, as in any textbook."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


@pytest.mark.parametrize(
    "given,examples,expected",
    [
        (None, 2, [None, None]),
        ("auto", 2, ["auto", "auto"]),
        ([(1, 2), (3, 4)], 1, [[(1, 2), (3, 4)]]),
        ([[(1, 2)]], 1, [[(1, 2)]]),
        ([[[1, 2]], None, "auto"], 3, [[(1, 2)], None, "auto"]),
        ([[(1, 2)], []], 2, [[(1, 2)], []]),
    ],
)
def test_one_alignment_per_example(given: Any, examples: int, expected: Any) -> None:
    assert one_per_example(given, examples) == expected


@pytest.mark.parametrize(
    "given,examples,message",
    [
        ([(1, 2), (3, 4)], 3, "pairs for one example, and there are 3"),
        ([[(1, 2)], [(1, 2)]], 3, r"2 contrast_targets_alignments for 3 example\(s\)"),
        ([[(1, 2, 3)]], 1, r"contrast_targets_alignments\[0\] has \(1, 2, 3\)"),
        ([[("a", 2)]], 1, r"two whole numbers"),
    ],
)
def test_alignments_that_fit_no_examples(given: Any, examples: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        one_per_example(given, examples)
