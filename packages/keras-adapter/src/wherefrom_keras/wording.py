"""Between text and ids, by a tokeniser of KerasHub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from wherefrom.adapters import Encoding, Side
from wherefrom.arrays import IntArray
from wherefrom.errors import InputError, ModelLoadError
from wherefrom.text.spelling import bytes_of, spelt_tokens
from wherefrom.text.tokens import Token

from wherefrom_keras.backend import keras_hub


class Wording:
    """A tokeniser, and whether texts begin with its start token.

    Raises:
        ModelLoadError: The tokeniser is of a kind whose tokens do not say what they spell, or changes texts on its own.
    """

    def __init__(self, tokenizer: Any, starts: bool) -> None:
        kinds = keras_hub.tokenizers.BytePairTokenizer, keras_hub.tokenizers.SentencePieceTokenizer
        if not isinstance(tokenizer, kinds):
            raise ModelLoadError(
                f"Tokenisers by byte pairs or SentencePiece are understood, {type(tokenizer).__name__} is neither. "
                "Give tokenizer=..., one of those kinds."
            )
        _require_plain(tokenizer)
        self.tokenizer = tokenizer
        self._letters = isinstance(tokenizer, kinds[0])
        self.start_id = getattr(tokenizer, "start_token_id", None)
        self.end_ids = tuple(
            int(i) for name in ("end_token_id", "end_token2_id") if (i := getattr(tokenizer, name, None)) is not None
        )
        self._begin = [int(self.start_id)] if starts and self.start_id is not None else []
        self._special = {int(i) for i in (*tokenizer.special_token_ids, *self.end_ids, *self._begin)}
        self._spelt: dict[int, bytes] = {}
        first = np.asarray(tokenizer("a"), np.int64).reshape(-1)[:1]
        self._puts_space = any(self._bytes(int(i)).startswith(b" ") for i in first)
        """Does it write a space in front of every text?"""

    def encode(self, text: str | Sequence[Mapping[str, str]], *, side: Side, add_special_tokens: bool) -> Encoding:
        """See `wherefrom.adapters.SequenceModel.encode`.

        Raises:
            InputError: A chat came: KerasHub has no templates for chats.
        """
        if not isinstance(text, str):
            raise InputError(
                "KerasHub has no chat templates, so a chat cannot be made one text. Write the turns as the model was "
                "trained to read them, and give that text."
            )
        found = np.asarray(self.tokenizer(text), np.int64).reshape(-1) if text else np.zeros(0, np.int64)
        ids = np.concatenate([np.array(self._begin if add_special_tokens else [], np.int64), found])
        return Encoding(ids=ids, tokens=self._labelled(ids, text), text=text)

    def tokens(self, ids: IntArray) -> tuple[Token, ...]:
        """Tokens of ids that were no text."""
        return self._labelled(ids, None)

    def decode(self, ids: IntArray, *, skip_special_tokens: bool) -> str:
        """The text of ids."""
        kept = [int(i) for i in ids if not (skip_special_tokens and int(i) in self._special)]
        text = b"".join(map(self._bytes, kept)).decode("utf-8", "replace")
        return text.removeprefix(" ") if self._puts_space else text

    def single(self, *names: str) -> int | None:
        """The first of these attributes of the tokeniser that is an id."""
        found = (getattr(self.tokenizer, name, None) for name in names)
        return next((int(i) for i in found if i is not None), None)

    def _labelled(self, ids: IntArray, text: str | None) -> tuple[Token, ...]:
        return spelt_tokens(ids, [self._bytes(int(i)) for i in ids], [int(i) in self._special for i in ids], text)

    def _bytes(self, index: int) -> bytes:
        if index not in self._spelt:
            self._spelt[index] = bytes_of(self._piece(index), letters=self._letters)
        return self._spelt[index]

    def _piece(self, index: int) -> str:
        if index >= self.tokenizer.vocabulary_size():  # models are made wider than their vocabularies
            return f"<id {index}>"
        piece = self.tokenizer.id_to_token(index)
        return piece if isinstance(piece, str) else bytes(piece).decode()


def _require_plain(tokenizer: Any) -> None:
    """Refuse a tokeniser that cuts texts, fills them up, or adds tokens at their ends.

    Raises:
        ModelLoadError: It does.
    """
    own = {name: getattr(tokenizer, name, None) for name in ("sequence_length", "add_bos", "add_eos")}
    found = [f"{name}={value}" for name, value in own.items() if value]
    if "int" not in str(tokenizer.compute_dtype):
        found.append(f"dtype={tokenizer.compute_dtype}")
    if found:
        raise ModelLoadError(
            f"The tokeniser has {', '.join(found)}: it changes texts on its own, so that what is explained is not "
            "what was said. Make it without; start tokens are put in front here."
        )
