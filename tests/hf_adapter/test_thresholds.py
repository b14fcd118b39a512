"""What a model counts further than a probe is long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from attrs import evolve
from transformers import SwitchTransformersConfig, SwitchTransformersForConditionalGeneration
from wherefrom.adapters import Row
from wherefrom.adapters.internals import Heads
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.running import in_pieces
from wherefrom_hf.running.embedding import input_embeddings
from wherefrom_hf.running.probe import LENGTH, Probe
from wherefrom_hf.running.thresholds import LOWERED, counts, lowered

from tests.zoo import checks, families
from tests.zoo.checks import Model, attention, distance, gradients, plain_logits, removals


def of_experts(capacity: int = 64) -> SwitchTransformersForConditionalGeneration:
    """Two experts that take so many tokens of a row, in double precision."""
    torch.manual_seed(0)
    config = SwitchTransformersConfig(
        vocab_size=64, d_model=32, d_ff=48, d_kv=8, num_heads=4, num_layers=2, num_decoder_layers=2,
        num_sparse_encoder_layers=1, num_sparse_decoder_layers=1, num_experts=2, expert_capacity=capacity,
        decoder_start_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    return families.drawn(SwitchTransformersForConditionalGeneration(config).double(), 0.3, seed=3)


def row_of() -> Row:
    rng = np.random.default_rng(0)
    return Row(target_ids=rng.integers(4, 62, 220), steps=np.array([180, 200, 219]), source_ids=rng.integers(4, 62, 23))


@pytest.fixture
def sparse() -> Iterator[Any]:
    """A model whose attention selects more keys than a probe has, and checks whose texts have more."""
    with checks.beyond_a_probe():
        yield families.build("glm_moe_dsa")


@pytest.mark.parametrize("check", [removals, gradients, attention])
def test_sparse_attention_is_not_lost_beyond_the_length_of_a_probe(sparse, check):
    assert sparse.config.index_topk > LENGTH
    assert check(Model(sparse), checks.row_of(sparse)) < 2e-3


def test_tokens_beyond_what_an_expert_takes_are_dropped_as_in_one_pass():
    module, row = of_experts(), row_of()
    rows = [evolve(row, first_change=220)]
    for place in (100, 150):
        ids = row.target_ids.copy()
        ids[place] = 11
        rows.append(evolve(row, target_ids=ids, first_change=place))
    for chunk in (None, 1):
        for answer, one in zip(Model(module).predict(rows, chunk=chunk), rows, strict=True):
            with torch.no_grad():
                right = torch.stack([plain_logits(module, one, step) for step in one.steps])
            assert distance(answer.logits, right) < 1e-9


def zeroed(capacity: int) -> Any:
    """Distances where values are zeroed, by pairs that are many more than an expert takes."""
    rng = np.random.default_rng(1)
    row = Row(target_ids=rng.integers(4, 62, 9), steps=np.arange(4, 9), source_ids=rng.integers(4, 62, 18))
    everywhere = dict.fromkeys(("decoder", "encoder", "cross"), Heads())
    settings = {"metric": "cosine", "heads": everywhere, "every_query": True, "encoder": True, "decoder": True}
    (answer,) = Model(of_experts(capacity)).zeroed_values([row], **settings)
    return answer


def test_zeroed_values_are_those_of_experts_that_drop_nothing():
    came, right = zeroed(20), zeroed(10_000)
    for where in ("decoder", "encoder", "cross"):
        assert distance(getattr(came, where), getattr(right, where)) < 1e-6


def test_values_are_not_zeroed_where_an_expert_dropped_a_token():
    with pytest.raises(ModelCapabilityError, match=r"nothing was zeroed, as of positions that its experts had no cap"):
        zeroed(5)


def test_what_is_lowered_is_put_back():
    module = of_experts()

    def capacities() -> set[int]:
        owners = [part for part in module.modules() if "expert_capacity" in part.__dict__]
        return {module.config.expert_capacity, *(part.expert_capacity for part in owners)}

    def fails() -> str | None:
        if capacities() == {LOWERED}:
            raise KeyError
        return None

    probe = Probe(module, input_embeddings(module)[1])
    answer = probe._first_answer("fails where it is lowered", fails) or ""
    assert "KeyError" in answer
    assert f"tried with expert_capacity={LOWERED}" in answer
    assert capacities() == {64}


@pytest.mark.parametrize("name", ["glm_moe_dsa", "minimax_m3_vl_text", "qwen4_exp_text", "switch_transformers-seq2seq"])
def test_a_module_runs_where_it_is_lowered(name):
    probe = Probe(module := families.build(name), input_embeddings(module)[1])
    with torch.no_grad(), lowered(module) as counting:
        assert counting
        assert probe._logits(probe._ids()).isfinite().all()


def test_selected_blocks_are_few_where_there_is_room_for_more():
    """A budget is room for the tokens of the blocks, whose number was counted from it when the part was made."""
    module = families.build("qwen4_exp_text")
    (part,) = [one for one in module.modules() if "block_topk" in one.__dict__]
    probe = Probe(module, input_embeddings(module)[1])
    with torch.no_grad():
        plain = probe._logits(probe._ids())
        with lowered(module):
            assert (part.token_budget, part.block_topk, part.compress_ratio) == (16, 1, 4)
            few = probe._logits(probe._ids())
    assert (part.token_budget, part.block_topk, part.compress_ratio) == (16, 4, 4)
    assert (few - plain).abs().max() > 0.1
    part.compress_ratio, part.block_topk, part.token_budget = 64, 32, 2048  # blocks longer than a trial
    with torch.no_grad():
        plain = probe._logits(probe._ids())
        with lowered(module):
            few = probe._logits(probe._ids())
    assert (few - plain).abs().max() > 0.1


@pytest.mark.parametrize("name", ["gpt2", "mixtral", "t5-seq2seq"])
def test_ordinary_models_count_nothing_and_are_tried_once(name):
    module = families.build(name)
    assert not counts(module.modules())
    with lowered(module) as counting:
        assert not counting
    asked = []
    assert Probe(module, input_embeddings(module)[1])._asked(lambda: asked.append(1)) is None
    assert len(asked) == 1


def test_layers_that_count_are_not_run_in_pieces():
    """An expert that takes more than the trial's positions would begin to count anew with each piece."""
    module = of_experts(capacity=40)
    (layer,) = [part for part in module.modules() if "expert_capacity" in part.__dict__][:1]
    known: dict[Any, bool] = {}
    with (
        patch.multiple(in_pieces, LEAST_POSITIONS=8, PIECE=5, _BEGINNING=3),
        torch.no_grad(),
    ):
        in_pieces._cut(layer, lambda states: states, known)(torch.randn(1, 20, 32).double())
    assert list(known.values()) == [False]
