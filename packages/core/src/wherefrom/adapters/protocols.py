"""What core asks of a model: small Protocols, one per capability, answered for *all steps at once*.

Core knows no framework. It describes each pass as a `Row`, hands many rows over together, and the adapter pads,
chunks, reuses prefixes and sends the answers back in order, as arrays of its own framework, one row at a time so that
memory stays bounded. Each Protocol is usable alone: a remote model that can only score tokens is a full citizen for
perturbation methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec
from attrs import evolve, field, frozen

from wherefrom.arrays import Array, BoolArray, IntArray
from wherefrom.questions.target_function import TargetFunction
from wherefrom.results.attribution import Segment
from wherefrom.text.tokens import Token

Side = Literal["source", "target"]
"""``"source"``: what the encoder reads. ``"target"``: the decoder's sequence, the only one of a decoder-only model."""


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """Who the model is and what its limits are."""

    name: str
    """Hub id, path or ``demo:lm``; the class name for a model object without one."""
    kind: Literal["decoder-only", "encoder-decoder"]
    model_class: str = ""
    tokenizer_name: str = ""
    tokenizer_class: str = ""
    framework: str = ""
    revision: str | None = None
    """Commit hash from the hub, or a hash of the weights."""
    dtype: str = "float32"
    device: str = "cpu"
    layers: int = 0
    heads: int = 0
    width: int = 0
    """Size of one input embedding."""
    vocabulary: int = 0
    bos_id: int | None = None
    eos_ids: tuple[int, ...] = ()
    pad_id: int | None = None
    unk_id: int | None = None
    """Id of the unknown token; where a tokenizer has none, the id that stands in for it."""
    mask_id: int | None = None
    decoder_start_id: int | None = None
    """First id of an encoder-decoder's target."""
    max_length: int | None = None
    """Longest sequence the model can read, in tokens; None if unlimited or unknown."""
    versions: dict[str, str] = {}
    """Versions of the libraries the adapter computes with."""


@frozen(kw_only=True, eq=False)
class Encoding:
    """A text as ids and tokens."""

    ids: IntArray
    tokens: tuple[Token, ...]
    text: str
    """The text that was encoded: as given, or a chat rendered by the tokenizer's template."""
    segments: tuple[Segment, ...] = ()


@frozen(kw_only=True, eq=False)
class Row:
    """One sequence to run through the model, and the steps to read from it.

    Positions are absolute. Step ``t`` is predicted from the target positions before ``t``, so a row is run up to
    ``max(steps) - 1`` and no further.
    """

    target_ids: IntArray
    """The decoder's sequence, shape ``(T,)``."""
    steps: IntArray
    """Target positions whose prediction is read, shape ``(G,)``, ascending, each at least 1."""
    source_ids: IntArray | None = None
    """What the encoder reads, shape ``(S,)``; None for decoder-only models."""
    target_embeds: Array | None = None
    """Embeddings to use instead of those of ``target_ids``, shape ``(T, width)``, scaled as `Embeds.embed` does."""
    source_embeds: Array | None = None
    target_visible: BoolArray | None = None
    """False where a target position is hidden from attention (shape ``(T,)``); None: all visible."""
    source_visible: BoolArray | None = None
    target_function: TargetFunction | None = None
    """What to differentiate or to evaluate, over the steps of this row."""
    scores: Mapping[str, TargetFunction] = field(factory=dict)
    """Step scores to read from the same pass, without gradients."""
    first_change: int | None = None
    """Target positions before this one are as in every other row of the call that says so: the adapter may share
    their computation, and owes no gradients there. None: unknown."""

    def select(self, outputs: IntArray, *, keep_scores: bool = False) -> Row:
        """The same row for some outputs of its target function; step scores of other steps are dropped."""
        kept = outputs if self.target_function is None else self.target_function.steps_of(outputs)
        return evolve(
            self,
            steps=self.steps[kept],
            target_function=None if self.target_function is None else self.target_function.select(outputs),
            scores={name: score.at(kept) for name, score in self.scores.items()} if keep_scores else {},
        )


@frozen(kw_only=True, eq=False)
class RowPrediction:
    """What a forward pass said at the steps of one row."""

    logits: Array
    """Shape ``(G, vocabulary)``: logits, or log-probabilities for models that give no more."""
    scores: Mapping[str, Array] = field(factory=dict)
    """Name to values, shape ``(G,)``, for the row's ``scores``."""


@frozen(kw_only=True, eq=False)
class RowGradients:
    """Values of a row's target function and their gradients with respect to the input embeddings."""

    values: Array
    """Shape ``(K,)``: one per output of the target function (a step, or a group of steps)."""
    target: Array | None
    """d(values)/d(target embeddings), shape ``(K, T, width)``; zero at positions an output cannot see."""
    source: Array | None
    """d(values)/d(source embeddings), shape ``(K, S, width)``; None for decoder-only models."""
    scores: Mapping[str, Array] = field(factory=dict)


@frozen(kw_only=True, eq=False)
class RowAttention:
    """Post-softmax attention weights of one row: shape ``(layers, heads, queries, keys)`` each."""

    decoder: Array
    encoder: Array | None = None
    cross: Array | None = None
    scores: Mapping[str, Array] = field(factory=dict)


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


@runtime_checkable
class PredictsSteps(Protocol):
    """Can score given sequences. Enough for occlusion, LIME, Shapley values and every step score."""

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        """One forward pass per row, answers in order. ``chunk``: rows at once; None lets the adapter choose."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """Can turn ids into the embeddings that gradients refer to."""

    def embed(self, ids: IntArray, *, side: Side) -> Array:
        """Input embeddings, scaled exactly as the model does, before positions. Shape ``(*ids.shape, width)``."""
        ...

    def embedding_table(self, *, side: Side) -> Array:
        """The embeddings of the whole vocabulary, scaled likewise. Shape ``(vocabulary, width)``."""
        ...


@runtime_checkable
class GivesGradients(PredictsSteps, Embeds, Protocol):
    """Can differentiate a target function with respect to input embeddings. Enough for every gradient method."""

    def gradients(
        self, rows: Iterable[Row], *, chunk: int | None = None, source: bool = True, target: bool = True
    ) -> Iterator[RowGradients]:
        """One forward pass per row shared by all its outputs, backward passes batched over outputs, answers in order.

        Args:
            chunk: Rows at once; None lets the adapter choose.
            source: Are gradients with respect to the source wanted?
            target: Are gradients with respect to the target wanted?
        """
        ...


@runtime_checkable
class Moves(Protocol):
    """Can be moved between devices."""

    def to(self, device: str) -> None:
        """Move the model; its card says where it is."""
        ...


@runtime_checkable
class Reserves(Protocol):
    """Can be kept for one caller at a time."""

    def reserved(self) -> AbstractContextManager[None]:
        """Within the block no other thread runs the model, and it is as scores are defined (in evaluation mode).

        Blocks may be nested. What the block changed about the model is put back on leaving.
        """
        ...


@runtime_checkable
class FindsBadWeights(Protocol):
    """Can look through its own weights."""

    def bad_weights(self) -> tuple[str, ...]:
        """Names of the weights that hold NaN or infinity, in the model's order."""
        ...


@runtime_checkable
class GivesAttention(Protocol):
    """Can show its attention weights."""

    def attentions(self, rows: Iterable[Row]) -> Iterator[RowAttention]:
        """Post-softmax weights of one forward pass per row, whatever attention implementation was loaded."""
        ...
