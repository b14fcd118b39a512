"""The least that an adapter gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from wherefrom.adapters.card import ModelCard
from wherefrom.adapters.encoding import Encoding, Side
from wherefrom.arrays import IntArray
from wherefrom.text.tokens import Token


@runtime_checkable
class SequenceModel(Protocol):
    """The least an adapter gives: who the model is, and the way between text and ids."""

    @property
    def card(self) -> ModelCard: ...

    def encode(
        self,
        text: str | Sequence[Mapping[str, str]],
        *,
        side: Side,
        add_special_tokens: bool = True,
        decoder_prefix: bool = False,
    ) -> Encoding:
        """Text, or a chat as a list of ``{"role", "content"}`` messages, to ids.

        For the target side of an encoder-decoder the decoder's start token comes first; ``decoder_prefix`` leaves the
        tokens out that would end it.
        """
        ...

    def tokens(self, ids: IntArray, *, side: Side) -> tuple[Token, ...]:
        """Tokens for ids that did not come from a text, such as generated ones."""
        ...

    def decode(self, ids: IntArray, *, skip_special_tokens: bool = True) -> str: ...

    def generate(
        self,
        prompts: Sequence[IntArray],
        *,
        decoder_prefixes: Sequence[IntArray] | None = None,
        settings: Mapping[str, Any],
        seed: int | None = None,
    ) -> list[list[IntArray]]:
        """Continue each prompt (decoder-only), or answer each source (encoder-decoder).

        Returns:
            For each prompt its sequences (more than one with ``num_return_sequences``), each the whole target:
            prompt and continuation, or start token and output, without padding.
        """
        ...
