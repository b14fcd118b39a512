"""A cache laid out at once holds what transformers' own does, where it was put."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer
from wherefrom.adapters import Row
from wherefrom_hf.running import shared_prefix
from wherefrom_hf.running.growing_cache import GrowingLayer

from tests.hf_adapter.architectures import build
from tests.hf_adapter.test_continued_attention import rows_changed_at, run_whole
from tests.hf_adapter.test_probe import predictor_of


def states(count: int, rows: int = 1) -> tuple[Tensor, Tensor]:
    return torch.randn(rows, 2, count, 3), torch.randn(rows, 2, count, 4)


def both(layers: tuple[DynamicLayer, ...], *given: Tensor) -> None:
    mine, own = (layer.update(*given) for layer in layers)
    assert all(torch.equal(one, other) for one, other in zip(mine, own, strict=True))
    assert layers[0].get_seq_length() == layers[1].get_seq_length()


def test_states_are_written_where_there_is_room() -> None:
    layers = (GrowingLayer(10), DynamicLayer())
    both(layers, *states(4))
    place = layers[0].keys.data_ptr()
    both(layers, *states(1))
    both(layers, *states(5))
    assert layers[0].keys.data_ptr() == place
    both(layers, *states(2))  # beyond the room
    both(layers, *states(1))
    assert layers[0].get_seq_length() == 13


def test_what_others_did_to_the_states_is_kept() -> None:
    layers = (GrowingLayer(10), DynamicLayer())
    both(layers, *states(4))
    before = [one.clone() for one in (layers[0].keys, layers[0].values)]
    copies = copy.deepcopy(layers)
    for layer in copies:
        layer.crop(-1)
        layer.batch_repeat_interleave(3)
    both(copies, *states(2, rows=3))
    both(copies, *states(1, rows=3))
    assert torch.equal(layers[0].keys, before[0])
    assert torch.equal(layers[0].values, before[1])
    both(layers, *states(2))


def test_in_a_graph_nothing_is_overwritten() -> None:
    layers = (GrowingLayer(10), DynamicLayer())
    both(layers, *states(4))
    given = [one.requires_grad_() for one in states(2)]
    both(layers, *given)
    both(layers, *states(1))
    (layers[0].keys.sum() + layers[0].values.sum()).backward()
    assert all(bool((one.grad == 1).all()) for one in given)


@pytest.mark.parametrize("room, kept", [(0, False), (2**30, True)])
def test_a_row_that_shares_nothing_finds_no_heavy_cache(room: int, kept: bool) -> None:
    predictor = predictor_of(build("llama"))
    prefix = predictor.shared_prefix()
    prefix._room = room
    row = Row(target_ids=np.arange(30) % 13 + 5, steps=np.array([28, 29]))
    prefix.run_to(row, 20)
    predictor._answers([row], prefix, 0)
    assert (prefix._ran is not None) == kept


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2"])
def test_predictions_of_rows_that_share_more_and_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_prefix, "STRETCH", 6)
    predictor = predictor_of(build(name))
    rows = rows_changed_at(4, 9, 14, 25)
    right = run_whole(predictor, rows)
    taken: list[int] = []
    put = GrowingLayer._put
    monkeypatch.setattr(
        GrowingLayer, "_put", lambda self, place, *others: (taken.append(place is None), put(self, place, *others))[1]
    )
    predictor._memory_limit = 1  # so that each row goes on from what the row before shared
    for answer, logits in zip(predictor.predict(rows, 1), right, strict=True):
        torch.testing.assert_close(answer.logits, logits)
    layers = predictor.module.config.num_hidden_layers
    assert sum(taken) == (0 if name == "gemma3" else 2 * layers), "laid out once; where a window is kept, not at all"
