"""Does a hop cost the same for a span of 64, 256 and 1,024 tokens?

    uv run python -m benchmarks.trace_cost

A model with random weights reads 1,200 tokens. Printed: CPU time of a trace of one hop, as ratios to the span of 64,
the median of five.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers
import wherefrom

LENGTH, SPANS, REPEATS = 1200, (64, 256, 1024), 5
METHODS = ("layer_gradient_x_activation", "input_x_gradient", "flashtrace")


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    known = wherefrom.load_model("demo:lm")
    config = transformers.LlamaConfig(
        vocab_size=known.adapter.card.vocabulary,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=2048,
    )
    tokenizer = copy.deepcopy(known.tokenizer)
    tokenizer.model_max_length = 2048
    model = wherefrom.load_model(transformers.LlamaForCausalLM(config).eval(), tokenizer=tokenizer, device="cpu")
    prompt = "George was sick yesterday."
    ids = model.encode(prompt).ids
    output = np.concatenate([ids, np.random.default_rng(0).integers(5, 300, LENGTH - len(ids))]).tolist()
    for method in METHODS:
        settings: dict[str, Any] = {"depth": 0.5} if method.startswith("layer") else {}
        times = {}
        for span in SPANS:

            def traced(span: int = span) -> None:
                where = (LENGTH - span, LENGTH)
                wherefrom.trace(model, prompt, output, span=where, method=method, show_progress=False, **settings)  # noqa: B023

            times[span] = cpu(traced)
        ratios = ", ".join(f"{span}: {times[span] / times[SPANS[0]]:.2f}" for span in SPANS)
        print(f"{method}: {ratios}", flush=True)


def cpu(work: Callable[[], None]) -> float:
    """Seconds of CPU, the median of some runs after one that is not counted."""
    work()
    seconds = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
