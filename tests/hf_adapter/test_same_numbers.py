"""Whether two tensors are the same up to rounding, also where some of their numbers are none."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from wherefrom_hf.inside import decomposition, secants
from wherefrom_hf.inside.frozen_norm import freeze
from wherefrom_hf.running import in_pieces
from wherefrom_hf.running.block_by_block import find_blocks
from wherefrom_hf.running.embedding import input_embedding
from wherefrom_hf.running.precision import equal_numbers, largest, largest_difference, same_numbers

from tests.hf_adapter.architectures import build

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("hole", [NAN, INF, -INF])
def test_what_is_no_number_in_both_is_no_difference_and_in_one_it_is(hole: float) -> None:
    with_hole, whole = torch.tensor([1.0, hole, 2.0]), torch.tensor([1.0, 1.0, 2.0])
    assert same_numbers(with_hole, with_hole.clone(), 1e-4)
    assert not same_numbers(with_hole, with_hole + torch.tensor([0.5, 0.0, 0.0]), 1e-4)
    assert not same_numbers(with_hole, whole, 1e-4)
    assert not same_numbers(whole, with_hole, 1e-4)
    assert largest(with_hole) == 2.0
    assert largest_difference(with_hole, whole) == INF
    assert equal_numbers(with_hole, with_hole.clone())
    assert not equal_numbers(with_hole, whole)


def test_infinities_of_two_signs_and_other_shapes_differ() -> None:
    assert not same_numbers(torch.tensor([INF]), torch.tensor([-INF]), 1.0)
    assert not same_numbers(torch.zeros(3), torch.zeros(1), 1.0)
    assert not equal_numbers(torch.full((2,), NAN), torch.full((3,), NAN))


def test_all_may_be_no_numbers() -> None:
    nothing = torch.full((3,), NAN)
    assert same_numbers(nothing, nothing.clone(), 0.0)
    assert largest(nothing) == 0.0
    assert same_numbers(torch.zeros(0), torch.zeros(0), 0.0)


def test_the_part_is_of_the_largest_number_and_another_in_half_precision() -> None:
    other = torch.tensor([1.0, 100.0])
    one = other + torch.tensor([0.05, 0.0])
    assert same_numbers(one, other, 1e-3)
    assert not same_numbers(one, other, 1e-4)
    assert same_numbers(one, other, 1e-4, half=1e-3, made_in=torch.bfloat16)
    assert not same_numbers(one, other, 1e-4, half=1e-3)
    assert same_numbers(one.half(), other.half(), 1e-4, half=1e-3)
    assert same_numbers(one, other, 1e-4, size=1000.0)


def test_terms_and_norms_are_told_by_the_numbers_that_are_left() -> None:
    states = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    states[1] = NAN
    assert decomposition.close(states, states + 1e-6)
    norm = nn.LayerNorm(8)
    assert freeze(norm, states, norm(states).detach()) is not None
    assert freeze(norm, states, norm(states).detach() + 0.1) is None


@torch.no_grad()
def test_numbers_that_are_none_say_nothing_of_how_a_layer_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_pieces, "PIECE", 8)
    monkeypatch.setattr(in_pieces, "_BEGINNING", 5)
    shifted = lambda states: states.roll(1, 1)  # noqa: E731
    states = torch.randn(1, 24, 4, generator=torch.Generator().manual_seed(0))
    assert in_pieces._keeps_to_positions(shifted, states) is False
    assert in_pieces._keeps_to_positions(shifted, torch.full_like(states, NAN)) is None
    states[0, 3] = INF
    assert in_pieces._keeps_to_positions(nn.Identity(), states) is None


def test_a_trial_of_blocks_without_numbers_finds_none() -> None:
    module = build("llama")
    assert find_blocks(module, input_embedding(module)) is not None
    with torch.no_grad():
        module.model.layers[0].mlp.up_proj.weight[0, 0] = NAN
    assert find_blocks(module, input_embedding(module)) is None


def test_a_part_whose_answers_are_none_is_tried_all_the_same() -> None:
    part = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    with torch.no_grad():
        part[0].weight[0, 0] = NAN
    assert secants._each_alone(part, 4)


def test_numbers_that_are_differentiated_are_compared_without_a_warning() -> None:
    values = torch.ones(3, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert largest(values) == 1.0
        assert largest_difference(values, 2 * values) == 1.0
