"""One text has one set of characters, words and sentences, whatever tokenizer cut it and whichever door is asked.

The doors: aggregators, units of perturbation, spans as targets, the views' granularity, the terminal browser, the page.
Tokenizers are made here: byte-level ones that cut characters into bytes, and ones over characters with bytes to fall
back on.
"""

from __future__ import annotations

import itertools
import json
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast
from wherefrom.context.documents import sentence_parts
from wherefrom.methods import Question
from wherefrom.methods.perturbation.units import units_of
from wherefrom.questions.spans import span_targets
from wherefrom.questions.target_function import TargetFunction
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance
from wherefrom.step_functions import Logit
from wherefrom.text.segmentation import (
    Level,
    characters,
    sentences,
    unit_spans,
    unit_starts,
    word_or_character_spans,
    words,
)
from wherefrom.text.spelling import BROKEN
from wherefrom.text.tokens import Segment, Token
from wherefrom_hf.text.tokenizer import TextCoder
from wherefrom_viz.browser.drawing import Drawing, described_as
from wherefrom_viz.describe.description import describe
from wherefrom_viz.page.packing import has_flag, pack, unpack

CORPUS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "hard_texts.json").read_text(encoding="utf-8")
)
TEXTS = {entry["name"]: entry["text"] for entry in CORPUS}
AGGREGATORS = {"character": "characters", "word": "subwords", "sentence": "sentences"}
LEVELS: tuple[Level, ...] = ("character", "word", "sentence")


def _trained(tokenizer: Tokenizer, trainer: Any) -> Tokenizer:
    tokenizer.train_from_iterator([text for text in TEXTS.values() for _ in range(3)], trainer)
    return tokenizer


def _byte_level(merges: int, split: Any = None) -> Tokenizer:
    """Bytes, with so many merges: without a pattern merges go over the bounds of characters and words."""
    tokenizer = Tokenizer(models.BPE())
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    tokenizer.pre_tokenizer = plain if split is None else pre_tokenizers.Sequence([split, plain])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return _trained(
        tokenizer,
        trainers.BpeTrainer(vocab_size=258 + merges, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet),
    )


def _metaspace() -> Tokenizer:
    """Characters and pieces of them behind a mark for spaces, with bytes to fall back on, as SentencePiece has."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    trainer = trainers.BpeTrainer(vocab_size=450, special_tokens=["<s>", "</s>", "<unk>"], limit_alphabet=250)
    made = json.loads(_trained(tokenizer, trainer).to_str())
    vocabulary = made["model"]["vocab"]
    vocabulary.update({f"<0x{byte:02X}>": len(vocabulary) + byte for byte in range(256)})
    made["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(made))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _normalised(tokenizer: Tokenizer, normalizer: Any) -> Tokenizer:
    tokenizer.normalizer = normalizer
    return tokenizer


def _of_plain_letters() -> Tokenizer:
    """Letters of ASCII alone, one by one: whatever else is written is unknown, letter by letter."""
    letters = ["<s>", "</s>", "<unk>", "▁", *map(chr, range(33, 127))]
    vocabulary = {letter: place for place, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    return tokenizer


def _trimming() -> Tokenizer:
    """As RoBERTa's: offsets without the spaces around, also those of a space itself."""
    tokenizer = _byte_level(300)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


@cache
def coder(name: str) -> TextCoder:
    """The tokenizer of this name, with the adapter's conventions."""
    made = {
        "bytes": lambda: _byte_level(0),
        "byte-level": lambda: _byte_level(300),
        "byte-level, words with what precedes them": lambda: _byte_level(
            400, pre_tokenizers.Split(Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|[^\p{L}\p{N}]+"), "isolated")
        ),
        "metaspace": _metaspace,
        "composing": lambda: _normalised(_byte_level(300), normalizers.NFC()),
        "without accents": lambda: _normalised(
            _byte_level(300), normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
        ),
        "trimming": _trimming,
        UNKNOWING: _of_plain_letters,
    }[name]()
    unknown = "<unk>" if name == UNKNOWING else None
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token=unknown)
    return TextCoder(tokenizer=wrapped, decoder_start_id=None)


UNKNOWING = "plain letters"
"""A tokenizer that has the unknown token for much of the corpus, and does not get the text back from its ids."""
TOKENIZERS = ("bytes", "byte-level", "byte-level, words with what precedes them", "metaspace")
NORMALISING = ("composing", "without accents")
"""Those whose ids are of another text than the one that was given."""


def tokens_of(name: str, tokenizer: str, *, decoded: bool = False) -> tuple[Token, ...]:
    """A text of the corpus as tokens, between a first and a last special one."""
    code = coder(tokenizer)
    encoded = code.encode(TEXTS[name], side="target", add_special_tokens=False, decoder_prefix=False)
    start, end = (code.tokenizer.convert_tokens_to_ids(mark) for mark in ("<s>", "</s>"))
    ids = np.array([start, *encoded.ids, end], dtype=np.int64)
    if decoded:
        return code.tokens(ids)
    moved = [_at(token, place) for place, token in enumerate(encoded.tokens, start=1)]
    return (code.tokens(ids[:1])[0], *moved, _at(code.tokens(ids[-1:])[0], len(ids) - 1))


def _at(token: Token, position: int) -> Token:
    return Token(
        id=token.id, piece=token.piece, text=token.text, position=position, special=token.special, word=token.word
    )


def first_step(tokens: tuple[Token, ...]) -> int:
    """A token in the middle at which a character begins."""
    begins = unit_starts(tokens, "character")
    return begins[len(begins) // 2]


def attribution(
    tokens: tuple[Token, ...], segments: tuple[Segment, ...] = (), *, prompt: int | None = None
) -> Attribution:
    """Scores of the second half of a text.

    Args:
        prompt: How many tokens were given; None: all before the first step.
    """
    first, count = first_step(tokens), len(tokens)
    scores = np.random.default_rng(0).random((count, count - first)).astype(np.float32)
    return Attribution(
        source=tokens[: first if prompt is None else prompt],
        target=tokens,
        target_attributions=scores,
        source_attributions=None,
        step_scores={},
        attr_pos_start=first,
        attr_pos_end=count,
        dimensions=(),
        method="made",
        segments=segments,
    )


def doors(made: Attribution, level: Level) -> Iterator[tuple[str, list[int]]]:
    """The positions with which units begin, door by door; those of the output alone from some."""
    first = made.attr_pos_start
    merged = made.aggregate(AGGREGATORS[level])
    yield "aggregator", [token.position for token in merged.target]
    steps = np.arange(first, len(made.target))
    question = Question(
        target_ids=np.array([token.id for token in made.target]),
        steps=steps,
        target_function=TargetFunction(function=Logit(), target_ids=steps),
        target_tokens=made.target,
        segments=made.segments,
        answer_start=len(made.source),
    )
    yield "units, but for the last step", [unit.start for unit in units_of(question, level).members]
    spans = span_targets(level, made.target, steps, made.segments, answer_start=len(made.source))
    yield "attributed_span", [start for start, _ in spans.spans]
    yield "granularity", [unit.token.position for unit in describe(made, granularity=level).inputs]
    yield "granularity of steps", [unit.token.position for unit in describe(made, granularity=level).steps]
    drawn = described_as(made, Provenance(), Drawing(granularity=level))
    yield "terminal browser", [unit.token.position for unit in drawn.inputs]
    ((header, _),) = [one for block in pack([(made, Provenance())]).blocks for one in unpack(block)]
    (side,) = [one for one in header["sides"] if one["name"] == "target"]
    yield "page", [place for place, flag in enumerate(side["f"]) if has_flag(flag, level)]


@pytest.mark.parametrize("tokenizer", [*TOKENIZERS, *NORMALISING, UNKNOWING])
@pytest.mark.parametrize("name", TEXTS)
def test_every_door_cuts_at_the_same_places(name: str, tokenizer: str) -> None:
    cut_alike(attribution(tokens_of(name, tokenizer)), ())


@pytest.mark.parametrize("name", [*list(TEXTS)[::7], "lower case chat"])
def test_no_unit_goes_over_the_edge_of_a_turn(name: str) -> None:
    """Chat templates may put no more than a space between messages."""
    tokens = tokens_of(name, "byte-level")
    begins = unit_starts(tokens, "character")
    first, second, third = (begins[len(begins) * part // 8] for part in (1, 2, 5))
    turns = (
        Segment(side="target", start=1, end=first, kind="turn", label="system"),
        Segment(side="target", start=first, end=second, kind="template", label="template"),
        Segment(side="target", start=second, end=third, kind="turn", label="user"),
        Segment(side="target", start=third, end=len(tokens), kind="document", label="1"),
    )
    cut_alike(attribution(tokens, turns), (1, first, second, third))


@pytest.mark.parametrize("part", [1, 6])
@pytest.mark.parametrize("name", list(TEXTS)[::7])
def test_a_unit_ends_with_the_prompt_whichever_steps_are_explained(name: str, part: int) -> None:
    tokens = tokens_of(name, "byte-level")
    begins = unit_starts(tokens, "character")
    prompt = begins[len(begins) * part // 8]
    cut_alike(attribution(tokens, prompt=prompt), (prompt,))


def cut_alike(made: Attribution, edges: tuple[int, ...]) -> None:
    """Every door cuts where units begin, and at the edges; at the first explained step all but units that are removed,
    since what a step hangs on is the same whichever steps are asked about."""
    tokens = made.target
    for level in LEVELS:
        expected = list(unit_starts(tokens, level, breaks=(made.attr_pos_start, *edges)))
        removed = unit_starts(tokens, level, breaks=(len(made.source), *edges))
        for door, found in doors(made, level):
            of_steps = door in ("attributed_span", "granularity of steps")
            wanted = [start for start in expected if start >= made.attr_pos_start] if of_steps else expected
            wanted = [start for start in removed if start < len(tokens) - 1] if "but for" in door else wanted
            assert found == wanted, (door, level)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("name", TEXTS)
def test_removing_a_unit_removes_whole_characters(name: str, tokenizer: str) -> None:
    tokens, code = tokens_of(name, tokenizer), coder(tokenizer)
    ids = np.array([token.id for token in tokens])
    text = code.decode(ids, skip_special_tokens=True)
    whole = [text[begin:end] for begin, end in characters(text)]
    assert text == TEXTS[name]
    for level in LEVELS:
        starts = unit_starts(tokens, level)
        for begin, end in itertools.pairwise([*starts, len(tokens)]):
            kept = code.decode(ids[:begin], skip_special_tokens=True), code.decode(ids[end:], skip_special_tokens=True)
            edges = [len(kept[0]), len(text) - len(kept[1])]
            assert (text[: edges[0]], text[edges[1] :]) == kept, (level, begin, end)
            assert set(edges) <= {0, *itertools.accumulate(map(len, whole))}, (level, begin, end)


@pytest.mark.parametrize("tokenizer", [*TOKENIZERS, *NORMALISING, UNKNOWING])
@pytest.mark.parametrize("name", TEXTS)
def test_units_begin_where_the_text_s_own_do(name: str, tokenizer: str) -> None:
    """Words and sentences of tokens are those of the text; a token that holds several is the only reason for fewer."""
    tokens, text = tokens_of(name, tokenizer), TEXTS[name]
    places = dict(enumerate(itertools.accumulate((len(t.text) * (not t.special) for t in tokens), initial=0)))
    for level, spans in (("word", words(text)), ("sentence", sentences(text))):
        begins = {begin for begin, _ in spans}
        for start in unit_starts(tokens, level):  # type: ignore[arg-type]
            own = tokens[start].text
            if tokens[start].special or not own.strip():
                continue
            visible = places[start] + len(own) - len(own.lstrip())
            if level == "sentence":  # it may have begun within the token before, behind the end of another one
                before = next(place for place in range(start - 1, -1, -1) if tokens[place].text)
                begins |= {visible for begin in begins if places[before] < begin < places[start]}
            assert visible in begins or places[start] in begins, (level, start, own)


UNSPACED = ("CJK UNIFIED", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA LETTER", "THAI CHARACTER", "KHMER", "MYANMAR")
"""How the names of letters begin in scripts that put no space between words, of those in the corpus."""


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("name", TEXTS)
def test_automatic_units_hold_one_letter_of_a_script_without_spaces_and_words_of_others(
    name: str, tokenizer: str
) -> None:
    """But for a token that holds more. Of a text without such letters they are its words."""
    tokens = tokens_of(name, tokenizer)
    found = word_or_character_spans(tokens)
    begins = [begin for begin, _ in found]
    assert [*begins, len(tokens)] == [0, *(end for _, end in found)], "they follow each other"
    whole, named = unit_starts(tokens, "character"), unit_starts(tokens, "word")
    assert set(named) <= set(begins) <= set(whole)

    def unspaced(first: int, end: int) -> bool:
        text = "".join(token.text for token in tokens[first:end]).strip()
        return text[:1].isalpha() and unicodedata.name(text[0], "").startswith(UNSPACED)

    if not any(unspaced(*span) for span in unit_spans(tokens, "character")):
        assert begins == list(named)
    for span in unit_spans(tokens, "character"):
        assert span in found or not unspaced(*span)


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: str(entry["name"]))
def test_the_corpus_is_cut_as_it_says(entry: dict[str, Any]) -> None:
    text = entry["text"]
    assert [text[begin:end] for begin, end in words(text)] == entry["words"]
    assert [text[begin:end] for begin, end in sentences(text)] == entry["sentences"]
    assert [part.text for part in sentence_parts(text)] == entry["sentences"]


@pytest.mark.parametrize("mark", ["\u200f", "\u200e", "\u061c", "\u2069", "\u00ad", "\u200b", "\u200c", "\ufeff"])
@pytest.mark.parametrize("name", TEXTS)
def test_what_is_not_seen_begins_and_ends_nothing(name: str, mark: str) -> None:
    """UAX #29, SB5 and WB4: behind every character, and behind those alone that are no letters. What joins or parts
    letters (U+200C) is one character with a space before it, so it is tried behind others."""
    text = TEXTS[name].replace(mark, "")
    whole = [text[begin:end] for begin, end in characters(text)]
    for marked in (
        "".join(char if char.isspace() and mark == "\u200c" else char + mark for char in whole),
        "".join(char if char.isspace() or char[0].isalnum() else char + mark for char in whole),
    ):
        for cut in (sentences, *([] if mark == "\u200b" else [words])):
            found = [marked[begin:end].replace(mark, "") for begin, end in cut(marked)]
            assert found == [text[begin:end] for begin, end in cut(text)], cut


@pytest.mark.parametrize("tokenizer", TOKENIZERS[:2])
@pytest.mark.parametrize("name", TEXTS)
def test_ids_that_never_were_text_are_cut_as_the_text_is(name: str, tokenizer: str) -> None:
    encoded, decoded = tokens_of(name, tokenizer), tokens_of(name, tokenizer, decoded=True)
    for level in LEVELS:
        assert unit_starts(decoded, level) == unit_starts(encoded, level), level


JOSE = "I met Jos\u00e9. C'est un caf\u00e9 (d\u00e9j\u00e0)."


@pytest.mark.parametrize("tokenizer", NORMALISING)
@pytest.mark.parametrize("text", [*TEXTS.values(), JOSE, "\u00e9 \u00e9"])
def test_marks_stay_with_their_letters_whatever_a_tokenizer_makes_of_them(text: str, tokenizer: str) -> None:
    """Decomposed or not, a text has the same ids and words, and the same tokens where none parts a character."""
    forms = []
    for form in ("NFC", "NFD"):
        whole = unicodedata.normalize(form, text)
        encoded = coder(tokenizer).encode(whole, side="target", add_special_tokens=False, decoder_prefix=False)
        assert "".join(token.text for token in encoded.tokens) == whole
        texts = [one.text for one in encoded.tokens]
        if tokenizer == "without accents":  # which parts the syllables of Korean
            texts = [
                "".join(one.text for one in of) for _, of in itertools.groupby(encoded.tokens, lambda one: one.word)
            ]
        forms.append(([one.id for one in encoded.tokens], [unicodedata.normalize("NFC", one) for one in texts]))
    assert forms[0] == forms[1]


def test_an_unknown_letter_is_a_part_of_its_word_and_sentence() -> None:
    code = coder(UNKNOWING)
    encoded = code.encode("A dé. Göt ü!", side="target", add_special_tokens=False, decoder_prefix=False)
    tokens = encoded.tokens
    assert [token.text for token in tokens if token.piece == "<unk>"] == ["é", "ö", "ü"]
    assert [tokens[start].start for start in unit_starts(tokens, "sentence")] == [0, 6]
    assert [token.word for token in tokens if token.text.strip()] == [0, 1, 1, 2, 3, 3, 3, 4, 5]
    assert not any(token.special for token in tokens)


def test_one_id_for_all_roles_is_a_mark() -> None:
    """GPT-2 ends texts with its unknown token."""
    made = coder("bytes").tokenizer.backend_tokenizer
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="</s>", eos_token="</s>", unk_token="</s>")
    assert TextCoder(tokenizer=wrapped, decoder_start_id=None).tokens(np.array([wrapped.eos_token_id]))[0].special


WRITING = (
    "ꦧꦱꦗꦮꦲꦤ",
    "𒀀𒀁",
    "ᥖᥭᥰ",
    "नमस्ते",
    "สวัสดี",
    "日本語",
    "👍🏽",
    "👩‍👩‍👧",
    "caf\u00e9",
    " the cat",
    " ",
    "\n",
    BROKEN,
)
"""Some of it is in no vocabulary here, and is spelt in bytes."""


BYT5 = TextCoder(tokenizer=ByT5Tokenizer(), decoder_start_id=None)
"""Every token is a byte, and bytes that are no characters are left out of texts."""


@pytest.mark.parametrize("tokenizer", [*TOKENIZERS, *NORMALISING, "byt5"])
@settings(max_examples=120, deadline=None)
@example(parts=[" the cat", "ꦧꦱꦗꦮꦲꦤ", "ꦧꦱꦗꦮꦲꦤ", " the cat"], cut=(0, 200), shuffled=False)
@example(parts=["ꦧꦱꦗꦮꦲꦤ", "👍🏽"], cut=(0, 20), shuffled=False)
@given(
    parts=st.lists(st.sampled_from(WRITING), min_size=1, max_size=8),
    cut=st.tuples(st.integers(0, 30), st.integers(1, 60)),
    shuffled=st.booleans(),
)
def test_texts_of_ids_are_together_what_they_are_decoded_to(
    tokenizer: str, parts: list[str], cut: tuple[int, int], shuffled: bool
) -> None:
    """Whole characters, cut ones at either end, and bytes that never were any."""
    code = BYT5 if tokenizer == "byt5" else coder(tokenizer)
    encoded = code.encode("".join(parts), side="target", add_special_tokens=False, decoder_prefix=False)
    ids = encoded.ids[cut[0] :][: cut[1]]
    if shuffled:
        ids = ids[np.random.default_rng(0).permutation(len(ids))]
    if not len(ids):
        return
    tokens = code.tokens(ids)
    text = code.decode(ids, skip_special_tokens=False)
    assert "".join(token.text for token in tokens) == text
    for token in tokens:
        assert token.start is not None
        assert token.text.endswith(text[token.start : token.end])
    if tokenizer in TOKENIZERS and len(ids) == len(encoded.ids) and not shuffled and BROKEN not in parts:
        assert text == "".join(parts)


@pytest.mark.parametrize("text", ["un à été 😀!", "हिन्दी में", "".join(WRITING)])
def test_a_character_is_at_the_first_of_its_bytes_where_each_is_a_token(text: str) -> None:
    encoded = BYT5.encode(text, side="target", add_special_tokens=False, decoder_prefix=False)
    expected = [part for char in text for part in (char, *[""] * (len(char.encode()) - 1))]
    assert [token.text for token in encoded.tokens] == expected
    broken = np.delete(encoded.ids, 0)  # of the first character a byte too few, which is left out
    texts = [token.text for token in BYT5.tokens(broken)]
    lost = len(text[0].encode())
    assert texts == ["", "", *expected[3:]] if lost == 3 else texts == expected[1:]


@pytest.mark.parametrize("tokenizer", ["bytes", "byte-level", "metaspace"])
def test_the_bytes_of_a_character_that_is_cut_off_are_shown(tokenizer: str) -> None:
    code = coder(tokenizer)
    ids = code.encode("Hi 𒀀", side="target", add_special_tokens=False, decoder_prefix=False).ids[:-1]
    text = "".join(token.text for token in code.tokens(ids))
    assert text == code.decode(ids, skip_special_tokens=False)
    assert text.endswith(BROKEN)


@pytest.mark.parametrize("text", ["the cat ", "the  cat", "the cat \n", "the cat   "])
def test_a_space_by_itself_has_its_text_and_its_place(text: str) -> None:
    for tokenizer in ("trimming", "byte-level"):
        tokens = coder(tokenizer).encode(text, side="target", add_special_tokens=False, decoder_prefix=False).tokens
        assert "".join(token.text for token in tokens) == text
        for token in tokens:
            if not token.text.strip():
                assert text[token.start : token.end] == token.text


def _beginning(code: TextCoder, *, adds: bool) -> TextCoder:
    """The same tokenizer; does it put a BOS in front?"""
    made = Tokenizer.from_str(code.tokenizer.backend_tokenizer.to_str())
    if adds:
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", code.tokenizer.bos_token_id)]
        )
    return TextCoder(
        tokenizer=PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>"),
        decoder_start_id=None,
    )


@pytest.mark.parametrize("text, written", [("a cat", 0), ("<s>a cat", 1), ("<s><s>a cat", 2)])
@pytest.mark.parametrize("adds", [True, False])
def test_a_bos_is_dropped_where_the_tokenizer_put_it_in_front_of_one(text: str, written: int, adds: bool) -> None:
    code = _beginning(coder("byte-level"), adds=adds)
    bos = code.tokenizer.bos_token_id
    for asked in (True, False):
        encoded = code.encode(text, side="target", add_special_tokens=asked, decoder_prefix=False)
        assert encoded.ids.tolist().count(bos) == max(written, int(adds and asked))
        assert "".join(token.text for token in encoded.tokens if not token.special) == "a cat"


def test_the_corpus_is_large_and_cuts_characters() -> None:
    assert len(TEXTS) >= 40
    unknown = [token for name in TEXTS for token in tokens_of(name, UNKNOWING) if token.piece == "<unk>"]
    assert len(unknown) > 500
    assert not any(token.special for token in unknown)
    assert sum(not token.text for name in TEXTS for token in tokens_of(name, "bytes")) > 500


@settings(max_examples=300)
@example("it's 1,5 or 1.5, well-known x.y a,b --'")
@given(st.text(st.sampled_from("aZ09_-'.,!( \t\n\x00\x1c") | st.characters(max_codepoint=127)))
def test_plain_text_is_cut_as_it_is_beside_other_writing(text: str) -> None:
    """Words of ASCII alone are found by a pattern of their own; a word of other letters, a line further on, asks for
    the one that knows them all."""
    other = "\n\u00e9t\u00e9"
    assert words(text) == words(text + other)[:-1]


def test_a_bare_mark_of_a_space_has_the_space_alone_and_is_no_part_of_a_character() -> None:
    """Where words are split before marks are put, a mark has the offsets of the letter after it."""
    pieces = ["<s>", "</s>", "▁", *"oné", "!"]
    made = Tokenizer(models.BPE(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    code = TextCoder(
        tokenizer=PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>"),
        decoder_start_id=None,
    )
    encoded = code.encode("on é!", side="target", add_special_tokens=False, decoder_prefix=False)
    assert [(token.piece, token.text, token.start, token.end) for token in encoded.tokens] == [
        ("▁", "", 0, 0),
        ("o", "o", 0, 1),
        ("n", "n", 1, 2),
        ("▁", " ", 3, 3),
        ("é", "é", 3, 4),
        ("!", "!", 4, 5),
    ]
    assert [token.text for token in code.tokens(encoded.ids)][1:] == [token.text for token in encoded.tokens][1:]
    assert unit_starts(encoded.tokens, "character") == (0, 1, 2, 3, 4, 5)
