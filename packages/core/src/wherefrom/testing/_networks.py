"""What sits between embeddings and logits in the models of `wherefrom.testing`: one Protocol, two
networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from attrs import Factory, field, frozen

from wherefrom.testing._blocks import (
    AttentionWeights,
    Floats,
    MixerWeights,
    attend,
    mix,
    random_attention,
    random_mixer,
)

Bools: TypeAlias = npt.NDArray[np.bool_]


@frozen(eq=False)
class Pass:
    """A forward pass that can be walked back."""

    logits: Floats
    """Shape ``(positions, vocabulary)``."""
    pull: Callable[[Floats], tuple[Floats, Floats | None]]
    """Cotangents of the logits ``(K, positions, vocabulary)`` to those of the target embeddings ``(K,
    positions, width)`` and of the source embeddings ``(K, S, width)``."""
    decoder_attention: Floats | None = None
    """Shape ``(layers, heads, positions, positions)``."""
    encoder_attention: Floats | None = None
    cross_attention: Floats | None = None


class Network(Protocol):
    """Embeddings to logits, for one sequence."""

    def run(self, target: Floats, source: Floats | None, target_visible: Bools, source_visible: Bools | None) -> Pass:
        """Causal in ``target`` ``(positions, width)``; reads all of ``source`` ``(S, width)`` that is
        visible."""
        ...


@frozen(eq=False, kw_only=True)
class Layer:
    """Self-attention, cross-attention if there is a source, then a tanh layer; each added to the stream."""

    attention: AttentionWeights
    mixer: MixerWeights
    cross: AttentionWeights | None = None


@frozen(eq=False, kw_only=True)
class AttentionNetwork:
    """A transformer without norms: enough for every method, small enough to differentiate by hand."""

    positions: Floats
    """Added to the embeddings, shape ``(max_length, width)``."""
    encoder: tuple[Layer, ...] = ()
    decoder: tuple[Layer, ...]
    head: Floats
    """Shape ``(width, vocabulary)``."""

    @classmethod
    def random(
        cls,
        *,
        width: int,
        heads: int,
        layers: int,
        vocabulary: int,
        max_length: int,
        seed: int,
        encoder: bool,
    ) -> AttentionNetwork:
        """Weights from a seed, large enough that attention is far from uniform."""
        rng = np.random.default_rng(seed)

        def draw(rows: int, columns: int) -> Floats:
            weights: Floats = rng.normal(size=(rows, columns)) * 0.9 / np.sqrt(rows)
            return weights

        def layer(cross: bool) -> Layer:
            return Layer(
                attention=random_attention(draw, width, heads),
                mixer=random_mixer(draw, width),
                cross=random_attention(draw, width, heads) if cross else None,
            )

        return cls(
            positions=0.3 * rng.normal(size=(max_length, width)),
            encoder=tuple(layer(False) for _ in range(layers)) if encoder else (),
            decoder=tuple(layer(encoder) for _ in range(layers)),
            head=draw(width, vocabulary),
        )

    def run(self, target: Floats, source: Floats | None, target_visible: Bools, source_visible: Bools | None) -> Pass:
        memory: Floats | None = None
        encoder_pulls: list[Callable[[Floats], Floats]] = []
        encoder_maps: list[Floats] = []
        if source is not None and source_visible is not None:
            memory = source + self.positions[: len(source)]
            everywhere = np.broadcast_to(source_visible, (len(source), len(source)))
            for layer in self.encoder:
                memory, pull_layer, shares = _self_layer(memory, layer, everywhere)
                encoder_pulls.append(pull_layer)
                encoder_maps.append(shares)

        n = len(target)
        causal = np.tril(np.ones((n, n), bool)) & target_visible[None, :]
        states = target + self.positions[:n]
        decoder_pulls: list[Callable[[Floats], tuple[Floats, Floats | None]]] = []
        decoder_maps: list[Floats] = []
        cross_maps: list[Floats] = []
        for layer in self.decoder:
            states, pull_both, shares, cross_shares = _decoder_layer(states, layer, causal, memory, source_visible)
            decoder_pulls.append(pull_both)
            decoder_maps.append(shares)
            if cross_shares is not None:
                cross_maps.append(cross_shares)

        def pull(cotangent: Floats) -> tuple[Floats, Floats | None]:
            d_states = cotangent @ self.head.T
            d_memory: Floats | None = None if memory is None else np.zeros((len(cotangent), *memory.shape))
            for back in reversed(decoder_pulls):
                d_states, d_read = back(d_states)
                if d_memory is not None and d_read is not None:
                    d_memory = d_memory + d_read
            if d_memory is not None:
                for back_encoder in reversed(encoder_pulls):
                    d_memory = back_encoder(d_memory)
            return d_states, d_memory

        return Pass(
            states @ self.head,
            pull,
            np.stack(decoder_maps),
            np.stack(encoder_maps) if encoder_maps else None,
            np.stack(cross_maps) if cross_maps else None,
        )


def _self_layer(states: Floats, layer: Layer, visible: Bools) -> tuple[Floats, Callable[[Floats], Floats], Floats]:
    attended, pull_attention, shares = attend(states, states, layer.attention, visible)
    middle = states + attended
    mixed, pull_mixer = mix(middle, layer.mixer)

    def pull(cotangent: Floats) -> Floats:
        d_middle = cotangent + pull_mixer(cotangent)
        d_readers, d_read = pull_attention(d_middle)
        return d_middle + d_readers + d_read

    return middle + mixed, pull, shares


def _decoder_layer(
    states: Floats, layer: Layer, causal: Bools, memory: Floats | None, source_visible: Bools | None
) -> tuple[Floats, Callable[[Floats], tuple[Floats, Floats | None]], Floats, Floats | None]:
    attended, pull_attention, shares = attend(states, states, layer.attention, causal)
    middle = states + attended
    pull_cross: Callable[[Floats], tuple[Floats, Floats]] | None = None
    cross_shares: Floats | None = None
    if layer.cross is not None and memory is not None and source_visible is not None:
        visible = np.broadcast_to(source_visible, (len(states), len(memory)))
        crossed, pull_cross, cross_shares = attend(middle, memory, layer.cross, visible)
        middle = middle + crossed
    mixed, pull_mixer = mix(middle, layer.mixer)

    def pull(cotangent: Floats) -> tuple[Floats, Floats | None]:
        d_middle = cotangent + pull_mixer(cotangent)
        d_memory: Floats | None = None
        if pull_cross is not None:
            d_readers, d_memory = pull_cross(d_middle)
            d_middle = d_middle + d_readers
        d_readers, d_read = pull_attention(d_middle)
        return d_middle + d_readers + d_read, d_memory

    return middle + mixed, pull, shares, cross_shares


@frozen(eq=False, kw_only=True)
class LinearNetwork:
    """Logits that are a weighted sum of embeddings: every attribution of them is known in closed form.

    ``logits[i] = Σ_j own[i, j] · target[j] @ head + Σ_s cross[i, s] · source[s] @ head + bias``; a hidden
    position adds nothing.
    """

    own: Floats
    """Weight of target position ``j`` for position ``i``, shape ``(max_length, max_length)``; zero above the
    diagonal."""
    cross: Floats | None = None
    """Weight of source position ``s`` for target position ``i``, shape ``(max_length, max_length)``."""
    head: Floats
    """Shape ``(width, vocabulary)``."""
    bias: Floats = field(default=Factory(lambda network: np.zeros(network.head.shape[1]), takes_self=True))

    def run(self, target: Floats, source: Floats | None, target_visible: Bools, source_visible: Bools | None) -> Pass:
        n = len(target)
        own = self.own[:n, :n] * target_visible
        mixed = own @ target
        cross: Floats | None = None
        if source is not None and source_visible is not None and self.cross is not None:
            cross = self.cross[:n, : len(source)] * source_visible
            mixed = mixed + cross @ source

        def pull(cotangent: Floats) -> tuple[Floats, Floats | None]:
            back = cotangent @ self.head.T
            if source is None:
                return own.T @ back, None
            return own.T @ back, np.zeros((len(back), *source.shape)) if cross is None else cross.T @ back

        return Pass(mixed @ self.head + self.bias, pull)
