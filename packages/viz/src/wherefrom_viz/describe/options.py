"""What options of views may be: one set of checks for every renderer and format, asked before anything is drawn.

A renderer hands over its arguments (`check_options`); what depends on the example is asked once it is described
(`checked_steps`, and `wherefrom_viz.describe.running_text.highlights`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from wherefrom.errors import InputError, SettingsError, nearest
from wherefrom.settings import check_call, is_whole

from wherefrom_viz.colours import Theme

THEMES = ("auto", *get_args(Theme))
"""Of pages; other views know no ``"auto"``."""
_ABOVE_ZERO = {
    "top": "a view lists at least one input",
    "most": "at least one slice is shown",
    "width": "a view is at least one column, or a part of a point, wide",
    "height": "a page takes at least one pixel",
    "font_size": "letters have a size, in points",
    "scale": "a point has a size, in pixels",
    "seconds": "each output is shown for a positive number of seconds",
}
"""Options that are numbers above 0, and what is said of others."""


def check_options(renderer: Callable[..., Any], given: Mapping[str, Any], /) -> None:
    """Refuse options that no view can be drawn with.

    Args:
        renderer: Whose signature says what kind of value each option is.
        given: The arguments by name; ``locals()`` at the top of the renderer.

    Raises:
        InputError: A number is 0 or below where that is nothing to draw with.
        SettingsError: A value is of another kind (a text for a number, a number that is not finite), or there is no
            theme of that name.
    """
    if given.get("theme") is not None:
        check_name("theme", given["theme"], THEMES)
    check_call(renderer, given)
    for name, why in _ABOVE_ZERO.items():
        value = given.get(name)
        if value is not None and not value > 0:
            raise InputError(f"{name}={value}: {why}.")


def check_name(what: str, name: object, known: Iterable[str]) -> None:
    """Raise: SettingsError: ``name`` is none of the names that are known.

    Args:
        what: It is the name of, for the message.
    """
    known = tuple(known)
    if name not in known:
        close = nearest(name, known) if isinstance(name, str) else ""
        raise SettingsError(f"No {what} is called {name!r}.{close} There are: {', '.join(known)}.")


def checked_steps(steps: Sequence[int], count: int) -> list[int]:
    """Outputs of an example, counted from 0.

    Args:
        steps: As they were asked for; negative ones count from the end.
        count: How many there are.

    Raises:
        InputError: There is no such output, or none was asked for.
    """
    wanted = list(steps)
    if not wanted or not all(is_whole(step) and -count <= step < count for step in wanted):
        there = f"the outputs of this example are 0 to {count - 1}. Choose some" if count else "this example has none"
        raise InputError(f"steps={wanted!r}: {there}.")
    return [int(step) % count for step in wanted]
