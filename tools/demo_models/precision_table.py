"""How high each method ranks the word that decides: the tables of `docs/precision.md`.

    python -m tools.demo_models.precision_table

For every gold example one step is explained: the first token at which the text and the same text with the contrast
word part ways. The words of the prompt (``demo:lm``) or of the source (``demo:mt``) are ranked by their score for that
step.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from textwrap import fill
from typing import Any, TypeAlias

import numpy as np
from attrs import field, frozen
from wherefrom import Attribution, AttributionModel, load_model
from wherefrom.evaluation.ordering import ranks_of
from wherefrom.methods.contract import METHODS
from wherefrom.methods.perturbation.settings import PerturbationSettings
from wherefrom.text.tokens import Token
from wherefrom_hf.demo import CueSpan, GoldCue, gold_cues

PAGE = Path(__file__).parents[2] / "docs" / "precision.md"
EXAMPLES = 40
"""Gold examples of each dependency."""
CONTRAST = "contrast_logits_diff"
KINDS = ("probability", CONTRAST)
SEPARATOR = "<brk>"
"""Stands between context and sentence in sources of ``demo:mt``; decides the format, not the word."""

SETTINGS: Mapping[str, dict[str, Any]] = {
    "discretized_integrated_gradients": {"n_steps": 8, "n_neighbors": 20},
    "integrated_gradients": {"n_steps": 24},
    "kernel_shap": {"n_samples": 128},
    "layer_integrated_gradients": {"n_steps": 24},
    "reagent": {"max_probe_steps": 20, "num_probes": 4},
    "sequential_integrated_gradients": {"n_steps": 8},
    "shapley_value_sampling": {"n_samples": 4},
}
"""Where the default would take long."""
REMOVED = "unk"
"""What stands in the place of words that are taken out: training did so. These models never saw a text with a word
less."""
LAYER = {"lm": "model.layers[0]", "mt": "model.encoder.layers[0]"}
"""``target_layer`` of the methods that need one."""
SLOPES = ("smoothgrad",)
"""Signed methods whose scores are bare slopes, not shares of the value: a sum over the embedding says nothing."""
LEFT_OUT = {
    "dummy": "it attributes nothing",
    "exact_shapley": "the texts have more than the twelve units that it takes",
    "learned_attention": "its weights are learned for a model first",
}

INTRODUCTION = """# Precision: does a method find the word that decides?

In the [demo models](demo-models.md) we know which word decides which. Here every method is asked, and the rank it
gives the deciding word (the *gold cue*) is looked up. This page is written by a script:

```
uv run python -m tools.demo_models.precision_table
```
"""
NOTES = """## What it says, and what not

With the plain probability, methods that take words out (`occlusion`, `feature_ablation`, `lime`, `kernel_shap`,
and `sequential_integrated_gradients`, whose paths change one word) are ahead on both models, while a
single gradient, attention weights and the state of the first layer each miss at least one dependency almost always.
The contrast matters as much as the method: where two words decide, as in most of `demo:mt`, the plain probability
mostly shows the word that is being translated (the company), the difference to the contrast word shows the cue far more
often, and `deeplift` is among the best only with it. It does not say which method is best elsewhere: these are tiny
models of a made-up grammar that saw `<unk>` in training, which favours methods that put it in a word's place, each
method was run with one cheap setting (few draws for `reagent` and `shapley_value_sampling`), a share of 40 examples is
uncertain by up to 16 points, and a model may rely on a word that is not the one we planted.

With words deleted, as the library does where nothing is said (and as is better on
[pretrained models](which-method.md)), `occlusion` has the cue on top in 2 % of the examples of `demo:lm`, and in 60 %
with the contrast: these models never saw a text with a word less. Ask them with `baseline="unk"`.
"""

Cell: TypeAlias = tuple[str, str, str, str]
"""Model, dependency, method, kind of target."""


@frozen(kw_only=True)
class Case:
    """A gold example with the one step that is explained."""

    example: GoldCue
    step: int
    """Target position, start token counted."""
    foiled: str
    """The target with the contrast word in place of the decided word."""


@frozen(kw_only=True)
class Outcome:
    """How one method ranked the cue of one example."""

    rank: float
    """Rank of the cue's best token, 1 on top."""
    company_rank: float
    """Rank of the best token of the cue or its company."""


@frozen(kw_only=True)
class Chance:
    """What a random order would reach on one example."""

    precision: float
    company_precision: float
    rank: float


@frozen(kw_only=True)
class Measured:
    """Everything that was measured."""

    outcomes: dict[Cell, list[Outcome]] = field(factory=lambda: defaultdict(list))
    chance: dict[tuple[str, str], list[Chance]] = field(factory=lambda: defaultdict(list))


def rank_of(scores: Sequence[float], wanted: Iterable[int]) -> float:
    """Rank of the highest of the ``wanted`` entries among all others, 1 on top; see `ranks_of`.

    Wanted entries do not compete with each other.

    Raises:
        ValueError: A score is not finite, or nothing is wanted.
    """
    values = np.asarray(scores, dtype=np.float64)
    mine = np.zeros(len(values), bool)
    mine[list(wanted)] = True
    if not mine.any() or not np.isfinite(values).all():
        raise ValueError(f"Expected finite scores and at least one wanted entry, got {values} and {mine}.")
    return float(ranks_of(mine, values)[0])


def chance_of(count: int, wanted: int) -> tuple[float, float]:
    """Precision@1 and mean rank of the best of ``wanted`` entries in a random order of ``count``."""
    return wanted / count, 1 + (count - wanted) / (wanted + 1)


def deciding_case(model: AttributionModel, example: GoldCue) -> Case:
    """The example with its first step at which text and contrast part ways."""
    if example.contrast_word is None:
        raise ValueError(f"{example.id} has no contrast word, so the deciding token is unknown.")
    foiled = example.target[: example.decided.start] + example.contrast_word + example.target[example.decided.stop :]
    ids, other = (model.adapter.encode(text, side="target").ids for text in (example.target, foiled))
    shared = min(len(ids), len(other))
    return Case(example=example, step=int(np.flatnonzero(ids[:shared] != other[:shared])[0]), foiled=foiled)


def ranked(attribution: Attribution, example: GoldCue) -> list[tuple[Token, float]]:
    """The words of the input as tokens, and their scores for the one step.

    Signed shares with an embedding axis are summed over it; all others take their method's default aggregation.
    """
    if attribution.signed and attribution.dimensions == ("width",) and attribution.method not in SLOPES:
        source, target = (
            None if part is None else part.sum(axis=-1)
            for part in (attribution.source_attributions, attribution.target_attributions)
        )
    else:
        merged = attribution.aggregate() if attribution.dimensions else attribution
        source, target = merged.source_attributions, merged.target_attributions
    tokens, scores = (attribution.target, target) if source is None else (attribution.source, source)
    if scores is None or scores.ndim != 2 or scores.shape[1] != 1:
        raise ValueError(f"{attribution.method}: expected scores of one step, found {getattr(scores, 'shape', None)}.")
    return [
        (token, float(score))
        for token, score in zip(tokens, scores[:, 0], strict=True)
        if not token.special
        and token.text.strip() != SEPARATOR
        and token.end is not None
        and token.end <= len(example.source)
    ]


def members(tokens: Iterable[Token], spans: Iterable[CueSpan]) -> list[int]:
    """Indices of the tokens that overlap one of the spans of the source."""
    within = [span for span in spans if span.side == "source"]
    return [
        index
        for index, token in enumerate(tokens)
        if token.start is not None
        and token.end is not None
        and any(token.start < span.stop and span.start < token.end for span in within)
    ]


def outcome_of(attribution: Attribution, example: GoldCue) -> tuple[Outcome, Chance]:
    """Where the cue came out, and where chance would have put it."""
    tokens, scores = zip(*ranked(attribution, example), strict=True)
    cue, company = members(tokens, example.cues), members(tokens, (*example.cues, *example.also))
    by_chance, rank = chance_of(len(tokens), len(cue))
    return (
        Outcome(rank=rank_of(scores, cue), company_rank=rank_of(scores, company)),
        Chance(precision=by_chance, company_precision=chance_of(len(tokens), len(company))[0], rank=rank),
    )


def explained(
    model: AttributionModel, cases: Sequence[Case], method: str, kind: str, **settings: Any
) -> list[Attribution]:
    """The cases in order, explained in batches of those that share a step."""
    batches: dict[int, list[int]] = defaultdict(list)
    for index, case in enumerate(cases):
        batches[case.step].append(index)
    found: dict[int, Attribution] = {}
    for step, indices in batches.items():
        chosen = [cases[index] for index in indices]
        contrast: dict[str, Any] = {}
        if kind == CONTRAST:
            contrast = {
                "contrast_targets": [case.foiled for case in chosen],
                "contrast_targets_alignments": [[(step, step)]] * len(chosen),
            }
        made = model.attribute(
            [case.example.source for case in chosen],
            [case.example.target for case in chosen],
            method=method,
            attributed_fn=kind,
            attr_pos_start=step,
            attr_pos_end=step + 1,
            show_progress=False,
            **contrast,
            **settings,
        )
        found |= dict(zip(indices, made, strict=True))
    return [found[index] for index in range(len(cases))]


def ranked_methods() -> list[str]:
    """All registered methods that can be asked."""
    return [method for method in METHODS if method not in LEFT_OUT]


def settings_of(method: str, name: str) -> dict[str, Any]:
    """How a method is set here."""
    return {
        **SETTINGS.get(method, {}),
        **({"baseline": REMOVED} if issubclass(METHODS.get(method), PerturbationSettings) else {}),
        **({"target_layer": LAYER[name]} if method.startswith("layer_") else {}),
    }


def measure(names: Sequence[str], methods: Sequence[str], examples: int) -> Measured:
    """Explain the first examples of every dependency with every method."""
    measured = Measured()
    for name in names:
        model = load_model(f"demo:{name}", device="cpu")
        cases = [deciding_case(model, example) for example in first_of_each(gold_cues(name), examples)]
        for number, method in enumerate(methods):
            for kind in KINDS if METHODS.get(method).uses_target_function else KINDS[:1]:
                results = explained(model, cases, method, kind, **settings_of(method, name))
                for case, attribution in zip(cases, results, strict=True):
                    outcome, chance = outcome_of(attribution, case.example)
                    measured.outcomes[name, case.example.dependency, method, kind].append(outcome)
                    if number == 0 and kind == KINDS[0]:
                        measured.chance[name, case.example.dependency].append(chance)
            print(f"demo:{name}: {method} ({number + 1} of {len(methods)})", file=sys.stderr, flush=True)
    return measured


def first_of_each(examples: Iterable[GoldCue], count: int) -> list[GoldCue]:
    """The first ``count`` examples of every dependency, in order."""
    seen: dict[str, int] = defaultdict(int)
    kept = []
    for example in examples:
        seen[example.dependency] += 1
        if seen[example.dependency] <= count:
            kept.append(example)
    return kept


def percent(values: Iterable[bool | float]) -> str:
    """A share, without decimals."""
    return f"{100 * fmean(float(value) for value in values):.0f}"


def cells(outcomes: Sequence[Outcome]) -> list[str]:
    """Precision@1 of the cue, of the cue or its company, and mean rank; dashes for what was not measured."""
    if not outcomes:
        return ["–", "–", "–"]
    return [
        percent(outcome.rank == 1 for outcome in outcomes),
        percent(outcome.company_rank == 1 for outcome in outcomes),
        f"{fmean(outcome.rank for outcome in outcomes):.1f}",
    ]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)] + [""]


def page(measured: Measured, methods: Sequence[str], examples: int, notes: str) -> str:
    """The whole of `docs/precision.md`."""
    models = list(dict.fromkeys(name for name, *_ in measured.chance))
    lines = [_head(methods, examples), notes]
    for name in models:
        dependencies = [dependency for model, dependency in measured.chance if model == name]
        lines += [f"## `demo:{name}`: all dependencies", ""]
        lines += [
            "Precision@1 in %: plain / contrast. A mean over the dependencies stands last, cue or company in brackets.",
            "",
        ]
        rows = []
        for method in methods:
            row = [f"`{method}`"]
            for dependency in dependencies:
                row.append(
                    " / ".join(cells(measured.outcomes.get((name, dependency, method, kind), []))[0] for kind in KINDS)
                )
            row.append(" / ".join(_mean(measured, name, dependencies, method, kind) for kind in KINDS))
            rows.append(row)
        lines += table(["method", *dependencies, "mean"], rows)
        for dependency in dependencies:
            chance = measured.chance[name, dependency]
            lines += [f"### `demo:{name}`, {dependency} ({len(chance)} examples)", ""]
            by_chance = [
                percent(one.precision for one in chance),
                percent(one.company_precision for one in chance),
                f"{fmean(one.rank for one in chance):.1f}",
            ]
            lines += table(
                [
                    "method",
                    "cue on top, %",
                    "or company, %",
                    "mean rank",
                    "contrast: cue on top, %",
                    "or company, %",
                    "mean rank",
                ],
                [
                    *(
                        [
                            f"`{method}`",
                            *(
                                cell
                                for kind in KINDS
                                for cell in cells(measured.outcomes.get((name, dependency, method, kind), []))
                            ),
                        ]
                        for method in methods
                    ),
                    ["*by chance*", *by_chance, *by_chance],
                ],
            )
    return "\n".join(lines).rstrip() + "\n"


def _mean(measured: Measured, name: str, dependencies: Sequence[str], method: str, kind: str) -> str:
    found = [measured.outcomes.get((name, dependency, method, kind), []) for dependency in dependencies]
    if not all(found):
        return "–"
    cue = percent(fmean(outcome.rank == 1 for outcome in some) for some in found)
    company = percent(fmean(outcome.company_rank == 1 for outcome in some) for some in found)
    return f"{cue} ({company})"


def _head(methods: Sequence[str], examples: int) -> str:
    told = "; ".join(
        f"`{method}` {', '.join(f'{key}={value}' for key, value in SETTINGS[method].items())}"
        for method in methods
        if method in SETTINGS
    )
    left_out = "; ".join(f"`{method}`, {why}" for method, why in LEFT_OUT.items())
    points = [
        f"**Examples**: the first {examples} of each dependency in the gold file, which training never saw.",
        "**Step**: the first token at which the text and the same text with the contrast word part ways, so that the "
        'piece which tells "froid" from "froide" is explained, not the piece they share.',
        f"**Plain**: the target function is `probability`. **Contrast**: `{CONTRAST}`, the logit of the token minus "
        "that of the contrast word's token in the same place, which is the log of the ratio of their probabilities. A "
        "dash: the method does not depend on the target function (`context_cite` explains log-odds whatever is asked).",
        "**Ranked**: `demo:lm` all tokens of the prompt, `demo:mt` all tokens of the source (its target prefix is "
        f"attributed, but not ranked); special tokens and `{SEPARATOR}` are left out.",
        "**Score**: signed scores with an embedding axis are summed over it and keep their sign, other signed scores "
        "are as they are, unsigned ones and the gradients of `smoothgrad` take their method's default aggregation. A "
        "cue of several tokens has the rank of its best one, among equal scores the mean over their orders.",
        "**Or company**: a word that carries part of the same information (`also` in the gold file) is on top, which "
        "is no mistake.",
        f"**Settings**: the defaults, but for {told}; the `layer_*` methods look at the first layer "
        f"(`{LAYER['lm']}`, `{LAYER['mt']}`); words that are taken out have `<unk>` in their place, as in training. "
        "Seed 0.",
        f"**Left out**: {left_out}.",
    ]
    bullets = [
        fill(point, 120, initial_indent="* ", subsequent_indent="  ", break_on_hyphens=False) for point in points
    ]
    return "\n".join([INTRODUCTION, *bullets, ""])


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Rank the gold cues of the demo models with every method.")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="examples of each dependency")
    parser.add_argument("--models", nargs="+", default=["lm", "mt"], choices=["lm", "mt"])
    parser.add_argument("--methods", nargs="+", default=None, help="default: all registered ones")
    parser.add_argument("--out", type=Path, default=PAGE)
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    methods = given.methods or ranked_methods()
    measured = measure(given.models, methods, given.examples)
    given.out.write_text(page(measured, methods, given.examples, NOTES), encoding="utf-8")


if __name__ == "__main__":
    main()
