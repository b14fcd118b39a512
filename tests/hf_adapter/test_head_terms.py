"""Attention head by head: exact on every architecture, one layer at a time."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from wherefrom.methods._proximity import edge_shares
from wherefrom_hf.inside.decomposition import attention_terms
from wherefrom_hf.inside.head_terms import head_terms

from tests.hf_adapter.architectures import CONFIGS, rows_for
from tests.hf_adapter.test_decomposition import exact, tolerance


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def all_terms(model, row, mixture):
    (answer,) = head_terms(model, [row], mixtures=[mixture], reduce=lambda terms: terms)
    return answer.layers


@pytest.mark.parametrize("name", [*CONFIGS, "encoder-decoder"])
def test_heads_sum_to_the_terms_of_their_attention(name):
    model, row = exact(name), rows_for(name)[0]
    heads = all_terms(model, row, None)
    (terms,) = attention_terms(model, [row], queries="all")
    whole = {(one.where, one.layer): one for one in terms.chunks}
    assert {(one.where, one.layer) for one in heads} == set(whole)
    for one in heads:
        other = whole[one.where, one.layer]
        mixed = torch.einsum("mhk,khw->mkw", one.coefficients, one.vectors)
        torch.testing.assert_close(mixed, other.mixed, **tolerance(name))
        torch.testing.assert_close(one.residual, other.residual, **tolerance(name))
        torch.testing.assert_close(one.state, other.state, **tolerance(name))


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3", "olmo2", "bart"])
def test_a_mixture_of_queries_is_the_mean_of_theirs(name):
    model, row = exact(name), rows_for(name)[0]
    positions = int(row.steps[-1])
    mixture = np.zeros((1, positions))
    mixture[0, [positions - 1, positions - 2]] = 0.25, 0.75
    single = {(one.where, one.layer): one for one in all_terms(model, row, None) if one.where != "encoder"}
    mixed = all_terms(model, row, mixture)
    assert len(mixed) == len(single)
    for one in mixed:
        each = single[one.where, one.layer]
        weights = torch.as_tensor(mixture[0], dtype=each.state.dtype)
        parts = torch.einsum("mhk,khw->mhkw", each.coefficients, each.vectors)
        expected = torch.einsum("m,mhkw->hkw", weights, parts)
        found = torch.einsum("hk,khw->hkw", one.coefficients[0], one.vectors)
        torch.testing.assert_close(found, expected, **tolerance(name))
        torch.testing.assert_close(one.state[0], weights @ each.state, **tolerance(name))


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_shares_are_the_proximities_of_the_formula(name):
    row = rows_for(name)[0]
    for terms in all_terms(exact(name), row, None):
        keys, own = edge_shares(terms)
        parts = torch.einsum("mhk,khw->mhkw", terms.coefficients, terms.vectors).numpy()
        state, residual = terms.state.numpy(), terms.residual.numpy()

        def proximity(part, whole):
            return max(0.0, np.abs(whole).sum() - np.abs(whole - part).sum())

        for m in range(len(state)):
            edges = np.array([[proximity(part, state[m]) for part in head] for head in parts[m]])
            rest = proximity(residual[m], state[m])
            np.testing.assert_allclose(keys[m].numpy(), edges.sum(0) / (edges.sum() + rest), atol=1e-9)
            np.testing.assert_allclose(float(own[m]), rest / (edges.sum() + rest), atol=1e-9)


def test_no_two_layers_are_held_at_once():
    """Attention weights and head vectors of a layer are gone when the next one is reduced."""
    held: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []

    def reduce(terms):
        alive.append(sum(one() is not None for one in held))
        held.extend([weakref.ref(terms.coefficients), weakref.ref(terms.vectors)])
        return 0

    list(head_terms(exact("llama"), rows_for("llama")[:1], mixtures=[None], reduce=reduce))
    assert alive == [0, 0]


def test_hooks_are_gone_afterwards():
    model = exact("llama")
    all_terms(model, rows_for("llama")[0], None)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
