"""Which method finds what an answer hangs on? The table of docs/which-method.md, from the bench's raw numbers.

    uv run wherefrom bench -m demo:smollm2 -s short -r benchmarks/results/which-method/smollm2-short.jsonl
    uv run python -m benchmarks.which_method

Raw numbers lie in ``benchmarks/results/which-method``, a file per model, set of prompts and list of methods, named
``MODEL-SET[-NUMBER].jsonl``. The table goes between the marks of ``docs/which-method.md``, the places of the methods
into the core package, where ``wherefrom list methods`` reads them.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
from wherefrom.arrays import FloatArray
from wherefrom.evaluation.bench import read_bench
from wherefrom.evaluation.bench.standings import FILE, Standing
from wherefrom.evaluation.orderings import ORDERINGS, RECENCY
from wherefrom.evaluation.split_halves import split_halves
from wherefrom.evaluation.statistics import mean_interval, permutation_p
from wherefrom.evaluation.summary import values_by_example
from wherefrom.results.multiple_tests import holm

ROOT = Path(__file__).parents[1]
RAW = ROOT / "benchmarks" / "results" / "which-method"
PAGE = ROOT / "docs" / "which-method.md"
PACKAGED = ROOT / "packages" / "core" / "src" / "wherefrom" / "evaluation" / "bench" / FILE
BEGIN, END = "<!-- table: {} -->", "<!-- end of table -->"
COLUMNS = {
    "short": (("abpc", "delete"), ("abpc", "unk"), ("abpc", None), ("mrr", None)),
    "long": (("mrr", None), ("rank_accuracy", None), ("auprc", None)),
}
TITLES = {
    ("abpc", "delete"): "ABPC, deleted",
    ("abpc", "unk"): "ABPC, replaced",
    ("abpc", None): "ABPC, mean",
    ("mrr", None): "evidence (MRR)",
    ("rank_accuracy", None): "evidence (rank accuracy)",
    ("auprc", None): "evidence (AUPRC)",
}

Values = dict[object, float]
Column = tuple[str, str | None]


def gathered(model: str, kind: str) -> dict[str, dict[Column, Values]]:
    """Method to column to one value per prompt, by its text: over all files of a model and a set of prompts, the
    prompts that all of them have, and the methods that answered every one."""
    found: dict[str, dict[Column, Values]] = defaultdict(dict)
    paths = sorted(
        RAW.glob(f"{model}-{kind}*.jsonl"), key=lambda path: (len(path.name), path.name)
    )  # the first one first
    files = [read_bench(path) for path in paths]
    texts = set.intersection(*(set(evaluation.texts) for evaluation in files))
    for evaluation in files:
        for metric, removal in COLUMNS[kind]:
            for (method, of), by_place in values_by_example(evaluation, removal).items():
                values: Values = {evaluation.texts[int(str(place))]: value for place, value in by_place.items()}
                if of == metric and (metric, removal) not in found[method]:
                    found[method][metric, removal] = {text: one for text, one in values.items() if text in texts}
    prompts = {column: values.keys() for column, values in found[RECENCY].items()}
    return {
        name: columns
        for name, columns in found.items()
        if columns and all(values.keys() == prompts[column] for column, values in columns.items())
    }


def told(values: Values) -> str:
    """A mean with its interval."""
    numbers = np.array(list(values.values()))
    low, high = mean_interval(numbers)
    return f"{numbers.mean():.2f} [{low:.2f}, {high:.2f}]"


def against(values: Values, others: Values) -> FloatArray:
    """Paired differences, over the prompts that both have."""
    return np.array([value - others[prompt] for prompt, value in values.items() if prompt in others])


def table(model: str, kind: str) -> list[str]:
    """Lines of Markdown, best first by the first column that is a mean over all removals."""
    found = gathered(model, kind)
    columns = COLUMNS[kind]
    judged: Column = ("abpc", None) if kind == "short" else columns[0]
    order = sorted(found, key=lambda name: -float(np.mean(list(found[name][judged].values()))))
    differences = {name: against(found[name][judged], found[RECENCY][judged]) for name in order if name != RECENCY}
    chances = holm(np.array([permutation_p(one) for one in differences.values()]))
    p = dict(zip(differences, chances, strict=True))
    count = len(found[RECENCY][judged])
    lines = [
        f"**{model}**, {count} {kind} prompts; p: {TITLES[judged]} against *recency*, paired permutation, corrected "
        "by Holm.",
        "",
        "| | " + " | ".join(TITLES[one] for one in columns) + " | p |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    for name in order:
        label = f"*{name}*" if name in ORDERINGS else f"`{name}`"
        cells = [told(found[name][one]) if one in found[name] else "" for one in columns]
        lines.append(f"| {label} | " + " | ".join(cells) + f" | {f'{p[name]:.3f}' if name in p else ''} |")
    return [*lines, "", stable(model, kind, judged)]


def stable(model: str, kind: str, judged: Column) -> str:
    """How far two halves of the prompts agree on the order of the methods of the first file."""
    halves = split_halves(read_bench(RAW / f"{model}-{kind}.jsonl"), judged[0], removal=judged[1])
    if halves.mean is None:
        return "Too few prompts to be split."
    return (
        f"Split in half at random, the two orders of {halves.methods} methods agree with a rank correlation of "
        f"{halves.mean:.2f} on average; 95 % of the splits are above {halves.low:.2f}."
    )


def places(models: list[str]) -> list[Standing]:
    """Every method with its best settings, best first by its mean place on short prompts."""
    ranks: dict[str, list[int]] = defaultdict(list)
    above: dict[str, list[bool]] = defaultdict(list)
    for model in models:
        found = gathered(model, "short")
        methods = [name for name in found if name not in ORDERINGS]
        means = {name: float(np.mean(list(found[name]["abpc", None].values()))) for name in found}
        for name in methods:
            above[name].append(means[name] > means[RECENCY])
        for removal in ("delete", "unk"):
            order = sorted(methods, key=lambda name: -float(np.mean(list(found[name]["abpc", removal].values()))))
            for place, name in enumerate(order):
                ranks[name].append(place + 1)
    everywhere = [name for name in ranks if len(ranks[name]) == 2 * len(models)]
    best: dict[str, str] = {}
    for name in sorted(everywhere, key=lambda name: float(np.mean(ranks[name]))):
        best.setdefault(name.partition("[")[0], name)
    return [
        Standing(
            method=method,
            spec=spec,
            rank=number + 1,
            mean_rank=round(float(np.mean(ranks[spec])), 2),
            better_than_recency=all(above[spec]),
        )
        for number, (method, spec) in enumerate(best.items())
    ]


def main() -> None:
    """Write the tables and the places."""
    text = PAGE.read_text("utf-8")
    models: list[str] = []
    print(f"The numbers are those of the files in {RAW.relative_to(ROOT)}:")
    for path in sorted(RAW.glob("*.jsonl")):
        model, kind = path.stem.split("-")[:2]
        begin = BEGIN.format(f"{model} {kind}")
        print(f"  {path.name}")
        if begin not in text:
            raise SystemExit(f"{PAGE.name} has no place for {path.name}: expected the line {begin!r}.")
        head, rest = text.split(begin, 1)
        text = head + begin + "\n" + "\n".join(table(model, kind)) + "\n" + END + rest.split(END, 1)[1]
        if kind == "short" and model not in models:
            models.append(model)
    PAGE.write_text(text, "utf-8")
    PACKAGED.write_bytes(msgspec.json.format(msgspec.json.encode(places(models)), indent=1) + b"\n")


if __name__ == "__main__":
    main()
