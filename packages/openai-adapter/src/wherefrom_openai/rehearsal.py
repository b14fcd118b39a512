"""A served model that sends no predictions and counts what they would take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field
from wherefrom.adapters import Row, RowPrediction
from wherefrom.arrays import IntArray
from wherefrom.errors import ModelCapabilityError

from wherefrom_openai.predicting import Ids
from wherefrom_openai.served_texts import ServedTexts


@define(eq=False)
class ServerRehearsal(ServedTexts):
    """See `wherefrom.adapters.Rehearsal`. Texts are tokenised by the server all the same."""

    _asked: set[Ids] = field(factory=set)

    @property
    def requests(self) -> int:
        """Requests that would have been sent so far."""
        return len(self._asked)

    @property
    def request_tokens(self) -> int:
        """Tokens in them."""
        return sum(map(len, self._asked))

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
