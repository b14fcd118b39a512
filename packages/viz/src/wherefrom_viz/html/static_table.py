"""The first example as a plain coloured table: what is there where scripts do not run."""

from __future__ import annotations

from html import escape

from wherefrom_viz import colours
from wherefrom_viz.colours import Palette
from wherefrom_viz.description import Description
from wherefrom_viz.numbers_shown import number_style
from wherefrom_viz.text_marks import elide

_LEVELS = 8
_MOST_ROWS, _MOST_COLUMNS = 60, 24


def static_table(picture: Description, *, more: int = 0) -> str:
    """HTML of the table. Colours are classes, so that no cell carries a style of its own.

    Args:
        picture: The example.
        more: How many other examples the page holds.
    """
    rows, columns = picture.seen_rows()[:_MOST_ROWS], range(min(len(picture.steps), _MOST_COLUMNS))
    style = number_style(picture.scale.bound)
    head = "".join(f'<th scope="col">{_text(picture.steps[c].label)}</th>' for c in columns)
    lines = []
    for row in rows:
        cells = []
        for column in columns:
            if not picture.visible[row, column]:
                cells.append("<td>·</td>")
                continue
            value = float(picture.scores[row, column])
            level = round(abs(picture.scale.strength(value)) * _LEVELS)
            name = f' class="{"r" if value > 0 else "l"}{level}"' if level else ""
            cells.append(f"<td{name}>{style(value, plus=picture.words.signed)}</td>")
        lines.append(f'<tr><th scope="row">{_text(picture.inputs[row].label)}</th>{"".join(cells)}</tr>')
    left = []
    if len(rows) < len(picture.seen_rows()) or len(columns) < len(picture.steps):
        left.append("the rest of this example")
    if more:
        left.append(f"{more} more")
    rest = f" Scripts are off here; with them this page shows {escape(' and '.join(left))}." if left else ""
    caption = " · ".join(part for part in (picture.title, picture.subtitle) if part)
    note = " ".join(part for part in (picture.words.sentence + ".", style.note and f"Numbers {style.note}.") if part)
    return (
        f'<div class="wf-static"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        f'<p class="quiet">{escape(note)}{rest}</p></div>'
    )


def static_style(palette: Palette) -> str:
    """The classes that `static_table` uses, for light and dark pages."""

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
