"""Which cheap method finds the evidence of an answer behind its reasoning, at which cost, traced or not?

    uv run python -m benchmarks.planted smollm2 gemma3 --out benchmarks/results/planted.jsonl --tasks 60
    uv run --isolated --with flashtrace python -m benchmarks.planted_flashtrace smollm2 gemma3 --out ... --tasks 60
    uv run python -m benchmarks.planted --table --out benchmarks/results/planted.jsonl

Each task (`benchmarks.planted_tasks`) that the model answers right is explained by every way, for the answer alone;
recall is the share of evidence tokens among the highest tenth of the prompt's. CPU time is the process's, in units of
one plain forward pass over the same text; memory is how far the process grew at its peak. A line per model, task and
way goes to the file; what is there is not run again. With ``--device cuda`` recall alone is found out, sooner.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wherefrom
from wherefrom.adapters import Row
from wherefrom.arrays import to_numpy
from wherefrom.evaluation.ordering import shares_on_top
from wherefrom.methods import METHODS

from benchmarks.planted_tasks import KINDS, Task, evidence_tokens, tasks

TRACED: dict[str, dict[str, Any]] = {
    "libra": {"method": "libra"},
    "gim": {"method": "gim"},
    "flashtrace": {"method": "flashtrace"},
    "information_flow_routes": {"method": "information_flow_routes"},
    "input_x_gradient": {"method": "input_x_gradient"},
    "mid-depth gradient x activation": {"method": "layer_gradient_x_activation", "depth": 0.5},
    "gradient x activation at a third": {"method": "layer_gradient_x_activation", "depth": 0.33, "hops": 0},
    "gradient x activation at two thirds": {"method": "layer_gradient_x_activation", "depth": 0.67, "hops": 0},
    "mid-depth gradient": {"method": "layer_gradient_x_activation", "depth": 0.5, "multiply_by_inputs": False},
    "gradient at a quarter": {"method": "layer_gradient_x_activation", "depth": 0.25, "multiply_by_inputs": False},
    "gradient at three tenths": {
        "method": "layer_gradient_x_activation",
        "depth": 0.3,
        "multiply_by_inputs": False,
    },
    "mid-depth, all that was generated": {
        "method": "layer_gradient_x_activation",
        "depth": 0.5,
        "hops": 0,
        "span": "all",
    },
    "flashtrace, all that was generated": {"method": "flashtrace", "hops": 0, "span": "all"},
    "sentences left out": {"method": "occlusion", "units": "sentence", "baseline": "delete", "hops": 0},
    "attention x gradient rollout": {"method": "attention_gradient_rollout"},
    "saliency": {"method": "saliency"},
}
"""Read span by span, with `wherefrom.trace`, for one hop where nothing else is said."""
MAPS: dict[str, dict[str, Any]] = {
    "attention": {"method": "attention"},
    "value_norms": {"method": "value_norms"},
    "alti": {"method": "alti"},
}
"""One map of all generated tokens, then folded."""
HOPELESS = 15
"""After so many tasks of a kind without a right answer, a model is asked no more of that kind."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="smollm2, gemma3")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines")
    parser.add_argument(
        "--tasks", type=int, default=60, help="how many (answered right), half of them of one kind at most"
    )
    parser.add_argument("--ways", nargs="*", help="only these")
    parser.add_argument("--device", default="cpu", help="where the models run; costs are told of the host only")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop then, to go on another time")
    parser.add_argument("--table", action="store_true", help="print what is in the file")
    options = parser.parse_args()
    if options.table:
        print(table(options.out))
        return
    lines = read(options.out)
    until = time.monotonic() + 60 * options.minutes
    models = {name: wherefrom.load_model(f"demo:{name}", device=options.device) for name in options.models}
    for name, model in models.items():
        first_line(model, name, tasks(1)[0])  # the first pass of a process is dearer
    kept = {(name, kind): 0 for name in models for kind in KINDS}
    tried = dict(kept)
    for task in tasks(6 * options.tasks):
        for name, model in models.items():
            mine = kept[name, task.set]
            if sum(kept[name, kind] for kind in KINDS) >= options.tasks or 2 * mine >= options.tasks:
                continue
            if not mine and tried[name, task.set] >= HOPELESS:
                continue
            tried[name, task.set] += 1
            known = {line["way"] for line in lines if (line["model"], line["task"]) == (name, task.id)}
            if "wrong" in known:
                continue
            new = []
            if not known:
                new = [first_line(model, name, task)]
                write(options.out, new if options.device == "cpu" else [without_costs(new[0], options.device)])
            if any(line["way"] == "wrong" for line in new):
                continue
            kept[name, task.set] += 1
            for line in measured(model, name, task, known, options.ways):
                write(options.out, [line if options.device == "cpu" else without_costs(line, options.device)])
                if time.monotonic() > until:
                    return


def read(path: Path) -> list[dict[str, Any]]:
    """The lines that are there."""
    return [json.loads(line) for line in path.open(encoding="utf-8")] if path.exists() else []


def write(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Add lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def without_costs(line: dict[str, Any], device: str) -> dict[str, Any]:
    """What was found out on another device than the host, whose time and memory say nothing."""
    return {**{key: value for key, value in line.items() if key not in ("cpu", "grown")}, "device": device}


def first_line(model: Any, name: str, task: Task) -> dict[str, Any]:
    """Does the model answer right, and what does one plain pass cost?"""
    ids, start = answer_of(model, task)
    row = Row(target_ids=ids, steps=np.arange(start, len(ids)))
    begun = time.process_time()
    (said,) = model.adapter.predict([row])
    seconds = time.process_time() - begun
    right = bool((to_numpy(said.logits).argmax(axis=1) == ids[start:]).all())
    line = {"model": name, "task": task.id, "set": task.set, "tokens": len(ids), "cpu": seconds}
    return {**line, "way": "forward" if right else "wrong"}


def answer_of(model: Any, task: Task) -> tuple[np.ndarray, int]:
    """Ids of the whole text, and where the answer begins."""
    ids = model.encode(task.prompt + task.output, as_target=True).ids
    return ids, len(model.encode(task.prompt + task.reasoning, as_target=True).ids)


def measured(
    model: Any, name: str, task: Task, known: set[str], ways: Sequence[str] | None
) -> Iterator[dict[str, Any]]:
    """One line for each way that is not known yet."""
    ids, start = answer_of(model, task)
    whole = task.prompt + task.output
    span = (start, len(ids))
    facts = {"model": name, "task": task.id, "set": task.set, "tokens": len(ids)}

    def recalls(result: Any) -> dict[str, float]:
        first = min(result.attr_pos_start, len(result.source))
        tokens = result.target[:first]
        gold = np.array(gold_of(tokens, task))
        columns = np.asarray(result.target_attributions)[:first]
        labels = [token.text.strip() for token in result.steps]
        return {label: recall(columns[:, index], gold) for index, label in enumerate(labels)}

    for way, settings in TRACED.items():
        if way in known or (ways and way not in ways) or settings["method"] not in METHODS:
            continue
        marks: list[float] = []
        with Peak() as grown:
            begun = time.process_time()
            result = wherefrom.trace(
                model,
                task.prompt,
                whole,
                **{"span": span, **settings},
                show_progress=False,
                progress=lambda phase, done, total: marks.append(time.process_time()) if phase == "hop" else None,  # noqa: B023
            )
        spent = [mark - begun for mark in marks]
        yield {**facts, "way": way, "recall": recalls(result[0]), "cpu": spent, "grown": grown()}
    for way, settings in MAPS.items():
        if way in known or (ways and way not in ways):
            continue
        with Peak() as grown:
            begun = time.process_time()
            result = model.attribute(task.prompt, whole, show_progress=False, **settings)[0].aggregate()
            spent = [time.process_time() - begun]
        against = result.aggregate("against_other_steps")
        found = {
            **recalls(result.trace(span, hops=2)),
            "all hops": recalls(result.trace(span))["all hops"],
            "with the sink": recalls(result.trace(span, hops=0, leave_out="nothing"))["0 hops"],
            **{f"against, {label}": value for label, value in recalls(against.trace(span, hops=2)).items()},
        }
        yield {**facts, "way": way, "recall": found, "cpu": spent, "grown": grown()}
    gold = np.array(gold_of(model.encode(task.prompt, as_target=True).tokens, task))
    for way, value in (("recency", recall(np.arange(len(gold)), gold)), ("random", by_chance(task, gold))):
        if way not in known:
            yield {**facts, "way": way, "recall": {"0 hops": value}, "cpu": [0], "grown": 0}


def by_chance(task: Task, gold: np.ndarray) -> float:
    """Recall of orders drawn at random, the mean of a hundred."""
    draws = np.random.default_rng(zlib.crc32(task.id.encode()))
    return float(np.mean([recall(draws.permutation(len(gold)), gold) for _ in range(100)]))


def gold_of(tokens: Sequence[Any], task: Task) -> list[bool]:
    """Which tokens of the prompt are evidence."""
    ends = np.cumsum([0 if token.special else len(token.text) for token in tokens])
    return evidence_tokens(task.prompt, task.evidence, ends.tolist())


def recall(scores: np.ndarray, gold: np.ndarray) -> float:
    """Share of the evidence among the highest tenth."""
    return float(shares_on_top(scores, max(1, round(len(scores) / 10)))[gold].sum() / gold.sum())


class Peak:
    """How far the process grows within the block, in MiB."""

    def __enter__(self) -> Callable[[], float]:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what was let go is given back, so that everybody begins with nothing
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        self._before = _status("VmRSS")
        return self._grown

    def __exit__(self, *error: object) -> None:
        self._after = _status("VmHWM")

    def _grown(self) -> float:
        return self._after - self._before


def _status(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def table(path: Path) -> str:
    """Recall by model, way and column: all tasks, then each kind; cost in forward passes; memory."""
    lines = read(path)
    rows = []
    for name in sorted({line["model"] for line in lines}):
        mine = [line for line in lines if line["model"] == name]
        forward = {line["task"]: line["cpu"] for line in mine if line["way"] == "forward" and "cpu" in line}
        for way in dict.fromkeys(line["way"] for line in mine if line["way"] not in ("forward", "wrong")):
            some = [line for line in mine if line["way"] == way]
            timed = [line for line in some if "cpu" in line and line["task"] in forward]
            for label in dict.fromkeys(label for line in some for label in line["recall"]):
                each = [(line["set"], line["recall"][label]) for line in some if label in line["recall"]]
                hops = int(label.split()[0][-1]) if label[:1].isdigit() else 0
                spent = [line["cpu"][min(hops, len(line["cpu"]) - 1)] / forward[line["task"]] for line in timed]
                kinds = [[value for kind, value in each if kind == one] for one in KINDS]
                rows.append(
                    [
                        name,
                        way,
                        label,
                        f"{np.mean([value for _, value in each]):.2f}",
                        *(f"{np.mean(values):.2f}" if values else "" for values in kinds),
                        f"{np.median(spent):.1f}" if spent else "",
                        f"{np.median([line['grown'] for line in timed]):.0f}" if timed else "",
                        str(len(each)),
                        str(len(timed)),
                    ]
                )
    head = ["model", "way", "column", "recall", *KINDS, "forwards", "MiB", "tasks", "timed"]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


if __name__ == "__main__":
    main()
