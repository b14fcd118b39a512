"""The multilingual page: models whose output begins with a language, built small, with source and target languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import wherefrom.inseq as inseq
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MBart50Tokenizer,
    MBartConfig,
    MBartForConditionalGeneration,
    NllbTokenizer,
)

SIZES = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "max_position_embeddings": 64,
}
PIECES = ["▁the", "▁name", "▁of", "▁it", "▁il", "▁nome", "▁di", "▁", *"abcdefghilmnoprstu"]
LANGUAGES = {"m2m100": ("en", "it"), "mbart50": ("en_XX", "it_IT"), "nllb": ("eng_Latn", "ita_Latn")}


def m2m100_tokenizer(folder: Path) -> Any:
    """M2M100's own tokenizer over a SentencePiece model trained on a line."""
    trainer = pytest.importorskip("sentencepiece").SentencePieceTrainer
    lines = ["the name of it", "il nome di", " ".join("abcdefghilmnoprstu")] * 20
    with (folder / "spm.model").open("wb") as file:
        trainer.train(
            sentence_iterator=iter(lines), model_writer=file, vocab_size=40, hard_vocab_limit=False, minloglevel=2
        )
    ids = {piece: place for place, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *PIECES])}
    (folder / "vocab.json").write_text(json.dumps(ids), "utf-8")
    return M2M100Tokenizer(vocab_file=str(folder / "vocab.json"), spm_file=str(folder / "spm.model"))


def tokenizer_of(family: str, folder: Path) -> Any:
    """A tokenizer with languages."""
    if family == "m2m100":
        return m2m100_tokenizer(folder)
    if family == "mbart50":
        special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
        return MBart50Tokenizer(vocab=[*special, *((piece, -1.0) for piece in PIECES)])
    special_ids = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    letters = {piece: place + 4 for place, piece in enumerate(dict.fromkeys("▁abcdefghilmnoprstu"))}
    return NllbTokenizer(vocab={**special_ids, **letters}, merges=[])


@pytest.fixture(scope="module", params=list(LANGUAGES))
def family(request: pytest.FixtureRequest) -> str:
    """A family of multilingual models."""
    return str(request.param)


@pytest.fixture(scope="module")
def folder(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of the family, saved."""
    path = tmp_path_factory.mktemp(family)
    tokenizer = tokenizer_of(family, path)
    torch.manual_seed(0)
    ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": 2, "decoder_start_token_id": 2, "bos_token_id": 0}
    sizes = {**SIZES, **ids, "vocab_size": 200}  # room for all languages, whose ids stand last
    module = (
        MBartForConditionalGeneration(MBartConfig(**sizes))
        if family == "mbart50"
        else M2M100ForConditionalGeneration(M2M100Config(**sizes))
    )
    module.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def model(folder: Path, family: str) -> Any:
    """The model as the page loads it."""
    source, target = LANGUAGES[family]
    return inseq.load_model(
        str(folder), "input_x_gradient", device="cpu", tokenizer_kwargs={"src_lang": source, "tgt_lang": target}
    )


def spelling(family: str, language: str) -> str:
    """How a language's token is spelt."""
    return f"__{language}__" if family == "m2m100" else language


@pytest.mark.filterwarnings("ignore:No token begins with")
def test_the_output_begins_with_the_language_that_is_forced(model: Any, family: str) -> None:
    source, target = LANGUAGES[family]
    forced = model.tokenizer.convert_tokens_to_ids(spelling(family, target))
    assert forced != model.tokenizer.unk_token_id
    out = model.attribute(
        "the name of it",
        generation_args={"forced_bos_token_id": forced, "max_new_tokens": 4},
        attribute_target=True,
        step_scores=["probability"],
    )
    assert out[0].target[1] == spelling(family, target)
    assert spelling(family, source) in [token.token for token in out[0].source]
    assert out[0].step_scores["probability"].shape[0] == out[0].attr_pos_end - out[0].attr_pos_start
    out.aggregate().show(aggregator="subwords", display=False)


def test_a_forced_text_is_read_in_the_target_language(model: Any, family: str) -> None:
    source, target = LANGUAGES[family]
    out = model.attribute("the name", "il nome", attribute_target=True)
    read, said = ([token.token for token in side] for side in (out[0].source, out[0].target))
    assert spelling(family, source) in read
    assert spelling(family, target) in said
    encoded = model.encode("il nome", as_targets=True)
    assert encoded.input_tokens[0] == said
    assert out.info["generated_texts"] == ["il nome"]


def test_classes_can_be_loaded_by_name(folder: Path, family: str) -> None:
    source, target = LANGUAGES[family]
    loaded = inseq.models.HuggingfaceEncoderDecoderModel.load(
        str(folder), "saliency", tokenizer_kwargs={"src_lang": source, "tgt_lang": target}
    )
    assert isinstance(loaded, inseq.models.HuggingfaceEncoderDecoderModel)
    assert isinstance(loaded, inseq.AttributionModel)
    scores = loaded.attribute("the name", "il nome")[0].source_attributions
    assert bool(torch.isfinite(scores).all())
    assert bool((scores != 0).any())
