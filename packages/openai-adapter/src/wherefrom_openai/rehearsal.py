"""A served model that sends no predictions and counts what they would take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field
from wherefrom.adapters import Encoding, ModelCard, Row, RowPrediction, Side
from wherefrom.arrays import IntArray
from wherefrom.errors import ModelCapabilityError
from wherefrom.text.tokens import Token

from wherefrom_openai.predicting import Ids, Predictor


@define(eq=False)
class ServerRehearsal:
    """See `wherefrom.adapters.Rehearsal`. Texts are tokenised by the server all the same."""

    card: ModelCard
    predictor: Predictor
    _asked: set[Ids] = field(factory=set)

    @property
    def requests(self) -> int:
        """Requests that would have been sent so far."""
        return len(self._asked)

    @property
    def request_tokens(self) -> int:
        """Tokens in them."""
        return sum(map(len, self._asked))

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

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        for row in rows:
            self._asked.update(self.predictor.open_prompts([row]))
            logits = np.full((len(row.steps), self.card.vocabulary), -np.log(self.card.vocabulary))
            scores = {name: function.step_values(logits) for name, function in row.scores.items()}
            yield RowPrediction(logits=logits, scores=scores)

    def generate(
        self,
        prompts: Sequence[IntArray],
        *,
        decoder_prefixes: Sequence[IntArray] | None = None,
        settings: Mapping[str, Any],
        seed: int | None = None,
    ) -> list[list[IntArray]]:
        raise ModelCapabilityError("A rehearsal generates nothing. Give the target, as text or as ids.")
