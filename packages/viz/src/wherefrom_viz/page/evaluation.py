"""An evaluation as one page: tables, curves, stability. No script, no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from wherefrom.evaluation import Evaluation, MeanCurve

from wherefrom_viz.describe.evaluation import LEGEND, EvaluationDescription, Table, describe_evaluation
from wherefrom_viz.describe.numbers import short

WIDTH, HEIGHT, MARGIN = 560, 280, 40
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6fd1", "#8c564b")
"""Told apart with any colour vision (Okabe & Ito 2008), then by dashes."""
DASHES = ("", "6 3", "2 3", "8 3 2 3")

STYLE = """
:root { color-scheme: light dark; --quiet: #666; --line: #ccc; }
@media (prefers-color-scheme: dark) { :root { --quiet: #aaa; --line: #444; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
td.better { font-weight: 700; }
tr.ordering { color: var(--quiet); }
.quiet { color: var(--quiet); }
.wide { overflow-x: auto; }
@media print { .wide { overflow-x: visible; } th, td { white-space: normal; } }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; }
svg { max-width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
""" + "".join(f".c{place} {{ stroke: {colour}; color: {colour}; }}\n" for place, colour in enumerate(COLOURS))


def render_evaluation_html(evaluation: Evaluation, *, title: str = "Is it true?") -> str:
    """A whole HTML document: method by metric for each way of removal, the curves, and how stable the order is."""
    shown = describe_evaluation(evaluation)
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
    pieces = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        f"<h1>{escape(title)}</h1>\n<p>{escape(shown.title)} <span class='quiet'>{escape(shown.subtitle)}</span></p>\n",
    ]
    for table in shown.tables:
        pieces.append(_table(table))
        curves = shown.curves_of(table.removal)
        if curves:
            pieces.append(_figure(curves, "most_first", "most relevant units removed first"))
            pieces.append(_figure(curves, "least_first", "least relevant units removed first"))
    pieces.append(f'<p class="quiet">{escape(LEGEND)}</p>\n')
    pieces.append(_halves(shown))
    pieces.append(_agreement(shown))
    if shown.notes:
        pieces.append("<h2>Notes</h2>\n<ul>" + "".join(f"<li>{escape(note)}</li>" for note in shown.notes) + "</ul>\n")
    pieces.append("</body>\n</html>\n")
    return "".join(pieces)


def _table(table: Table) -> str:
    caption = f"Without units: {table.removal}" if table.removal else "Nothing removed"
    head = "".join(f'<th scope="col">{escape(column.title)}</th>' for column in table.columns)
    rows = []
    for row in table.rows:
        cells = "".join(
            f'<td{" class=better" if cell.better else ""} title="{escape(cell.detail)}">{escape(cell.text)}'
            f"{'*' if cell.better else ''}</td>"
            for cell in row.cells
        )
        rows.append(
            f'<tr{" class=ordering" if row.ordering else ""}><th scope="row">{escape(row.name)}</th>{cells}</tr>\n'
        )
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>\n<thead><tr><th scope="col">method</th>{head}'
        f"</tr></thead>\n<tbody>{''.join(rows)}</tbody></table></div>\n"
    )


def _figure(curves: Sequence[MeanCurve], side: str, caption: str) -> str:
    """Lines of all methods on one scale: share of units removed to change of log-probability."""
    lines = [(one.method, one.shares, getattr(one, side)) for one in curves]
    low = min(min(values) for _, _, values in lines)
    high = max(max(values) for _, _, values in lines)
    spread = high - low or 1.0

    def place(share: float, value: float) -> str:
        x = MARGIN + share * (WIDTH - 2 * MARGIN)
        y = MARGIN / 2 + (high - value) / spread * (HEIGHT - 1.5 * MARGIN)
        return f"{x:.1f},{y:.1f}"

    drawn, names = [], []
    for index, (name, shares, values) in enumerate(lines):
        dash = DASHES[index // len(COLOURS) % len(DASHES)]
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        points = " ".join(place(share, value) for share, value in zip(shares, values, strict=True))
        drawn.append(
            f'<polyline class="c{index % len(COLOURS)}" fill="none" stroke-width="2"{dashed} points="{points}">'
            f"<title>{escape(name)}</title></polyline>"
        )
        names.append(
            f'<li><svg width="28" height="10" aria-hidden="true"><line class="c{index % len(COLOURS)}" x1="0" y1="5" '
            f'x2="28" y2="5" stroke-width="2"{dashed}/></svg> {escape(name)}</li>'
        )
    base = HEIGHT - MARGIN
    axes = (
        f'<path d="M{MARGIN} {MARGIN / 2} V{base} H{WIDTH - MARGIN}" fill="none" stroke="currentColor" opacity=".4"/>'
        f'<text x="{MARGIN - 4}" y="{MARGIN / 2 + 4}" text-anchor="end">{_two_digits(high)}</text>'
        f'<text x="{MARGIN - 4}" y="{base}" text-anchor="end">{_two_digits(low)}</text>'
        f'<text x="{MARGIN}" y="{base + 16}">0 % gone</text>'
        f'<text x="{WIDTH - MARGIN}" y="{base + 16}" text-anchor="end">all</text>'
    )
    label = f"change of log-probability, nats: {caption}"
    return (
        f'<figure><figcaption>{escape(label)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-label="{escape(label)}">{axes}{"".join(drawn)}</svg>'
        f"<details><summary>which line is which</summary><ul>{''.join(names)}</ul></details></figure>\n"
    )


def _two_digits(value: float) -> str:
    return short(float(f"{value:.2g}"))


def _halves(shown: EvaluationDescription) -> str:
    if not shown.halves:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.metric)}</th><td>{escape(one.removal or "none")}</td><td>{one.mean:.2f}</td>'
        f"<td>{one.low:.2f}</td><td>{100 * (one.same_best or 0):.0f} %</td></tr>\n"
        for one in shown.halves
    )
    return (
        "<h2>Would other examples give the same order?</h2>\n<p>The methods are ranked by random halves of the "
        "examples, and the two orders are compared.</p>\n<table><thead><tr><th scope='col'>metric</th>"
        "<th scope='col'>removal</th><th scope='col'>rank correlation</th><th scope='col'>5th percentile</th>"
        f"<th scope='col'>same best</th></tr></thead>\n<tbody>{rows}</tbody></table>\n"
    )


def _agreement(shown: EvaluationDescription) -> str:
    if not shown.agreement:
        return ""
    cells = shown.agreement_rows()
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in cells)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{one}</td>" for one in row)}</tr>\n'
        for name, row in cells.items()
    )
    return (
        "<h2>Do methods agree?</h2>\n<p>Mean rank correlation of their scores.</p>\n"
        f'<div class="wide"><table><thead><tr><th scope="col">method</th>{head}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>\n"
    )
