"""The texts of a served model: tokenised by the server, whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define
from wherefrom.adapters import Encoding, ModelCard, Side
from wherefrom.arrays import IntArray
from wherefrom.text.tokens import Token

from wherefrom_openai.predicting import Predictor


@define(eq=False)
class ServedTexts:
    """The part of `wherefrom.adapters.SequenceModel` that is about texts."""

    card: ModelCard
    predictor: Predictor

    def encode(
        self,
        text: str | Sequence[Mapping[str, str]],
        *,
        side: Side,
        add_special_tokens: bool = True,
        decoder_prefix: bool = False,
    ) -> Encoding:
        return self.predictor.wording.encode(
            text, side=side, add_special_tokens=add_special_tokens and not decoder_prefix
        )

    def tokens(self, ids: IntArray, *, side: Side) -> tuple[Token, ...]:
        return self.predictor.wording.tokens(ids)

    def decode(self, ids: IntArray, *, skip_special_tokens: bool = True) -> str:
        return self.predictor.wording.decode(ids, skip_special_tokens=skip_special_tokens)
