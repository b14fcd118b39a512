"""Tokenizers that tell no places in a text: what they put in front, and words they do not know, move nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from transformers import ByT5Tokenizer, LlamaTokenizer, MarianTokenizer
from wherefrom.context.readings import within
from wherefrom_hf.text.tokenizer import TextCoder

CORPUS = "George is nice. The cat is bad. Mary was at the school and she saw a green car in the town. He said so."
TEXTS = [
    "George is nice. The cat is bad.",
    "Zoë saw  a Qrst car, 智 he 😀said so.",
    "智智智 said 😀",
    " he  said",
    "so 智",
]


class WithBegin(ByT5Tokenizer):
    """Puts a token in front whose name is long."""

    def build_inputs_with_special_tokens(self, one: list[int], other: Any = None) -> list[int]:
        return [self.bos_token_id, *one]

    def get_special_tokens_mask(
        self, one: list[int], other: Any = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        return [1] + [0] * len(one)


class WithoutLetter(ByT5Tokenizer):
    """Knows no G, and ends nothing."""

    def build_inputs_with_special_tokens(self, one: list[int], other: Any = None) -> list[int]:
        return list(one)

    def get_special_tokens_mask(
        self, one: list[int], other: Any = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        return [0] * len(one)

    def _convert_token_to_id(self, token: str) -> Any:
        return self.unk_token_id if token == "G" else super()._convert_token_to_id(token)


def marian(folder: Path) -> MarianTokenizer:
    """One with pieces of a few English sentences, and none for other letters."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([CORPUS] * 3), model_writer=written, vocab_size=60, model_type="bpe", minloglevel=2
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    names = ["</s>", "<unk>", *map(pieces.id_to_piece, range(3, pieces.get_piece_size())), "<pad>"]
    files = {name: folder / f"{name}.spm" for name in ("source", "target")}
    for file in files.values():
        file.write_bytes(written.getvalue())
    (folder / "vocab.json").write_text(json.dumps({name: index for index, name in enumerate(names)}))
    return MarianTokenizer(
        source_spm=str(files["source"]), target_spm=str(files["target"]), vocab=str(folder / "vocab.json")
    )


@pytest.fixture(scope="module")
def coders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TextCoder]:
    return {
        "begin": TextCoder(tokenizer=WithBegin(bos_token="<longbos>"), decoder_start_id=None),
        "letter": TextCoder(tokenizer=WithoutLetter(), decoder_start_id=None),
        "marian": TextCoder(tokenizer=marian(tmp_path_factory.mktemp("marian")), decoder_start_id=0),
    }


@pytest.mark.filterwarnings("ignore:Recommended")
@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["begin", "letter", "marian"])
def test_tokens_are_where_the_text_has_them(coders: dict[str, TextCoder], name: str, text: str, side: Any) -> None:
    coder = coders[name]
    assert not coder.tokenizer.is_fast
    encoded = coder.encode(text, side=side, add_special_tokens=True, decoder_prefix=False)
    covered = [False] * len(text)
    end = 0
    for token in encoded.tokens:
        assert token.start is not None
        assert token.end is not None
        assert end <= token.end
        assert token.start == token.end or token.start >= end, "tokens follow one another"
        end = token.end
        assert text[token.start : token.end].strip() == ("" if token.special else token.text.strip())
        covered[token.start : token.end] = [True] * (token.end - token.start)
    assert all(done or letter.isspace() for done, letter in zip(covered, text, strict=True))
    words = ["".join(token.text for token in encoded.tokens if token.word == word).strip() for word in range(99)]
    if "  " not in text and "😀s" not in text and "," not in text:
        assert [word.rstrip(".") for word in words if word.strip(".")] == [one.rstrip(".") for one in text.split()]


@pytest.mark.parametrize("name", ["begin", "letter", "marian"])
def test_a_part_of_a_text_has_the_tokens_of_that_part(coders: dict[str, TextCoder], name: str) -> None:
    text = TEXTS[0]
    encoded = coders[name].encode(text, side="source", add_special_tokens=True, decoder_prefix=False)
    parts = [within(encoded.tokens, span, frozenset()) for span in ((0, 15), (15, len(text)))]
    assert ["".join(encoded.tokens[i].text for i in part).strip() for part in parts] == [
        "George is nice.",
        "The cat is bad.",
    ]
    (special,) = [i for i, token in enumerate(encoded.tokens) if token.special] or [None]
    assert sum(map(len, parts)) == len(encoded.tokens) - (special is not None)


def without_unknown_tokens(folder: Path) -> LlamaTokenizer:
    """A fast one that leaves out characters it has no piece for, and whose own offsets are wrong behind them."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([CORPUS] * 3), model_writer=written, vocab_size=60, model_type="bpe", minloglevel=2
    )
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    made = LlamaTokenizer.from_pretrained(str(folder))
    assert made.is_fast
    return made


@pytest.mark.parametrize(
    "text", ["the cat P is bad", "George 智智 saw Zoë", "🦓 he said so", "he said so", "P", "so P"]
)
def test_letters_that_a_tokenizer_leaves_out_move_nothing(text: str, tmp_path: Path) -> None:
    coder = TextCoder(tokenizer=without_unknown_tokens(tmp_path), decoder_start_id=None)
    encoded = coder.encode(text, side="target", add_special_tokens=False, decoder_prefix=False)
    pieces = coder.tokenizer.convert_ids_to_tokens(encoded.ids.tolist())
    assert [token.text.strip() for token in encoded.tokens] == [piece.strip("▁") for piece in pieces]
    for token in encoded.tokens:
        assert text[token.start : token.end].strip() == token.text.strip()
