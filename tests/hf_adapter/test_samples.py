"""Stochastic passes: seeded, different, and without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import nn
from wherefrom.questions.stochastic import with_samples
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS, Samples
from wherefrom_hf._model import HFModel
from wherefrom_hf.running.embedding import input_embeddings
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.samples import dropout, sample

from tests.hf_adapter.architectures import build, rows_for

NAMES = ("gpt2", "bart", "t5", "opt")


def predictor_of(name: str) -> Predictor:
    torch.set_num_threads(1)
    module = build(name)
    return Predictor(module, *input_embeddings(module), 0)


class SampledModel:
    """As much of an adapter as stochastic scores need."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def sample(self, rows: Any, *, passes: int, seed: int) -> Iterator[Any]:
        return sample(self.predictor, rows, passes=passes, seed=seed)


@pytest.mark.parametrize("name", NAMES)
def test_seeded_different_and_back_in_evaluation_mode(name: str) -> None:
    predictor = predictor_of(name)
    rows = rows_for(name)
    clean = [answer.logits for answer in predictor.predict(rows, None)]
    state = torch.get_rng_state()
    first, again, other = (list(sample(predictor, rows, passes=3, seed=seed)) for seed in (1, 1, 2))
    assert not predictor.module.training
    assert not any(part.training for part in predictor.module.modules())
    assert torch.equal(torch.get_rng_state(), state)
    for row, one, same, different in zip(rows, first, again, other, strict=True):
        assert one.shape == (3, len(row.steps), 40)
        assert torch.equal(one, same)
        assert not torch.equal(one, different)
        assert not torch.equal(one[0], one[1])
    alone = next(iter(sample(predictor, rows[1:], passes=3, seed=1)))
    assert torch.equal(alone, first[1])
    after = [answer.logits for answer in predictor.predict(rows, None)]
    assert all(torch.equal(one, two) for one, two in zip(clean, after, strict=True))


def test_neighbouring_seeds_have_no_pass_in_common() -> None:
    predictor = predictor_of("gpt2")
    (row, *_) = rows_for("gpt2")
    passes = [one.numpy().tobytes() for seed in range(3) for one in next(sample(predictor, [row], passes=5, seed=seed))]
    assert len(set(passes)) == 15


def test_the_mode_of_every_part_is_restored_also_after_an_error() -> None:
    module = build("gpt2")
    frozen = module.transformer.h[0]
    frozen.train()
    before = [part.training for part in module.modules()]
    with dropout(module):
        assert all(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == before
    with pytest.raises(RuntimeError, match="half way"), dropout(module):
        raise RuntimeError("half way")
    assert [part.training for part in module.modules()] == before
    assert frozen.training


def test_a_failing_pass_leaves_evaluation_mode() -> None:
    predictor = predictor_of("gpt2")
    (row, *_) = rows_for("gpt2")
    beyond = evolve(row, target_ids=np.array([3, 10**6, 4]), steps=np.array([2]))
    state = torch.get_rng_state()
    with pytest.raises(IndexError):
        list(sample(predictor, [beyond], passes=2, seed=0))
    assert not any(part.training for part in predictor.module.modules())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_caller_that_stops_half_way_finds_evaluation_mode() -> None:
    predictor = predictor_of("gpt2")
    stream = sample(predictor, rows_for("gpt2"), passes=2, seed=0)
    next(stream)
    assert not predictor.module.training
    stream.close()
    assert not predictor.module.training


def test_layers_with_statistics_stay_in_evaluation_mode() -> None:
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)).eval()
    with dropout(module):
        assert not module[0].training
        assert module[1].training


@pytest.mark.parametrize("name", NAMES)
def test_scores_share_their_passes(name: str) -> None:
    predictor = predictor_of(name)
    row = rows_for(name)[0]
    scores = {
        key: TargetFunction(function=STEP_FUNCTIONS.get(key)(**options), target_ids=row.target_ids[row.steps])
        for key, options in {
            "mc_dropout_prob_avg": {"n_mcd_steps": 4},
            "mc_dropout_zscore": {"n_mcd_steps": 6},
            "probability": {},
        }.items()
    }
    model = SampledModel(predictor)
    assert isinstance(model, Samples)
    ready = with_samples(model, row, scores, seed=3)
    assert ready["probability"].samples is None
    assert ready["mc_dropout_prob_avg"].samples.shape[0] == 4
    assert torch.equal(ready["mc_dropout_zscore"].samples[:4], ready["mc_dropout_prob_avg"].samples)
    (answer,) = predictor.predict([evolve(row, scores=ready)], None)
    targets = torch.tensor(row.target_ids[row.steps])
    passes = ready["mc_dropout_prob_avg"].samples.softmax(-1)[:, torch.arange(len(targets)), targets]
    mean = answer.scores["mc_dropout_prob_avg"]
    assert ((mean >= passes.amin(0) - 1e-7) & (mean <= passes.amax(0) + 1e-7)).all()
    everything = ready["mc_dropout_zscore"].samples.softmax(-1)[:, torch.arange(len(targets)), targets]
    expected = (answer.scores["probability"] - everything.mean(0)) / everything.std(0)
    torch.testing.assert_close(answer.scores["mc_dropout_zscore"], expected, rtol=1e-4, atol=1e-4)


def test_a_model_without_dropout_has_no_doubt() -> None:
    predictor = predictor_of("llama")
    row = rows_for("llama")[0]
    (samples,) = sample(predictor, [row], passes=3, seed=0)
    (answer,) = predictor.predict([row], None)
    for one in samples:
        torch.testing.assert_close(one, answer.logits)


def test_the_adapter_samples() -> None:
    assert issubclass(HFModel, Samples)
