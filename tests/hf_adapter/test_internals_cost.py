"""What the methods that look inside cost: passes of the model's body, whatever the number of steps."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from wherefrom.adapters.views import counting
from wherefrom.methods import METHODS, Question
from wherefrom.progress import no_progress
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.logit import Logit
from wherefrom_hf.adapter import load

from tests.golden.test_internals import DATA
from tests.looking import Looks

PASSES = {
    "attention": 1,
    "attention_rollout": 1,
    "attention_flow": 1,
    "value_norms": 1,
    "value_zeroing": 1,
    "alti": 1,
    "alti_logit": 3,
}
ROWS = {"alti_logit": 4}
"""Where a pass has more than one."""


@contextmanager
def passes_of(module):
    """How often the output layer runs: once per pass of the decoder."""
    seen = []
    handle = module.get_output_embeddings().register_forward_hook(Looks(lambda part, args, output: seen.append(1)))
    try:
        yield seen
    finally:
        handle.remove()


@pytest.mark.parametrize("model", ["llama-tiny", "marian-tiny"])
@pytest.mark.parametrize("name", PASSES)
def test_passes_do_not_grow_with_the_steps(name, model):
    torch.set_num_threads(1)
    adapter = load(str(DATA / "models" / model), device="cpu")
    found = []
    for length in (4, 4, 10):  # the first time the model is probed as well
        target = np.arange(5, 5 + length)
        steps = np.arange(2, length)
        question = Question(
            target_ids=target,
            steps=steps,
            source_ids=np.arange(7, 12) if "marian" in model else None,
            target_function=TargetFunction(function=Logit(), target_ids=target[steps]),
        )
        metered, tally = counting(adapter)
        with passes_of(adapter.module) as seen:
            list(METHODS.get(name)().attribute(metered, [question], no_progress))
        found.append((len(seen), tally.backward_rows))
        assert tally.forward_rows == ROWS.get(name, 1)
    assert found[1:] == [(PASSES[name], 1 if name == "alti_logit" else 0)] * 2
    assert found[0][0] - found[1][0] <= 8
