"""Gradients with rules, attention times gradient and interactions on pretrained models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from wherefrom.adapters.gradient_rules import GradientRules
from wherefrom.arrays import to_numpy
from wherefrom.methods.libra import RULES as LIBRA
from wherefrom.testing import question

pytestmark = pytest.mark.real

TEXT = ("The capital of France is Paris. The capital of Italy is", " Rome")


def test_libra_adds_up_to_the_logit(pretrained: Any) -> None:
    """Neither model has biases, so the scores of a logit sum to it."""
    adapter = pretrained.adapter
    about = question(adapter, *TEXT, function="logit")
    (answer,) = adapter.ruled_gradients([about.row()], rules=LIBRA)
    embedded = to_numpy(adapter.embed(about.target_ids, side="target"))
    slopes = to_numpy(answer.target)
    total = (slopes * embedded[: slopes.shape[1]]).sum((1, 2))
    np.testing.assert_allclose(total, to_numpy(answer.values), rtol=2e-3)


def test_no_rule_is_the_gradient(pretrained: Any) -> None:
    adapter = pretrained.adapter
    row = question(adapter, *TEXT, function="logit").row()
    (ruled,) = adapter.ruled_gradients([row], rules=GradientRules())
    (plain,) = adapter.gradients([row])
    expected = to_numpy(plain.target)[:, : to_numpy(ruled.target).shape[1]]
    np.testing.assert_allclose(to_numpy(ruled.target), expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("method", ["gim", "libra", "attention_gradient_rollout", "layer_gradient_x_activation"])
def test_every_step_is_answered(pretrained: Any, method: str) -> None:
    settings = {"depth": 0.5} if method.startswith("layer") else {}
    out = pretrained.attribute(*_whole(), method, attributed_fn="logit", show_progress=False, **settings)
    scores = np.asarray(out[0].aggregate().target_attributions)
    assert np.isfinite(scores).all()
    assert (np.abs(scores).sum(axis=0) > 0).all()


def test_rollout_against_all_maps_kept(smollm2: Any) -> None:
    """One step of SmolLM2, every map and its gradient kept, in the order of the paper."""
    adapter = smollm2.adapter
    about = question(adapter, *TEXT, function="logit")
    (answer,) = adapter.attention_gradient_rollouts([about.row()])
    module = adapter.module
    before = module.config._attn_implementation
    module.set_attn_implementation("eager")
    try:
        step = int(about.steps[0])
        output = module(torch.from_numpy(about.target_ids[None, :step]), output_attentions=True)
        value = output.logits[0, -1, int(about.target_ids[step])]
        slopes = torch.autograd.grad(value, output.attentions)
    finally:
        module.set_attn_implementation(before)
    rolled = torch.eye(step)
    for weights, slope in zip(output.attentions, slopes, strict=True):
        rolled = rolled + (weights[0] * slope[0]).clamp_min(0).mean(0) @ rolled
    expected = (rolled - torch.eye(step))[-1].detach().numpy()
    came = to_numpy(answer.target)[0, :step]
    np.testing.assert_allclose(came, expected, atol=1e-4 * expected.max())


def test_sentences_that_only_together_give_the_answer(smollm2: Any) -> None:
    """Pairs of sentences are found, each with its error, and the list is in order of size."""
    out = smollm2.attribute(
        "Anna lives in Rome. Rome is in Italy. Tom likes tea. Question: In which country does Anna live? Answer:",
        "Anna lives in Rome. Rome is in Italy. Tom likes tea. Question: In which country does Anna live? Answer: Italy",
        "interactions",
        units="sentence",
        baseline="delete",
        show_progress=False,
    )
    pairs = out[0].top_pairs(3)
    assert pairs
    sizes = [abs(pair.score) for pair in pairs]
    assert sizes == sorted(sizes, reverse=True)


def _whole() -> tuple[str, str]:
    return TEXT[0], "".join(TEXT)
