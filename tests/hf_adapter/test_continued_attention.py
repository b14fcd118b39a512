"""Attention in two parts, what rows share and their own, is the attention of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import Tensor, nn
from torch.nn import functional
from wherefrom.adapters import Row
from wherefrom_hf.running import predict, shared_prefix
from wherefrom_hf.running.continued_attention import ContinuedAttention
from wherefrom_hf.running.passes import DecoderRun
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.shared_prefix import SharedPrefix

from tests.hf_adapter.architectures import build
from tests.hf_adapter.test_probe import predictor_of

SCALE = 0.3


class Causal(nn.Module):
    is_causal = True


def going_on(queries: int, keys: int) -> Tensor:
    """Which keys each query sees, where the queries are the last of them."""
    return torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)[None, None]


def inputs(rows: int, heads: tuple[int, int], lengths: tuple[int, int], width: int = 8) -> tuple[Tensor, ...]:
    torch.manual_seed(0)
    queries, keys = lengths
    shapes = ((heads[0], queries), (heads[1], keys), (heads[1], keys))
    return tuple(torch.randn(rows, count, length, width, dtype=torch.float64) for count, length in shapes)


def whole(query: Tensor, key: Tensor, value: Tensor, visible: Tensor) -> Tensor:
    key, value = (one.repeat_interleave(query.shape[1] // key.shape[1], 1) for one in (key, value))
    made = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible, scale=SCALE)
    return made.transpose(1, 2)


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("the kernel was asked for the whole")


@pytest.mark.parametrize(
    "rows, heads, lengths",
    [
        (1, (9, 3), (700, 1300)),
        (3, (4, 4), (70, 71)),
        (2, (4, 1), (1, 90)),
        (1, (6, 2), (600, 640)),
    ],
)
def test_two_parts_are_the_whole(rows: int, heads: tuple[int, int], lengths: tuple[int, int]) -> None:
    query, key, value = inputs(rows, heads, lengths)
    visible = going_on(*lengths)
    made, _ = ContinuedAttention().attend(never, Causal(), query, key, value, visible, scaling=SCALE)
    torch.testing.assert_close(made, whole(query, key, value, visible), rtol=0, atol=1e-13)
    assert made.is_contiguous()


def a_window(queries: int, keys: int) -> Tensor:
    return going_on(queries, keys).triu(keys - queries - 20)


def one_hidden_key(queries: int, keys: int) -> Tensor:
    visible = going_on(queries, keys)
    visible[..., 3] = False
    return visible


def one_look_ahead(queries: int, keys: int) -> Tensor:
    visible = going_on(queries, keys)
    visible[..., -2, -1] = True
    return visible


@pytest.mark.parametrize("visible_of", [a_window, one_hidden_key, one_look_ahead])
def test_other_masks_are_the_kernels(visible_of: Any) -> None:
    query, key, value = inputs(1, (4, 2), (600, 640))
    asked: list[Tensor] = []

    def kernel(_: nn.Module, *given: Any, **__: Any) -> tuple[Tensor, None]:
        asked.append(given[3])
        return whole(*given), None

    visible = visible_of(600, 640)
    observer = ContinuedAttention()
    for mask in (visible, going_on(600, 640), visible):  # as layers of two kinds take turns
        made, _ = observer.attend(kernel, Causal(), query, key, value, mask, scaling=SCALE)
        torch.testing.assert_close(made, whole(query, key, value, mask), rtol=0, atol=1e-13)
    assert [mask is visible for mask in asked] == [True, True]


def rows_changed_at(*places: int) -> list[Row]:
    """One row for each place, in which it differs from all others."""
    at = np.arange(30)
    return [
        Row(target_ids=np.where(at == place, 2, at % 13 + 5), steps=np.array([28, 29]), first_change=place)
        for place in places
    ]


def run_whole(predictor: Predictor, rows: list[Row]) -> list[Tensor]:
    """Logits of rows that share nothing with each other."""
    return [next(predictor.predict([evolve(row, first_change=None)], None)).logits for row in rows]


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "mistral"])
def test_predictions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "LEAST_POSITIONS", 4)
    predictor = predictor_of(build(name))
    rows = rows_changed_at(25, 4, 13)
    taken: list[tuple[int, int]] = []
    plain = predictor._attention_in_two

    def noted(before: int, own: int) -> Any:
        found = plain(before, own)
        if found is not None:
            taken.append((before, own))
        return found

    monkeypatch.setattr(predictor, "_attention_in_two", noted)
    assert predictor.probe.continues_in_two()
    right = run_whole(predictor, rows)
    for answer, logits in zip(predictor.predict(rows, None), right, strict=True):
        torch.testing.assert_close(answer.logits, logits)
    assert {(25, 4), (4, 25), (13, 16)} <= set(taken)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Where passes of decoders began, and how many positions they ran."""
    ran: list[tuple[int, int]] = []
    forward = DecoderRun.forward

    def noted(run: DecoderRun, ids: Tensor, *others: Any, **options: Any) -> Any:
        ran.append((run.position, ids.shape[1]))
        return forward(run, ids, *others, **options)

    monkeypatch.setattr(DecoderRun, "forward", noted)
    monkeypatch.setattr(shared_prefix, "STRETCH", 6)
    return ran


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "mistral"])
def test_a_long_beginning_is_run_in_stretches(
    name: str, passes: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "LEAST_POSITIONS", 4)
    predictor = predictor_of(build(name))
    row = Row(target_ids=np.arange(30) % 13 + 5, steps=np.array([28, 29]))
    (right,) = predictor.predict([row], None)
    assert predictor.probe.continues_in_two()
    passes.clear()
    (answer,) = predictor.predict([evolve(row, first_change=27)], None)
    assert passes == [(0, 3), (3, 6), (9, 6), (15, 6), (21, 6), (27, 2)]
    torch.testing.assert_close(answer.logits, right.logits)


def test_a_beginning_whose_attention_does_not_go_on_in_two_parts_is_run_whole(passes: list[tuple[int, int]]) -> None:
    predictor = predictor_of(build("llama"))
    prefix = SharedPrefix(predictor.module, predictor.target, predictor.encode, 0, lambda before, own: None)
    row = Row(target_ids=np.arange(30) % 13 + 5, steps=np.array([29]))
    assert prefix.run_to(row, 27).position == 27
    assert passes == [(0, 27)]
