"""Between text and ids, by the server's tokeniser."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from jinja2.sandbox import ImmutableSandboxedEnvironment
from wherefrom.adapters import Encoding, Side
from wherefrom.arrays import IntArray
from wherefrom.errors import InputError
from wherefrom.text.spelling import spelt_tokens
from wherefrom.text.tokens import Segment, Token

from wherefrom_openai.client import Client, RefusedError

MARKER = re.compile(r"<[^\s<>]{1,60}>|\[[A-Z_]{2,20}\]")
"""How names of special tokens look."""


class Tokeniser(Protocol):
    """A server's own way to tokenise."""

    def tokenise(self, text: str, *, special: bool, markers: bool = True) -> list[tuple[int, bytes | None]]:
        """Ids, and what each spells where the server tells. ``special``: with what begins a sequence. ``markers``:
        names of special tokens are those tokens."""
        ...

    def detokenise(self, ids: Sequence[int]) -> str:
        """What the ids spell, special tokens included."""
        ...

    def render(self, messages: list[dict[str, str]]) -> str:
        """A chat as one text."""
        ...


class LlamaCpp:
    """The dialect of llama.cpp's server: ``/tokenize`` with pieces, ``/detokenize``, ``/apply-template``."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def tokenise(self, text: str, *, special: bool, markers: bool = True) -> list[tuple[int, bytes | None]]:
        body = {"content": text, "add_special": special, "parse_special": markers, "with_pieces": True}
        answer = self.client.post(f"{self.client.root}/tokenize", body)
        pieces = [(int(one["id"]), one["piece"]) for one in answer["tokens"]]
        return [(index, piece.encode() if isinstance(piece, str) else bytes(piece)) for index, piece in pieces]

    def detokenise(self, ids: Sequence[int]) -> str:
        return str(self.client.post(f"{self.client.root}/detokenize", {"tokens": list(ids)})["content"])

    def render(self, messages: list[dict[str, str]]) -> str:
        return str(self.client.post(f"{self.client.root}/apply-template", {"messages": messages})["prompt"])


class VLLM:
    """The dialect of vLLM: ``/tokenize`` and ``/detokenize`` with the model's name."""

    def __init__(self, client: Client, model: str) -> None:
        self.client, self.model = client, model

    def tokenise(self, text: str, *, special: bool, markers: bool = True) -> list[tuple[int, bytes | None]]:
        body = {"model": self.model, "prompt": text, "add_special_tokens": special}
        return [(int(index), None) for index in self.client.post(f"{self.client.root}/tokenize", body)["tokens"]]

    def detokenise(self, ids: Sequence[int]) -> str:
        body = {"model": self.model, "tokens": list(ids)}
        return str(self.client.post(f"{self.client.root}/detokenize", body)["prompt"])

    def render(self, messages: list[dict[str, str]]) -> str:
        body = {"model": self.model, "messages": messages, "add_generation_prompt": True}
        return self.detokenise(self.client.post(f"{self.client.root}/tokenize", body)["tokens"])


def tokeniser(client: Client, model: str) -> Tokeniser:
    """The dialect that the server speaks, found by asking.

    Raises:
        RefusedError: It speaks none.
    """
    try:
        answer = client.post(
            f"{client.root}/tokenize", {"model": model, "prompt": "a b", "content": "a b", "with_pieces": True}
        )
        tokens = answer["tokens"]
        if tokens and isinstance(tokens[0], dict):
            return LlamaCpp(client)
        if tokens:
            return VLLM(client, model)
    except (RefusedError, KeyError, TypeError):
        pass  # said below
    raise RefusedError(
        f"{client.root} does not tokenise (POST /tokenize), and attributions are to tokens. Serve the model with "
        "llama.cpp's server or vLLM, which do."
    )


class Wording:
    """Text to ids and back; what a token spells is asked once."""

    def __init__(self, tokeniser: Tokeniser, chat_template: str | None) -> None:
        self._tokeniser = tokeniser
        self._template = chat_template
        self._spelt: dict[int, bytes] = {}
        self._special: dict[int, bool] = {}
        self._single: dict[str, int | None] = {}
        self._lock = threading.RLock()

    def encode(self, text: str | Sequence[Mapping[str, str]], *, side: Side, add_special_tokens: bool) -> Encoding:
        """See `wherefrom.adapters.SequenceModel.encode`."""
        turns: list[tuple[int, int, str]] = []
        if not isinstance(text, str):
            text, turns = self._render(text)
        found = self._tokeniser.tokenise(text, special=add_special_tokens and not turns) if text else []
        for index, piece in found:
            if piece is not None:
                self._spelt[index] = piece
        ids = np.array([index for index, _ in found], np.int64)
        tokens = self._labelled(ids, text)
        segments = []
        for begin, end, role in turns:
            inside = [t.position for t in tokens if t.start is not None and begin <= t.start < max(end, begin + 1)]
            first, last = (inside[0], inside[-1] + 1) if inside else (0, 0)
            segments.append(Segment(side=side, start=first, end=last, kind="turn", label=role))
        return Encoding(ids=ids, tokens=tokens, text=text, segments=tuple(segments))

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
                self._spelt[index] = self._tokeniser.detokenise([index]).encode()
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

    def _render(self, messages: Sequence[Mapping[str, str]]) -> tuple[str, list[tuple[int, int, str]]]:
        """A chat as one text, and where each turn stands in it."""
        for message in messages:
            if not isinstance(message, Mapping) or not {"role", "content"} <= set(message):
                raise InputError(
                    f"A chat is a list of messages {{'role': ..., 'content': ...}}; {message!r} is none. "
                    "Give a string, or complete the message."
                )
        chat: list[dict[str, Any]] = [dict(message) for message in messages]
        if self._template is not None:
            template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(self._template)
            whole = template.render(messages=chat, add_generation_prompt=True)
        else:
            try:
                whole = self._tokeniser.render(chat)
            except RefusedError as error:
                raise InputError(f"The server renders no chats ({error}). Give a text, or chat_template=...") from error
        turns: list[tuple[int, int, str]] = []
        begin = 0
        for message in chat:
            found = whole.find(message["content"], begin)
            end = found + len(message["content"]) if found >= 0 else begin
            turns.append((begin, end, message["role"]))
            begin = end
        return whole, turns
