"""The tables of traced answers on the page, below the views: plain HTML, there without scripts too."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from wherefrom.results.attribution import Attribution

from wherefrom_viz.describe.text_marks import elide
from wherefrom_viz.describe.trace import TraceDescription, TraceTable, describe_trace

TRACE_STYLE = """\
.wf-trace{max-width:72rem;margin:1rem auto;padding:0 1rem;font:14px/1.45 system-ui,sans-serif}
.wf-trace summary{cursor:pointer;font-weight:600}
.wf-trace table{border-collapse:collapse;margin:.75rem 0;width:100%}
.wf-trace caption{text-align:start;font-weight:600;padding:.25rem 0}
.wf-trace th,.wf-trace td{padding:.2rem .6rem;text-align:end;white-space:nowrap;font-variant-numeric:tabular-nums}
.wf-trace th[scope=row]{text-align:start;font-weight:400;white-space:normal;width:100%}
.wf-trace tbody tr{border-top:1px solid color-mix(in srgb,currentColor 15%,transparent)}"""
_MOST_SECTIONS = 200
_LONGEST = 240


def trace_sections(examples: Sequence[tuple[str, Attribution]]) -> str:
    """HTML of the traced ones among titled examples; the first is open."""
    found = [(title, trace) for title, one in examples if (trace := describe_trace(one)) is not None]
    sections = [_section(title, trace, first=not place) for place, (title, trace) in enumerate(found[:_MOST_SECTIONS])]
    return "".join(sections)


def _section(title: str, trace: TraceDescription, *, first: bool) -> str:
    tables = "".join(_table(table) for table in trace.tables)
    name = escape(f"Trace of {title}" if title else "Trace")
    return (
        f'<details class="wf-trace"{" open" if first else ""}><summary>{name}</summary>'
        f"<p><bdi>{escape(trace.headline)}</bdi></p>{tables}</details>\n"
    )


def _table(table: TraceTable) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = []
    for row in table.rows:
        cells = "".join(f"<td>{value:.0%}</td>" if value >= 0.005 else "<td>·</td>" for value in row.values)
        rows.append(f'<tr><th scope="row"><bdi>{escape(elide(row.label, _LONGEST))}</bdi></th>{cells}</tr>')
    return (
        f"<table><caption>{escape(table.title)}</caption><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
