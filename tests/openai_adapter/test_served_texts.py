"""The texts of tokenizers that spell in bytes, or take off spaces, behind servers that tell them in part."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from wherefrom.errors import ModelCapabilityError, WherefromWarning
from wherefrom.text.spelling import bytes_of
from wherefrom_openai.adapter import load
from wherefrom_openai.errors import ServerError

from tests.openai_adapter.stand_in import serving

TEXTS = ["the cat sat on the mat and the dog slept", "Mary was sick yesterday. George came to the hospital."]
MARKS = ["[INST]", "[/INST]"]
HARD = ["the cat sat", "日本 the 😀 cat", "é", "the dog slept 😀😀 on", " the", "a<br>b", "[INST]the cat[/INST]"]


def of_letters() -> Tokenizer:
    """Bytes as letters, as of GPT-2."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", *MARKS], initial_alphabet=alphabet, show_progress=False
    )
    return trained(made, trainer)


def of_sentencepiece() -> Tokenizer:
    """Words with a mark of space, single bytes, and a decoder that strips the first space, as of Llama 2."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    single = [f"<0x{byte:02X}>" for byte in range(256)]
    names = ["<unk>", "<s>", *MARKS]
    trainer = trainers.BpeTrainer(vocab_size=360, special_tokens=[*names, *single], show_progress=False)
    return without_added(trained(made, trainer), single)


def trained(made: Tokenizer, trainer: Any) -> Tokenizer:
    made.train_from_iterator([" " + text for text in TEXTS] * 3, trainer)
    made.add_tokens([AddedToken("<br>", special=False, normalized=False)])
    begin = ("<s>", made.token_to_id("<s>"))
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[begin])
    return made


def without_added(made: Tokenizer, pieces: list[str]) -> Tokenizer:
    """The same, with pieces that are of the model alone."""
    told = json.loads(made.to_str())
    told["added_tokens"] = [one for one in told["added_tokens"] if one["content"] not in pieces]
    told["model"] |= {"unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True}
    return Tokenizer.from_str(json.dumps(told))


KINDS = {"letters": of_letters(), "sentencepiece": of_sentencepiece()}


@pytest.fixture(params=[(kind, tells) for kind in KINDS for tells in (True, False)], ids=str)
def served(request: pytest.FixtureRequest) -> Any:
    kind, tells = request.param
    tokenizer = KINDS[kind]
    with serving(dialect="vllm", way="echo", tokenizer=tokenizer, tells_pieces=tells) as state:
        size = tokenizer.get_vocab_size()
        yield load("reference", base_url=state.url, vocabulary=size, cache=False, backoff=0.001), tokenizer, tells


@pytest.mark.parametrize("text", HARD)
def test_tokens_have_their_texts_and_places(served: Any, text: str) -> None:
    model, tokenizer, _ = served
    encoded = model.encode(text, side="target")
    assert encoded.ids.tolist() == tokenizer.encode(text).ids
    own = [token for token in encoded.tokens if not token.special]
    names = [token.text for token in encoded.tokens if token.special]
    assert names == ["<s>", *[mark for mark in MARKS if mark in text]], "<br> is a token as any other"
    written = text
    for mark in MARKS:
        written = written.replace(mark, "")
    assert "".join(token.text for token in own).lstrip() == written.lstrip()
    for token in own:
        assert text[token.start : token.end].strip() == token.text.strip(), token
    assert model.decode(encoded.ids) == tokenizer.decode(encoded.ids.tolist())


@pytest.mark.parametrize("text", [text for text in HARD if "<" not in text and "[" not in text])
def test_generated_tokens_have_their_texts(served: Any, text: str) -> None:
    """Ids that come without a text: each alone tells neither its space nor a part of a character."""
    model, tokenizer, _ = served
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    tokens = model.tokens(np.array(ids), side="target")
    expected = model.encode(text, side="target", add_special_tokens=False).tokens
    assert [(one.text, one.word) for one in tokens] == [(one.text, one.word) for one in expected]
    assert model.decode(np.array(ids)) == tokenizer.decode(ids)


def test_words_are_those_of_the_text(served: Any) -> None:
    model, *_ = served
    tokens = model.encode("the cat sat 😀 on", side="target").tokens
    words: dict[int, str] = {}
    for token in tokens:
        if token.word is not None:
            words[token.word] = words.get(token.word, "") + token.text
    assert [word.strip() for word in words.values()] == ["the", "cat", "sat", "😀", "on"]


def test_a_name_is_no_token_that_spells_another_text(served: Any) -> None:
    model, tokenizer, _ = served
    vocabulary = tokenizer.get_vocab()
    spelt = {index: bytes_of(piece, letters="Ġ" in vocabulary) for piece, index in vocabulary.items()}
    within = []
    for spelling in spelt.values():
        name = spelling.decode("utf-8", "replace")
        found = model.predictor.wording.single(name)
        if found is None:
            within.append(name)
        else:
            assert spelt[found] == spelling == name.encode(), "mat is no token of ' mat'"
    assert not [name for name in within if name.startswith(" ") and name.strip()], "what begins a word is found"
    assert ("mat" in within) == ("Ġ" not in vocabulary), "the same text has another token where a word begins"


def unlisting(text: str, **choices: Any) -> Any:
    """A server as llama.cpp's, which generates a text and lists the last token of each character alone."""
    tokenizer = KINDS["letters"]
    script = tokenizer.encode(text, add_special_tokens=False).ids
    odd = {"/props": {"default_generation_settings": {"n_ctx": 64}}}
    return serving(tokenizer=tokenizer, script=script, lists_unfinished=False, odd=odd, **choices)


@pytest.mark.parametrize("text", ["é日 the 😀", "the cat", "😀😀 sat"])
def test_tokens_of_characters_that_llama_cpp_lists_once_are_all_there(text: str) -> None:
    with unlisting(text) as state:
        state.script, script = [], state.script
        model = load("reference", base_url=state.url, cache=False, backoff=0.001)
        state.script = script
        (answer,) = model.generate([np.array([5])], settings={"max_new_tokens": len(script)})[0]
        assert answer[1:].tolist() == script
        assert model.decode(answer[1:]) == text
        assert "".join(token.text for token in model.tokens(answer[1:], side="target")) == text


def test_a_character_that_is_cut_off_at_the_end_is_left_out_and_told() -> None:
    with unlisting("the 😀") as state:
        state.script, script = [], state.script
        model = load("reference", base_url=state.url, cache=False, backoff=0.001)
        state.script = script
        with pytest.warns(WherefromWarning, match=r"ends within a character, whose 2 tokens.*max_new_tokens"):
            (answer,) = model.generate([np.array([5])], settings={"max_new_tokens": len(script) - 2})[0]
        assert answer[1:].tolist() == script[:-4]


def test_tokens_that_are_not_listed_and_not_found_are_an_error() -> None:
    with unlisting("é the") as state:
        state.script, script = [], state.script
        model = load("reference", base_url=state.url, cache=False, backoff=0.001)
        state.script = script
        state.altered = lambda answer: answer["usage"].update(completion_tokens=9)
        with pytest.raises(
            ServerError, match=r"made 9 tokens, and lists \d.*lists no token of a character.*generated_texts"
        ):
            model.generate([np.array([5])], settings={"max_new_tokens": len(script)})


def test_a_step_whose_most_likely_token_is_not_listed_is_told() -> None:
    with unlisting("é") as state, pytest.raises(ModelCapabilityError, match=r"lists no token of a character"):
        load("reference", base_url=state.url, cache=False, backoff=0.001)


@pytest.mark.parametrize("end, begin", [("<|endoftext|>", "<s>"), (None, "<s>"), (None, None)])
def test_the_token_that_stands_in_is_the_one_that_ends_a_text(end: str | None, begin: str | None) -> None:
    tokenizer = Tokenizer.from_str(KINDS["letters"].to_str())
    if begin is None:
        tokenizer.post_processor = processors.TemplateProcessing(single="$A")
    if end is not None:
        tokenizer.add_special_tokens([end])
    size = tokenizer.get_vocab_size()
    with (
        serving(dialect="vllm", way="echo", tokenizer=tokenizer) as state,
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        card = load("reference", base_url=state.url, vocabulary=size, cache=False, backoff=0.001).card
        chosen = load("reference", base_url=state.url, vocabulary=size, cache=False, replacement="<br>").card
    expected = 0 if begin is None else tokenizer.token_to_id(end or begin)
    assert card.unk_id == card.pad_id == expected
    assert chosen.unk_id == tokenizer.token_to_id("<br>")
    assert [("token 0" in str(one.message), "replacement=" in str(one.message)) for one in told] == (
        [(True, True)] if begin is None else []
    )
