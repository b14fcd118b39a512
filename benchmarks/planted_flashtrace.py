"""FlashTrace itself on the planted tasks, in an environment of its own; see `benchmarks.planted`.

    uv run --isolated --with flashtrace python -m benchmarks.planted_flashtrace smollm2 gemma3 \\
        --out benchmarks/results/planted.jsonl

Runs the tasks that ``benchmarks.planted`` found the model to answer right, with its main method (one hop, as it comes,
and once with the answer as the sink, which its newest source does) and with ``ifr-span``.
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from flashtrace import FlashTrace  # pyright: ignore[reportMissingImports]  # in the environment of the command above
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.planted import Peak, read, recall, without_costs, write
from benchmarks.planted_tasks import evidence_tokens, tasks

WAYS = {"FlashTrace": "flashtrace", "FlashTrace ifr-span": "ifr-span"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="smollm2, gemma3")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--device", default="cpu", help="where the models run; costs are told of the host only")
    parser.add_argument("--minutes", type=float, default=1e9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    until = time.monotonic() + 60 * options.minutes
    lines = read(options.out)
    loaded: dict[str, Any] = {}
    for task in tasks(6 * options.tasks):
        for name in options.models:
            known = {line["way"] for line in lines if (line["model"], line["task"]) == (name, task.id)}
            if "forward" not in known:
                continue
            if name not in loaded:
                folder = Path.home() / ".cache" / "wherefrom" / "models" / name
                plain = {"dtype": torch.float32, "attn_implementation": "eager"}
                module: Any = AutoModelForCausalLM.from_pretrained(folder, **plain).eval()
                loaded[name] = (module.to(options.device), AutoTokenizer.from_pretrained(folder))
            for way, method in WAYS.items():
                if way in known:
                    continue
                model, tokenizer = loaded[name]
                line = measured(model, tokenizer, task, method)
                facts = {"model": name, "task": task.id, "set": task.set, "way": way}
                line = {**facts, **line, "version": version("flashtrace")}
                write(options.out, [line if options.device == "cpu" else without_costs(line, options.device)])
                if time.monotonic() > until:
                    return


def measured(model: Any, tokenizer: Any, task: Any, method: str) -> dict[str, Any]:
    """Recall, cost and memory of one call."""
    coding = tokenizer(task.prompt, return_offsets_mapping=True)
    special = set(tokenizer.all_special_ids)
    before = len(tokenizer(task.prompt + task.reasoning)["input_ids"]) - len(coding["input_ids"])
    after = len(tokenizer(task.prompt + task.output)["input_ids"]) - len(coding["input_ids"])
    with Peak() as grown:
        begun = time.process_time()
        traced = FlashTrace(model, tokenizer).trace(
            prompt=task.prompt,
            target=task.output,
            output_span=(before, after - 1),
            reasoning_span=(0, before - 1),
            hops=1,
            method=method,
        )
        spent = time.process_time() - begun
    offsets = [
        end
        for number, (_, end) in zip(coding["input_ids"], coding["offset_mapping"], strict=True)
        if number not in special
    ]
    gold = np.array(evidence_tokens(task.prompt, task.evidence, offsets))
    scores = np.array(traced.scores)
    if len(scores) != len(gold):
        raise ValueError(f"{len(scores)} scores for {len(gold)} tokens of {task.id}")
    found = {"1 hop" if method == "flashtrace" else "0 hops": recall(scores, gold)}
    if traced.per_hop_scores:
        found["0 hops"] = recall(np.array(traced.per_hop_scores[0]), gold)
    return {"recall": found, "cpu": [spent], "grown": grown(), "tokens": after + len(coding["input_ids"])}


if __name__ == "__main__":
    main()
