"""Passes through a cut model: forward for many rows, and backward for all outputs of a row from one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from attrs import frozen
from wherefrom.adapters import Row, RowFunction, RowGradients, RowPrediction
from wherefrom.adapters.layers import LayerGradients, LayerStates
from wherefrom.arrays import Array

from wherefrom_keras.backend import jax
from wherefrom_keras.batches import POSITIONS, Batch, batches, padded, power
from wherefrom_keras.cutting import Cut, Values
from wherefrom_keras.empty_rows import EmptyRows

jnp = jax.numpy


@frozen(eq=False)
class Passes:
    """One model with the values of its variables."""

    cut: Cut
    values: Values
    longest: int | None
    """Tokens that it reads at most."""
    empty_rows: EmptyRows

    def predict(self, rows: Iterable[Row], chunk: int | None) -> Iterator[RowPrediction]:
        """See `wherefrom.adapters.PredictsSteps.predict`."""
        for some in self._batches(rows, chunk):
            states = self.cut.states(self.values, self._embeddings(some), some.mask)
            logits = self._logits(some, states)
            for row, span in zip(some.rows, some.spans(), strict=True):
                yield RowPrediction(logits=logits[span], scores=_scores(row, logits[span]))

    def gradients(self, rows: Iterable[Row], chunk: int | None, target: bool) -> Iterator[RowGradients]:
        """See `wherefrom.adapters.GivesGradients.gradients`."""
        for some in self._batches(rows, chunk):
            embeddings = self._embeddings(some)
            pulled = self._pulled(some, embeddings, partial(self.cut.states, self.values, mask=some.mask))
            for row, length, one in zip(some.rows, some.lengths, pulled, strict=True):
                full = None
                if target:
                    full = jnp.zeros((len(one.values), len(row.target_ids), embeddings.shape[-1]), embeddings.dtype)
                    full = full.at[:, :length].set(one.gradients[:, :length])
                yield RowGradients(values=one.values, target=full, source=None, scores=one.scores)

    def layer_states(self, rows: Iterable[Row], layer: str, chunk: int | None) -> Iterator[LayerStates]:
        """See `wherefrom.adapters.layers.GivesLayers.layer_states`."""
        for some in self._batches(rows, chunk):
            answers = self.cut.layer_answer(layer, self.values, self._embeddings(some), some.mask)
            for place, length in enumerate(some.lengths):
                yield LayerStates(target=answers[place, :length])

    def layer_gradients(
        self, rows: Iterable[Row], layer: str, states: Iterable[LayerStates] | None, chunk: int | None
    ) -> Iterator[LayerGradients]:
        """See `wherefrom.adapters.layers.GivesLayers.layer_gradients`."""
        others = None if states is None else iter(states)
        for some in self._batches(rows, chunk):
            answers = self.cut.layer_answer(layer, self.values, self._embeddings(some), some.mask)
            if others is not None:
                for place, length in enumerate(some.lengths):
                    answers = answers.at[place, :length].set(jnp.asarray(next(others).target, answers.dtype)[:length])
            pulled = self._pulled(some, answers, partial(self.cut.states_behind, layer, self.values, mask=some.mask))
            for place, (length, one) in enumerate(zip(some.lengths, pulled, strict=True)):
                yield LayerGradients(
                    values=one.values,
                    states=LayerStates(target=answers[place, :length]),
                    target=one.gradients[:, :length],
                    scores=one.scores,
                )

    def _batches(self, rows: Iterable[Row], chunk: int | None) -> Iterator[Batch]:
        """See `wherefrom_keras.batches.batches`; rows that the model cannot hide so much of are refused."""
        for some in batches(rows, chunk, self.longest):
            if some.sees_nothing:
                self.empty_rows.need_nothing_from_hidden(self.values)
            yield some

    def _embeddings(self, some: Batch) -> Array:
        embeddings = self.cut.embed(self.values, some.ids)
        for place, (row, length) in enumerate(zip(some.rows, some.lengths, strict=True)):
            if row.target_embeds is not None:
                given = jnp.asarray(row.target_embeds, embeddings.dtype)[:length]
                embeddings = embeddings.at[place, :length].set(given)
        return embeddings

    def _logits(self, some: Batch, states: Array) -> Array:
        """Logits of all steps, one row after another, shape ``(places, vocabulary)``."""
        return self.cut.logits(self.values, states[some.at_rows, some.at_positions][None])[0]

    def _pulled(self, some: Batch, inputs: Array, to_states: Callable[[Array], Array]) -> list[_Pulled]:
        """Values and their gradients with respect to the inputs of ``to_states``, row by row.

        One pass forward. A value depends on the logits of its own steps alone, so one pass back through the output
        layer serves all outputs; from the states on, each output goes its own way.
        """
        states, pull = jax.vjp(to_states, inputs)
        read, pull_read = jax.vjp(lambda s: s[some.at_rows, some.at_positions][None], states)
        logits, pull_logits = jax.vjp(lambda s: self.cut.logits(self.values, s), read)
        of_logits = jnp.zeros_like(logits)
        values = []
        for row, span in zip(some.rows, some.spans(), strict=True):
            function = row.asked()
            each, gradient = _value_and_gradient(function, logits[0, span])
            values.append(function.grouped(each))
            of_logits = of_logits.at[0, span].set(gradient)
        (back,) = pull_logits(of_logits)
        outputs = [row.asked().outputs for row in some.rows]
        of_step = np.full(some.at_rows.shape, -1)
        for row, span in zip(some.rows, some.spans(), strict=True):
            of_step[span] = row.asked().output_of_step
        most = max(outputs, default=0)
        size = max(1, min(power(most), POSITIONS // padded(inputs.shape[0] * inputs.shape[1])))
        parts = []
        for begin in range(0, most, size):
            mine = (of_step[None] == np.arange(begin, begin + size)[:, None])[:, None, :, None]
            parts.append(jax.vmap(lambda one: pull(pull_read(one)[0])[0])(jnp.where(mine, back[None], 0)))
        gradients = jnp.concatenate(parts) if parts else jnp.zeros((0, *inputs.shape), inputs.dtype)
        return [
            _Pulled(value, gradients[:count, place], _scores(row, logits[0, span]))
            for place, (row, value, count, span) in enumerate(
                zip(some.rows, values, outputs, some.spans(), strict=True)
            )
        ]


@frozen(eq=False)
class _Pulled:
    values: Array
    gradients: Array
    """Shape ``(outputs, positions, width)``."""
    scores: dict[str, Array]


def _value_and_gradient(function: RowFunction, logits: Array) -> tuple[Array, Array]:
    """The values of the steps, and the gradient of each with respect to its own step's logits."""
    values, pull = jax.vjp(function.step_values, logits)
    (gradient,) = pull(jnp.ones_like(values))
    return values, gradient


def _scores(row: Row, logits: Array) -> dict[str, Array]:
    return {name: function.step_values(logits) for name, function in row.scores.items()}
