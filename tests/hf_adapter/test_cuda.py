"""On a card: the numbers of the host, within what its products round differently. Skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attrs import evolve
from wherefrom import load_model
from wherefrom_hf.running.chunking import halving
from wherefrom_hf.running.embedding import input_embedding
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.predict import Predictor

from tests.hf_adapter.architectures import CONFIGS, ENCODER_DECODERS, build, rows_for
from tests.hf_adapter.test_gradients import asked

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")

METHODS = {
    "saliency": {},
    "integrated_gradients": {"n_steps": 4},
    "occlusion": {},
    "attention": {},
    "attention_rollout": {},
    "value_zeroing": {},
    "value_norms": {},
    "alti": {},
    "deeplift": {},
    "lime": {"n_samples": 30},
}


@pytest.fixture(autouse=True)
def _exact_products():
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32 = before


def predictor_of(name, device, **settings):
    module = build(name).to(device)
    if name in ENCODER_DECODERS:
        sides = (input_embedding(module.get_encoder()), input_embedding(module.get_decoder()))
    else:
        sides = (None, input_embedding(module))
    return Predictor(module, *sides, 0, **settings)


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_are_those_of_the_host(name):
    rows = [asked(row) for row in rows_for(name)]
    here = Differentiator(predictor_of(name, "cpu")).gradients(rows, None, True, True)
    there = Differentiator(predictor_of(name, "cuda")).gradients(rows, None, True, True)
    for expected, came in zip(here, there, strict=True):
        scale = float(expected.target.abs().max())
        torch.testing.assert_close(came.target.cpu(), expected.target, rtol=2e-3, atol=1e-3 * scale)


def test_block_by_block_too():
    rows = [asked(row) for row in rows_for("llama")]
    here = Differentiator(predictor_of("llama", "cpu")).gradients(rows, None, True, True)
    differentiator = Differentiator(predictor_of("llama", "cuda", memory_limit=1))
    there = differentiator.gradients(rows, None, True, True)
    for expected, came in zip(here, there, strict=True):
        scale = float(expected.target.abs().max())
        torch.testing.assert_close(came.target.cpu(), expected.target, rtol=2e-3, atol=1e-3 * scale)


@pytest.mark.filterwarnings("ignore:lime")  # so few samples say little; both devices draw the same
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name, text, target", [("demo:lm", "The teacher saw the doctor", None)])
def test_methods_are_those_of_the_host(method, name, text, target):
    scores = []
    for device in ("cpu", "cuda"):
        model = load_model(name, method, device=device, **METHODS[method])
        done = model.attribute(text, f"{text} . He", show_progress=False)
        assert model.device.startswith(device)
        scores.append(done[0].aggregate().target_attributions)
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-2, atol=2e-3)


def test_a_model_goes_to_the_card_for_one_call_and_comes_back():
    model = load_model("demo:lm", "saliency", device="cpu")
    model.attribute("The teacher saw", "The teacher saw the", device="cuda", show_progress=False)
    assert model.device == "cpu"


def test_running_out_of_the_card_s_memory_halves_the_rows():
    total = torch.cuda.get_device_properties(0).total_memory

    def work(rows):
        torch.empty(len(rows) * total // 3, dtype=torch.uint8, device="cuda")
        return rows

    assert list(halving(work, [1, 2, 3, 4, 5])) == [1, 2, 3, 4, 5]


def test_half_precision_on_the_card():
    row = evolve(asked(rows_for("llama")[0]))
    (full,) = Differentiator(predictor_of("llama", "cuda")).gradients([row], None, True, True)
    module = build("llama", dtype=torch.bfloat16).to("cuda")
    (half,) = Differentiator(Predictor(module, None, input_embedding(module), 0)).gradients([row], None, True, True)
    together = torch.stack([full.target.flatten(), half.target.flatten()])
    assert float(torch.corrcoef(together)[0, 1]) > 0.98
