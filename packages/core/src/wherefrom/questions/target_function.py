"""What is explained: a step function bound to the tokens it is asked about."""

from __future__ import annotations

import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters.card import ModelCard
from wherefrom.adapters.inside import Inside
from wherefrom.arrays import Array, FloatArray, IntArray, like, namespace
from wherefrom.step_functions.base import StepFunction, StepPrediction, falls_with_probability


@frozen(kw_only=True, eq=False)
class TargetFunction:
    """A scalar per step, or per group of steps, of a model's logits.

    Each value depends on the logits of its own steps alone, which adapters use: the gradient with respect to the
    logits of all steps comes from one backward pass through the output layer. A function that asks for more of the
    pass (`wherefrom.adapters.Inside`) is differentiated through the whole of it.
    """

    function: StepFunction
    target_ids: IntArray
    """The token explained at each step, shape ``(G,)``."""
    contrast_ids: IntArray | None = None
    """The contrastive token at each step, shape ``(G,)``; None: no contrast, functions fall back to the plain value."""
    contrast_logits: Array | None = None
    """Logits of the contrastive pass, shape ``(G, vocabulary)``, constant under differentiation; None: the contrastive
    token is looked up in the same logits as the target."""
    samples: Array | None = None
    """Logits of stochastic passes, shape ``(passes, G, vocabulary)``, for functions that ask for them."""
    groups: IntArray | None = None
    """Output index of each step, shape ``(G,)``, for span targets; None: one output per step."""
    weights: FloatArray | None = None
    """What each step's value is multiplied by, shape ``(G,)``; None: 1."""
    card: ModelCard | None = None
    """Who is asked, for functions that want to know."""

    @property
    def outputs(self) -> int:
        """How many values there are."""
        if self.groups is None:
            return len(self.target_ids)
        return int(self.groups.max()) + 1 if len(self.groups) else 0

    @property
    def output_of_step(self) -> IntArray:
        """Output index of each step, shape ``(G,)``: of its group, or its own."""
        return np.arange(len(self.target_ids)) if self.groups is None else self.groups

    @property
    def falls(self) -> bool:
        """Does its function fall where the model becomes surer, see `falls_with_probability`?"""
        contrasted = self.contrast_ids is not None or self.contrast_logits is not None
        return falls_with_probability(self.function, contrasted=contrasted)

    @property
    def looked_up(self) -> tuple[IntArray, ...]:
        """Ids whose logit is read by name at each step, shape ``(G,)`` each."""
        if self.contrast_ids is None or self.contrast_logits is not None or not self.function.contrastive:
            return (self.target_ids,)
        return (self.target_ids, self.contrast_ids)

    def step_values(self, logits: Array, inside: Inside | None = None) -> Array:
        """One value per step. ``logits`` has shape ``(G, vocabulary)``; so many values come back."""
        return self.weighed(self.function(self.prediction(logits, inside)))

    def weighed(self, step_values: Array) -> Array:
        """Bare per-step values, steps first, multiplied by their weights."""
        if self.weights is None:
            return step_values
        weights = like(step_values, self.weights, dtype=step_values.dtype)
        return step_values * weights.reshape(-1, *[1] * (step_values.ndim - 1))

    def prediction(self, logits: Array, inside: Inside | None = None) -> StepPrediction:
        """What a step function is given for these logits."""
        contrast = None
        if self.contrast_ids is not None or self.contrast_logits is not None:
            ids = self.target_ids if self.contrast_ids is None else self.contrast_ids
            contrast = StepPrediction(
                logits=logits if self.contrast_logits is None else like(logits, self.contrast_logits),
                target_ids=like(logits, ids),
            )
        return StepPrediction(
            logits=logits,
            target_ids=like(logits, self.target_ids),
            contrast=contrast,
            samples=None if self.samples is None else like(logits, self.samples),
            inside=inside,
            card=self.card,
        )

    def values(self, logits: Array, inside: Inside | None = None) -> Array:
        """One value per output: steps of a group are summed. Shape ``(outputs,)``."""
        return self.grouped(self.step_values(logits, inside))

    def grouped(self, step_values: Array) -> Array:
        """Per-step values, summed within groups."""
        if self.groups is None:
            return step_values
        membership = self.groups[None, :] == np.arange(self.outputs)[:, None]
        weights = like(step_values, membership.astype(np.float64), dtype=step_values.dtype)
        return namespace(step_values).matmul(weights, step_values)

    def at(self, steps: IntArray) -> TargetFunction:
        """The same target function for some of its steps, one output per step."""
        return evolve(self, groups=None).select(steps)

    def steps_of(self, outputs: IntArray) -> IntArray:
        """Indices of the steps that the given outputs are made of."""
        if self.groups is None:
            return outputs
        return np.flatnonzero(np.isin(self.groups, outputs))

    def select(self, outputs: IntArray) -> TargetFunction:
        """The same target function for some of its outputs only, renumbered in order."""
        kept = self.steps_of(outputs)
        groups = None
        if self.groups is not None:
            groups = np.searchsorted(outputs, self.groups[kept])
        return evolve(
            self,
            target_ids=self.target_ids[kept],
            contrast_ids=None if self.contrast_ids is None else self.contrast_ids[kept],
            contrast_logits=None if self.contrast_logits is None else self.contrast_logits[kept],
            samples=None if self.samples is None else self.samples[:, kept],
            weights=None if self.weights is None else self.weights[kept],
            groups=groups,
        )
