"""A model in half precision is looked into as one in single precision that has the same weights.

What half precision rounds is what the model computes. What a method makes of it (lengths that hardly differ, sums over
hundreds of positions, squares beyond what float16 holds) is at least single precision: of a row of some hundred tokens
each brings so little that rounding would decide on the order.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from scipy.stats import spearmanr
from transformers import PreTrainedModel
from wherefrom.adapters.attention import GivesAttention
from wherefrom.adapters.attention_gradients import RollsAttentionGradients
from wherefrom.adapters.head_terms import DecomposesHeads
from wherefrom.adapters.internals import DecomposesStates, ZeroesValues
from wherefrom.methods.contract import METHODS
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.logit import Logit

from tests.laws.claims import CLAIMS
from tests.laws.models import scores
from tests.zoo.checks import Model

LENGTH = 220
INTERNALS = (GivesAttention, RollsAttentionGradients, DecomposesHeads, DecomposesStates, ZeroesValues)
METHODS_INSIDE = [
    name
    for name in CLAIMS
    if any(need in INTERNALS for need in METHODS.get(name).needs)
    and name not in ("attention_flow", "learned_attention", "value_zeroing")
]
"""Without `attention_flow`, whose maximum flows take minutes, what weighs weights that `attention` gives, and what
computes the model's blocks again, in its precision."""
_SMALL: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "pad_token_id": 0,
}
CONFIGS: dict[str, transformers.PreTrainedConfig] = {
    "llama": transformers.LlamaConfig(**_SMALL, num_key_value_heads=2),
    "gemma2": transformers.Gemma2Config(**_SMALL, num_key_value_heads=2, head_dim=16),
    "gpt_neox": transformers.GPTNeoXConfig(**_SMALL),
}
"""A norm in front of the attention, norms on both sides, and a feed-forward part beside it."""


@cache
def model_of(name: str) -> PreTrainedModel:
    torch.manual_seed(0)
    made = transformers.AutoModelForCausalLM.from_config(CONFIGS[name], attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.15)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def per_input(method: str, module: PreTrainedModel) -> np.ndarray:
    """Scores of the last step, layers summed, shape ``(inputs,)``."""
    ids, steps = np.random.default_rng(0).integers(3, 60, LENGTH), np.array([LENGTH - 1])
    asked = Question(
        target_ids=ids, steps=steps, target_function=TargetFunction(function=Logit(), target_ids=ids[steps])
    )
    (found,) = scores(CLAIMS[method].method(), Model(module), [asked])
    return found["target"][:-1, 0].reshape(LENGTH - 1, -1).sum(-1)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("method", METHODS_INSIDE)
def test_half_precision_ranks_as_single(method: str, dtype: torch.dtype, name: str) -> None:
    torch.set_num_threads(1)
    half = copy.deepcopy(model_of(name)).to(dtype)
    one, other = (per_input(method, module) for module in (copy.deepcopy(half).float(), half))
    assert spearmanr(one, other).statistic > 0.99
    assert np.abs(one - other).max() < 0.05 * np.abs(one).max()
