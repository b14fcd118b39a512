"""``wherefrom compare``: two saved attributions of the same texts."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from wherefrom.errors import UsageError
from wherefrom.questions.numbering import example_mark
from wherefrom.results.attribution import Attribution
from wherefrom.results.partners import as_called, bare_text, matched
from wherefrom_viz.console import CompareView
from wherefrom_viz.describe.comparison import Comparison, compare
from wherefrom_viz.describe.text_marks import visible

from wherefrom_cli.command import Command
from wherefrom_cli.console import Console
from wherefrom_cli.exit_codes import ExitCode
from wherefrom_cli.opening import add_example_option, require_examples, some_of
from wherefrom_cli.parser import CommandParser, Options, positive_number
from wherefrom_cli.results import one_claim
from wherefrom_cli.side_by_side import open_side_by_side

NORMALIZATIONS = ("step", "sequence", "none")


@frozen(kw_only=True, eq=False)
class Pair:
    """The same example in both."""

    name: str
    a: Attribution
    b: Attribution

    @property
    def same_input(self) -> bool:
        """Do both explain the same input text? Spaces and capitals are the tokenizers'."""
        return bare_text(self.a.source) == bare_text(self.b.source)

    @property
    def same_output(self) -> bool:
        """Do both explain the same output tokens, as texts?"""
        return bare_text(self.a.steps) == bare_text(self.b.steps)


def configure(parser: CommandParser) -> None:
    """Add the options."""
    what = parser.group("What")
    what.add("first", metavar="A", help="a saved file or run")
    what.add("second", metavar="B", help="another one of the same texts: another method, model or tokenizer")
    add_example_option(what)
    what.add("--limit", type=positive_number, metavar="N", help="at most N examples")
    what.add(
        "--normalize",
        choices=NORMALIZATIONS,
        metavar="HOW",
        default="step",
        help="step: a step's scores become shares of its total; sequence; none (default: step)",
    )
    what.add(
        "--different-texts",
        action="store_true",
        help="pairs whose input texts differ too, such as contrastive ones: by what they have in common",
    )
    output = parser.group("Output")
    output.add("--show", action="store_true", help="draw every pair (one pair is drawn anyway)")
    output.add("--json", action="store_true", help="one JSON document")
    output.add("--jsonl", action="store_true", help="one JSON line per example")


def execute(options: Options, console: Console) -> int:
    """Compare, example by example."""
    one_claim({"--show": options.show, "--json": options.json, "--jsonl": options.jsonl})
    paths = [options.first, options.second]
    first, second = open_side_by_side(paths, options.example, options.limit, told=console)
    require_examples(first, options.first)
    require_examples(second, options.second)
    pairs = pairs_of(list(first), list(second))
    if guessed := [pair.name for pair in pairs if (pair.a.id is None) is not (pair.b.id is None)]:
        console.warn(f"One of the two has no ids, so that {len(guessed)} pairs are by place alone.")
    alone = [
        f"{count} of {path}"
        for count, path in ((len(first) - len(pairs), options.first), (len(second) - len(pairs), options.second))
        if count
    ]
    if alone:
        console.warn(f"Without a partner, and left out: {' and '.join(alone)}.")
    left_out = [] if options.different_texts else [pair.name for pair in pairs if not pair.same_input]
    if left_out:
        _say_left_out(left_out, pairs, console)
        pairs = [pair for pair in pairs if pair.same_input]
    if not options.different_texts and (other := [pair.name for pair in pairs if not pair.same_output]):
        console.warn(
            f"{len(other)} of {len(pairs)} pairs explain other outputs, and are compared by what these have in common: "
            f"{some_of(other)}."
        )
    compared = [
        compare(
            pair.a,
            pair.b,
            provenance_a=pair.a.provenance,
            provenance_b=pair.b.provenance,
            normalize=options.normalize,
        )
        for pair in pairs
    ]
    documents = [described(pair.name, comparison) for pair, comparison in zip(pairs, compared, strict=True)]
    lost = {document["example"]: document["not_finite"] for document in documents if document["not_finite"]}
    if lost:
        console.warn(
            f"{sum(lost.values())} of the compared scores are no finite numbers in one of the two, and left out of "
            f"agreement and differences: in {some_of(list(lost))}."
        )
    if options.json:
        console.line(
            json.dumps(
                {
                    "a": options.first,
                    "b": options.second,
                    "examples": documents,
                    **({"left_out": left_out} if left_out else {}),
                },
                indent=2,
                ensure_ascii=False,
            )
        )
    elif options.jsonl:
        for document in documents:
            console.line(json.dumps(document, ensure_ascii=False))
    elif options.show or len(pairs) == 1:
        for comparison in compared:
            console.rich_console().print(CompareView(comparison=comparison))
    else:
        console.line(f"{'example':<16} {'steps':>6} {'agreement':>10} {'largest difference':>19}")
        for document in documents:
            name = visible(document["example"])
            shown = "-" if document["agreement"] is None else f"{document['agreement']:.3f}"
            console.line(f"{name:<16} {document['steps']:>6} {shown:>10} {document['largest_difference']:>19.4g}")
        known = [document["agreement"] for document in documents if document["agreement"] is not None]
        console.line(
            f"Mean rank agreement of {len(known)} examples: {np.mean(known):.3f}" if known else "No ranking to compare."
        )
    return ExitCode.DONE


def _say_left_out(names: Sequence[str], pairs: Sequence[Pair], console: Console) -> None:
    """Warn of pairs of different texts.

    Raises:
        UsageError: There are no others.
    """
    if len(names) == len(pairs):
        which = "The two are" if len(pairs) == 1 else f"All {len(pairs)} pairs are"
        raise UsageError(
            f"{which} of different input texts.\nExamples are paired by id, or by place where one has no ids.\n"
            "Give results of the same texts, or add --different-texts to compare what the texts have in common."
        )
    console.warn(
        f"{len(names)} of {len(pairs)} pairs are of different input texts and left out: {some_of(names)}. "
        "--different-texts compares what they have in common."
    )


def described(name: str, comparison: Comparison) -> dict[str, Any]:
    """One pair as plain values; agreement is Spearman's rank correlation, None where a ranking is constant.
    ``not_finite`` counts cells that are no finite number in one of the two, which the others leave out."""
    difference = comparison.difference
    return {
        "example": name,
        "steps": len(comparison.agreement),
        "agreement": _known(comparison.mean_agreement),
        "agreement_by_step": [_known(float(value)) for value in comparison.agreement],
        "largest_difference": float(np.abs(difference.scores).max(initial=0.0)),
        "not_finite": int((difference.visible & ~difference.finite).sum()),
    }


def pairs_of(first: Sequence[Attribution], second: Sequence[Attribution]) -> list[Pair]:
    """The same examples of both; see `wherefrom.results.partners.matched`.

    Raises:
        UsageError: They have none in common.
    """
    ids, others = as_called([one.id for one in first], [one.id for one in second])
    found = matched(ids, others)
    if not found:
        raise UsageError("The two have no example in common.\nThey are paired by id, or by place where one has no ids.")
    named = all(ids[a] is not None and ids[a] == others[b] for a, b in found)
    return [Pair(name=example_mark(a, ids[a] if named else None), a=first[a], b=second[b]) for a, b in found]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


COMMAND = Command(
    name="compare",
    summary="Two saved attributions of the same texts: rank agreement, strongest inputs of each, differences.",
    examples=(
        ("wherefrom compare saliency.json occlusion.json", "two methods"),
        ("wherefrom compare run-a/ run-b/ --jsonl", "two runs, a line per example"),
    ),
    configure=configure,
    execute=execute,
)
