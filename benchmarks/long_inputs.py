"""What do long inputs cost, and how far is that from what their arithmetic must cost?

    uv run python -m benchmarks.long_inputs --lengths 2000 4000 --steps 16 --out benchmarks/results/long-inputs.jsonl

One process per method and length on the host, one core unless ``--threads`` says more. Told are the peak of memory
above the loaded and warmed-up model, of which the result's own arrays are a part, CPU seconds, and floating-point
operations counted by hand from the model's sizes. With ``--device cuda`` the memory is that of the card, where no
result is kept, and the seconds are those of a clock on the wall, the card having nothing else to do. The limit is
that count at the speed of plain matrix products, measured in the same process: on the host every two seconds while the
method runs, since machines that are shared change theirs, and on a card before and after:

* *plain*: attention computed as whole squares of queries and keys, two products forwards and four backwards,
* *causal*: the lower triangles alone, which is all that a causal model can use.

What a model does beside products takes time too. Told is therefore also how many times their own limit a forward pass
of the same length takes as transformers makes it, in the same process.

Lines that are in the output already are not measured again.
"""

from __future__ import annotations

import argparse
import functools
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import wherefrom
from torch import nn
from transformers import PreTrainedModel
from wherefrom.text.segmentation import unit_starts
from wherefrom_hf.running.freed import LEAST_BYTES, hand_back_freed, resident

TEXT = (
    "The library of the town was built in the year when the river rose above its banks. Nobody had expected the water, "
    "but the keepers carried every book up the hill, and Clara counted them twice. In the spring they came down again, "
    "one by one, and the shelves were painted green. Old Mr. Hale, who kept the keys, said that a book which has been "
    "wet once is read more carefully ever after. "
)
SHORT = 300
"""Tokens of the text that is explained before, enough to be run as a long one is."""
METHODS: dict[str, dict[str, Any]] = {
    "saliency": {},
    "integrated_gradients": {"n_steps": 8},
    "occlusion": {"units": "sentence", "baseline": "delete"},
    "attention": {},
    "value_zeroing": {},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo:smollm2")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--lengths", nargs="+", type=int, default=[2000, 4000, 8000])
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--points", type=int, default=8, help="of integrated gradients")
    parser.add_argument("--together", type=int, default=1, help="sentences that occlusion takes out at a time")
    parser.add_argument("--memory-limit", default="512 MiB")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of the host")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    METHODS["integrated_gradients"]["n_steps"] = asked.points
    METHODS["occlusion"] |= {"window": asked.together, "stride": asked.together}
    if asked.one:
        print(json.dumps(here(asked)(asked.methods[0], asked.lengths[0])))
        return
    known = (
        [json.loads(line) for line in asked.out.read_text().splitlines()] if asked.out and asked.out.exists() else []
    )
    done = {
        (one["method"], one["length"], one["steps"], one["points"], one["together"], one["memory_limit"], one["device"])
        for one in known
    }
    ask = here(asked) if asked.device != "cpu" else functools.partial(elsewhere, asked)
    for length in asked.lengths:
        for method in asked.methods:
            if (method, length, asked.steps, asked.points, asked.together, asked.memory_limit, asked.device) in done:
                continue
            answer = ask(method, length)
            print(line(answer), flush=True)
            if asked.out:
                with asked.out.open("a") as file:
                    file.write(json.dumps(answer) + "\n")


def here(asked: argparse.Namespace) -> Callable[[str, int], dict[str, Any]]:
    """What measures in this process, with a model that is loaded once."""
    torch.set_num_threads(asked.threads)
    model = wherefrom.load_model(asked.model, device=asked.device, memory_limit=asked.memory_limit)
    facts = {
        "points": asked.points,
        "together": asked.together,
        "device": asked.device,
        "threads": asked.threads,
        "memory_limit": asked.memory_limit,
    }
    return lambda method, length: {**facts, **measured(model, method, length, asked.steps, asked.together)}


def elsewhere(asked: argparse.Namespace, method: str, length: int) -> dict[str, Any]:
    """Measured in a process of its own, whose memory nothing else has filled."""
    command = [sys.executable, "-m", "benchmarks.long_inputs", "--one", "--model", asked.model, "--methods", method]
    command += ["--lengths", str(length), "--steps", str(asked.steps), "--memory-limit", asked.memory_limit]
    command += ["--device", asked.device, "--threads", str(asked.threads)]
    command += ["--points", str(asked.points), "--together", str(asked.together)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def line(one: dict[str, Any]) -> str:
    """One row of the table."""
    return (
        f"| {one['method']} | {one['tokens']} | {one['steps']} | {one['peak_mib']:.0f} | {one['result_mib']:.0f} | "
        f"{one['tera_operations']:.2f} | {one['over_plain_limit']:.2f} | {one['over_causal_limit']:.2f} | "
        f"{one['pass_over_plain_limit']:.2f} | {one['pass_over_causal_limit']:.2f} |"
    )


def measured(model: Any, method: str, length: int, steps: int, together: int) -> dict[str, Any]:
    """One method on one length."""
    ids = model.tokenizer(TEXT * (1 + length // 60))["input_ids"]
    prompt = model.tokenizer.decode(ids[:length])
    answer = model.tokenizer.decode(ids[length : length + steps])
    size = len(model.tokenizer(prompt + answer)["input_ids"])
    settings = METHODS[method]
    short = model.tokenizer.decode(ids[:SHORT])
    model.attribute(short, short + answer, method, show_progress=False, **settings)  # trials of the model, lazy imports
    hand_back_freed(torch.empty(LEAST_BYTES, dtype=torch.uint8), all_of_it=True)  # what that freed is no beginning
    clock = Clock(model.module.device)
    with Products(model.module, clock) as products, Peak(model.module.device) as peak:
        began = clock()
        result = model.attribute(
            prompt, prompt + answer, method, attr_pos_start=size - steps, show_progress=False, **settings
        )[0]
        spent = clock() - began - products.seconds
    speed = products.per_second
    scores = result.target_attributions
    assert scores is not None
    taken = sentences(model, prompt)[::together]
    plain, causal = operations(model.module, method, size, steps, taken)
    pass_plain, pass_causal = operations(model.module, "attention", size, steps, [])
    passed = one_pass(model, prompt + answer, steps, clock)
    return {
        "method": method,
        "length": length,
        "tokens": size,
        "steps": steps,
        "peak_mib": peak.grown / 2**20,
        "result_mib": scores.nbytes / 2**20,
        "seconds": spent,
        "giga_per_second": speed / 1e9,
        "tera_operations": plain / 1e12,
        "over_plain_limit": spent / (plain / speed),
        "over_causal_limit": spent / (causal / speed),
        "pass_over_plain_limit": passed / (pass_plain / speed),
        "pass_over_causal_limit": passed / (pass_causal / speed),
        "finite": bool(np.isfinite(np.nan_to_num(scores)).all()),
    }


def one_pass(model: Any, text: str, steps: int, clock: Clock) -> float:
    """Seconds of a forward pass as transformers makes it, with the logits of the steps."""
    ids = model.tokenizer(text, return_tensors="pt")["input_ids"].to(model.module.device)
    began = clock()
    with torch.inference_mode():
        model.module(ids, use_cache=False, logits_to_keep=steps)
    return clock() - began


def sentences(model: Any, prompt: str) -> list[int]:
    """Token position at which each sentence of the prompt begins."""
    return list(unit_starts(model.encode(prompt).tokens, "sentence"))


def operations(module: PreTrainedModel, method: str, size: int, steps: int, starts: list[int]) -> tuple[float, float]:
    """Floating-point operations that a method's definition asks for, attention as squares and as triangles."""
    config = module.config
    layers, width = config.num_hidden_layers, config.num_attention_heads * config.head_dim
    head = module.get_output_embeddings()
    weights = sum(
        float(part.weight.numel()) for part in module.modules() if isinstance(part, nn.Linear) and part is not head
    )
    linear = 2.0 * weights * size
    square = 4.0 * size * size * width * layers
    if method in ("saliency", "integrated_gradients"):
        points = METHODS[method].get("n_steps", 1)
        passes = points * (1 + steps)
        return (
            passes * linear + points * (1 + 2 * steps) * square,
            passes * linear + points * (1 + 2 * steps) * square / 2,
        )
    if method == "occlusion":
        rest = [size - start for start in starts] + [size]
        own = sum(2.0 * weights * n for n in rest)
        return own + sum(4.0 * n * size * width * layers for n in rest), own + sum(
            4.0 * n * (size - n / 2) * width * layers for n in rest
        )
    pairs = 0.0
    if method == "value_zeroing":
        block = next(part for part in module.modules() if isinstance(part, nn.ModuleList))[0]
        behind = sum(p.weight.numel() for n, p in block.named_modules() if isinstance(p, nn.Linear) and "mlp" in n)
        pairs = 2.0 * (behind + width * width) * size * steps * layers
    return linear + square + pairs, linear + square / 2 + pairs


class Clock:
    """Seconds: of the process's cores on the host, of the wall on a card that has done all it was told."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __call__(self) -> float:
        if self._device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self._device)
        return time.perf_counter()


class Products:
    """How many operations per second plain products with one of the model's own weights make: before and after a block,
    and within it whenever the process has worked for two more seconds, if it works on the host. ``seconds`` is what
    that took within the block, and belongs to nothing that is measured there."""

    EVERY = 2.0
    TIMES = 5

    def __init__(self, module: nn.Module, clock: Clock) -> None:
        weight = max((p.weight for p in module.modules() if isinstance(p, nn.Linear)), key=lambda w: min(w.shape))
        self._weight, self._clock = weight.detach().t(), clock
        self._on_host = weight.device.type == "cpu"
        self._states = torch.randn(2048 if self._on_host else 65536, weight.shape[1], device=weight.device)
        self._into = self._states @ self._weight  # nothing is made anew while memory is looked at
        self._found: list[float] = []
        self.seconds = 0.0

    @property
    def per_second(self) -> float:
        """Mean over all that was measured."""
        return float(np.mean(self._found))

    def _look(self, *signalled: object) -> None:
        took: list[float] = []
        with torch.no_grad():
            for _ in range(self.TIMES):
                began = self._clock()
                torch.mm(self._states, self._weight, out=self._into)
                took.append(self._clock() - began)
        self._found.append(2.0 * self._states.numel() * self._weight.shape[1] / float(np.median(took)))
        self.seconds += sum(took)

    def __enter__(self) -> Products:
        self._look()
        self.seconds = 0.0
        if self._on_host:
            self._before = signal.signal(signal.SIGPROF, self._look)
            signal.setitimer(signal.ITIMER_PROF, self.EVERY, self.EVERY)
        return self

    def __exit__(self, *error: object) -> None:
        if self._on_host:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, self._before)
        self._look()


class Peak:
    """How many bytes more were in use at most within a block: of the process, looked at every hundredth of a second, or
    of the card."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.grown = 0

    def __enter__(self) -> Peak:
        self._before = self._used()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _used(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.memory_allocated(self._device)
        return resident() or 0

    def _look(self) -> None:
        while self._device.type == "cpu" and not self._over.wait(0.01):
            self.grown = max(self.grown, self._used() - self._before)

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        if self._device.type == "cuda":
            self.grown = torch.cuda.max_memory_allocated(self._device) - self._before


if __name__ == "__main__":
    main()
