"""Between text and ids, by the server's tokeniser."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from wherefrom.adapters import Encoding, Side
from wherefrom.arrays import IntArray
from wherefrom.errors import InputError
from wherefrom.text.spelling import spelt_tokens
from wherefrom.text.tokens import Token
from wherefrom.text.turns import Piece, segments_of

from wherefrom_openai import replies
from wherefrom_openai.chat import Template, rendered
from wherefrom_openai.client import Client, RefusedError
from wherefrom_openai.errors import ServerError, UnexpectedReplyError
from wherefrom_openai.joined import spells

MARKER = re.compile(r"<[^\s<>]{1,60}>|\[[A-Z_]{2,20}\]")
"""How names of special tokens look."""


SAMPLE = "a b"
"""A text that is tokenised to see how a server does that."""


SHOWN = 60
"""Characters that an error shows of each end of a text."""


class Tokeniser(Protocol):
    """A server's own way to tokenise."""

    def tokenise(self, text: str, *, special: bool, markers: bool = True) -> list[tuple[int, bytes | None]]:
        """Ids, and what each spells where the server tells. ``special``: with what begins a sequence. ``markers``:
        names of special tokens are those tokens."""
        ...

    def detokenise(self, ids: Sequence[int]) -> str:
        """What the ids spell, special tokens included."""
        ...

    def render(self, messages: list[dict[str, Any]], *, answered: bool) -> str:
        """A chat as one text, with the names of all special tokens that the server reads. ``answered``: with the
        beginning of an answer behind it."""
        ...


class LlamaCpp:
    """The dialect of llama.cpp's server: ``/tokenize`` with pieces, ``/detokenize``, ``/apply-template``."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def tokenise(self, text: str, *, special: bool, markers: bool = True) -> list[tuple[int, bytes | None]]:
        body = {"content": text, "add_special": special, "parse_special": markers, "with_pieces": True}
        found = self.client.post(f"{self.client.root}/tokenize", body, replies.Spelled).tokens
        return [(one.id, _utf8(one.piece) if isinstance(one.piece, str) else bytes(one.piece)) for one in found]

    def detokenise(self, ids: Sequence[int]) -> str:
        return self.client.post(f"{self.client.root}/detokenize", {"tokens": list(ids)}, replies.Content).content

    def render(self, messages: list[dict[str, Any]], *, answered: bool) -> str:
        body = {"messages": messages, "add_generation_prompt": answered}
        text = self.client.post(f"{self.client.root}/apply-template", body, replies.PromptText).prompt
        return text if text.startswith(self._beginning) else self._beginning + text

    @cached_property
    def _beginning(self) -> str:
        """What names the tokens that begin a sequence (BOS): the server takes it off its chats, and puts the tokens in
        front when it answers them."""
        whole, bare = (self.tokenise(SAMPLE, special=special) for special in (True, False))
        front = whole[: len(whole) - len(bare)] if whole[len(whole) - len(bare) :] == bare else []
        return b"".join(spelt or b"" for _, spelt in front).decode("utf-8", "replace")


class VLLM:
    """The dialect of vLLM: ``/tokenize`` and ``/detokenize`` with the model's name."""

    def __init__(self, client: Client, model: str) -> None:
        self.client, self.model = client, model

    def tokenise(self, text: str, *, special: bool, markers: bool = True) -> list[tuple[int, bytes | None]]:
        body = {"model": self.model, "prompt": text, "add_special_tokens": special}
        found = self.client.post(f"{self.client.root}/tokenize", body, replies.Tokenised).tokens
        return [(index, None) for index in found]

    def detokenise(self, ids: Sequence[int]) -> str:
        body = {"model": self.model, "tokens": list(ids)}
        return self.client.post(f"{self.client.root}/detokenize", body, replies.PromptText).prompt

    def render(self, messages: list[dict[str, Any]], *, answered: bool) -> str:
        body = {"model": self.model, "messages": messages, "add_generation_prompt": answered}
        return self.detokenise(self.client.post(f"{self.client.root}/tokenize", body, replies.Tokenised).tokens)


def tokeniser(client: Client, model: str) -> Tokeniser:
    """The dialect that the server speaks, found by asking.

    Raises:
        RefusedError: It speaks none.
    """
    body = {"model": model, "prompt": SAMPLE, "content": SAMPLE, "with_pieces": True}
    try:
        tokens = client.post(f"{client.root}/tokenize", body, replies.EitherTokenised).tokens
    except (RefusedError, UnexpectedReplyError) as error:
        said = f" It said: {error}"
    else:
        if tokens:
            return VLLM(client, model) if isinstance(tokens[0], int) else LlamaCpp(client)
        said = f" It makes no tokens of {SAMPLE!r}."
    raise RefusedError(
        f"{client.root} does not tokenise (POST /tokenize), and attributions are to tokens. Serve the model with "
        f"llama.cpp's server or vLLM, which do.{said}"
    )


def _utf8(text: str) -> bytes:
    """Its bytes; halves of characters, which no text has, become bytes that are shown as broken."""
    return text.encode("utf-8", "surrogatepass")


def _quoted(text: str) -> str:
    """A text, its middle left out where it is long."""
    return repr(text if len(text) <= 2 * SHOWN else f"{text[:SHOWN]} ... {text[-SHOWN:]}")


class Wording:
    """Text to ids and back; what a token spells is asked once."""

    def __init__(self, tokeniser: Tokeniser, template: Template | None) -> None:
        self._tokeniser = tokeniser
        self._template = template
        self._spelt: dict[int, bytes] = {}
        self._special: dict[int, bool] = {}
        self._single: dict[str, int | None] = {}
        self._lock = threading.RLock()

    def encode(self, text: str | Sequence[Mapping[str, str]], *, side: Side, add_special_tokens: bool) -> Encoding:
        """See `wherefrom.adapters.SequenceModel.encode`."""
        pieces: tuple[Piece, ...] = ()
        if not isinstance(text, str):
            chat = rendered(self._render, text)
            text, pieces = chat.text, chat.pieces
            add_special_tokens = False
        found = self._tokeniser.tokenise(text, special=add_special_tokens) if text else []
        for index, piece in found:
            if piece is not None:
                self._spelt[index] = piece
        ids = np.array([index for index, _ in found], np.int64)
        tokens = self._labelled(ids, text)
        self._check(ids, text)
        return Encoding(ids=ids, tokens=tokens, text=text, segments=segments_of(pieces, tokens, side))

    def _check(self, ids: IntArray, text: str) -> None:
        """See that the tokens are those of the text."""
        pieces, special = [self._bytes(int(i)) for i in ids], [self._is_special(int(i)) for i in ids]
        if not spells(pieces, special, text):
            came = b"".join(pieces).decode("utf-8", "replace")
            raise ServerError(
                f"The server was sent {_quoted(text)} to tokenise, and the {len(ids)} tokens that came spell "
                f"{_quoted(came)}. Look at whether its tokeniser is the model's, and whether it cuts long texts."
            )

    def tokens(self, ids: IntArray) -> tuple[Token, ...]:
        """Tokens for ids, spelt one after another."""
        return self._labelled(ids, None)

    def decode(self, ids: IntArray, *, skip_special_tokens: bool) -> str:
        """What the ids spell."""
        kept = [int(i) for i in ids if not (skip_special_tokens and self._is_special(int(i)))]
        return b"".join(self._bytes(i) for i in kept).decode("utf-8", "replace")

    def learn(self, index: int, spelling: bytes) -> None:
        """Remember what a token spells, where an answer tells in passing."""
        self._spelt.setdefault(index, spelling)

    def single(self, text: str) -> int | None:
        """The id of a text that is one token; None: it is several."""
        if text not in self._single:
            found = self._tokeniser.tokenise(text, special=False)
            self._single[text] = found[0][0] if len(found) == 1 else None
        return self._single[text]

    def _bytes(self, index: int) -> bytes:
        with self._lock:
            if index not in self._spelt:
                self._spelt[index] = _utf8(self._tokeniser.detokenise([index]))
            return self._spelt[index]

    def _is_special(self, index: int) -> bool:
        """Is it a token by name only: one that its spelling gives with markers, and not without?"""
        spelt = self._bytes(index).decode("utf-8", "replace")
        if not MARKER.fullmatch(spelt):
            return False
        with self._lock:
            if index not in self._special:
                plain = self._tokeniser.tokenise(spelt, special=False, markers=False)
                named = self._tokeniser.tokenise(spelt, special=False)
                same = [i for i, _ in plain] == [index] and not isinstance(self._tokeniser, VLLM)
                self._special[index] = [i for i, _ in named] == [index] and not same
            return self._special[index]

    def _labelled(self, ids: IntArray, text: str | None) -> tuple[Token, ...]:
        """Tokens with their places in ``text``, or in what they spell themselves."""
        spelt = [self._bytes(int(i)) for i in ids]
        special = [self._is_special(int(i)) for i in ids]
        return spelt_tokens(ids, spelt, special, text)

    def _render(self, chat: list[dict[str, Any]], options: Mapping[str, Any], /) -> str:
        """A chat as text, by the template that was given or the server's."""
        if self._template is not None:
            return self._template(chat, options)
        try:
            return self._tokeniser.render(chat, answered=bool(options["add_generation_prompt"]))
        except RefusedError as error:
            raise InputError(f"The server renders no such chat ({error}). Give a text, or chat_template=...") from error
