"""Tokens that tell what they spell have their places in the text, also where they do not spell it to the letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from wherefrom.text.spelling import BROKEN, bytes_of, spelt_tokens, texts_of_pieces


def placed(spelt: Sequence[str | bytes], text: str | None, special: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    pieces = [one.encode() if isinstance(one, str) else one for one in spelt]
    marks = [place in special for place in range(len(pieces))]
    tokens = spelt_tokens(np.arange(len(pieces)), pieces, marks, text)
    return [(token.text, token.start, token.end) for token in tokens]


def test_tokens_that_spell_the_text_are_placed_to_the_letter() -> None:
    assert placed(["<s>", " the", " c", b"\xc3", b"\xa9", "!"], "the cé!", [0]) == [
        ("<s>", 0, 0),
        (" the", 0, 3),
        (" c", 4, 5),
        ("é", 5, 6),
        ("", 6, 6),
        ("!", 6, 7),
    ]


def test_what_a_tokeniser_rewrites_keeps_its_place() -> None:
    assert placed(["<s>", " zurich", " f", "ine", " two", "</s>"], "Zürich  ﬁne\ntwo ", [0, 5]) == [
        ("<s>", 0, 0),
        (" zurich", 0, 6),
        (" f", 8, 9),
        ("ine", 9, 11),
        (" two", 12, 15),
        ("</s>", 15, 15),
    ]


@pytest.mark.parametrize("text", ["a 日本é b", "a 😀 b", "a á日b c"])
def test_bytes_that_are_not_known_are_those_that_stand_there(text: str) -> None:
    """Each token lacks one byte, as those of byte-level vocabularies that were decoded alone."""
    between = text[2:-2].encode()
    unknown = [f" {BROKEN}", *[BROKEN] * (len(between) - 1)]
    exact = placed(["a", b" " + between[:1], *(bytes([byte]) for byte in between[1:]), text[-2:]], text)
    assert placed(["a", *unknown, text[-2:]], text) == exact
    apart = placed(["a", " ", *(bytes([byte]) for byte in between), " ", text[-1]], text)
    assert placed(["a", " ", BROKEN, *unknown[1:], " ", text[-1]], text) == apart
    assert "".join(shown for shown, *_ in exact) == text


def test_characters_whose_bytes_cannot_be_counted_are_at_the_first_token() -> None:
    assert placed(["a", f" {BROKEN}", BROKEN, " b"], "a 日本 b") == [
        ("a", 0, 1),
        (" 日本", 2, 4),
        ("", 4, 4),
        (" b", 5, 6),
    ]
    assert placed([BROKEN, BROKEN], "a日") == [("a日", 0, 2), ("", 2, 2)]


def test_a_token_of_another_text_has_no_place_and_the_others_have_theirs() -> None:
    assert placed(["the", " dog", " sat", " on"], "the cat sat on") == [
        ("the", 0, 3),
        (" dog", None, None),
        (" sat", 8, 11),
        (" on", 12, 14),
    ]


@pytest.mark.parametrize(
    "piece, letters, spelt",
    [
        ("Ġæĺ", True, b" \xe6\x98"),
        ("<br>", True, b"<br>"),
        ("<｜end▁of｜>", True, "<｜end▁of｜>".encode()),
        ("▁the", False, b" the"),
        ("<0xE6>", False, b"\xe6"),
        ("<0xE6>", True, b"<0xE6>"),
        ("é", False, "é".encode()),
        ("é", True, b"\xe9"),
    ],
)
def test_a_piece_spells_what_its_kind_of_vocabulary_means(piece: str, letters: bool, spelt: bytes) -> None:
    assert bytes_of(piece, letters=letters) == spelt


@pytest.mark.parametrize(
    "pieces, texts",
    [
        (["Ġcaf", "Ã©", "ĠæĹ¥", "Ċ"], [" caf", "é", " 日", "\n"]),
        (["ĠæĻ", "º", "!"], [" 智", "", "!"]),
        (["Ġa", "æĻ", "x"], [" a", "\ufffd", "x"]),
        (["æĹ¥", "æľ¬"], ["日", "本"]),
        (["caf", "é"], ["caf", "é"]),
        (["▁", "<0xE6>", "<0x99>", "<0xBA>", "▁on"], [" ", "智", "", "", " on"]),
        (["play", "##ing", "on", "##"], ["play", "ing", " on", " ##"]),
        (["play</w>", "o", "n</w>"], ["play ", "o", "n "]),
        (["plain", " text"], ["plain", " text"]),
        ([], []),
    ],
)
def test_pieces_of_a_vocabulary_are_read_as_text(pieces: list[str], texts: list[str]) -> None:
    assert texts_of_pieces(pieces) == texts
