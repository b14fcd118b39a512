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
from wherefrom.text.spelling import BROKEN, BYTE_LETTERS, SPACE, bytes_of, spelt_tokens
from wherefrom.text.tokens import Token
from wherefrom.text.turns import Piece, segments_of

from wherefrom_openai import replies
from wherefrom_openai.chat import Template, rendered
from wherefrom_openai.client import Client, RefusedError
from wherefrom_openai.errors import ServerError, UnexpectedReplyError
from wherefrom_openai.joined import spells

MARKER = re.compile(r"<[^\s<>]{1,60}>|\[/?[A-Z_]{2,20}\]")
"""How names of special tokens look."""

NAMES = re.compile(
    r"<\|[^\s<>]{1,60}\|>|<｜[^\s<>]{1,60}｜>|</?s>|<(?:unk|pad|bos|eos|mask|cls|sep)>|\[(?:UNK|PAD|BOS|EOS|MASK|CLS|SEP)\]"
)
"""How none but names of special tokens look."""


LETTER_SPACE = BYTE_LETTERS[ord(" ")]
"""How vocabularies that write bytes as letters write a space."""

UNKNOWN = BROKEN.encode()
"""In what a token spells: bytes that are not known."""

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

    def spelt(self, index: int) -> bytes:
        """What a token adds to a text; `BROKEN` where that is a part of a character."""
        ...

    def is_special(self, index: int, name: str) -> bool:
        """Is the token that is written so one by name only? ``name`` looks like it (`MARKER`)."""
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

    def spelt(self, index: int) -> bytes:
        return _utf8(self.detokenise([index]))

    def is_special(self, index: int, name: str) -> bool:
        """One that its spelling gives with markers, and not without."""
        plain, named = (self.tokenise(name, special=False, markers=markers) for markers in (False, True))
        return [i for i, _ in named] == [index] != [i for i, _ in plain]

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
        if self._letters is None:
            return [(index, None) for index in self._tokenised(text, special).tokens]
        found = self._tokenised(text, special, return_token_strs=True)
        pieces = [bytes_of(piece, letters=self._letters) for piece in found.token_strs or ()]
        if len(pieces) != len(found.tokens):
            raise ServerError(
                f"{len(found.tokens)} tokens came, and {len(pieces)} pieces of the vocabulary (token_strs), where one "
                "of each token is expected. Look at the server's log."
            )
        return list(zip(found.tokens, pieces, strict=True))

    def detokenise(self, ids: Sequence[int]) -> str:
        body = {"model": self.model, "tokens": list(ids)}
        return self.client.post(f"{self.client.root}/detokenize", body, replies.PromptText).prompt

    def spelt(self, index: int) -> bytes:
        """By what it adds to another token: decoders take the space off the first."""
        before, text = self._before
        both = self.detokenise([*before, index])
        return _utf8(both.removeprefix(text) if both.startswith(text) else self.detokenise([index]))

    def is_special(self, index: int, name: str) -> bool:
        """One that the server puts in front of texts, that its chat template writes, or whose name says so. Ordinary
        tokens may look alike (``<br>``), and the server tells nothing else of them."""
        if index in self._added:
            return True
        named = index in self._written or NAMES.fullmatch(name) is not None
        return named and self._tokenised(name, False).tokens == [index]

    def render(self, messages: list[dict[str, Any]], *, answered: bool) -> str:
        return self.detokenise(self._chat(messages, answered))

    def _tokenised(self, text: str, special: bool, **more: Any) -> replies.Tokenised:
        body = {"model": self.model, "prompt": text, "add_special_tokens": special, **more}
        return self.client.post(f"{self.client.root}/tokenize", body, replies.Tokenised)

    def _chat(self, messages: list[dict[str, Any]], answered: bool) -> list[int]:
        body = {"model": self.model, "messages": messages, "add_generation_prompt": answered}
        return self.client.post(f"{self.client.root}/tokenize", body, replies.Tokenised).tokens

    @cached_property
    def _letters(self) -> bool | None:
        """Does the vocabulary write bytes as letters, or is it SentencePiece's? None: the server tells no pieces, or
        those of another kind."""
        try:
            pieces = "".join(self._tokenised(SAMPLE, False, return_token_strs=True).token_strs or ())
        except (RefusedError, UnexpectedReplyError):
            return None
        return True if LETTER_SPACE in pieces else (False if SPACE in pieces else None)

    @cached_property
    def _before(self) -> tuple[list[int], str]:
        """A token of plain text, and what it spells alone."""
        ids = self._tokenised(SAMPLE, False).tokens[-1:]
        return ids, self.detokenise(ids)

    @cached_property
    def _added(self) -> frozenset[int]:
        """Tokens that the server puts around a text."""
        whole, plain = (self._tokenised(SAMPLE, special).tokens for special in (True, False))
        return frozenset(whole) - frozenset(plain)

    @cached_property
    def _written(self) -> frozenset[int]:
        """Tokens that the chat template writes around a message; none where the server has no template."""
        try:
            return frozenset(self._chat([{"role": "user", "content": SAMPLE}], False))
        except (RefusedError, ServerError):
            return frozenset()


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
        text = self._whole(kept, self._spellings(kept))
        return text[1:] if text.startswith(" ") and self._puts_space else text

    @cached_property
    def _puts_space(self) -> bool:
        """Does the tokeniser write a space in front of every text?"""
        found = self._tokeniser.tokenise(SAMPLE, special=False)
        return bool(found) and (found[0][1] or self._bytes(found[0][0])).startswith(b" ")

    def learn(self, index: int, spelling: bytes) -> None:
        """Remember what a token spells, where an answer tells in passing."""
        with self._lock:
            if UNKNOWN in self._spelt.get(index, UNKNOWN):
                self._spelt[index] = spelling

    def ending(self, text: str, last: int) -> list[int]:
        """The tokens of a text that end in ``last``; it alone where the text's end otherwise."""
        if text.isascii():
            return [last]
        found = self._tokeniser.tokenise(text, special=False, markers=False)
        for index, piece in found:
            if piece is not None:
                self.learn(index, piece)
        ids = [index for index, _ in found]
        if len(ids) > 1 and self._puts_space and not text.startswith(" ") and self._bytes(ids[0]) == b" ":
            ids = ids[1:]
        return ids if ids[-1:] == [last] else [last]

    def single(self, name: str) -> int | None:
        """The id of the token that spells this; None: the tokeniser makes none of it, as of a part of a character, or
        of a piece within a word where it puts a space in front of a text."""
        if name not in self._single:
            texts = dict.fromkeys((name, name.removeprefix(" "))) if BROKEN not in name else {}
            last = (index for text in texts if text for index, _ in self._tokeniser.tokenise(text, special=False)[-1:])
            self._single[name] = next((index for index in last if self._bytes(index) == _utf8(name)), None)
        return self._single[name]

    def _bytes(self, index: int) -> bytes:
        with self._lock:
            if index not in self._spelt:
                self._spelt[index] = self._tokeniser.spelt(index)
            return self._spelt[index]

    def _spellings(self, ids: Sequence[int]) -> list[bytes]:
        """What each of them adds. Parts of characters tell nothing alone: they are looked for among the tokens of the
        text that all make together."""
        spelt = [self._bytes(i) for i in ids]
        if not any(UNKNOWN in one for one in spelt):
            return spelt
        for index, piece in self._tokeniser.tokenise(self._tokeniser.detokenise(ids).strip(BROKEN), special=False):
            if piece is not None:
                self.learn(index, piece)
        return [self._bytes(i) for i in ids]

    def _whole(self, ids: Sequence[int], spelt: Sequence[bytes]) -> str:
        """The text of tokens, by what each adds, or, where that is not known of all, by what the server makes of
        them together."""
        text = b"".join(spelt).decode("utf-8", "replace")
        if BROKEN not in text:
            return text
        said = self._tokeniser.detokenise(ids)
        return f" {said}" if text.startswith(" ") and not said.startswith(" ") else said

    def _is_special(self, index: int) -> bool:
        """Is it a token by name only?"""
        spelt = self._bytes(index).decode("utf-8", "replace")
        if not MARKER.fullmatch(spelt):
            return False
        with self._lock:
            if index not in self._special:
                self._special[index] = self._tokeniser.is_special(index, spelt)
            return self._special[index]

    def _labelled(self, ids: IntArray, text: str | None) -> tuple[Token, ...]:
        """Tokens with their places in ``text``, or in what they spell themselves."""
        known = [int(i) for i in ids]
        special = [self._is_special(i) for i in known]
        spelt = self._spellings(known) if text is None else [self._bytes(i) for i in known]
        if text is None and any(UNKNOWN in one for one in spelt):
            text = self._whole(known, spelt)
        return spelt_tokens(ids, spelt, special, text)

    def _render(self, chat: list[dict[str, Any]], options: Mapping[str, Any], /) -> str:
        """A chat as text, by the template that was given or the server's."""
        if self._template is not None:
            return self._template(chat, options)
        try:
            return self._tokeniser.render(chat, answered=bool(options["add_generation_prompt"]))
        except RefusedError as error:
            raise InputError(f"The server renders no such chat ({error}). Give a text, or chat_template=...") from error
