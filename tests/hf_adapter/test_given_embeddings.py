"""Internals of rows that bring embeddings: what is given is what the model reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from attrs import asdict, evolve
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.adapters.internals import Heads
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.inside.decomposition import attention_terms
from wherefrom_hf.inside.logit_terms import logit_terms
from wherefrom_hf.inside.value_zeroing import zeroed_values
from wherefrom_hf.running.embedding import input_embeddings

from tests.hf_adapter.architectures import ENCODER_DECODERS, build, of_logits, rows_for
from tests.zoo.checks import Model

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


@pytest.mark.parametrize("inner", [16, 8])
def test_an_embedding_without_a_weight_of_its_own_is_read_as_what_it_answers(inner: int) -> None:
    module, torch_rng = build("llama"), torch.Generator().manual_seed(0)
    table = nn.Embedding.from_pretrained(torch.randn(40, inner, generator=torch_rng))
    rest = nn.Linear(inner, 16) if inner != 16 else nn.LayerNorm(16)
    module.set_input_embeddings(nn.Sequential(table, rest))
    model, row = Model(module), of_logits(rows_for("llama")[0])
    assert model._as_looked_at().predictor.target.width == 16
    (came,) = model.gradients([row])
    (said,) = model.predict([row])
    leaf = rest(table(torch.from_numpy(row.target_ids)))[None].detach().requires_grad_()
    logits = module(inputs_embeds=leaf).logits[0]
    torch.testing.assert_close(torch.as_tensor(said.logits), logits[row.steps - 1].detach(), rtol=1e-4, atol=1e-4)
    (expected,) = torch.autograd.grad(logits[row.steps[-1] - 1, row.target_ids[row.steps[-1]]], leaf)
    torch.testing.assert_close(torch.as_tensor(came.target[-1]), expected[0], rtol=1e-3, atol=1e-4)


def test_an_embedding_without_one_table_is_refused() -> None:
    module = build("llama")
    module.set_input_embeddings(nn.Sequential(nn.Identity()))
    with pytest.raises(ModelCapabilityError, match="is a Sequential without a weight, and with 0 tables in it"):
        input_embeddings(module)
