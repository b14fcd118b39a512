"""Internals of rows that bring embeddings: what is given is what the model reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from attrs import asdict, evolve
from torch import Tensor
from transformers import PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.adapters.internals import Heads
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.inside.decomposition import attention_terms
from wherefrom_hf.inside.logit_terms import logit_terms
from wherefrom_hf.inside.value_zeroing import zeroed_values
from wherefrom_hf.running.embedding import input_embeddings

from tests.hf_adapter.architectures import ENCODER_DECODERS, build, rows_for

READERS: dict[str, Callable[[PreTrainedModel, list[Row]], Any]] = {
    "attentions": lambda module, rows: attentions(module, rows),
    "zeroed_values": lambda module, rows: zeroed_values(
        module,
        rows,
        metric="cosine",
        heads=dict.fromkeys(("decoder", "encoder", "cross"), Heads()),
        every_query=True,
        encoder=True,
        decoder=True,
    ),
    "attention_terms": lambda module, rows: attention_terms(module, rows, queries="all"),
    "logit_terms": lambda module, rows: logit_terms(module, rows, contrasts=[None] * len(rows)),
}
MODELS = ("gpt2", "llama", "gemma2", "gpt_neox", "bart", "t5", "marian")


def arrays(told: Any) -> Iterator[np.ndarray]:
    """All numbers of an answer, in order."""
    if isinstance(told, Tensor):
        yield told.detach().numpy()
    elif isinstance(told, np.ndarray):
        yield told
    elif isinstance(told, dict):
        for one in told.values():
            yield from arrays(one)
    elif hasattr(type(told), "__attrs_attrs__"):
        yield from arrays(asdict(told, recurse=False))
    elif isinstance(told, Iterator | list | tuple):
        for one in told:
            yield from arrays(one)


def changed(ids: np.ndarray) -> np.ndarray:
    """Another token in front, where no step is asked about."""
    other = ids.copy()
    other[0] = (ids[0] + 7 - 3) % 37 + 3
    return other


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("reader", READERS)
def test_embeddings_of_other_tokens_are_those_tokens(name: str, reader: str) -> None:
    module = build(name, dtype=torch.float64)
    source, target = input_embeddings(module)
    rows = rows_for(name)
    others = [
        evolve(
            row,
            target_ids=changed(row.target_ids),
            source_ids=None if row.source_ids is None else changed(row.source_ids),
        )
        for row in rows
    ]
    given = [
        evolve(
            row,
            target_embeds=target.of(torch.from_numpy(other.target_ids)),
            source_embeds=None if source is None else source.of(torch.from_numpy(other.source_ids)),  # type: ignore[arg-type]
        )
        for row, other in zip(rows, others, strict=True)
    ]
    told, expected, plain = (list(arrays(READERS[reader](module, some))) for some in (given, others, rows))
    assert len(told) == len(expected) > 0
    for one, other in zip(told, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    assert any(not np.allclose(one, other) for one, other in zip(told, plain, strict=True))
    assert (source is not None) == (name in ENCODER_DECODERS)
