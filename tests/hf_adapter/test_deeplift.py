"""Multipliers explain the whole change of the score, whatever architecture the model has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attrs import evolve
from wherefrom.arrays import to_numpy
from wherefrom.errors import ModelCapabilityError
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom_hf.inside.deeplift import rescaled_gradients
from wherefrom_hf.running.embedding import input_embedding
from wherefrom_hf.running.predict import Predictor

from tests.hf_adapter.architectures import CONFIGS, ENCODER_DECODERS, build, rows_for

torch.set_num_threads(1)


def predictor_of(name: str) -> Predictor:
    module = build(name)
    source = input_embedding(module.get_encoder()) if name in ENCODER_DECODERS else None
    stack = module.get_decoder() if name in ENCODER_DECODERS else module
    return Predictor(module, source, input_embedding(stack), fill=0)


def unexplained(name: str) -> float:
    """What the shares miss of the change, as a part of the values and of the shares that cancel."""
    predictor = predictor_of(name)
    function = STEP_FUNCTIONS.get("logit")()
    rng = np.random.default_rng(2)
    rows, baselines = [], []
    for row in rows_for(name, ((4, 5), (3, 6))):
        asked = evolve(row, target_function=TargetFunction(function=function, target_ids=row.target_ids[row.steps]))
        other = {"target_embeds": predictor.target.of(torch.from_numpy(rng.integers(3, 40, len(row.target_ids))))}
        if row.source_ids is not None and predictor.source is not None:
            ids = torch.from_numpy(rng.integers(3, 40, len(row.source_ids)))
            other["source_embeds"] = predictor.source.of(ids)
        rows.append(asked)
        baselines.append(evolve(asked, **other))
    worst = 0.0
    for row, answer in zip(rows, rescaled_gradients(predictor, rows, baselines, None, None), strict=True):
        total = shared = np.zeros(len(row.steps))
        for multipliers, change in ((answer.source, answer.source_change), (answer.target, answer.target_change)):
            if multipliers is not None and change is not None:
                shares = to_numpy(multipliers * change)
                total = total + shares.sum((1, 2))
                shared = shared + np.abs(shares).sum((1, 2))
        moved = to_numpy(answer.values - answer.baseline_values)
        assert np.abs(moved).max() > 1e-3
        worst = max(worst, float((np.abs(total - moved) / (np.abs(moved).max() + shared)).max()))
    return worst


@pytest.mark.parametrize("name", CONFIGS)
def test_shares_explain_the_change(name: str) -> None:
    assert unexplained(name) <= 5e-6


def test_a_layer_inside_a_mixture_is_refused_and_the_mixture_itself_is_not() -> None:
    predictor = predictor_of("deepseek_v3")
    (row,) = rows_for("deepseek_v3", ((4, 5),))
    logit = STEP_FUNCTIONS.get("logit")()
    row = evolve(row, target_function=TargetFunction(function=logit, target_ids=row.target_ids[row.steps]))
    mixture = next(part for part in predictor.module.modules() if type(part).__name__ == "DeepseekV3MoE")
    with pytest.raises(ModelCapabilityError, match=r"is a part of DeepseekV3MoE.*Attribute to DeepseekV3MoE itself"):
        next(rescaled_gradients(predictor, [row], [row], mixture.shared_experts, None))
    assert next(rescaled_gradients(predictor, [row], [row], mixture, None)).target is not None
