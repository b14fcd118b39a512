"""Pairs of units that interact, as plain tables below the page: they need no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.numbers import number_style
from wherefrom_viz.describe.text_marks import elide

MOST_EXAMPLES = 20
MOST_PAIRS = 15
_WIDEST = 60


def pair_lists(descriptions: Sequence[Description]) -> str:
    """HTML of one table per example that has pairs; nothing if none has."""
    tables = [_table(one) for one in descriptions[:MOST_EXAMPLES] if one.pair_labels]
    if not tables:
        return ""
    signed = any(one.words.signed for one in descriptions)
    note = ("+ together more than each alone, - one does for the other. " if signed else "") + "Sums over all outputs."
    return (
        '<section class="wf-static" aria-label="Pairs that interact"><h2>Pairs that interact</h2>'
        f'<p class="quiet">{note}</p>{"".join(tables)}</section>'
    )


def _table(description: Description) -> str:
    found = description.top_pairs(range(len(description.steps)), MOST_PAIRS)
    style = number_style(abs(found[0][2]) if found else 1.0)
    lines = [
        f"<tr><td>{style(score, plus=description.words.signed)}</td>{_head(first)}{_head(second)}</tr>"
        for first, second, score in found
    ]
    caption = escape(" · ".join(part for part in (description.title, description.subtitle) if part))
    notes = [description.pipeline_words, f"Numbers {style.note}." if style.note else ""]
    note = "".join(f'<p class="quiet">{escape(one)}</p>' for one in notes if one)
    head = '<tr><th scope="col">together</th><th scope="col">unit</th><th scope="col">unit</th></tr>'
    return f"<table><caption>{caption}</caption><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>{note}"


def _head(label: str) -> str:
    return f'<th scope="row"><bdi title="{escape(label)}">{escape(elide(label, _WIDEST))}</bdi></th>'
