"""Where in a chat the text of a gold annotation stands."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom.evaluation import Gold
from wherefrom.evaluation.gold import gold_units
from wherefrom.methods.perturbation.units import Unit, Units
from wherefrom.results.attribution import Attribution
from wherefrom.text.places import places_of
from wherefrom.text.tokens import Segment, Token


def chat(*turns: tuple[str, str]) -> tuple[Attribution, Units]:
    """A chat as a template writes it, one token per word; an answer of one token follows."""
    texts: list[str] = []
    segments = []
    for role, words in turns:
        texts += [f"{role}:"]
        begin = len(texts)
        texts += [f" {word}" for word in words.split()]
        segments.append(Segment(side="target", start=begin, end=len(texts), kind="turn", label=role))
    texts += [" answer"]
    tokens = tuple(Token(id=n, piece=text, text=text, position=n) for n, text in enumerate(texts))
    last = len(tokens) - 1
    result = Attribution(
        source=tokens[:last],
        target=tokens,
        target_attributions=np.zeros((len(tokens), 1)),
        attr_pos_start=last,
        attr_pos_end=len(tokens),
        segments=tuple(segments),
    )
    members = tuple(Unit(side="target", start=n, end=n + 1) for n in range(last))
    return result, Units(members=members, steps=np.array([last]), source_length=None, target_length=len(tokens))


@pytest.mark.parametrize(
    "turns, text, place",
    [
        ([("user", "is it red"), ("assistant", "is it red"), ("user", "is it red")], "is it red", 11),
        ([("user", "user")], "user", 1),
        ([("user", "red"), ("assistant", "blue"), ("user", "why")], "blue", 3),
        ([("system", "red"), ("user", "red"), ("assistant", "red"), ("user", "why")], "red", 3),
    ],
    ids=["the last turn of the user", "not the template", "another's turn", "an earlier turn of the user"],
)
def test_gold_text_of_a_chat_is_what_the_user_said_last(turns: list[tuple[str, str]], text: str, place: int) -> None:
    last = text.split()[-1]
    gold = Gold(text=text, spans=((len(text) - len(last), len(text)),))
    touched = gold_units(gold, *chat(*turns))
    assert np.flatnonzero(touched).tolist() == [place]


def test_all_tokens_of_a_gold_character_are_gold() -> None:
    texts = ["I", " 智", "", " a", "  b", "!"]
    tokens = tuple(Token(id=n, piece=text, text=text, position=n) for n, text in enumerate(texts))
    tokens = (*tokens, Token(id=9, piece="<e>", text="<e>", position=6, special=True))
    result = Attribution(
        source=tokens[:6],
        target=tokens,
        target_attributions=np.zeros((7, 1)),
        attr_pos_start=6,
        attr_pos_end=7,
    )
    members = tuple(Unit(side="target", start=n, end=n + 1) for n in range(6))
    units = Units(members=members, steps=np.array([6]), source_length=None, target_length=7)
    text = "I 智 a  b!"
    for said, expected in (
        ("智", [1, 2]),
        (" 智 ", [1, 2]),
        ("智 a", [1, 2, 3]),
        ("b", [4]),
        ("I", [0]),
        (text, range(6)),
    ):
        start = text.index(said)
        touched = gold_units(Gold(text=text, spans=((start, start + len(said)),)), result, units)
        assert np.flatnonzero(touched).tolist() == list(expected), said
        if said.strip() == said and said != text:
            assert places_of(said, tokens).tolist() == list(expected)
