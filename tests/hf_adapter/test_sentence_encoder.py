"""Vectors of tokens from another model, whatever pieces it cuts the text into."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import wherefrom
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from wherefrom.errors import ModelLoadError
from wherefrom.text.token_vectors import EncodesTokens
from wherefrom.text.tokens import Token
from wherefrom_hf._model import HFModel
from wherefrom_hf.text.sentence_encoder import load_encoder, token_vectors


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A BERT of one word or letter per piece, saved to a folder."""
    folder: Path = tmp_path_factory.mktemp("encoder")
    pieces = ["[UNK]", "[PAD]", "the", "cat", "sat", "##s", *(f"##{c}" for c in "abcdefghijkl"), *"abcdefghijkl", "."]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


def tokens(*texts: str) -> list[Token]:
    return [
        Token(id=i, piece=text, text=text, position=i, special=text.startswith("<")) for i, text in enumerate(texts)
    ]


def test_a_token_is_the_mean_of_the_pieces_it_shares_characters_with(encoder: str) -> None:
    tokenizer, model = load_encoder(encoder)
    vectors = token_vectors(tokens("<s>", "the", " ca", "ts", " sat", "."), encoder=encoder)
    assert vectors.shape == (6, 8)
    with torch.no_grad():
        states = model(**tokenizer("the cats sat.", return_tensors="pt"), output_hidden_states=True).hidden_states
    the, cat, plural, sat, stop = states[2][0]
    expected = torch.stack([torch.zeros(8), the, cat, (cat + plural) / 2, sat, stop])
    torch.testing.assert_close(vectors, expected)
    assert issubclass(HFModel, EncodesTokens)


def test_all_tokens_of_a_character_have_the_vector_of_its_pieces(encoder: str) -> None:
    whole = token_vectors(tokens("the", " 智", "."), encoder=encoder)
    cut = token_vectors(tokens("the", " 智", "", "", "."), encoder=encoder)
    assert whole[1].any()
    torch.testing.assert_close(cut, whole[[0, 1, 1, 1, 2]])


def test_an_encoder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"sentence encoder .*nothing' could not be loaded.*align with 'auto'"):
        token_vectors(tokens("a"), encoder=str(tmp_path / "nothing"))


def test_aligning_by_an_encoder(encoder: str) -> None:
    models_folder = Path(__file__).parents[1] / "golden" / "data" / "models"
    model = wherefrom.load_model(str(models_folder / "gpt2-tiny"), "dummy", device="cpu")
    out = model.attribute(
        "the name",
        "the name of a class",
        contrast_targets="the name of the cat class",
        contrast_targets_alignments=f"auto:{encoder}",
        step_scores=["contrast_prob"],
        show_progress=False,
    )[0]
    pairs = {pair["target"]: pair["contrast"] for pair in out.details["contrast"]["pairs"]}
    assert out.details["contrast"]["origin"] == "auto"
    assert pairs[" class"] == " class"
    assert np.isfinite(out.step_scores["contrast_prob"]).all()
