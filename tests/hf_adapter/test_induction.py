"""A model set by hand to copy what followed the same token before: every method must point there.

Two attention layers. The first head writes, at each position, which token came before, faintly; the second looks for
the position that was preceded by the current token and copies the token that stands there (Olsson et al. 2022).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel
from wherefrom.arrays import to_numpy
from wherefrom.methods import METHODS, Question
from wherefrom.progress import no_progress
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.logit import Logit
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.inside.attention_gradients import attention_gradient_rollouts
from wherefrom_hf.inside.decomposition import attention_terms
from wherefrom_hf.inside.logit_terms import logit_terms
from wherefrom_hf.inside.value_zeroing import zeroed_values
from wherefrom_hf.running.embedding import input_embedding
from wherefrom_hf.running.predict import Predictor

WORDS, PLACES = 8, 12
WIDTH = 2 * WORDS + PLACES
TOKEN, BEFORE, PLACE = slice(0, WORDS), slice(WORDS, 2 * WORDS), slice(2 * WORDS, WIDTH)
STRONG = 400.0


def induction_head() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=WORDS, n_positions=PLACES, n_embd=WIDTH, n_layer=2, n_head=1, bos_token_id=0, eos_token_id=0
    )
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "ln_" not in name:
                parameter.zero_()
        model.transformer.wte.weight[:, TOKEN] = torch.eye(WORDS)
        model.transformer.wpe.weight[:, PLACE] = torch.eye(PLACES)
        first, second = (block.attn for block in model.transformer.h)
        query, key, value = (slice(part * WIDTH, (part + 1) * WIDTH) for part in range(3))
        shift = STRONG * torch.diag(torch.ones(PLACES - 1), -1)  # position i asks for i - 1
        first.c_attn.weight[PLACE, query][:, PLACE] = shift
        first.c_attn.weight[PLACE, key][:, PLACE] = torch.eye(PLACES)
        first.c_attn.weight[TOKEN, value][:, BEFORE] = 0.1 * torch.eye(WORDS)
        first.c_proj.weight.copy_(torch.eye(WIDTH))
        second.c_attn.weight[TOKEN, query][:, BEFORE] = STRONG * torch.eye(WORDS)
        second.c_attn.weight[BEFORE, key][:, BEFORE] = torch.eye(WORDS)
        second.c_attn.weight[TOKEN, value][:, TOKEN] = 4 * torch.eye(WORDS)
        second.c_proj.weight.copy_(torch.eye(WIDTH))
    return model


class Adapter:
    def __init__(self, module):
        self.module = module
        self.predictor = Predictor(module, None, input_embedding(module), 0)

    def attention_gradient_rollouts(self, rows, *, chunk=None):
        return attention_gradient_rollouts(self.predictor, rows, chunk)

    def attentions(self, rows, *, queries="all", heads="all"):
        return attentions(self.module, rows, queries=queries, mean_heads=heads == "mean")

    def zeroed_values(self, rows, **choices):
        return zeroed_values(self.module, rows, **choices)

    def attention_terms(self, rows, **choices):
        return attention_terms(self.module, rows, **choices)

    def logit_terms(self, rows, **choices):
        return logit_terms(self.module, rows, **choices)


SEQUENCE = np.array([0, 3, 5, 1, 6, 2, 3, 5])
"""Token 3 was followed by 5, at position 2; now 3 stands at position 6, and 5 is predicted at 7."""
STEP, CUE = 7, 2


def test_the_model_does_what_it_was_set_to():
    torch.set_num_threads(1)
    with torch.no_grad():
        logits = induction_head()(torch.tensor(SEQUENCE[None, :STEP])).logits[0, -1]
    assert int(logits.argmax()) == SEQUENCE[STEP]


@pytest.mark.parametrize("name", ["attention", "value_norms", "value_zeroing"])
def test_the_last_layer_points_at_the_cue(name):
    scores = column(name)
    last = scores[..., -1, :].mean(-1) if name == "attention" else scores[..., -1]
    assert int(last.argmax()) == CUE


@pytest.mark.parametrize("name", ["alti", "alti_logit"])
def test_the_whole_model_points_at_the_cue(name):
    scores = column(name)
    assert int(scores.argmax()) == CUE
    assert scores[CUE] > 1.5 * np.delete(scores, CUE).max()


def test_attention_times_gradient_has_what_raised_the_score():
    """The cue, and the token in front of it by which it was found; nothing that is attended to in vain."""
    scores = column("attention_gradient_rollout")
    assert int(scores.argmax()) == CUE
    assert set(np.flatnonzero(scores > 0.05 * scores.max())) <= {CUE - 1, CUE}


def test_rollout_and_flow_have_the_cue_among_the_paths_that_exist():
    """Attention alone cannot tell these apart: own position and cue, and the ones in front of them."""
    for name in ("attention_rollout", "attention_flow"):
        scores = column(name)
        assert set(np.flatnonzero(scores > 0.1)) == {CUE - 1, CUE, STEP - 2, STEP - 1}


def column(name: str) -> np.ndarray:
    torch.set_num_threads(1)
    steps = np.array([STEP])
    question = Question(
        target_ids=SEQUENCE, steps=steps, target_function=TargetFunction(function=Logit(), target_ids=SEQUENCE[steps])
    )
    (scores,) = METHODS.get(name)().attribute(Adapter(induction_head()), [question], no_progress)
    return to_numpy(scores.target)[:, 0]
