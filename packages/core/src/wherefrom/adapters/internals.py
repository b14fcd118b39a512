"""What methods that look inside a model ask of it, beyond attention weights.

Three questions, each about one forward pass over token ids: what changes if the values of one position are
zeroed, which vectors an attention layer adds up, and which of them a logit is made of. An adapter must
answer exactly or refuse: what it hands out has been checked to add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from attrs import field, frozen

from wherefrom.adapters import Row
from wherefrom.arrays import Array, IntArray

Where = Literal["encoder", "decoder", "cross"]
"""Self-attention of the encoder, of the decoder (the only one of a decoder-only model), or from decoder to
encoder."""

Metric = Literal["cosine", "euclidean"]
"""Distance of two states: 1 minus their cosine similarity, or the length of their difference."""


@frozen(kw_only=True)
class Heads:
    """Which key/value heads of which layers take part."""

    everywhere: tuple[int, ...] | None = None
    """The same heads in every layer; None: all. Negative numbers count from the last head."""
    by_layer: Mapping[int, tuple[int, ...] | None] | None = None
    """Heads of each layer named here, None for all of them; other layers have none. Overrides
    ``everywhere``."""

    def of_layer(self, layer: int, heads: int) -> tuple[int, ...]:
        """The heads of one layer that has ``heads`` of them, not yet checked for range."""
        chosen = self.everywhere if self.by_layer is None else self.by_layer.get(layer, ())
        return tuple(range(heads)) if chosen is None else chosen


@frozen(kw_only=True, eq=False)
class RowZeroing:
    """How far each state moves when the values of one position are zeroed, at its layer alone.

    Shape ``(layers, queries, keys)`` each; 0 where the query does not attend to the key.
    """

    decoder: Array
    """Queries are those of the steps, or all, as asked."""
    encoder: Array | None = None
    cross: Array | None = None
    """Queries are those of the steps."""
    scores: Mapping[str, Array] = field(factory=dict)


@runtime_checkable
class ZeroesValues(Protocol):
    """Can recompute a block with the value vectors of one position zeroed."""

    def zeroed_values(
        self,
        rows: Iterable[Row],
        *,
        metric: Metric,
        heads: Mapping[Where, Heads],
        every_query: bool,
        encoder: bool,
        decoder: bool,
    ) -> Iterator[RowZeroing]:
        """One forward pass per row, then each block again for every pair of query and key; answers in order.

        Args:
            heads: Key/value heads zeroed, per kind of attention; kinds not named: all.
            every_query: Answer for all queries of the decoder's self-attention, not only those of the steps.
            encoder: Is the encoder's self-attention wanted?
            decoder: Is the decoder's self-attention wanted? Always answered for decoder-only models.

        Raises:
            SettingsError: A head or layer that the model does not have.
            ModelCapabilityError: A block could not be recomputed: its clean states did not come out again.
        """
        ...


@frozen(kw_only=True, eq=False)
class AttentionTerms:
    """What one attention layer adds up for some of its queries, exactly.

    ``values`` over keys plus ``bias`` is the attention's output. The *state* is what leaves the attention's
    sublayer: ``mixed`` over keys, plus ``residual``, plus ``constant``.
    """

    where: Where
    layer: int
    first_query: int
    """Position of the first of the queries."""
    values: Array
    """Attention weight times value vector, through the output projection, summed over heads. ``(queries,
    keys, width)``."""
    bias: Array
    """The output projection's bias, shape ``(width,)``."""
    output: Array
    """The attention's output, shape ``(queries, width)``."""
    mixed: Array
    """``values`` as they enter the state: through the sublayer's norm, its statistics fixed, if one
    follows."""
    residual: Array
    """What the residual connection brings of the query's own state, likewise. Shape ``(queries, width)``."""
    constant: Array
    """What comes from biases alone, shape ``(queries, width)``."""
    state: Array
    """Shape ``(queries, width)``."""


@frozen(kw_only=True, eq=False)
class RowTerms:
    """The attention layers of one row."""

    chunks: Iterable[AttentionTerms]
    """Encoder first, then decoder layer by layer, self-attention before cross-attention; queries of a layer
    in chunks."""
    layers: Mapping[Where, int]
    """How many layers of each kind there are; a kind the model lacks is absent."""
    scores: Mapping[str, Array] = field(factory=dict)
    unseen: int = 0
    """Blocks of the decoder in which no attention was seen (state spaces, convolutions): they may mix positions too."""


@frozen(kw_only=True, eq=False)
class RowLogits:
    """Of what each step's logit is made: the terms of all attention and feed-forward layers, each through
    to the logit.

    Norms keep the statistics of the pass. Everything but the arrays' last axis is per step; terms and
    ``bias`` sum to ``logits``.
    """

    logits: Array
    """The target token's logit, or its lead over the contrast token's. Shape ``(steps,)``."""
    decoder: Array
    """Brought by each key of the decoder's self-attention. Shape ``(layers, steps, keys)``."""
    cross: Array | None
    """Brought by each key of the cross-attention, shape ``(layers, steps, keys)``; None for decoder-only
    models."""
    embedding: Array
    """Brought by the embedding of the position that predicts the step. Shape ``(steps,)``."""
    feed_forward: Array
    """Brought by each feed-forward part. Shape ``(parts, steps)``."""
    feed_forward_reads: Sequence[int]
    """Of each feed-forward part, behind how many of the decoder's attentions (self- and cross-attention counted each)
    the state is that it reads. In a parallel block that is the state its attention reads too."""
    bias: Array
    """What no input brings: biases. Shape ``(steps,)``."""
    scores: Mapping[str, Array] = field(factory=dict)


@runtime_checkable
class DecomposesStates(Protocol):
    """Can write attention layers, and the logits, as sums of what each position brings."""

    def attention_terms(self, rows: Iterable[Row], *, queries: Literal["steps", "all"]) -> Iterator[RowTerms]:
        """One forward pass per row; terms are computed as they are read. Answers in order.

        Args:
            queries: Those of the decoder's queries that predict a step, or all. The encoder's are always all.

        Raises:
            ModelCapabilityError: The terms do not add up to the states, so the model is built in a way not
            understood.
        """
        ...

    def logit_terms(self, rows: Iterable[Row], *, contrasts: Iterable[IntArray | None]) -> Iterator[RowLogits]:
        """Per row a forward pass, one of twice the row, and one backward pass. Answers in order.

        Args:
            contrasts: For each row the contrast token of each step, or None for plain logits.

        Raises:
            ModelCapabilityError: The terms do not sum to the logits.
        """
        ...


MOST_HEADS = 10_000
"""No layer has as many: an index or a range beyond is refused before there is a model to ask."""


def heads_from(choice: Any, name: str) -> Heads:
    """Heads from what a user writes: an index, a pair as a range, a list, or a dictionary of layers.

    Args:
        choice: ``None`` all heads; ``int`` one; ``(start, end)`` a range, end excluded; ``[...]`` these; or
            ``{layer: any of these}``, where layers not named have no head zeroed.
        name: The setting's name, for messages.

    Raises:
        TypeError: It is none of these; the settings machinery makes a `SettingsError` of it.
    """
    if isinstance(choice, Mapping):
        return Heads(by_layer={int(layer): _heads(heads, name) for layer, heads in choice.items()})
    return Heads(everywhere=_heads(choice, name))


def _heads(choice: Any, name: str) -> tuple[int, ...] | None:
    if choice is None:
        return None
    if isinstance(choice, int) and not isinstance(choice, bool):
        return _few((choice,), choice, name)
    if isinstance(choice, tuple | list) and all(isinstance(x, int) and not isinstance(x, bool) for x in choice):
        if isinstance(choice, tuple) and len(choice) == 2:
            start, end = choice
            if not 0 <= start < end:
                raise TypeError(f"{name}: the range {choice!r} is empty or negative; give (first, behind the last)")
            _few((start, end - 1), choice, name)
            return tuple(range(start, end))
        return _few(tuple(choice), choice, name)
    raise TypeError(
        f"{name} = {choice!r}: expected None, a head, a range (start, end), a list of heads, or a dictionary of layers"
    )


def _few(heads: tuple[int, ...], choice: Any, name: str) -> tuple[int, ...]:
    for head in heads:
        if abs(head) >= MOST_HEADS:
            raise TypeError(f"{name} = {choice!r}: no layer has a head {head}")
    return heads
