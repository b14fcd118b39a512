"""The output as running text whose tokens unfold to the inputs that made them: plain HTML, no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from wherefrom_viz.describe.description import Description, Unit
from wherefrom_viz.describe.numbers import short, step_score
from wherefrom_viz.describe.running_text import WrapAfter, highlights, line_ends, line_parts, reading_direction
from wherefrom_viz.page.static_table import shade_class

FOLDED_STYLE = (
    ".wf-folded details{display:inline-block;vertical-align:top;max-width:100%}"
    ".wf-folded summary{cursor:pointer;list-style:none;padding:0 .15em}"
    ".wf-folded details[open]{display:block;margin:.3em 0}.wf-folded p{margin:.2em 0 .2em 1.5em}"
)


def folded_outputs(descriptions: Sequence[Description], wrap_after: WrapAfter, highlight: str | None) -> str:
    """A section per example.

    Args:
        descriptions: The examples.
        wrap_after: Where lines end, in the output and in the inputs; see `line_ends`.
        highlight: A step score that shades the output's tokens.
    """
    return "".join(_section(one, wrap_after, highlight) for one in descriptions)


def _section(description: Description, wrap_after: WrapAfter, highlight: str | None) -> str:
    strengths = None if highlight is None else highlights(description, highlight)
    ends = line_ends(description.steps, wrap_after)
    parts = []
    for place, unit in enumerate(description.steps):
        said, title = "", ""
        if highlight is not None and strengths is not None:
            said = _shade(float(strengths[place]))
            title = f' title="{escape(highlight)} {step_score(float(description.step_scores[highlight][place]))}"'
        parts.append(
            f"<details><summary{said}{title}>{_shown(unit)}</summary>{''.join(_inputs(description, place, wrap_after))}"
            f"</details>{'<br>' if place in ends or _ends_line(unit) else ''}"
        )
    heading = "Output" if highlight is None else f"Output, shaded by {highlight}"
    name = f" · {description.title}" if description.title else ""
    return (
        f'<section class="wf-static wf-folded"><h2>{escape(heading + name)}</h2>'
        f'<div dir="{reading_direction(description.steps)}">{"".join(parts)}</div>'
        '<p class="quiet">Each token unfolds to the inputs that made it.</p></section>\n'
    )


def _inputs(description: Description, column: int, wrap_after: WrapAfter) -> Iterator[str]:
    """One paragraph per side: what the step could see, shaded."""
    for side in description.sides:
        rows = [row for row in range(side.start, side.end) if description.visible[row, column]]
        ends = line_ends([description.inputs[row] for row in rows], wrap_after)
        spans = []
        for place, row in enumerate(rows):
            unit, value = description.inputs[row], float(description.scores[row, column])
            space = " " if unit.space_before and place else ""
            shade = _shade(description.strength(value, column))
            end = "<br>" if (place in ends or _ends_line(unit)) and place + 1 < len(rows) else ""
            spans.append(f'{space}<span{shade} title="{short(value)}">{_shown(unit)}</span>{end}')
        if spans:
            way = reading_direction(description.inputs[row] for row in rows)
            yield f'<p><i>{escape(side.title)}</i>: <bdi dir="{way}">{"".join(spans)}</bdi></p>'


def _shade(strength: float) -> str:
    shade = shade_class(strength)
    return f' class="{shade}"' if shade else ""


def _shown(unit: Unit) -> str:
    return "<br>".join(f"<bdi>{escape(part.text)}</bdi>" for part in line_parts(unit.text, spaced=False))


def _ends_line(unit: Unit) -> bool:
    return line_parts(unit.text, spaced=False)[-1].ends
