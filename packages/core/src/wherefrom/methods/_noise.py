"""The input of a question with noise on it, for methods that average over noisy inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters import DifferentiableModel, Encoding, ModelCard, Row, RowGradients, RowPrediction, Side
from wherefrom.adapters.check import lacking
from wherefrom.adapters.rescale import GivesRescale
from wherefrom.arrays import Array, IntArray, like, to_numpy
from wherefrom.methods.output_groups import outputs_at_once
from wherefrom.questions.question import Question
from wherefrom.text.tokens import Token


@frozen(eq=False)
class NoisyModel:
    """A model for which one question's own tokens have other embeddings.

    Whatever asks for the embeddings of the question's ids, or runs them, gets the noisy ones; all other ids
    (baselines) and embeddings given outright are the model's as ever. So a method runs on it unchanged.
    """

    model: DifferentiableModel
    question: Question
    embeddings: Mapping[Side, Array]

    @property
    def card(self) -> ModelCard:
        return self.model.card

    def embed(self, ids: IntArray, *, side: Side) -> Array:
        return self.embeddings[side] if ids is self.question.ids(side) else self.model.embed(ids, side=side)

    def embedding_table(self, *, side: Side) -> Array:
        return self.model.embedding_table(side=side)

    def mean_embedding(self, *, side: Side) -> Array:
        return self.model.mean_embedding(side=side)

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        return iter(self.model.predict(self._noisy(rows), chunk=chunk))

    def gradients(
        self, rows: Iterable[Row], *, chunk: int | None = None, source: bool = True, target: bool = True
    ) -> Iterator[RowGradients]:
        return iter(self.model.gradients(self._noisy(rows), chunk=chunk, source=source, target=target))

    def outputs_at_once(self, row: Row, *, copies: int = 1) -> int:
        return outputs_at_once(self.model, row, copies=copies)

    def rescaled_gradients(
        self, rows: Iterable[Row], baselines: Iterable[Row], *, chunk: int | None = None, **wanted: Any
    ) -> Iterator[Any]:
        if not isinstance(self.model, GivesRescale):
            raise lacking(self.model, GivesRescale, "Noise around rescaled gradients")
        return iter(self.model.rescaled_gradients(self._noisy(rows), self._noisy(baselines), chunk=chunk, **wanted))

    def encode(
        self,
        text: str | Sequence[Mapping[str, str]],
        *,
        side: Side,
        add_special_tokens: bool = True,
        decoder_prefix: bool = False,
    ) -> Encoding:
        return self.model.encode(text, side=side, add_special_tokens=add_special_tokens, decoder_prefix=decoder_prefix)

    def tokens(self, ids: IntArray, *, side: Side) -> tuple[Token, ...]:
        return tuple(self.model.tokens(ids, side=side))

    def decode(self, ids: IntArray, *, skip_special_tokens: bool = True) -> str:
        return str(self.model.decode(ids, skip_special_tokens=skip_special_tokens))

    def generate(
        self,
        prompts: Sequence[IntArray],
        *,
        decoder_prefixes: Sequence[IntArray] | None = None,
        settings: Mapping[str, Any],
        seed: int | None = None,
    ) -> list[list[IntArray]]:
        return list(self.model.generate(prompts, decoder_prefixes=decoder_prefixes, settings=settings, seed=seed))

    def _noisy(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            changes: dict[str, Array] = {}
            if row.target_embeds is None and "target" in self.embeddings:
                changes["target_embeds"] = self.embeddings["target"]
            if row.source_embeds is None and "source" in self.embeddings and row.source_ids is not None:
                changes["source_embeds"] = self.embeddings["source"]
            yield evolve(row, **changes)


def with_noise(model: DifferentiableModel, question: Question, stdev: float, rng: np.random.Generator) -> NoisyModel:
    """``model`` with Gaussian noise on the question's embeddings.

    Args:
        stdev: Standard deviation, as a part of the range (largest minus smallest entry) of each side's
            embeddings.
    """
    sides: dict[Side, IntArray] = {"target": question.target_ids}
    if question.source_ids is not None:
        sides["source"] = question.source_ids
    noisy: dict[Side, Array] = {}
    for side, ids in sides.items():
        clean = model.embed(ids, side=side)
        values = to_numpy(clean)
        scale = stdev * float(values.max() - values.min())
        noisy[side] = clean + like(clean, rng.normal(scale=scale, size=values.shape), dtype=clean.dtype)
    return NoisyModel(model, question, noisy)
