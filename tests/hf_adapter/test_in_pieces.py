"""Layers that keep to single positions run in pieces, others whole; what comes out is the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.running import in_pieces as rooms
from wherefrom_hf.running.in_pieces import in_pieces
from wherefrom_hf.running.passes import start_run

from tests.hf_adapter.architectures import build, rows_for

IDS = torch.arange(24)[None] % 20 + 3


@pytest.fixture(autouse=True)
def _every_row_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PIECE", 8)
    monkeypatch.setattr(rooms, "_BEGINNING", 5)
    monkeypatch.setattr(rooms, "LEAST_POSITIONS", 16)


def noted(module: PreTrainedModel) -> list[int]:
    """How many positions each layer is given at a time, by the function that computes it."""
    sizes: list[int] = []
    for block in module.model.layers:
        own = block.mlp.forward

        def forward(states: Tensor, own: Any = own) -> Tensor:
            sizes.append(states.shape[1])
            return own(states)

        block.mlp.forward = forward
    return sizes


def logits(module: PreTrainedModel) -> Tensor:
    output, _ = start_run(module).forward(IDS, None, keep=False)
    return output.logits


@torch.no_grad()
def test_pieces_make_no_difference_and_are_tried_once_for_a_kind_of_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    module = build("llama")
    sizes = noted(module)
    came = logits(module)
    assert sizes == [13, 8, 5] + 2 * [8, 8, 8], "whole and in parts once, then in pieces"
    sizes.clear()
    logits(module)
    assert sizes == 2 * [8, 8, 8]
    sizes.clear()
    monkeypatch.setattr(rooms, "LEAST_POSITIONS", 25)
    torch.testing.assert_close(came, logits(module), rtol=0, atol=1e-6)
    assert sizes == [24, 24]


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@torch.no_grad()
def test_rows_are_cut_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers may ask that numbers lie together, as GPT-2's do."""
    module = build(name)
    rows = (torch.arange(72).view(3, 24) * 5) % 20 + 3
    run = start_run(module)
    came, _ = run.forward(rows, None, keep=False)
    assert list(rooms._alone[module].values()) == [True]
    monkeypatch.setattr(rooms, "LEAST_POSITIONS", 25)
    right, _ = run.forward(rows, None, keep=False)
    torch.testing.assert_close(came.logits, right.logits, rtol=0, atol=1e-6)


@torch.no_grad()
def test_many_short_rows_are_not_cut() -> None:
    module = build("llama")
    sizes = noted(module)
    start_run(module).forward(torch.ones(40, 6, dtype=torch.long), None, keep=False)
    assert sizes == [6, 6]


@torch.no_grad()
def test_a_layer_that_looks_at_its_neighbours_runs_whole() -> None:
    module = build("llama")
    for block in module.model.layers:
        own = block.mlp.forward
        block.mlp.forward = lambda states, own=own: own(states) + states.roll(1, 1)
    right = module(IDS).logits
    torch.testing.assert_close(logits(module), right, rtol=0, atol=1e-6)
    assert list(rooms._alone[module].values()) == [False]


@torch.no_grad()
def test_who_looks_into_a_layer_sees_whole_sequences() -> None:
    module = build("llama")
    seen: list[int] = []
    module.model.layers[0].mlp.up_proj.register_forward_hook(lambda part, args, output: seen.append(output.shape[1]))
    sizes = noted(module)
    logits(module)
    assert seen == [24]
    assert sizes == [24, 13, 8, 5, 8, 8, 8]


def test_a_watch_of_attention_does_not_mind() -> None:
    module = build("llama")
    sizes = noted(module)
    row = rows_for("llama")[0]
    rooms.LEAST_POSITIONS = rooms.PIECE = len(row.target_ids) // 2
    (in_parts,) = attentions(module, [row])
    assert max(sizes) < len(row.target_ids)
    rooms.LEAST_POSITIONS = 10**6
    (whole,) = attentions(module, [row])
    torch.testing.assert_close(in_parts.decoder, whole.decoder, rtol=0, atol=1e-6)


def test_where_a_graph_is_kept_layers_run_whole() -> None:
    module = build("llama")
    sizes = noted(module)
    logits(module)
    assert sizes == [24, 24]


@torch.no_grad()
def test_layers_are_as_before_afterwards_also_after_an_error() -> None:
    module = build("llama")
    own = module.model.layers[1].mlp.forward
    patched = lambda states: own(states)  # noqa: E731  what somebody else put there
    module.model.layers[1].mlp.forward = patched

    def fails() -> None:
        with in_pieces(module, 24):
            assert "forward" in vars(module.model.layers[0].mlp)
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fails()
    logits(module)
    assert "forward" not in vars(module.model.layers[0].mlp)
    assert vars(module.model.layers[1].mlp)["forward"] is patched


@torch.no_grad()
def test_a_layer_of_one_matrix_is_no_layer_that_widens() -> None:
    assert not rooms._may_be_cut(nn.Linear(4, 4))
    assert rooms._may_be_cut(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 4)))
