"""Attributions and comparisons as what Rich prints, and as text."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any, Literal, TextIO, TypeAlias, get_args

from rich.console import Console
from wherefrom.errors import InputError
from wherefrom.results.attribution import Attribution, Attributions

from wherefrom_viz.colours import Palette, Theme, palette_named
from wherefrom_viz.console.comparing import CompareView
from wherefrom_viz.console.view import NO_TRACE, ConsoleView, checked_view
from wherefrom_viz.describe.comparison import compare
from wherefrom_viz.describe.description import Shown, describe_all, first_of, rescaled
from wherefrom_viz.describe.options import check_name, check_options, checked_steps
from wherefrom_viz.describe.running_text import WrapAfter, highlights, line_ends

When: TypeAlias = Literal["auto", "always", "never"]


def render_console(
    attributions: Shown,
    console: Console | None = None,
    view: str = "auto",
    color: When = "auto",
    **options: Any,
) -> None:
    """Print attributions to the terminal.

    Args:
        attributions: One or many.
        console: Where to print; standard output by default.
        view: ``"auto"`` takes what fits the width: the matrix with numbers, the compact one with a table of the
            strongest inputs, or running text with that table. ``"matrix"``, ``"read"``, ``"topk"``, ``"steps"``,
            ``"trace"`` (a traced result's tables alone, which other views append).
        color: ``"auto"`` obeys the terminal and ``NO_COLOR``, ``FORCE_COLOR``, ``TERM``.
        **options: As for `console_view`.
    """
    shown = console_view(attributions, view=view, **options)
    (console or console_for(color)).print(shown, highlight=False, markup=False, soft_wrap=False)


def render_text(attributions: Shown, width: int = 100, view: str = "auto", **options: Any) -> str:
    """The console view as text without colour, ``width`` columns wide."""
    check_options(render_text, locals())
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False, legacy_windows=False)
    render_console(attributions, console, view, **options)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def console_view(
    attributions: Shown,
    *,
    view: str = "auto",
    palette: str | Palette = "red-blue",
    theme: Theme | None = None,
    steps: Sequence[int] | None = None,
    top: int = 5,
    together: bool = False,
    share_scale: bool = False,
    wrap_after: WrapAfter = None,
    highlight: str | None = None,
    **options: Any,
) -> ConsoleView:
    """Attributions as a Rich renderable.

    Args:
        attributions: One or many.
        view: See `render_console`.
        palette: ``"red-blue"``, ``"orange-blue"`` or ``"green-purple"``.
        theme: ``"light"`` or ``"dark"`` terminal; guessed if None.
        steps: Which steps to show, counted from 0, negative ones from the end; None takes all.
        top: Inputs per line of the table.
        together: Read the chosen ``steps`` as one, their scores summed.
        share_scale: One colour scale for all examples.
        wrap_after: Where lines of ``view="read"`` end: after so many tokens, or after these texts (``".!?"``).
        highlight: Name of a step score that shades the output in ``view="read"``.
        **options: As for `wherefrom_viz.describe`: ``granularity``, ``merge``, ``normalize``, ``min_val``,
        ``max_val``.

    Raises:
        InputError: The view is ``"trace"``, and no result is one; there is no such step; or ``top`` is not positive.
        SettingsError: There is no such view, or an option does not fit.
    """
    check_options(console_view, locals())
    checked_view(view)
    line_ends((), wrap_after)
    descriptions = describe_all(attributions, **options)
    for description in descriptions:
        if steps is not None:
            checked_steps(steps, len(description.steps))
        if highlight is not None:
            highlights(description, highlight)
    if view == "trace" and all(description.trace is None for description in descriptions):
        raise InputError(f"view='trace': {NO_TRACE}")
    return ConsoleView(
        descriptions=rescaled(descriptions) if share_scale else descriptions,
        palette=palette_named(palette),
        view=checked_view(view),
        theme=theme,
        columns=steps,
        top=top,
        together=together,
        wrap_after=wrap_after,
        highlight=highlight,
    )


def compare_view(
    a: Attribution | Attributions,
    b: Attribution | Attributions,
    *,
    palette: str | Palette = "red-blue",
    theme: Theme | None = None,
    top: int = 4,
    **options: Any,
) -> CompareView:
    """Two attributions of one text as a Rich renderable: strongest inputs of each, agreement, difference.

    Args:
        a: One example, or a result whose first example is taken.
        b: The other.
        palette: See `console_view`.
        theme: See `console_view`.
        top: Inputs per line.
        **options: As for `wherefrom_viz.describe.comparison.compare`.

    Raises:
        InputError: There is nothing to compare, or ``top`` is not positive.
        SettingsError: An option does not fit.
    """
    check_options(compare_view, locals())
    one, made_a = first_of(a)
    two, made_b = first_of(b)
    pair = compare(one, two, provenance_a=made_a, provenance_b=made_b, **options)
    return CompareView(comparison=pair, palette=palette_named(palette), theme=theme, top=top)


def console_for(color: When = "auto", file: TextIO | None = None, *, kind: type[Console] = Console) -> Console:
    """A console on a stream, by default standard output, that shows colour when asked to: else as `rich` decides by
    NO_COLOR, FORCE_COLOR, TERM and COLUMNS.

    Args:
        kind: The class of the console.

    Raises:
        SettingsError: An unknown choice.
    """
    chosen: dict[str, Any] = {}
    if color == "never":
        chosen = {"no_color": True, "color_system": None}
    elif color == "always":
        full = os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit")
        chosen = {"no_color": False, "force_terminal": True, "color_system": "truecolor" if full else "256"}
    else:
        check_name("colour choice", color, get_args(When))
    return kind(file=file, highlight=False, markup=False, emoji=False, **chosen)
