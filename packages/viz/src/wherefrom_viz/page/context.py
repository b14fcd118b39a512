"""A context attribution as the interactive page, and as what stands there where scripts do not run.

There each sensitive token is a radio button, so that the keyboard's arrows move between them and the pinned one is
known to screen readers; the style sheet shows the panel of the one that is chosen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec
from attrs import asdict, evolve, frozen
from wherefrom.context import ContextAttribution
from wherefrom.context.as_attributions import OUTPUT_CONTEXT, as_attributions
from wherefrom.results.attribution import Attributions

from wherefrom_viz.colours import Palette
from wherefrom_viz.describe.context import ContextDescription, Matrix, Panel, Word, describe, nats
from wherefrom_viz.describe.numbers import short
from wherefrom_viz.describe.text_marks import direction, label, visible
from wherefrom_viz.page.document import assembled, assembled_cell, page_parts
from wherefrom_viz.page.static_table import shade_class

_LONG = 1000
"""Characters above which a context is folded."""

_STYLE = """
.wf-static{max-width:60rem;margin:0 auto;padding:1rem}
.wf-static h1{font-size:1.1rem;margin:0 0 .3rem}.wf-static h2{font-size:.9rem;color:var(--quiet);margin:1rem 0 .2rem}
.wf-static .quiet{color:var(--quiet)}.wf-static .flow{white-space:pre-wrap;overflow-wrap:anywhere;line-height:2}
.wf-static .tok{border-radius:3px;padding:.15em .05em}.wf-static .cue{text-decoration:underline;font-weight:600}
.wf-static label.tok{cursor:pointer;font-weight:600;text-decoration:underline}
.wf-static input.pin{position:absolute;opacity:0;width:1px;height:1px}
.wf-static .panel{display:none;border-top:1px solid var(--line);margin-top:.8rem}
.wf-static table{border-collapse:collapse}.wf-static th,.wf-static td{padding:.15rem .6rem;text-align:right;
border:1px solid var(--line)}.wf-static th[scope=row]{text-align:left;font-weight:normal}
.wf-static .scroll{overflow-x:auto}
@media print{.wf-static .panel{display:block}.wf-static .scroll{overflow-x:visible}
.wf-static details::details-content{content-visibility:visible}}
"""


def render_context_html(
    result: ContextAttribution, *, palette: str | Palette = "red-blue", standalone: bool = True, **options: Any
) -> str:
    """The result as the interactive page of all results, with what is known of its context.

    Output tokens that depend on the context are marked, the most sensitive one is pinned; documents are named as they
    are cited and show their share; sentences with citations have a tab. Where scripts do not run, radio buttons pin
    tokens.

    Args:
        result: What `wherefrom.attribute_context` returned.
        palette: Name or object.
        standalone: A whole page; False: a fragment to put into another, as a notebook's cell.
        **options: As for `wherefrom_viz.render_html`: ``title``, ``view``, ``theme``, ...
    """
    description = describe(result)
    name = "wfc" + hashlib.sha256(result.to_json().encode()).hexdigest()[:10]
    options.setdefault("title", f"Context: {visible(description.cited_text)[:60]}")
    if description.panels:
        options.setdefault("step", description.panels[0].position)
    shown, documents = as_attributions(result), _documents(result)
    shown = _named(shown, documents)
    page = page_parts(shown, palette=palette, **options)
    page = evolve(
        page,
        meta={**page.meta, "context": _for_script(description, documents)},
        fallback=f'<div class="wf-static">{_body(description, name)}</div>\n',
        style=f"{page.style}\n{_STYLE}{_pins(description, name)}",
    )
    return assembled(page) if standalone else assembled_cell(page)


@frozen
class _Document:
    """A document that stands in the context."""

    name: str
    """What it is cited by."""
    label: str
    start: int
    end: int


def _documents(result: ContextAttribution) -> list[_Document]:
    return [
        _Document(visible(name), "" if part.label == name else part.label, part.start, part.end)
        for name, part in zip(map(result.cited_as, range(len(result.parts))), result.parts, strict=True)
        if part.end > part.start
    ]


def _named(shown: Attributions, documents: Sequence[_Document]) -> Attributions:
    """Segments bear what their documents are cited by."""
    one = shown[0]
    labels = {document.start: f"[{document.name}] {document.label}".strip() for document in documents}
    segments = tuple(
        segment
        if segment.label == OUTPUT_CONTEXT
        else msgspec.structs.replace(segment, label=labels.get(segment.start, segment.label))
        for segment in one.segments
    )
    return shown.replace(sequence_attributions=(one.replace(segments=segments),))


def _for_script(description: ContextDescription, documents: Sequence[_Document]) -> dict[str, Any]:
    """What ``context_parts.js`` reads."""
    matrix = description.matrix
    return {
        "heading": _heading(description),
        "rule": _how(description),
        "cues": [
            {
                "col": panel.position,
                "p": panel.p_value,
                "alternative": panel.alternative and label(panel.alternative),
                "contextless": panel.contextless and visible(panel.contextless),
            }
            for panel in description.panels
        ],
        "documents": [asdict(document) for document in documents],
        "citations": matrix
        and {
            "text": visible(description.cited_text),
            "threshold": f"{matrix.threshold:.2f}",
            "sentences": [visible(one) for one in matrix.sentences],
            "parts": [visible(one) for one in matrix.parts],
            "values": matrix.values,
            "shown": [[nats(value) for value in line] for line in matrix.values],
            "cited": matrix.cited,
        },
    }


def _heading(description: ContextDescription) -> str:
    return f"{len(description.panels)} of {len(description.output)} output tokens depend on the context"


def _how(description: ContextDescription) -> str:
    return (
        f"{description.metric}; {description.rule}. Contexts: {description.method} of {description.target}. "
        "Choose an underlined token."
    )


def _pins(description: ContextDescription, name: str) -> str:
    rules = []
    for index in range(len(description.panels)):
        pin = f"#{name}-pin{index}"
        rules.append(f"{pin}:checked~#{name}-panel{index}{{display:block}}")
        rules.append(
            f"{pin}:checked~.flow label[for={name}-pin{index}]{{outline:2px solid var(--ink);outline-offset:2px}}"
        )
        rules.append(f"{pin}:focus-visible~.flow label[for={name}-pin{index}]{{outline:3px solid #0b57d0}}")
    return "\n".join(rules)


def _body(description: ContextDescription, name: str) -> str:
    inputs = "".join(
        f'<input class="pin" type="radio" name="{name}" id="{name}-pin{index}"{" checked" if not index else ""} '
        f'aria-label="{escape(label(panel.token))}">'
        for index, panel in enumerate(description.panels)
    )
    heading = f'<h2>{_heading(description)}</h2><p class="quiet">{escape(_how(description))}</p>'
    panels = "".join(_panel(panel, index, name, description.metric) for index, panel in enumerate(description.panels))
    if not description.panels:
        panels = '<p class="quiet">Nothing stands out: no token is more sensitive than the threshold.</p>'
        panels += _plain("Input context", description.input_context) + _plain(
            "Output context", description.output_context
        )
    matrix = "" if description.matrix is None else _table(description.matrix, description.cited_text)
    output = f"<h2>Output</h2>{_flow(description.output, name)}"
    return f"{heading}{inputs}{output}{panels}{matrix}"


def _panel(panel: Panel, index: int, name: str, metric: str) -> str:
    facts = [f"{escape(metric)} {short(panel.score)}"]
    if panel.p_value is not None:
        facts.append(f"p {short(panel.p_value)}")
    if panel.alternative is not None:
        facts.append(f"without context: <b>{_bdi(label(panel.alternative))}</b>")
    text = f"<h2>{_bdi(label(panel.token))}</h2><p>{' · '.join(facts)}</p>"
    if panel.contextless:
        text += f'<p class="quiet">Without context: {_bdi(visible(panel.contextless))}</p>'
    text += _context("Input context", panel.input_context, name)
    text += _context("Output context", panel.output_context, name)
    return f'<div class="panel" id="{name}-panel{index}">{text}</div>'


def _flow(words: Sequence[Word], name: str) -> str:
    tokens = "".join(_token(word, name) for word in words)
    return f'<div class="flow" dir="{direction(word.text for word in words)}">{tokens}</div>'


def _context(title: str, words: Sequence[Word], name: str) -> str:
    if not words:
        return ""
    flow = _flow(words, name)
    if sum(len(word.text) for word in words) > _LONG:
        return f"<details><summary><h2>{title}</h2></summary>{flow}</details>"
    return f"<h2>{title}</h2>{flow}"


def _plain(title: str, text: str | None) -> str:
    return "" if not text else f'<h2>{title}</h2><div class="flow">{_bdi(visible(text))}</div>'


def _token(word: Word, name: str) -> str:
    shaded = f"tok {shade_class(word.strength)}".rstrip()
    text = visible(word.text)
    lead = len(text) - len(text.lstrip()) if text.strip() else 0
    title = f'title="{escape(label(word.text))}: {word.value:+.4g}"'
    if word.cue is not None:
        return f'{text[:lead]}<label for="{name}-pin{word.cue}" class="{shaded}" {title}>{_bdi(text[lead:])}</label>'
    marked = " cue" if word.marked else ""
    return f'{text[:lead]}<span class="{shaded}{marked}" {title}>{_bdi(text[lead:])}</span>'


def _table(matrix: Matrix, cited_text: str) -> str:
    largest = max((abs(value) for line in matrix.values for value in line), default=0.0)
    head = "".join(f'<th scope="col">{_bdi(visible(part))}</th>' for part in matrix.parts)
    rows = []
    for sentence, values, cited in zip(matrix.sentences, matrix.values, matrix.cited, strict=True):
        cells = "".join(_cell(value, largest, part in cited) for part, value in enumerate(values))
        verdict = "" if cited else " <b>(no support)</b>"
        rows.append(f'<tr><th scope="row">{_bdi(visible(sentence))}{verdict}</th>{cells}</tr>')
    note = f"Nats by which a part raises the sentence's log-probability; * cited (at least {matrix.threshold:.2f})."
    return (
        f"<h2>Citations</h2><p>{_bdi(visible(cited_text))}</p>"
        f'<div class="scroll"><table><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f'<p class="quiet">{note}</p>'
    )


def _cell(value: float, largest: float, cited: bool) -> str:
    shade = shade_class(value / largest) if largest else ""
    name = f' class="{shade}"' if shade else ""
    return f"<td{name}>{nats(value)}{'*' if cited else ''}</td>"


def _bdi(text: str) -> str:
    return f"<bdi>{escape(text)}</bdi>"
