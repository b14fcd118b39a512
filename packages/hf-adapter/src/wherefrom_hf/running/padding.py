"""Rows of different lengths as one right-padded batch.

A decoder is causal, so what stands to the right of a sequence cannot change it: right padding needs no mask and every
row keeps the positions it has alone. Masks appear only where a caller hides positions, and in front of an encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from attrs import frozen
from torch import Tensor
from wherefrom.adapters import Row


@frozen(kw_only=True, eq=False)
class DecoderBatch:
    """The decoder's side of some rows, padded to the longest."""

    ids: Tensor
    """Shape ``(rows, length)``."""
    visible: Tensor | None
    """Attention mask ``(rows, length)``, or None if nothing is hidden."""
    length: int


@frozen(kw_only=True, eq=False)
class EncoderBatch:
    """The encoder's side of some rows, padded, each distinct source once."""

    ids: Tensor
    visible: Tensor
    """Attention mask ``(sources, length)``: False at padding and hidden positions."""
    rows: Sequence[Row]
    """One row per distinct source."""
    of_row: Tensor
    """Index of each row's source, shape ``(rows,)``."""


def read_length(row: Row) -> int:
    """How many decoder positions a row has to be run for: up to the one that predicts its last step."""
    return int(row.steps[-1])


def pad_ids(sequences: Sequence[np.ndarray], length: int, fill: int, device: torch.device) -> Tensor:
    """Integer sequences cut or right-padded to ``length``. Shape ``(len(sequences), length)``."""
    out = np.full((len(sequences), length), fill, dtype=np.int64)
    for i, sequence in enumerate(sequences):
        kept = sequence[:length]
        out[i, : len(kept)] = kept
    return torch.from_numpy(out).to(device)


def _pad_flags(flags: Sequence[np.ndarray | None], lengths: Sequence[int], length: int, padding: bool) -> np.ndarray:
    out = np.full((len(flags), length), padding, dtype=bool)
    for i, (flag, n) in enumerate(zip(flags, lengths, strict=True)):
        out[i, : min(n, length)] = True if flag is None else flag[:length]
    return out


def decoder_batch(
    rows: Sequence[Row], fill: int, device: torch.device, pad_to: Callable[[int], int] | None = None
) -> DecoderBatch:
    """The decoder's side of ``rows``.

    Args:
        pad_to: The padded length where the longest row has so many positions; None: as many.
    """
    length = max(read_length(row) for row in rows)
    length = length if pad_to is None else pad_to(length)
    visible = None
    if any(row.target_visible is not None for row in rows):
        flags = _pad_flags([row.target_visible for row in rows], [len(row.target_ids) for row in rows], length, True)
        visible = torch.from_numpy(flags).to(device=device, dtype=torch.long)
    return DecoderBatch(
        ids=pad_ids([row.target_ids for row in rows], length, fill, device), visible=visible, length=length
    )


def encoder_batch(
    rows: Sequence[Row], fill: int, device: torch.device, pad_to: Callable[[int], int] | None = None
) -> EncoderBatch:
    """The encoder's side of ``rows``; rows that read the same source share it.

    Args:
        pad_to: See `decoder_batch`.
    """
    distinct: dict[tuple[object, ...], int] = {}
    kept: list[Row] = []
    of_row: list[int] = []
    for row in rows:
        assert row.source_ids is not None
        hidden = None if row.source_visible is None else row.source_visible.tobytes()
        key = (row.source_ids.tobytes(), None if row.source_embeds is None else id(row.source_embeds), hidden)
        if key not in distinct:
            distinct[key] = len(kept)
            kept.append(row)
        of_row.append(distinct[key])
    sources = [row.source_ids for row in kept if row.source_ids is not None]
    lengths = [len(source) for source in sources]
    length = max(lengths) if pad_to is None else pad_to(max(lengths))
    flags = _pad_flags([row.source_visible for row in kept], lengths, length, False)
    return EncoderBatch(
        ids=pad_ids(sources, length, fill, device),
        visible=torch.from_numpy(flags).to(device=device, dtype=torch.long),
        rows=kept,
        of_row=torch.tensor(of_row, device=device),
    )


def pad_embeddings(rows: Sequence[Tensor | None], defaults: Tensor) -> Tensor:
    """Embeddings given for some rows laid over ``defaults`` of shape ``(rows, length, width)``.

    Those of a single row are the answer themselves: of a long one a copy is tens of MiB.
    """
    if all(given is None for given in rows):
        return defaults
    first = rows[0]
    if len(rows) == 1 and first is not None and len(first) >= defaults.shape[1]:
        return first[None, : defaults.shape[1]].to(device=defaults.device, dtype=defaults.dtype)
    out = defaults.clone()
    for i, given in enumerate(rows):
        if given is not None:
            n = min(given.shape[0], out.shape[1])
            out[i, :n] = given[:n].to(device=out.device, dtype=out.dtype)
    return out
