"""How many points does integrated gradients need on pretrained models, from which baseline?

    uv run python -m benchmarks.integrated_gradients smollm2 gemma3 --out benchmarks/results/integrated-gradients.jsonl
    uv run python -m benchmarks.integrated_gradients --table --out benchmarks/results/integrated-gradients.jsonl

For each prompt the most likely next token is explained, by probability, log-probability and logit. One call evaluates
63 points of a nested open rule, and the completeness gap is computed for each member of the family: 3, 7, 15, 31, 63.
Lines that are in the output already are not measured again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wherefrom
from wherefrom.adapters import Row
from wherefrom.arrays import to_numpy
from wherefrom.methods.paths.baselines import Endpoints, baseline_embeddings
from wherefrom.methods.paths.quadrature import fejer
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS

POINTS = (3, 7, 15, 31, 63)
TARGETS = ("probability", "crossentropy", "logit")
BASELINES = (("unk", "nothing"), ("unk", "first"), ("mean", "nothing"), ("mean", "first"), ("zero", "first"))
PROMPTS = (
    "The capital of France is",
    "Water freezes at zero degrees, and it boils at one",
    "The opposite of hot is",
    "Monday, Tuesday, Wednesday,",
    "The keys to the old cabinet",
    "My sister lost her wallet, so I gave",
    "Two plus two equals",
    "The author of Romeo and Juliet is William",
    "The dog that chased the cats was very",
    "Blue, green, blue, green, blue,",
    "In the morning she drinks a cup of",
    "The sun rises in the",
    "Once upon a",
    "He was hungry, so he went to the kitchen and made a",
    "A triangle has three",
    "The largest planet of the solar system is",
    "red apple, yellow banana, red apple, yellow",
    "The name of the girl is Anna. Everybody likes",
    "The shop is closed on Sunday, so we have to come back on",
    "She speaks Spanish because she grew up in",
    "The doctor told the patient to take the",
    "Paris is in France, Rome is in Italy, Berlin is in",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="smollm2, gemma3")
    parser.add_argument(
        "--out", type=Path, required=True, help="JSON lines, one per model, prompt, baseline and target"
    )
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--baselines", nargs="*", help="only these, as unk/first, mean/nothing, ...")
    parser.add_argument("--table", action="store_true", help="print what is in the file")
    options = parser.parse_args()
    if options.table:
        print(table([json.loads(line) for line in options.out.open(encoding="utf-8")]))
        return
    baselines = [one for one in BASELINES if not options.baselines or "/".join(one) in options.baselines]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    known = set()
    if options.out.exists():
        known = {_key(json.loads(line)) for line in options.out.open(encoding="utf-8")}
    with options.out.open("a", encoding="utf-8") as file:
        for name in options.models:
            model = wherefrom.load_model(f"demo:{name}", device="cpu").adapter
            for prompt in PROMPTS[: options.prompts]:
                for line in measured(model, name, prompt, known, baselines):
                    file.write(json.dumps(line) + "\n")
                    file.flush()


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line[name] for name in ("model", "prompt", "baseline", "kept", "target"))


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Median gap at 15, 31 and 63 points, and for how many prompts 63 points reach 1 %."""
    models = list(dict.fromkeys(line["model"] for line in lines))
    rows = [["baseline", "target", *models], ["---"] * (2 + len(models))]
    for baseline, kept in sorted(BASELINES, key=lambda one: one[1]):
        for target in TARGETS:
            cells = []
            for name in models:
                mine = [
                    line["gaps"] for line in lines if _key({**line, "prompt": ""}) == (name, "", baseline, kept, target)
                ]
                gaps = [f"{np.median([one[str(points)] for one in mine]):.2g}" for points in POINTS[2:]] if mine else []
                reached = sum(one[str(POINTS[-1])] <= 0.01 for one in mine)
                cells.append(f"{' / '.join(gaps)}; {reached} of {len(mine)}" if mine else "")
            rows.append([f"`{baseline}`, {kept} kept", target, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def measured(
    model: Any, name: str, prompt: str, known: set[tuple[Any, ...]], baselines: Sequence[tuple[str, str]] = BASELINES
) -> Iterator[dict[str, Any]]:
    """Gaps of one prompt, for every baseline and target."""
    ids = model.encode(prompt, side="target").ids
    (clean,) = model.predict([Row(target_ids=np.append(ids, 0), steps=np.array([len(ids)]))])
    ids = np.append(ids, int(to_numpy(clean.logits)[0].argmax()))
    step = np.array([len(ids) - 1])
    for baseline, kept in baselines:
        for target in TARGETS:
            line = {"model": name, "prompt": prompt, "baseline": baseline, "kept": kept, "target": target}
            if _key(line) in known:
                continue
            function = TargetFunction(function=STEP_FUNCTIONS.get(target)(), target_ids=ids[step])
            keep = np.array([0]) if kept == "first" else np.zeros(0, np.int64)
            real = model.embed(ids, side="target")
            path = Endpoints(baseline_embeddings(model, baseline, ids, real, keep, "target"), real)
            row = Row(target_ids=ids, steps=step, target_function=function)
            yield line | _gaps(model, row, path)


def _gaps(model: Any, row: Row, path: Endpoints) -> dict[str, Any]:
    from attrs import evolve

    assert row.target_function is not None
    at_baseline, at_input = (
        float(to_numpy(row.target_function.values(answer.logits))[0])
        for answer in model.predict([evolve(row, target_embeds=end) for end in (path.baseline, path.input)])
    )
    change = at_input - at_baseline
    rows = [evolve(row, target_embeds=path.at(float(point))) for point in fejer(POINTS[-1]).points]
    slopes, values = [], []
    for answer in model.gradients(rows):
        slopes.append(float(to_numpy((answer.target[0] * path.difference).sum()).astype(np.float64)))
        values.append(float(to_numpy(answer.values)[0]))
    gaps = {}
    for points in POINTS:
        stride = (POINTS[-1] + 1) // (points + 1)
        integral = float(fejer(points).weights @ np.array(slopes)[stride - 1 :: stride])
        gaps[str(points)] = abs(integral - change) / abs(change)
    swing = (max(values) - min(values)) / abs(change)
    return {"tokens": len(row.target_ids), "change": change, "swing": swing, "gaps": gaps}


if __name__ == "__main__":
    main()
