"""Samplers that need a framework: a masked language model of home-made words, and parts of speech."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast
from wherefrom.errors import MissingDependencyError, ModelLoadError, SettingsError, WherefromWarning
from wherefrom.methods import Reagent
from wherefrom.methods.perturbation.samplers import as_sampler
from wherefrom.progress import no_progress
from wherefrom.testing import ReferenceModel, question
from wherefrom_hf.samplers import MaskedLanguageModelSampler, PartOfSpeechSampler

WORDS = ["[PAD]", "[UNK]", "[MASK]", "cat", "dog", "man", "sat", "slept", "zebra"]


@pytest.fixture(scope="module")
def masked_lm(tmp_path_factory) -> Path:
    """A model that says "dog", then "zebra", then "cat", wherever it is asked."""
    folder = tmp_path_factory.mktemp("masked-lm")
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    module = BertForMaskedLM(config)
    with torch.no_grad():
        module.cls.predictions.bias[:] = torch.tensor([0.0, 0, 0, 6, 12, 0, 0, 0, 9])
    module.save_pretrained(folder)
    return folder


def test_proposals_are_tokens_of_the_explained_model(masked_lm):
    model = ReferenceModel()
    asked = question(model, "the cat sat", "the dog")
    found = MaskedLanguageModelSampler(str(masked_lm), top=3).candidates(model, asked, "target")
    spelt = [{token.text.strip() for token in model.tokens(one.ids, side="target")} for one in found.positions]
    words = [token.text.strip() for token in asked.target_tokens]
    for word, proposed in zip(words[1:], spelt[1:], strict=True):
        assert proposed == {"dog", "cat"} - {word}, "the model that is explained knows no zebra"
    dog = next(one for word, one in zip(words, found.positions, strict=True) if word == "sat")
    assert dog.weights.argmax() == [t.text.strip() for t in model.tokens(dog.ids, side="target")].index("dog")


@pytest.mark.parametrize("limits", [(16, 512), (512, 16), (int(1e30), 16)], ids=["tokenizer", "positions", "unsaid"])
def test_of_a_long_text_it_reads_what_stands_around_the_place(masked_lm, tmp_path, limits):
    said_by_tokenizer, positions = limits
    tokenizer = PreTrainedTokenizerFast.from_pretrained(masked_lm)
    tokenizer.model_max_length = said_by_tokenizer
    tokenizer.save_pretrained(tmp_path)
    module = BertForMaskedLM.from_pretrained(masked_lm)
    config = BertConfig(**{**module.config.to_dict(), "max_position_embeddings": positions})
    bias = module.cls.predictions.bias.detach()
    module = BertForMaskedLM(config)
    with torch.no_grad():
        module.cls.predictions.bias[:] = bias
    module.save_pretrained(tmp_path)
    model = ReferenceModel()
    asked = question(model, " ".join(["the cat sat and"] * 10), "the dog")
    sampler = MaskedLanguageModelSampler(str(tmp_path), top=3)
    found = sampler.candidates(model, asked, "target")
    words = [token.text.strip() for token in asked.target_tokens]
    assert len(words) > 40
    for word, one in zip(words[1:], found.positions[1:], strict=True):
        assert {token.text.strip() for token in model.tokens(one.ids, side="target")} == {"dog", "cat"} - {word}
    left, right = ["man"] * 20, ["sat"] * 20
    at = [WORDS.index(word) for word in ("man", "[MASK]", "sat")]
    ids = sampler._around_mask(" ".join([*left, "[MASK]", *right]))
    assert len(ids) == 16
    assert ids == [at[0]] * 8 + [at[1]] + [at[2]] * 7
    assert sampler._around_mask("[MASK] sat") == at[1:]
    assert sampler._around_mask(" ".join(["[MASK]", *right])) == [at[1]] + [at[2]] * 15


def test_places_without_a_proposal_are_told(masked_lm):
    model = ReferenceModel()
    asked = question(model, "the cat sat", "the dog")
    sampler = MaskedLanguageModelSampler(str(masked_lm), top=2)  # "dog" and "zebra", which is no token
    with pytest.warns(WherefromWarning, match=r"another token of .* at 1 of 6 target positions.*Raise top"):
        sampler.candidates(model, asked, "target")


def test_names_reach_it_and_reagent_takes_it(masked_lm):
    sampler = as_sampler(f"masked_lm:{masked_lm}")
    assert isinstance(sampler, MaskedLanguageModelSampler)
    model = ReferenceModel("encoder-decoder")
    asked = question(model, "the cat sat", "the dog")
    (scores,) = Reagent(sampler=sampler, max_probe_steps=2, num_probes=2).attribute(model, [asked], no_progress)
    np.testing.assert_allclose(scores.source.sum(axis=0) + scores.target.sum(axis=0), 1.0)


def test_a_model_that_cannot_be_had_is_named(tmp_path):
    model = ReferenceModel()
    sampler = MaskedLanguageModelSampler(str(tmp_path / "nowhere"))
    with pytest.raises(ModelLoadError, match="nowhere"):
        sampler.candidates(model, question(model, "the cat", "sat"), "target")
    with pytest.raises(SettingsError, match="needs its name"):
        as_sampler("masked_lm")


def test_parts_of_speech_are_replaced_by_their_like():
    verbs = {"sat", "saw", "sees", "see", "eat", "eats", "slept", "sleep", "was", "is", "were"}
    calls = []

    def tag(words):
        calls.append(len(words))
        return ["VERB" if word in verbs else "OTHER" for word in words]

    model = ReferenceModel()
    asked = question(model, "the cat sat", "a dog slept")
    sampler = PartOfSpeechSampler(tag)
    found = sampler.candidates(model, asked, "target")
    sampler.candidates(model, asked, "target")
    assert len(calls) == 1, "the vocabulary is tagged once"
    for token, choices in zip(asked.target_tokens[1:], found.positions[1:], strict=True):
        proposed = {t.text.strip() for t in model.tokens(choices.ids, side="target")}
        assert proposed
        assert token.text.strip() not in proposed
        assert (proposed <= verbs) == (token.text.strip() in verbs)


def test_without_nltk_the_line_that_installs_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk", None)
    model = ReferenceModel()
    with pytest.raises(MissingDependencyError, match="pip install nltk"):
        as_sampler("part_of_speech").candidates(model, question(model, "the cat", "sat"), "target")
