"""Checks and ratios on a machine with a card.

    uv run python -m benchmarks.on_cuda                                       # the tests, and what the card brings
    uv run --with inseq==0.7.1 --with joblib python -m benchmarks.on_cuda     # and the ratio to inseq

Runs `tests/hf_adapter/test_cuda.py`, then saliency and integrated gradients of one prompt on SmolLM2 (or the tiny model
that ships with the project, where that was not fetched), on the host and on the card, one after the other: how far the
scores are apart, and the ratio of wall times. Says so where there is no card.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import wherefrom
from wherefrom_hf.demo import is_fetched

PROMPT = "The library of the town was built in the year when the river rose above its banks. Nobody had expected"
METHODS: dict[str, dict[str, Any]] = {"saliency": {}, "integrated_gradients": {"n_steps": 16}}
ROUNDS = 5


def main() -> None:
    if not torch.cuda.is_available():
        print("no CUDA device on this machine: nothing to check, nothing to compare")
        return
    print(torch.cuda.get_device_name(0))
    subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/hf_adapter/test_cuda.py"], check=True)
    name = "demo:smollm2" if is_fetched("smollm2") else "demo:lm"
    for method, settings in METHODS.items():
        host, card = (wherefrom.load_model(name, method, device=device, **settings) for device in ("cpu", "cuda"))
        answer = host.generate(PROMPT, max_new_tokens=16, do_sample=False)[0]
        there, card_seconds = timed(lambda card=card, answer=answer: scores(card, answer))
        here, host_seconds = timed(lambda host=host, answer=answer: scores(host, answer))
        off = float(np.abs(here - there).max() / np.abs(here).max())
        print(
            f"{name} {method}: off by {off:.1e} of the largest score, {host_seconds / card_seconds:.1f} times the host"
        )
        if importlib.util.find_spec("inseq") is not None:
            seconds = inseq_seconds(card, method, settings, answer)
            print(f"{name} {method}: {seconds / card_seconds:.1f} times as fast as inseq")


def scores(model: wherefrom.AttributionModel, answer: str) -> np.ndarray:
    """Aggregated scores of the prompt at each token of its answer."""
    found = model.attribute(PROMPT, answer, show_progress=False)[0].aggregate().target_attributions
    assert found is not None
    return np.nan_to_num(found)


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """What ``work`` gives, and the shortest of a few rounds after one to warm up."""
    result = work()
    seconds = []
    for _ in range(ROUNDS):
        torch.cuda.synchronize()
        began = time.perf_counter()
        result = work()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return result, min(seconds)


def inseq_seconds(card: wherefrom.AttributionModel, method: str, settings: dict[str, Any], answer: str) -> float:
    """The same question put to inseq on the same module."""
    import inseq  # pyright: ignore[reportMissingImports]  # only where it is installed beside us

    other = inseq.load_model(card.module, method, tokenizer=card.tokenizer, device="cuda")

    def work() -> np.ndarray:
        other.attribute(PROMPT, answer, show_progress=False, **settings)
        return np.zeros(0)

    return timed(work)[1]


if __name__ == "__main__":
    main()
