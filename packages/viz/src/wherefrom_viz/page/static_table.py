"""The first example as a plain coloured table, or small tables of several: what is there where scripts do not run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from wherefrom_viz import colours
from wherefrom_viz.colours import Palette
from wherefrom_viz.describe.description import Description, rescaled, sentences, style_of, told
from wherefrom_viz.describe.text_marks import elide

_LEVELS = 8
_MOST_ROWS, _MOST_COLUMNS = 60, 24
_MOST_SMALL_ROWS, _MOST_SMALL_COLUMNS = 24, 12


def static_table(description: Description, *, more: int = 0) -> str:
    """HTML of the table. Colours are classes, so that no cell carries a style of its own.

    Args:
        description: The example.
        more: How many other examples the page holds.
    """
    rows, columns = description.seen_rows()[:_MOST_ROWS], range(min(len(description.steps), _MOST_COLUMNS))
    style = style_of(description)
    left = []
    if len(rows) < len(description.seen_rows()) or len(columns) < len(description.steps):
        left.append("the rest of this example")
    if more:
        left.append(f"{more} more")
    caption = " · ".join(part for part in (description.title, description.subtitle) if part)
    note = told(description, style, description.remarks())
    cells = _table(description, rows, columns, caption, lambda value: style(value, plus=description.words.signed))
    return f'<div class="wf-static">{cells}<p class="quiet">{escape(note)}{_left(left)}</p></div>'


def static_multiples(descriptions: Sequence[Description], *, more: int = 0) -> str:
    """HTML of several small tables on one colour scale, without numbers: slices of one result.

    Args:
        descriptions: The slices.
        more: How many others the page holds.
    """
    tables = [
        _table(
            description,
            description.seen_rows()[:_MOST_SMALL_ROWS],
            range(min(len(description.steps), _MOST_SMALL_COLUMNS)),
            description.title,
            _sign,
        )
        for description in rescaled(descriptions)
    ]
    said = dict.fromkeys(
        part for one in descriptions for part in (one.words.sentence, one.pipeline_words, *one.remarks())
    )
    note = sentences(*said, "The strongest slices are shown, on one scale")
    return (
        f'<div class="wf-static"><div class="small">{"".join(tables)}</div>'
        f'<p class="quiet">{escape(note)}{_left([f"{more} more, with a slider for each dimension"] if more else [])}'
        "</p></div>"
    )


def _table(
    description: Description, rows: Sequence[int], columns: Sequence[int], caption: str, write: Callable[[float], str]
) -> str:
    head = "".join(f'<th scope="col">{_text(description.steps[c].label)}</th>' for c in columns)
    lines = []
    for row in rows:
        cells = []
        for column in columns:
            if not description.visible[row, column]:
                cells.append("<td>·</td>")
                continue
            value = float(description.scores[row, column])
            shade = shade_class(description.strength(value, column))
            name = f' class="{shade}"' if shade else ""
            cells.append(f"<td{name}>{write(value) if shade or write is not _sign else ''}</td>")
        lines.append(f'<tr><th scope="row">{_text(description.inputs[row].label)}</th>{"".join(cells)}</tr>')
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _sign(value: float) -> str:
    return "+" if value > 0 else "−"


def _left(parts: Sequence[str]) -> str:
    return f" Scripts are off here; with them this page shows {escape(' and '.join(parts))}." if parts else ""


def shade_class(strength: float) -> str:
    """The class of `static_style` for a share of the strongest colour, in [-1, 1]; empty where it is too weak."""
    level = round(abs(strength) * _LEVELS)
    return f"{'r' if strength > 0 else 'l'}{level}" if level else ""


def static_style(palette: Palette) -> str:
    """The classes that `shade_class` gives, for light and dark pages."""

    def rules(theme: colours.Theme) -> str:
        found = []
        for level in range(1, _LEVELS + 1):
            for name, sign in (("r", 1), ("l", -1)):
                background = palette.ramp(sign, theme)(level / _LEVELS)
                text = colours.to_hex(colours.text_on(background))
                found.append(f".wf-static .{name}{level}{{background:{colours.to_hex(background)};color:{text}}}")
        return "\n".join(found)

    return rules("light") + "\n@media (prefers-color-scheme: dark){\n" + rules("dark") + "\n}"


def _text(label: str) -> str:
    return f"<bdi>{escape(elide(label, 24))}</bdi>"
