"""Forward passes of many rows: padded, chunked, each distinct source encoded once, common prefixes run once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Inside, Row, RowPrediction
from wherefrom.step_functions.base import LogitsOnlyError

from wherefrom_hf.running.attention_kernel import FUSED, observed_by
from wherefrom_hf.running.chunking import chunks_of, halving, logit_bytes, positions_at_once
from wherefrom_hf.running.continued_attention import LEAST_POSITIONS, ContinuedAttention
from wherefrom_hf.running.embedding import InputEmbedding, named_embedding
from wherefrom_hf.running.empty_rows import EmptyRows, computed_plainly, sees_nothing
from wherefrom_hf.running.freed import hand_back_freed
from wherefrom_hf.running.head import cut_at_head, reads
from wherefrom_hf.running.lengths import by_length, lengths_of, predictions_joined
from wherefrom_hf.running.memory import attention_graph_bytes, default_limit
from wherefrom_hf.running.padding import decoder_batch, encoder_batch, read_length
from wherefrom_hf.running.passes import EncoderStates, run_encoder
from wherefrom_hf.running.precision import at_least_single
from wherefrom_hf.running.probe import Probe
from wherefrom_hf.running.row_inside import RowInside
from wherefrom_hf.running.shared_prefix import SharedPrefix, alike, shared_length
from wherefrom_hf.running.trials import is_out_of_memory

_READ_BYTES = 8
"""Bytes per position and channel of the keys and values that a row reads in one layer."""


class Predictor:
    """Forward passes of one model."""

    def __init__(
        self,
        module: PreTrainedModel,
        source: InputEmbedding | None,
        target: InputEmbedding,
        fill: int,
        memory_limit: int | None = None,
    ) -> None:
        self.module = module
        self.source = source
        self.target = target
        self.fill = fill
        self.probe = Probe(module, target)
        self._memory_limit = memory_limit

    @property
    def memory_limit(self) -> int:
        """What passes may use beside the model, in bytes."""
        return default_limit(self.device) if self._memory_limit is None else self._memory_limit

    @property
    def device(self) -> torch.device:
        """Where ids have to be."""
        return self.target.weight.device

    def keeps_weights(self, rows: int, length: int) -> bool:
        """May a graph keep the attention weights of so many rows? Half of the limit is theirs."""
        return attention_graph_bytes(self.module, rows, length) <= self.memory_limit // 2

    def reads_embeddings_of(self, module: PreTrainedModel) -> bool:
        """Are the embeddings it substitutes those that ``module`` reads now?"""
        if self.source is None:
            return named_embedding(module) is self.target.module
        sides = ((module.get_encoder(), self.source), (module.get_decoder(), self.target))
        return all(named_embedding(stack) is side.module for stack, side in sides)

    def predict(self, rows: Iterable[Row], chunk: int | None) -> Iterator[RowPrediction]:
        """Answers in order; see `wherefrom.adapters.PredictsSteps`."""
        self.probe.need_places()
        yield from by_length(self.module, rows, lambda some: self._predictions(some, chunk), predictions_joined)

    def _predictions(self, rows: Iterable[Row], chunk: int | None) -> Iterator[RowPrediction]:
        prefix = self.shared_prefix()
        for part in chunks_of(rows, self._cost, positions_at_once(self.device), chunk, alike):
            self.heed_given(part)
            for some in self.together(part):
                shared = shared_length(some) if self.continues(some) else 0
                yield from halving(lambda few, n=shared: self._answers(few, prefix, n), some)  # type: ignore[misc]
            del part, some

    def apart(self) -> bool:
        """Must each row have a pass of its own, as what is said of it hangs on those beside it, or two have no room?"""
        try:
            return self.probe.beside() is not None
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return True

    def together(self, rows: list[Row]) -> list[list[Row]]:
        """The rows as they may be run: all in one pass, or each in its own."""
        return [[row] for row in rows] if len(rows) > 1 and self.apart() else [rows]

    def heed_given(self, rows: Iterable[Row]) -> None:
        """Say, once per module, what embeddings given for some rows leave as it is."""
        if any(row.source_embeds is not None or row.target_embeds is not None for row in rows):
            self.probe.warn_of_other_lookups()

    def continues(self, rows: Sequence[Row]) -> bool:
        """May passes of these rows be cut, each part going on from the cache of the one before?"""
        return self.probe.continues() and lengths_of(self.module).is_short(max(map(read_length, rows)))

    def shared_prefix(self) -> SharedPrefix:
        """What the rows of one call have in common, of which nothing is run yet."""
        return SharedPrefix(self.module, self.target, self.encode, self.memory_limit // 2, self._attention_in_two)

    def _cost(self, row: Row) -> int:
        """Token positions of a row, or what its logits weigh in the same currency, whichever is more."""
        tokens = read_length(row) - (row.first_change or 0) + (0 if row.source_ids is None else len(row.source_ids))
        vocabulary = self.module.config.get_text_config().vocab_size
        at_once = positions_at_once(self.device)
        logits = len(row.steps) * vocabulary * 4 * at_once // logit_bytes(self.device)
        # keys and values of all positions, the shared ones too, are laid out for each row in each layer
        read = read_length(row) * self.target.width * _READ_BYTES * at_once
        return max(tokens, logits, read // max(self.memory_limit // 4, 1), 1)

    @torch.no_grad()
    def _answers(self, rows: list[Row], prefix: SharedPrefix, shared: int) -> list[RowPrediction]:
        batch = decoder_batch(rows, self.fill, self.device)
        encoder = self.encode(rows)
        run = prefix.lent_to(rows, shared, encoder)
        steps = [torch.from_numpy(row.steps) for row in rows]
        pairs = reads(steps, shared, self.device)
        ids = batch.ids[:, shared:]
        given = [None if row.target_embeds is None else row.target_embeds[shared:] for row in rows]
        embeddings = self.target.laid_over(ids, given)
        if any(row.target_visible is not None or row.source_visible is not None for row in rows):
            self.probe.need_hidden_unread()
        attention = self._attention_in_two(shared, ids.shape[1])  # asked out here: it may run passes of its own
        if sees_nothing(batch.visible, None if encoder is None else encoder.visible):
            self.probe.need_nothing_from_hidden()
            attention = observed_by(self.module, EmptyRows()) if computed_plainly(self.module) else None
        with (
            attention or nullcontext(),
            self.target.replaced_by(embeddings),
            cut_at_head(self.module, *pairs, detach=False) as cut,
        ):
            output, _ = run.forward(ids, batch.visible, keep=False)
        hand_back_freed(cut.states)
        parts = torch.split(at_least_single(output.logits[0]), [len(s) for s in steps])
        return [
            RowPrediction(logits=logits, scores=scores_of(row, logits, inside), inside=inside)
            for row, logits, inside in zip(rows, parts, (RowInside.of(self, row) for row in rows), strict=True)
        ]

    def _attention_in_two(self, before: int, own: int) -> AbstractContextManager[None] | None:
        """Attention of ``own`` positions behind others in two parts, on the host if both are long; None: not so."""
        if self.device.type != "cpu" or min(before, own) < LEAST_POSITIONS or not self.probe.continues_in_two():
            return None
        return observed_by(self.module, ContinuedAttention(), FUSED)

    def encode(self, rows: Sequence[Row]) -> EncoderStates | None:
        """Encoder states for rows, each distinct source run once; None for decoder-only models."""
        if self.source is None:
            return None
        batch = encoder_batch(rows, self.fill, self.device)
        with self.source.replaced_by(self.source.laid_over(batch.ids, [row.source_embeds for row in batch.rows])):
            states = run_encoder(self.module, batch.ids, batch.visible)
        return states.of(batch.of_row)


def scores_of(row: Row, logits: Tensor, inside: Inside | None = None) -> dict[str, Tensor]:
    """The step scores that a row asks for, read from its logits.

    Those that look at more are left out where nothing more is there: whoever asked makes a pass for them.
    """
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        for name, score in row.scores.items():
            try:
                found[name] = score.step_values(logits.detach(), inside)
            except LogitsOnlyError:
                if inside is not None:
                    raise
    return found
