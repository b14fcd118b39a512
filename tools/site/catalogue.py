"""One page per method, step function, aggregator and metric, from what each says about itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from attrs import evolve
from wherefrom.evaluation.bench.standings import standings
from wherefrom.evaluation.contract import METRICS
from wherefrom_cli.catalogue import KINDS, Entry, entry, things
from wherefrom_cli.cost_formula import formula

_SOURCE = re.compile(r"^Sources?:\n(?P<text>(?:    .*\n?|\n)+)", re.MULTILINE)
_LITERAL = re.compile(r"``([^`]+)``")
_LEGEND = (
    "Cost: rows forward through the model and scalars differentiated, for n inputs and s explained tokens, with default "
    "settings."
)


def markdown(text: str) -> str:
    """A docstring's prose: literals in single marks, and what Markdown would take for markup outside of them escaped."""
    pieces = _LITERAL.split(text)
    return "".join(
        f"`{piece}`" if number % 2 else re.sub(r"([\[\]<>*])", r"\\\1", piece) for number, piece in enumerate(pieces)
    )


def cell(text: object) -> str:
    """A text in a table: one line, and a bar of its own ends no cell, not even within a literal."""
    return str(text).replace("\n", " ").replace("|", "\\|")


def entries() -> Iterator[Entry]:
    """Everything that has a page."""
    for kind in KINDS:
        yield from (entry(kind, name, thing) for name, thing in things(kind))
    for name in METRICS:
        thing = METRICS.get(name)
        one = entry("metrics", name, thing)
        if not one.source:  # a metric's paper stands at the head of its file
            found = _SOURCE.search((sys.modules[thing.__module__].__doc__ or "") + "\n")
            source = "" if found is None else "\n".join(line.strip() for line in found["text"].strip().splitlines())
            one = evolve(one, source=source)
        yield one


def page(one: Entry) -> str:
    """The page of one thing."""
    parts = [f"# {one.name}", f"*{one.kind.replace('-', ' ').removesuffix('s')}*", markdown(one.text)]
    if one.kind == "methods":
        cost, standing = formula(one.name), standings().get(one.name)
        told = f"`{cell(cost)}`" if cost else "depends on the question: `--dry-run` tells it"
        rank = "not measured"
        if standing is not None:
            better = "better than" if standing.better_than_recency else "not better than"
            rank = f"{standing.rank} of {len(standings())}, {better} naming the last tokens"
        parts.append(
            f"| cost | faithfulness rank |\n|---|---|\n| {told} | {rank} ([measured](../which-method.md)) |\n\n{_LEGEND}"
        )
    if one.settings:
        rows = "\n".join(f"| `{name}` | `{cell(kind)}` | `{cell(default)}` |" for name, kind, default in one.settings)
        parts.append(f"## Settings\n\n| name | type | default |\n|---|---|---|\n{rows}")
    if one.facts:
        said = "\n".join(
            f"* {name.replace('_', ' ')}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
            for name, value in one.facts
            if value not in ([], "")
        )
        parts.append(f"## Declared\n\n{markdown(said)}" if said else "")
    if one.source:
        parts.append(f"## References\n\n{markdown(one.source)}")
    if one.bibtex:
        parts.append(f"```bibtex\n{one.bibtex}\n```")
    return "\n\n".join(part for part in parts if part) + "\n"


def index(found: list[Entry]) -> str:
    """The table of all pages, by kind."""
    parts = [
        "# Catalogue",
        "What has a name, each with its definition, settings, cost, place in the measurement, and paper.",
    ]
    for kind in dict.fromkeys(one.kind for one in found):
        rows = "\n".join(
            f"| [{one.name}]({kind}-{one.name}.md) | {cell(markdown(one.text.partition(chr(10) * 2)[0]))} |"
            for one in found
            if one.kind == kind
        )
        tree = "\n".join(f"{kind}-{one.name}" for one in found if one.kind == kind)
        title = kind.replace("-", " ").capitalize()
        parts.append(
            f"## {title}\n\n| | |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{tree}\n```"
        )
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """File name to Markdown."""
    found = list(entries())
    return {"catalogue/index.md": index(found), **{f"catalogue/{one.kind}-{one.name}.md": page(one) for one in found}}
