"""What rows have in common before they first differ: run once, and extended as later rows share more of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Row

from wherefrom_hf.running.embedding import InputEmbedding
from wherefrom_hf.running.freed import hand_back_freed
from wherefrom_hf.running.head import cut_at_head
from wherefrom_hf.running.padding import pad_embeddings
from wherefrom_hf.running.passes import DecoderRun, EncoderStates, start_run

REUSE_STRIDE = 8
"""Positions by which the changes of rows in one batch may lie apart: less shares more, more batches better."""

STRETCH = 1024
"""Positions of a long beginning that are run together: what they need comes on top of its cache, which is kept."""


class SharedPrefix:
    """The common prefix of rows, of which the first one often is what all others change.

    What a row has in common with the one that was run is lent to it. A row that shares all of that goes on from there;
    one that begins otherwise starts anew.
    """

    def __init__(
        self,
        module: PreTrainedModel,
        target: InputEmbedding,
        encode: Callable[[Sequence[Row]], EncoderStates | None],
        room: int,
        attention: Callable[[int, int], AbstractContextManager[None] | None],
    ) -> None:
        """
        Args:
            room: Bytes that may be kept of what a row does not need, for those to come.
            attention: How attention of positions behind so many others, so many themselves, is computed in two parts;
                None: as the model does it.
        """
        self._module = module
        self._target = target
        self._encode = encode
        self._room = room
        self._attention = attention
        self._ran: tuple[Row, DecoderRun] | None = None

    def lent_to(self, rows: Sequence[Row], length: int, encoder: EncoderStates | None) -> DecoderRun:
        """The run after the ``length`` positions that ``rows`` have in common, for one pass of all of them."""
        if self._ran is not None and self._ran[1].position > length and self._ran[1].cache_bytes() > self._room:
            self._ran = None  # too heavy to be kept beside rows that need less of it, or nothing
        if not length:
            return start_run(self._module, encoder)
        run = self._covering(rows[0], length) or self.run_to(rows[0], length)
        lent = run.lent(length, encoder)
        return self.run_to(rows[0], length).spread(len(rows), encoder) if lent is None else lent

    def _covering(self, row: Row, length: int) -> DecoderRun | None:
        """What was run, if ``row`` begins with ``length`` positions of it."""
        if self._ran is None:
            return None
        ran, run = self._ran
        return run if run.position >= length and _same_start(ran, row, length) else None

    @torch.no_grad()
    def run_to(self, row: Row, length: int) -> DecoderRun:
        """The run after ``length`` positions of ``row``, out of any graph: nobody reads its logits."""
        ran, self._ran = self._ran, None  # what fails half way is nobody's prefix
        if ran is not None and ran[1].position <= length and _same_start(ran[0], row, ran[1].position):
            run = ran[1]
        else:
            far = len(row.target_ids) > STRETCH and self._target.weight.device.type == "cpu"
            run = start_run(self._module, self._encode([row]), room=len(row.target_ids) if far else 0)
        del ran  # a cache that does not go on makes room for the next one
        while run.position < length:
            run = self._further(run, row, length)
        self._ran = row, run
        return run

    def _further(self, run: DecoderRun, row: Row, length: int) -> DecoderRun:
        """The run after more positions of ``row``: up to ``length``, or a stretch of them where attention can go on in
        two parts.
        """
        rest = length - run.position
        end = length
        if rest > STRETCH and self._attention(STRETCH, STRETCH) is not None:
            end = run.position + (rest % STRETCH or STRETCH)  # the short one first: after long ones memory goes back
        here = slice(run.position, end)
        ids = torch.from_numpy(row.target_ids[here]).to(self._target.weight.device)[None]
        given = row.target_embeds
        embeddings = None if given is None else pad_embeddings([given[here]], self._target.of(ids))
        nowhere = torch.zeros(0, dtype=torch.long, device=ids.device)
        with (
            self._attention(run.position, end - run.position) or nullcontext(),
            self._target.replaced_by(embeddings),
            cut_at_head(self._module, nowhere, nowhere, detach=False) as cut,
        ):
            _, run = run.forward(ids, None, keep=True)
        hand_back_freed(cut.states, all_of_it=True)  # the cache grew, and its pieces fit no longer
        return run


def _same_start(ran: Row, row: Row, length: int) -> bool:
    """Are the first ``length`` positions of two rows the same, and their sources?"""
    return (
        row.source_ids is ran.source_ids
        and row.source_embeds is ran.source_embeds
        and np.array_equal(row.target_ids[:length], ran.target_ids[:length])
        and _same_embeddings(row.target_embeds, ran.target_embeds, length)
    )


def _same_embeddings(left: Tensor | None, right: Tensor | None, length: int) -> bool:
    """Are two rows' embeddings alike up to ``length``, or both left to the ids?"""
    if left is None or right is None:
        return left is right
    return left is right or torch.equal(left[:length], right[:length])


def alike(first: Row, row: Row) -> bool:
    """Do two rows change about where the other does, so that running them together wastes little of what they share?"""
    if first.first_change is None or row.first_change is None:
        return first.first_change is row.first_change
    return abs(first.first_change - row.first_change) < REUSE_STRIDE


def shared_length(rows: Sequence[Row]) -> int:
    """Positions that all rows have in common by their own word, short of the first position anyone reads."""
    if any(row.first_change is None or row.target_visible is not None for row in rows):
        return 0
    return min(min(row.first_change or 0, int(row.steps[0]) - 1) for row in rows)
