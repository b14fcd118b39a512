"""A network without attention over the words of a prompt: for published examples that are no language models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from wherefrom.adapters import Row
from wherefrom.adapters.rescale import RowMultipliers
from wherefrom.errors import ModelCapabilityError
from wherefrom.testing._blocks import Floats
from wherefrom.testing._logit_gradients import logit_gradients
from wherefrom.testing._networks import Bools, Pass
from wherefrom.testing._vocabulary import Vocabulary
from wherefrom.testing.reference import NumpyModel

FIRST = 1
"""Position of the first word that is read; the beginning of the sequence stands before it."""


@frozen(eq=False, kw_only=True)
class Dense:
    """``x @ weight + bias``, then ReLU if asked."""

    weight: Floats
    """Shape ``(in, out)``."""
    bias: Floats
    """Shape ``(out,)``."""
    relu: bool


@frozen(eq=False, kw_only=True)
class FeedForwardNetwork:
    """The first words' numbers through dense layers to the logits of some words, where the last of them stands."""

    inputs: int
    """How many words are read, one number each."""
    layers: tuple[Dense, ...]
    answers: tuple[int, ...]
    """Ids of the words whose logits the last layer gives."""
    vocabulary: int

    def run(self, target: Floats, source: Floats | None, target_visible: Bools, source_visible: Bools | None) -> Pass:
        if len(target) < FIRST + self.inputs:
            return Pass(
                np.zeros((len(target), self.vocabulary)),
                lambda cotangent: (np.zeros((len(cotangent), *target.shape)), None),
            )
        read = slice(FIRST, FIRST + self.inputs)
        seen = target_visible[read, None]
        states, befores = self.forward((target[read] * seen)[:, 0])
        logits = np.zeros((len(target), self.vocabulary))
        logits[FIRST + self.inputs - 1 :, list(self.answers)] = states

        def pull(cotangent: Floats) -> tuple[Floats, None]:
            slopes = [(before > 0).astype(np.float64) for before in befores]
            found = np.zeros((len(cotangent), *target.shape))
            found[:, read] = self.backward(cotangent, slopes)[:, :, None] * seen
            return found, None

        return Pass(logits, pull)

    def forward(self, numbers: Floats) -> tuple[Floats, list[Floats]]:
        """The last layer's answer, and what stood before each layer's ReLU."""
        befores = []
        for layer in self.layers:
            numbers = numbers @ layer.weight + layer.bias
            befores.append(numbers)
            numbers = np.maximum(numbers, 0.0) if layer.relu else numbers
        return numbers, befores

    def backward(self, cotangent: Floats, slopes: Sequence[Floats]) -> Floats:
        """Cotangents of the logits ``(K, positions, vocabulary)`` to those of the numbers ``(K, inputs)``, with these
        slopes of the ReLUs: derivatives, or chords."""
        found = cotangent[:, FIRST + self.inputs - 1 :, list(self.answers)].sum(axis=1)
        for layer, slope in zip(reversed(self.layers), reversed(slopes), strict=True):
            found = (found * slope if layer.relu else found) @ layer.weight.T
        result: Floats = found
        return result


@frozen(kw_only=True, eq=False)
class FeedForwardModel(NumpyModel):
    """A model of a `FeedForwardNetwork`, which also propagates chords in place of derivatives."""

    def rescaled_gradients(
        self, rows: Iterable[Row], baselines: Iterable[Row], *, layer: Any = None, chunk: int | None = None
    ) -> Iterator[RowMultipliers]:
        """See `wherefrom.adapters.rescale.GivesRescale`; it has no layers to stop at."""
        if layer is not None:
            raise ModelCapabilityError(f"{self.name} has no layers with a name; ask at the embeddings, layer=None.")
        for row, baseline in zip(rows, baselines, strict=True):
            yield self._multipliers(row, baseline)

    def _multipliers(self, row: Row, baseline: Row) -> RowMultipliers:
        network: Any = self.network
        function = row.asked()
        read = slice(FIRST, FIRST + network.inputs)
        ends = [
            self.table[one.target_ids] if one.target_embeds is None else np.asarray(one.target_embeds)
            for one in (row, baseline)
        ]
        logits, clean = (self._run(one).logits[row.steps - 1] for one in (row, baseline))
        befores = [network.forward(one[read, 0])[1] for one in ends]
        slopes = [_chord(here, there) for here, there in zip(*befores, strict=True)]
        cotangents = np.zeros((function.outputs, int(row.steps.max()), logits.shape[1]))
        outputs = function.output_of_step
        np.add.at(cotangents, (outputs, row.steps - 1), _mean_gradient(function, clean, logits))
        target = np.zeros((len(cotangents), *ends[0].shape))
        target[:, read, 0] = network.backward(cotangents, slopes)
        return RowMultipliers(
            values=function.values(logits),
            baseline_values=function.values(clean),
            target=target,
            target_change=ends[0] - ends[1],
        )


def _chord(here: Floats, there: Floats) -> Floats:
    """The slope of the chord of a ReLU, or its derivative where both ends are one."""
    change = here - there
    rise = np.maximum(here, 0.0) - np.maximum(there, 0.0)
    derivative = (here > 0).astype(np.float64)
    return np.where(np.abs(change) > 1e-12, rise / np.where(change == 0, 1.0, change), derivative)


def _mean_gradient(function: Any, start: Floats, end: Floats) -> Floats:
    """The target function's gradient, averaged along the straight path between two rows of logits."""
    points, weights = np.polynomial.legendre.leggauss(16)
    found: Floats = np.zeros_like(start)
    for point, weight in zip(points, weights, strict=True):
        found = found + weight / 2 * logit_gradients(function, start + (point + 1) / 2 * (end - start))
    return found


def feed_forward_model(
    layers: Sequence[Dense], numbers: Mapping[str, float], answers: Sequence[str], *, inputs: int, name: str
) -> FeedForwardModel:
    """A model that reads the first words of a text as numbers.

    Args:
        numbers: Word to its number; all other words are 0.
        answers: Words whose logits the last layer gives, in order.
        inputs: How many words are read.
    """
    vocabulary = Vocabulary()
    table = np.zeros((len(vocabulary), 1))
    for word, number in numbers.items():
        table[vocabulary.id_of(f"▁{word}")] = number
    network = FeedForwardNetwork(
        inputs=inputs,
        layers=tuple(layers),
        answers=tuple(vocabulary.id_of(f"▁{word}") for word in answers),
        vocabulary=len(vocabulary),
    )
    return FeedForwardModel(kind="decoder-only", table=table, network=network, vocabulary=vocabulary, name=name)
