"""Characters, words and sentences: what the one rule says, text by text."""

from __future__ import annotations

import itertools

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from wherefrom.errors import SettingsError
from wherefrom.text.segmentation import (
    characters,
    unit_spans,
    unit_starts,
    word_indices,
    word_or_character_spans,
    words,
)
from wherefrom.text.sentences import sentences
from wherefrom.text.tokens import Token


def spelt(*texts: str, special: tuple[int, ...] = (), labels: tuple[int | None, ...] | None = None) -> list[Token]:
    return [
        Token(id=i, piece=text, text=text, position=i, special=i in special, word=labels[i] if labels else None)
        for i, text in enumerate(texts)
    ]


def texts_of(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[begin:end] for begin, end in spans]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("ภาษาไทย ที่นี่", ["ภาษาไทย", "ที่นี่"]),
        ("שָׁלוֹם עוֹלָם", ["שָׁלוֹם", "עוֹלָם"]),
        ("cafe\u0301 de\u0301ja\u0300", ["cafe\u0301", "de\u0301ja\u0300"]),
        ("می‌خواهم بروم", ["می‌خواهم", "بروم"]),
        ('צה"ל "בא"', ['צה"ל', '"', "בא", '"']),
        ("col·lecció", ["col·lecció"]),
        ("It's well-known: 3.5, 1,000!", ["It's", "well-known", ":", "3.5", ",", "1,000", "!"]),
        ("foo.bar(x) != snake_case", ["foo", ".", "bar", "(", "x", ")", "!=", "snake_case"]),
        ("👨‍👩‍👧👍🏽 a❤️b 1️⃣", ["👨‍👩‍👧👍🏽", "a", "❤️", "b", "1️⃣"]),
        ("人工智能。正在", ["人工智能", "。", "正在"]),
        ("ab\u200bcd", ["ab", "cd"]),
        (" \t\n", []),
        (" \u200fשלום\u200f, עולם\u200f", ["\u200fשלום\u200f", ",", "עולם\u200f"]),
        ("\ufeffIt'\u2060s 3.\u200e5 \u200e!", ["\ufeffIt'\u2060s", "3.\u200e5", "\u200e!"]),
        ("a \u200d b \u200e", ["a", "b"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert texts_of(text, words(text)) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("e\u0301👍🏽!", ["e\u0301", "👍🏽", "!"]),
        ("🇫🇷🇩🇪", ["🇫🇷", "🇩🇪"]),
        ("한국", ["한", "국"]),
        ("a\r\nb", ["a", "\r\n", "b"]),
    ],
)
def test_characters(text: str, expected: list[str]) -> None:
    assert texts_of(text, characters(text)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith met Ms. Jones.", "They left."],
        ["He lives in the U.S. now.", "He left the U.S.", "They stayed."],
        ["Fruit, e.g. apples, i.e. food, etc. and so on.", "J. K. Rowling wrote it."],
        ["It costs 3.14, see example.com.", "Fig. 3 shows it.", "No.", "I do not."],
        ["At 5 p.m. he left.", "Smith et al. agree."],
        ["他说：“走吧。”", "她笑了。", "“再见！”", "他说。"],
        ["「行こう。」と言った。", "彼は笑った。"],
        ["３．１４です．", "はい"],
        ["यह है।", "वह गया।"],
        ["یہ ہے۔", "هل؟", "نعم."],
        ["“Why?” he asked.", "“Go.”", "She left."],
        ['He said "Go."', "(Really.)", "Yes... well.", "Hmm… maybe.", "Wow?!", "Ok"],
        ["« Bonjour. »", "Il part.", "„Hallo.“", "Er kam am 3. Mai."],
        ["done.[1]", "**Bold.**", "Next"],
        ["hi!", "how are you?", "i am fine.", "ok"],
        ["Wait . . . what?", "Yes."],
        ["В 1990 г. он жил.", "А. С. Пушкин писал."],
        ["He (allegedly!) left.", "He stayed."],
        # abbreviations whose pieces stand apart
        ["Das ist z. B. gut, d.\u00a0h. es geht.", "Viele, u. a. Hunde.", "Er lebte 5 n. Chr. in Rom."],
        ["Äpfel, Birnen u. dgl. waren da.", "Kuchen u. dgl.", "Er ging.", "Siehe Bd. X und Bd. V."],
        ["В 44 г. до н. э. он умер.", "Это было до н. э.", "Пушкин и др. писатели.", "Гоголь и др.", "Они жили."],
        ["Он пришёл, т. е. ушёл.", "Книги и т. д. лежат.", "Столы и т. д.", "Потом он пришёл."],
        ["Some, e. g. dogs.", "Tengo p. ej. un perro.", "I. d. R. kommt er."],
        # before numbers of any kind, and before lower case
        ["See Eq. (3), Fig. (a) and vol. II.", "It is in vol. I, p. 3.", "Tel. 555-1234 or pág. 5."],
        ["No. of items: 5.", "He came on Jan. the 5th.", "I said no.", "Then he came in.", "I left."],
        # capitals are other words, and a word that begins sentences begins one
        ["He lives in Sacramento, CA.", "The city is hot.", "It has 12 V.", "The motor starts."],
        ["Я помог им.", "Они ушли.", "It is on Main St.", "He left.", "St. John came."],
        ["The answer is B.", "Because it is.", "George W. Bush left.", "He met P. Smith, N. Jones and Г. Иванова."],
        ["Er sieht z. B. Das Kapital an, z.\u202fB. gut."],
        ["DR. SMITH CAME.", "ALI VS. FRAZIER WON."],
        ["i said no.", "then he left.", "just a sec.", "i will come.", "We heard no.", "(Oh) well.", "No.", "I, too."],
        ["See Sec. A.1 and Fig. S3.", "It is vol. I."],
        # what is not seen, before a stop's space and after it
        ["שלום עולם.\u200f", "מה שלומך?\u200f", "\u200fטוב."],
        [
            "Hello.\u200e",
            "He said \u2067שלום.\u2069",
            "\u2068Go!\u2069",
            "क्या?\u200c",
            "हाँ।\u00ad",
            "\ufeffOk?\ufe0f",
            "So.",
        ],
        ["Dr.\u200e Smith came, e.\u200fg. at 3.\u00ad5 (p.\u2060 5)."],
        # guillemets of either direction close what their like opened
        [
            "»Komm her!«",
            "Er ging.",
            "»Nein.«",
            "›Komm!‹",
            "»Er rief: ›Halt!‹«",
            "Sie ging.",
            "»Halt!« rief er.",
            "Ende.",
        ],
        ["« Viens ! »", "Il part.", "Puis elle dit : « Oui. »", "«Non.»", "Fin."],
        # emoji right behind a stop
        ["Hi!😀", "Bye.", "End.👍🏽", "Next?!🇫🇷👨‍👩‍👧", "so it is.", "Ok!❤️", "3.5👍 is fine.", "Yahoo!™ is big."],
    ],
)
def test_sentences(expected: list[str]) -> None:
    gap = "" if any("\u3000" < char < "\u9fff" or "\uff00" < char < "\uffef" for char in expected[0]) else " "
    text = gap.join(expected)
    assert texts_of(text, sentences(text)) == expected


def test_numbers_of_lists_belong_to_what_follows() -> None:
    for number in ("1.", "1.1.", "10.2.3.", "I.", "II.", "XIV.", "iv.", "a."):
        assert texts_of(f"{number} Scope\nNext", sentences(f"{number} Scope\nNext")) == [f"{number} Scope", "Next"]


def test_lines_and_bullets_are_sentences_and_white_space_is_none() -> None:
    text = "\n\n  - one\n- two. Three\r\n\r\n1. First.\u2028•\tlast\n"
    assert texts_of(text, sentences(text)) == ["- one", "- two.", "Three", "1. First.", "•\tlast"]
    assert sentences(" \n ") == []
    for text in ("No. I", "No. I\n\n3.5"):  # a number at the end of a line is one at the end of a text
        assert texts_of(text, sentences(text))[0] == "No. I"


def test_a_token_without_text_belongs_to_the_unit_before_it() -> None:
    bytes_of_characters = spelt("人", "工", "", "智", "", "", " ", "🙂", "", "。", "", "")
    assert unit_starts(bytes_of_characters, "character") == (0, 1, 3, 6, 7, 9)
    assert unit_starts(bytes_of_characters, "word") == (0, 6, 7)
    assert unit_starts(bytes_of_characters, "sentence") == (0,)
    labelled = spelt("שלו", "ם", "", " עו", "", "לם", "", labels=(0, 0, None, 1, None, 1, None))
    assert unit_starts(labelled, "word") == (0, 3)


@pytest.mark.parametrize(
    "pieces, starts",
    [
        (["ðŁ", "Į", "Ī", "ðŁ", "Į"], (0, 3)),
        (["ðŁ", "Į", "Ī", "Ġà¤"], (0, 3)),
        (["<0xF0>", "<0x9F>", "<0x8C>", "<0xE0>", "<0xA4>"], (0, 3)),
        (["智", "", "Ĭ", "##"], (0,)),
    ],
)
def test_bytes_that_begin_a_character_without_end_are_a_character_of_their_own(
    pieces: list[str], starts: tuple[int, ...]
) -> None:
    """They would add their scores to a character that has nothing to do with them."""
    tokens = [Token(id=i, piece=piece, text="" if i else "🌈", position=i) for i, piece in enumerate(pieces)]
    assert unit_starts(tokens, "character") == starts


def test_a_byte_that_looks_like_no_space_parts_no_word() -> None:
    tokens = [Token(id=i, piece=piece, text="" if i else "🌈", position=i) for i, piece in enumerate(["ðŁ", "Į", "Ī"])]
    assert unit_starts(tokens, "word") == unit_starts(tokens, "character") == (0,)


def test_no_unit_begins_inside_a_character_or_a_word() -> None:
    assert unit_starts(spelt("e", "\u0301", "x"), "character") == (0, 2)
    assert unit_starts(spelt("(he", "llo", " e", "\u0301t"), "word") == (0, 2)
    assert unit_starts(spelt("👍", "🏽", ".", " a"), "word") == (0, 3)


def test_special_tokens_stay_alone_and_white_space_goes_to_a_sentence() -> None:
    tokens = spelt("<s>", "\n", "Go", ".", "\n", " Now", ".", "\n", "</s>", "</s>", special=(0, 8, 9))
    assert unit_spans(tokens, "sentence") == [(0, 1), (1, 5), (5, 8), (8, 9), (9, 10)]
    assert unit_starts(tokens, "word") == (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)


def test_a_break_parts_the_text() -> None:
    tokens = spelt("walk", "ing", "\n", "home", ".")
    assert unit_starts(tokens, "word", breaks=(1,)) == (0, 1, 2, 3, 4)
    assert unit_starts(tokens, "sentence") == (0, 3)
    assert unit_starts(tokens, "sentence", breaks=(2,)) == (0, 2)


def test_word_indices_say_what_the_units_are() -> None:
    texts = ["<s>", " wal", "king", "", " ", " 智", "", "!", "</s>"]
    special = [text.startswith("<") for text in texts]
    assert word_indices(texts, special) == [None, 0, 0, 0, None, 1, 1, 2, None]


def test_scripts_without_spaces_need_none_after_a_mark_of_another_script() -> None:
    for expected in (
        ["តើអ្នកសុខសប្បាយទេ?", "ខ្ញុំសុខ។", "បាទ!\u200b", "អរគុណ"],
        ["ສະບາຍດີບໍ?", "ຂ້ອຍສະບາຍດີ!", "ເຈົ້າເດ"],
        ["နေကောင်းလား?", "ကောင်းပါတယ်။", "ဟုတ်!", "ကဲ"],
        ["สบายดีไหม?", "ดี!", "ไป"],
    ):
        assert texts_of("".join(expected), sentences("".join(expected))) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("法国的首都，是「哪里」。", [*"法国的首都，是「哪里", "」。"]),
        ("iPhoneを買う2024年", ["iPhone", "を", "買", "う", "2024", "年"]),
        ("อยู่ที่ไหน", ["อ", "ยู่", "ที่", "ไ", "ห", "น"]),
        ("ລາວ", [*"ລາວ"]),
        ("ខ្មែរ", ["ខ្មែ", "រ"]),
        ("မြန်မာ", ["မြ", "န်", "မ", "ာ"]),
        ("Say 法国 now", ["Say", " ", "法", "国", " ", "now"]),
    ],
)
def test_words_of_scripts_without_spaces_are_cut_into_characters(text: str, expected: list[str]) -> None:
    assert [text[begin:end] for begin, end in word_or_character_spans(spelt(*text))] == expected


def test_characters_of_scripts_without_spaces_are_whole_tokens_and_go_over_no_break() -> None:
    tokens = spelt("Go", "ing", " 法国", "的", "首", "", "", "都", "</s>", "都", "市", special=(8,))
    cut = [(0, 2), (2, 3), (3, 4), (4, 7), (7, 8), (8, 9), (9, 10), (10, 11)]
    assert word_or_character_spans(tokens) == cut
    labelled = [Token(id=0, piece=one.piece, text=one.text, position=0, special=one.special, word=1) for one in tokens]
    assert word_or_character_spans(labelled) == cut
    assert word_or_character_spans(spelt("wal", "king"), breaks=(1,)) == [(0, 1), (1, 2)]
    assert word_or_character_spans([]) == []


UNSEEN = regex.compile(r"(?V1)[\p{Default_Ignorable_Code_Point}--\p{L}]")
MARKED = st.sampled_from(
    [*"a1.! \n\r\t-'\"", "\u0301", "\u200d", "\u200b", "ำ", "ि", "ก", "🙂", "🏽", "🇫", "한", "。", "\u0600"]
)


@given(st.one_of(st.text(max_size=30), st.lists(MARKED, max_size=30).map("".join)))
@settings(max_examples=400, deadline=None)
def test_words_and_sentences_cut_no_character_and_lose_none(text: str) -> None:
    edges = {0, len(text), *(end for _, end in characters(text))}
    for found in (words(text), sentences(text)):
        assert {edge for span in found for edge in span} <= edges
        outside = list(text)
        for begin, end in found:
            outside[begin:end] = " " * (end - begin)
        assert not UNSEEN.sub("", "".join(outside)).strip()


@given(st.lists(MARKED, max_size=30), st.data())
@settings(max_examples=200, deadline=None)
def test_units_begin_where_characters_do_however_the_text_is_cut(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    tokens = spelt(*(text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])))
    places = list(itertools.accumulate((len(token.text) for token in tokens), initial=0))
    edges = {0, *(begin for begin, _ in characters(text))}
    for level in ("character", "word", "sentence"):
        assert {places[start] for start in unit_starts(tokens, level) if tokens[start].text} <= edges


def test_words_are_the_same_beside_letters_of_other_alphabets() -> None:
    for text in map("".join, itertools.product(" \t\r\n\x1c'-.,_01aZ!", repeat=3)):
        assert words(f"{text} é")[:-1] == words(text)


@pytest.mark.parametrize("level", ["words", "turn", "auto", "", None])
@pytest.mark.parametrize("cut", [unit_starts, unit_spans])
def test_a_level_that_is_none_cuts_nothing(cut, level):
    for tokens in ([], spelt("Go", " on")):
        with pytest.raises(SettingsError, match=r"No text is cut into .* Its levels are token, character, word"):
            cut(tokens, level)
