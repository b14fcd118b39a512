"""An answer step by step: one figure for each output token, or all of them in one file that plays by itself.

Every figure has the same size, the same place for its text and the same colour scale, so that they can be laid over
each other on slides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wherefrom.errors import InputError
from wherefrom.settings import require_folder

from wherefrom_viz.colours import Palette, Theme, palette_named
from wherefrom_viz.describe.description import Shown, describe_one_of, examples_of, first_of
from wherefrom_viz.describe.options import check_options
from wherefrom_viz.describe.spans import check_places
from wherefrom_viz.figures.cropping import cropped
from wherefrom_viz.figures.svg import TextFigure, opened_svg, surroundings


def render_frames(attributions: Shown, **options: Any) -> list[str]:
    """One SVG for each output of an example: the text up to it, in the colours of what it comes from.

    Args:
        attributions: One example, or a result whose first example is taken.
        **options: ``width`` and ``font_size`` in points, ``palette``, ``theme``, ``legend``, and those of `describe`.

    Raises:
        InputError: There is no example, or it has no explained tokens.
        SettingsError: An option does not fit.
    """
    figures, theme = _figures(attributions, **options)
    return ["\n".join([*opened_svg(figure, theme), *_lines(figure, theme), "</svg>"]) + "\n" for figure in figures]


def render_animation(attributions: Shown, *, seconds: float = 1.2, **options: Any) -> str:
    """The same as one SVG that shows each output for some seconds, again and again.

    Browsers play it, also as an image; for readers who ask for less motion, and where nothing moves, it shows the last.

    Args:
        attributions: One example, or a result whose first example is taken.
        seconds: How long each output is shown.
        **options: As for `render_frames`.

    Raises:
        InputError: As for `render_frames`; or ``seconds`` is not positive.
    """
    check_options(render_animation, locals())
    figures, theme = _figures(attributions, **options)
    count, last = len(figures), len(figures) - 1
    share = 100 / count
    # a frame is seen during its share of the time; the last one is also what stands there without motion
    style = (
        f"@keyframes seen{{0%,{share:.4f}%{{visibility:visible}}{share + 0.0001:.4f}%,100%{{visibility:hidden}}}}"
        f".frame{{visibility:hidden;animation:seen {count * seconds:g}s step-end infinite}}"
        f"#frame{last}{{visibility:visible}}"
        + "".join(f"#frame{place}{{animation-delay:{place * seconds - count * seconds:g}s}}" for place in range(count))
        + "@media (prefers-reduced-motion:reduce){.frame{animation:none}}"
    )
    lines = [*opened_svg(figures[last], theme), f"<style>{style}</style>"]
    for place, figure in enumerate(figures):
        lines += [f'<g class="frame" id="frame{place}">', *_lines(figure, theme), "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"


def save_frames(attributions: Shown, folder: str | Path, *, overwrite: bool = False, **options: Any) -> list[Path]:
    """Write `render_frames` as ``step-000.svg``, ``step-001.svg``, ... into a folder, and return the files.

    Args:
        overwrite: Replace all frames that are there?

    Raises:
        InputError: As for `render_frames`; or the folder has frames already.
        SettingsError: It is a file.
    """
    require_folder("folder", folder)
    folder = Path(folder)
    there = list(folder.glob("step-*.svg"))
    if there and not overwrite:
        raise InputError(
            f"{str(folder)!r} has frames already. Name a folder that is new or empty, or pass overwrite=True."
        )
    frames = render_frames(attributions, **options)
    for file in there:
        file.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"step-{place:03d}.svg" for place in range(len(frames))]
    for file, frame in zip(files, frames, strict=True):
        file.write_text(frame, encoding="utf-8")
    return files


def _figures(
    attributions: Shown,
    *,
    width: float | None = None,
    font_size: float = 9.0,
    palette: str | Palette = "red-blue",
    theme: Theme = "light",
    legend: bool = True,
    **options: Any,
) -> tuple[list[TextFigure], Theme]:
    check_options(_figures, locals())
    first_of(attributions)  # refused where there is none
    examples = examples_of(attributions)
    check_places(options.get("spans", ()), len(examples))
    description = describe_one_of(examples, 0, **options)
    if not description.steps:
        raise InputError("There are no explained tokens to draw.")
    figures = [
        TextFigure(
            cropped(description, steps=[step]), palette_named(palette), theme, font_size, width, legend, together=False
        )
        for step in range(len(description.steps))
    ]
    highest = max(figure.blocks[0][1] for figure in figures)
    for figure in figures:
        figure.stretch(highest)
    return figures, theme


def _lines(figure: TextFigure, theme: Theme) -> list[str]:
    _, foreground, quiet = surroundings(theme)
    return list(figure.lines(foreground, quiet))
