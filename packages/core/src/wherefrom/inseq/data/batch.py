"""Ids, masks and embeddings of several sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wherefrom.inseq.data.data_utils import TensorWrapper
from wherefrom.inseq.utils.misc import pretty_dict
from wherefrom.inseq.utils.serialization import RECORDS


@dataclass(eq=False)
class BatchEncoding(TensorWrapper):
    """What a tokenizer gave, with tokens as text."""

    input_ids: Tensor
    """Shape ``(rows, length)``."""
    attention_mask: Tensor
    input_tokens: list[list[str]] | None = None
    baseline_ids: Tensor | None = None

    def __len__(self) -> int:
        return len(self.input_ids)

    def __str__(self) -> str:
        return f"{type(self).__name__}({pretty_dict(self.to_dict())})"

    @property
    def num_sequences(self) -> int:
        """How many rows there are."""
        return int(self.input_ids.shape[0])


@dataclass(eq=False)
class BatchEmbedding(TensorWrapper):
    """Embeddings of inputs and of their baseline, shape ``(rows, length, width)``."""

    input_embeds: Tensor | None = None
    baseline_embeds: Tensor | None = None


@dataclass(eq=False)
class AnsweredBatch:
    """A contrastive context whose forward pass has been made: what stands for it where its texts are not at hand."""

    forward_output: Any
    target_ids: Tensor
    """The contrastive token, shape ``(rows,)``."""


@dataclass(eq=False)
class Batch(TensorWrapper):
    """Encodings with their embeddings."""

    encoding: BatchEncoding
    embedding: BatchEmbedding

    @property
    def input_ids(self) -> Tensor:
        """Shape ``(rows, length)``."""
        return self.encoding.input_ids

    @property
    def input_tokens(self) -> list[list[str]] | None:
        """Tokens of each row."""
        return self.encoding.input_tokens

    @property
    def attention_mask(self) -> Tensor:
        """Shape ``(rows, length)``."""
        return self.encoding.attention_mask

    @property
    def baseline_ids(self) -> Tensor | None:
        """Shape ``(rows, length)``."""
        return self.encoding.baseline_ids

    @property
    def input_embeds(self) -> Tensor | None:
        """Shape ``(rows, length, width)``."""
        return self.embedding.input_embeds

    @property
    def baseline_embeds(self) -> Tensor | None:
        """Shape ``(rows, length, width)``."""
        return self.embedding.baseline_embeds


class _WithTarget:
    """What batches with a target have in common."""

    @property
    def max_generation_length(self) -> int:
        """Length of the target."""
        return int(self.target_ids.shape[1])

    @property
    def target_ids(self) -> Tensor:
        """Shape ``(rows, length)``."""
        raise NotImplementedError

    @property
    def target_mask(self) -> Tensor:
        """Shape ``(rows, length)``."""
        raise NotImplementedError

    def get_step_target(self, step: int, with_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Ids of one target position, and its mask."""
        ids = self.target_ids[:, step]
        return (ids, self.target_mask[:, step]) if with_attention else ids


@dataclass(eq=False)
class EncoderDecoderBatch(_WithTarget, TensorWrapper):
    """What the encoder and what the decoder reads."""

    sources: Batch
    targets: Batch

    def __getitem__(self, subscript: Any) -> EncoderDecoderBatch:
        """The whole source with a part of the target."""
        return EncoderDecoderBatch(sources=self.sources, targets=self.targets[subscript])

    @property
    def source_tokens(self) -> list[list[str]] | None:
        """Tokens of each source."""
        return self.sources.input_tokens

    @property
    def target_tokens(self) -> list[list[str]] | None:
        """Tokens of each target."""
        return self.targets.input_tokens

    @property
    def source_ids(self) -> Tensor:
        """Shape ``(rows, length)``."""
        return self.sources.input_ids

    @property
    def target_ids(self) -> Tensor:
        """Shape ``(rows, length)``."""
        return self.targets.input_ids

    @property
    def source_embeds(self) -> Tensor | None:
        """Shape ``(rows, length, width)``."""
        return self.sources.input_embeds

    @property
    def target_embeds(self) -> Tensor | None:
        """Shape ``(rows, length, width)``."""
        return self.targets.input_embeds

    @property
    def source_mask(self) -> Tensor:
        """Shape ``(rows, length)``."""
        return self.sources.attention_mask

    @property
    def target_mask(self) -> Tensor:
        """Shape ``(rows, length)``."""
        return self.targets.attention_mask


@dataclass(eq=False)
class DecoderOnlyBatch(_WithTarget, Batch):
    """A batch whose sequences are prompt and output in one; it has no source."""

    source_tokens = None
    source_ids = None
    source_embeds = None
    source_mask = None

    @property
    def target_tokens(self) -> list[list[str]] | None:
        """Tokens of each sequence."""
        return self.input_tokens

    @property
    def target_ids(self) -> Tensor:
        """Shape ``(rows, length)``."""
        return self.input_ids

    @property
    def target_embeds(self) -> Tensor | None:
        """Shape ``(rows, length, width)``."""
        return self.input_embeds

    @property
    def target_mask(self) -> Tensor:
        """Shape ``(rows, length)``."""
        return self.attention_mask

    @classmethod
    def from_batch(cls, batch: Batch) -> DecoderOnlyBatch:
        """The same encodings and embeddings."""
        return cls(encoding=batch.encoding, embedding=batch.embedding)


def slice_batch_from_position(
    batch: Any, curr_idx: int, alignments: Sequence[tuple[int, int]] | None = None
) -> tuple[Any, Tensor]:
    """The part of a contrast before what is compared with position ``curr_idx``, and the token there.

    Args:
        alignments: Pairs (position, position in the contrast); without them positions stand for themselves.
    """
    index = dict(alignments or {}).get(curr_idx, curr_idx)
    index = min(index, batch.max_generation_length - 1)
    ids = batch.get_step_target(index)
    assert isinstance(ids, torch.Tensor)
    return batch[:index], ids


RECORDS.update(
    (cls.__name__, cls) for cls in (BatchEncoding, BatchEmbedding, Batch, EncoderDecoderBatch, DecoderOnlyBatch)
)
