import msgspec
import numpy as np
import pytest
from attrs import evolve
from wherefrom.errors import InputError, SettingsError
from wherefrom.methods import Question
from wherefrom.methods.perturbation.units import as_units, last_steps, units_of
from wherefrom.questions.target_function import TargetFunction
from wherefrom.text.tokens import Segment, Token

from tests.core.games import Logit

TEXTS = ["<s>", "It", " rain", "ed", ".", " So", " we", " stay", "ed", " in", "."]
SPECIAL = [True] + [False] * 10


def tokens(words=True):
    starts = np.cumsum([text.startswith((" ", "<", "It")) for text in TEXTS])
    return tuple(
        Token(id=i, piece=text, text=text, position=i, special=SPECIAL[i], word=int(starts[i]) if words else None)
        for i, text in enumerate(TEXTS)
    )


def decoder_only(first=6, **changes):
    steps = np.arange(first, 11)
    question = Question(
        target_ids=np.arange(11),
        steps=steps,
        target_function=TargetFunction(function=Logit(), target_ids=steps),
        target_tokens=tokens(),
    )
    return evolve(question, **changes)


def encoder_decoder(**changes):
    return decoder_only(
        first=1,
        source_ids=np.arange(11),
        source_tokens=tokens(),
        kept_source=np.array([10]),
        kept_target=np.array([0]),
        **changes,
    )


def spans(units):
    return [(unit.side[0], unit.start, unit.end) for unit in units.members]


def test_tokens_before_the_last_step_are_players():
    assert spans(units_of(decoder_only())) == [("t", i, i + 1) for i in range(10)]


def test_kept_positions_are_no_players():
    units = units_of(decoder_only(kept_target=np.array([0, 4])))
    assert [start for _, start, _ in spans(units)] == [1, 2, 3, 5, 6, 7, 8, 9]


def test_both_sides_of_an_encoder_decoder_or_the_source_alone():
    assert spans(units_of(encoder_decoder())) == [
        *[("s", i, i + 1) for i in range(10)],
        *[("t", i, i + 1) for i in range(1, 10)],
    ]
    assert {side for side, _, _ in spans(units_of(encoder_decoder(attribute_target=False)))} == {"s"}


@pytest.mark.parametrize("labelled", [True, False])
def test_words(labelled):
    units = units_of(decoder_only(target_tokens=tokens(labelled)), "word")
    # the labels of these tokens put the point to the word before it; by their texts it is a word of its own
    middle = [(2, 5)] if labelled else [(2, 4), (4, 5)]
    expected = [(0, 1), (1, 2), *middle, (5, 6), (6, 7), (7, 9), (9, 10)]
    assert [(start, end) for _, start, end in spans(units)] == expected


def test_sentences_do_not_join_prompt_and_answer():
    assert [(a, b) for _, a, b in spans(units_of(decoder_only(first=7), "sentence"))] == [
        (0, 1),
        (1, 5),
        (5, 7),
        (7, 10),
    ]


def test_a_point_within_a_number_ends_no_sentence():
    texts = [" pi", " is", " 3", ".", "14", ".", " Yes"]
    found = tuple(Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(texts))
    question = decoder_only(target_ids=np.arange(8), steps=np.array([7]), target_tokens=found)
    assert [(a, b) for _, a, b in spans(units_of(question, "sentence"))] == [(0, 6), (6, 7)]


def test_turns_come_from_the_question_and_what_lies_between_stays():
    segments = (
        Segment(side="source", start=1, end=4, kind="turn", label="user"),
        Segment(side="target", start=5, end=9, kind="turn", label="assistant"),
        Segment(side="target", start=0, end=0, kind="turn", label="empty"),
    )
    assert spans(units_of(decoder_only(segments=segments), "turn")) == [("t", 1, 4), ("t", 5, 9)]
    with pytest.raises(InputError, match="no turns"):
        units_of(decoder_only(), "turn")


def test_given_spans_are_of_the_source_or_of_a_decoder_only_target():
    given = as_units([[2, 4], (0, 2)])
    assert spans(units_of(decoder_only(), given)) == [("t", 0, 2), ("t", 2, 4)]
    assert spans(units_of(encoder_decoder(attribute_target=False), given)) == [("s", 0, 2), ("s", 2, 4)]
    both = as_units({"source": "word", "target": [(1, 3)]})
    assert spans(units_of(encoder_decoder(), both))[-1] == ("t", 1, 3)


@pytest.mark.parametrize(
    "given, message",
    [([(0, 3), (2, 4)], "overlaps"), ([(4, 4)], "does not lie"), ([(9, 12)], "does not lie in its 11 tokens")],
)
def test_impossible_spans_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        units_of(decoder_only(), as_units(given))


@pytest.mark.parametrize("units", ["sentances", 3, [1, 2], {"sauce": "word"}])
def test_impossible_settings_are_refused(units):
    with pytest.raises(SettingsError, match="units"):
        as_units(units)
    with pytest.raises(SettingsError, match="units"):
        units_of(decoder_only(), units)


def test_words_need_tokens():
    with pytest.raises(InputError, match="needs the tokens of the target"):
        units_of(decoder_only(target_tokens=()), "word")


def test_a_step_sees_what_stands_before_it():
    question = encoder_decoder()
    units = units_of(question, {"target": ((1, 3), (3, 10))})
    visible = units.visible(question.steps)
    assert visible[:10].all(), "the source is visible to all"
    np.testing.assert_array_equal(visible[10], question.steps > 1)
    np.testing.assert_array_equal(visible[11], question.steps > 3)


def test_spreading_keeps_the_sum_over_what_is_visible():
    question = decoder_only(kept_target=np.array([3]))
    units = units_of(question, as_units([(0, 2), (2, 5), (5, 9)]))
    scores = np.array([[1.0], [2.0], [4.0]]) * np.ones((1, 5))
    source, target = units.spread(scores, question.steps)
    assert source is None
    np.testing.assert_allclose(target[:, 0], [0.5, 0.5, 1, 0, 1, 4, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(target[:, 4], [0.5, 0.5, 1, 0, 1, 1, 1, 1, 1, 0, 0])
    np.testing.assert_allclose(target.sum(axis=0), 7.0)


def test_a_group_of_steps_ends_with_its_last():
    target_function = TargetFunction(function=Logit(), target_ids=np.arange(4), groups=np.array([0, 1, 0, 1]))
    np.testing.assert_array_equal(last_steps(target_function, np.array([3, 4, 5, 6])), [5, 6])


def long_question(words, *, first):
    """So many words of two tokens each, explained from ``first`` on."""
    length = 2 * words
    texts = [f" w{i // 2}" if i % 2 == 0 else "s" for i in range(length)]
    texts[1::20] = ["s." for _ in texts[1::20]]
    named = tuple(
        Token(id=1, piece=text, text=text, position=i, special=False, word=i // 2) for i, text in enumerate(texts)
    )
    return evolve(
        decoder_only(first=first),
        target_ids=np.ones(length, np.int64),
        steps=np.arange(first, length),
        target_tokens=named,
    )


def test_automatic_units_are_the_finest_that_are_not_too_many():
    few = units_of(long_question(60, first=100), "auto")
    assert len(few) == 119  # tokens before the last step
    assert few.note == ""
    words = units_of(long_question(100, first=190), "auto")
    assert [len(units_of(long_question(100, first=190), level)) for level in ("word", "auto")] == [len(words)] * 2
    assert "199 tokens are more than 128, so words are removed" in words.note
    sentences = units_of(long_question(200, first=390), "auto")
    assert spans(sentences) == spans(units_of(long_question(200, first=390), "sentence"))
    assert "sentences are removed" in sentences.note


def test_automatic_units_of_a_chat_are_what_the_user_wrote():
    turns = [
        Segment(side="target", start=0, end=10, kind="turn", label="system"),
        Segment(side="target", start=12, end=40, kind="turn", label="user"),
        Segment(side="target", start=42, end=50, kind="turn", label="assistant"),
    ]
    asked = evolve(long_question(40, first=60), segments=turns)
    units = units_of(asked, "auto")
    assert spans(units) == [("t", start, start + 2) for start in range(12, 40, 2)]
    wordy = evolve(long_question(200, first=390), segments=[msgspec.structs.replace(turns[1], end=380)])
    units = units_of(wordy, "auto")
    assert 1 < len(units) < 40
    assert "184 words, more than 128, so sentences are removed" in units.note


def written(text, *, user=False):
    """A text of tokens of one character each, of which the user wrote all but the first and last; no chat: none."""
    named = tuple(Token(id=1, piece=one, text=one, position=i) for i, one in enumerate(text))
    turn = Segment(side="target", start=1, end=len(text) - 1, kind="turn", label="user")
    return evolve(
        decoder_only(),
        target_ids=np.ones(len(text), np.int64),
        steps=np.array([len(text) - 1]),
        target_tokens=named,
        segments=(turn,) if user else (),
    )


def texts_of(units, text):
    return [text[unit.start : unit.end] for unit in units.members]


@pytest.mark.parametrize(
    "question, expected",
    [
        ("法国的首都是哪里？", [*"法国的首都是哪里？"]),
        ("ทะเลสาบอยู่ที่ไหน", ["ท", "ะ", "เ", "ล", "ส", "า", "บ", "อ", "ยู่", "ที่", "ไ", "ห", "น"]),
        ("Say 法国 now", ["Say", " ", "法", "国", " ", "now"]),
        ("भारत की राजधानी", ["भारत", " ", "की", " ", "राजधानी"]),
        ("한국의 수도는?", ["한국의", " ", "수도는", "?"]),
    ],
)
def test_automatic_units_of_a_chat_are_characters_in_scripts_without_spaces(question, expected):
    text = f"<{question}>"
    units = units_of(written(text, user=True), "auto")
    assert texts_of(units, text) == expected
    assert units.note == ""


def test_automatic_units_fall_back_to_words_in_scripts_without_spaces():
    clauses = "<" + "法国的首都是巴黎，" * 20 + ">"  # 180 characters and marks, 40 words
    units = units_of(written(clauses, user=True), "auto")
    assert texts_of(units, clauses) == ["法国的首都是巴黎", "，"] * 20
    assert units.note == (
        "the user wrote 180 words and characters, more than 128, so words, in scripts without spaces all up to the "
        "next mark, are removed; units='character' removes each character of the chat"
    )
    units = units_of(written("<" + "好。" * 200 + ">", user=True), "auto")
    assert len(units) == 200
    assert "the user wrote 400 words, more than 128, so sentences are removed; units='word'" in units.note


def test_automatic_units_of_a_long_text_are_characters_in_scripts_without_spaces():
    """A character is often several tokens."""
    text = "法国的首都是巴黎" * 12
    asked = written([part for one in text for part in (one, "")])
    units = units_of(asked, "auto")
    assert len(units) == len(text)
    assert units.note == (
        "191 tokens are more than 128, so words and, of scripts without spaces, characters are removed; units='token' "
        "removes each token"
    )
    units = units_of(written("法国的首都是巴黎，" * 20), "auto")
    assert len(units) == 39
    assert "so words, in scripts without spaces all up to the next mark, are removed" in units.note


def test_automatic_units_of_an_encoder_decoder_are_characters_on_both_sides():
    chinese = written("法国的首都是巴黎" * 12)
    long = evolve(
        chinese,
        source_ids=np.ones(192, np.int64),
        source_tokens=written([part for one in "法国的首都是巴黎" * 12 for part in (one, "")]).target_tokens,
    )
    assert [len(units_of(long, "auto").of_side(side)) for side in ("source", "target")] == [96, 95]
