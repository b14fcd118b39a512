"""Two threads, one module: each gets the numbers it gets alone, whatever both ask."""

from __future__ import annotations

import threading
from functools import cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from wherefrom import AttributionModel, load_model
from wherefrom.methods.contract import METHODS
from wherefrom_hf.demo import demo_path
from wherefrom_hf.running import ownership

# what a method says of its few samples is not asked here; threads share the list of filters
pytestmark = pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")

LAYER = {"target_layer": "model.layers.1"}
FEW = {"n_samples": 6}
DRAWN = {"n_samples": 6, "n_bootstrap": 0}
SETTINGS: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"n_steps": 3},
    "discretized_integrated_gradients": {"n_steps": 3},
    "sequential_integrated_gradients": {"n_steps": 2},
    "gradient_shap": FEW,
    "lime": DRAWN,
    "kernel_shap": DRAWN,
    "shapley_value_sampling": {"n_samples": 1},
    "interactions": {"n_bootstrap": 0},
    "learned_attention": {"weights": "uniform"},
    "layer_deeplift": LAYER,
    "layer_gradient_x_activation": LAYER,
    "layer_integrated_gradients": {**LAYER, "n_steps": 3},
}
LEFT_OUT = {
    "dummy": "asks the model nothing",
    "exact_shapley": "counts out games, too long here",
    "context_cite": "asks for documents",
    "reagent": "runs until a threshold",
}
TEXTS = (("The teacher saw", "The teacher saw the doctor ."), ("Mary went home", "Mary went home because she"))
ROUNDS = 2

EVERY = [name for name in METHODS if name not in LEFT_OUT and not name.startswith("captum")]
SOME = [("saliency", "saliency"), ("saliency", "occlusion"), ("attention", "saliency"), ("deeplift", "value_zeroing"),
        ("attention", "attention"), ("deeplift", "integrated_gradients"), ("alti_logit", "occlusion"),
        ("layer_gradient_x_activation", "attention_rollout"), ("lime", "value_norms")]  # fmt: skip
ALL = list(combinations_with_replacement(EVERY, 2))


@cache
def doors() -> tuple[AttributionModel, AttributionModel]:
    """One module behind two adapters."""
    torch.set_num_threads(1)
    path = str(demo_path("lm"))
    module = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(path)
    first, second = (load_model(module, tokenizer=tokenizer, device="cpu") for _ in range(2))
    return first, second


def ask(door: int, method: str) -> list[np.ndarray]:
    done = doors()[door].attribute(*TEXTS[door], method, show_progress=False, **SETTINGS.get(method, {}))
    return [done[0].target_attributions, np.array([done[0].aggregate().target_attributions])]


@cache
def alone(door: int, method: str) -> list[np.ndarray]:
    return ask(door, method)


def differences(first: str, second: str) -> list[str]:
    """What went wrong when both were asked at once."""
    right = [alone(0, first), alone(1, second)]
    implementation = doors()[0].adapter.module.config._attn_implementation  # type: ignore[attr-defined]
    together = threading.Barrier(2)
    wrong: list[str] = []

    def work(door: int, method: str) -> None:
        together.wait()
        for _ in range(ROUNDS):
            try:
                seen = ask(door, method)
            except Exception as error:  # anything raised is a finding
                wrong.append(f"{method}: {type(error).__name__}: {error}")
                return
            if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(seen, right[door], strict=True)):
                wrong.append(f"{method}: other scores")

    threads = [threading.Thread(target=work, args=pair) for pair in ((0, first), (1, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if doors()[0].adapter.module.config._attn_implementation != implementation:  # type: ignore[attr-defined]
        wrong.append("the model's attention implementation was changed")
    return wrong


@pytest.mark.parametrize("first, second", SOME)
def test_pairs(first: str, second: str) -> None:
    assert not differences(first, second)


@pytest.mark.heavy
@pytest.mark.parametrize("first, second", ALL)
def test_all_pairs(first: str, second: str) -> None:
    assert not differences(first, second)


def test_the_law_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock both are in the module at once."""

    class NoLock:
        def __enter__(self) -> None: ...

        def __exit__(self, *error: object) -> None: ...

    turns = ownership._Turns()
    turns.lock = NoLock()  # type: ignore[assignment]
    lease = ownership._Lease((turns,))
    for pair in SOME:
        alone(0, pair[0]), alone(1, pair[1])
    module = doors()[0].adapter.module  # type: ignore[attr-defined]
    before = module.config._attn_implementation
    monkeypatch.setattr(ownership, "_lease_of", lambda module: lease)
    try:
        assert any(differences("attention", "saliency") for _ in range(20))
    finally:
        module.config._attn_implementation = before
        for part in module.modules():
            for table in (part._forward_hooks, part._forward_pre_hooks):
                table.clear()
            part.__dict__.pop("forward", None)
        doors.cache_clear()
        alone.cache_clear()
