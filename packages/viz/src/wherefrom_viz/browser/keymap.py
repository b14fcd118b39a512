"""Every key there is, in one table: bindings, help, documentation and the user's own keymap come from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from wherefrom.errors import SettingsError, nearest


@frozen
class Key:
    """One action and the keys that start it."""

    id: str
    """Name in the user's keymap."""
    keys: str
    """Textual's key names, comma separated."""
    action: str
    words: str
    screens: tuple[str, ...]
    """Where it works: ``"open"``, ``"browse"``, ``"detail"``, ``"compare"``."""
    short: str = ""
    """Word for the footer."""


_ALL = ("open", "browse", "detail", "compare")
_LISTS = ("browse",)
_LOOKS = ("detail", "compare")
_RESULTS = ("browse", "detail", "compare")

KEYS: tuple[Key, ...] = (
    Key("up", "up,k", "up", "previous example, or row", _ALL),
    Key("down", "down,j", "down", "next example, or row", _ALL),
    Key("page_up", "pageup", "page_up", "a page up", _ALL),
    Key("page_down", "pagedown", "page_down", "a page down", _ALL),
    Key("first", "home", "first", "first one", _ALL),
    Key("last", "end", "last", "last one", _ALL),
    Key("left", "left,h", "left", "previous output token", _LOOKS),
    Key("right", "right,l", "right", "next output token", _LOOKS),
    Key("enter", "enter", "enter", "open the example; pin the output token", _ALL, "Open/Pin"),
    Key("back", "escape,backspace", "back", "unpin, then back", _ALL, "Back"),
    Key("previous_example", "K,shift+up", "example(-1)", "previous example, without going back", ("detail",)),
    Key("next_example", "J,shift+down", "example(1)", "next example, without going back", ("detail",)),
    Key("search", "slash", "search", "search text", ("browse", "detail"), "Search"),
    Key("next_match", "n", "next_match", "next match", _LISTS),
    Key("previous_match", "N", "previous_match", "previous match", ("browse", "detail")),
    Key("filter", "f", "filter", "filter expression", _LISTS, "Filter"),
    Key("sort", "s", "sort", "sort by the next column", _LISTS, "Sort"),
    Key("reverse", "S", "reverse", "reverse the order", _LISTS),
    Key("read", "1", "tab('read')", "Read", _RESULTS),
    Key("matrix", "2", "tab('matrix')", "Matrix", _RESULTS),
    Key("steps", "3", "tab('steps')", "Steps", _RESULTS),
    Key("compare", "4", "tab('compare')", "Compare; again: what the right pane shows", _RESULTS, "B or A−B"),
    Key("trace", "5", "tab('trace')", "Trace: a traced answer's mass by part and hop", ("detail",)),
    Key("granularity", "g", "granularity", "granularity: tokens, words, sentences, turns, characters", _LOOKS, "Units"),
    Key("aggregation", "a", "aggregation", "aggregation: the method's, sum, mean, max, absmax, L2", _LOOKS),
    Key("normalization", "n", "normalization", "normalisation; next match while searching", ("detail",)),
    Key("normalization_compared", "n", "normalization", "normalisation", ("compare",)),
    Key("metric", "m", "metric", "step score of the sparkline", _LOOKS),
    Key("weaker", "left_square_bracket", "intensity(-1)", "weaker colours", _RESULTS),
    Key("stronger", "right_square_bracket", "intensity(1)", "stronger colours", _RESULTS),
    Key("smaller_pane", "less_than_sign", "app.pane(-1)", "smaller side pane", _RESULTS),
    Key("larger_pane", "greater_than_sign", "app.pane(1)", "larger side pane (or drag the line)", _RESULTS),
    Key("mark", "space", "mark", "mark", ("browse", "detail"), "Mark"),
    Key("mark_all", "asterisk", "mark_all", "mark all that the filter shows", _LISTS),
    Key("compare_marked", "x", "compare_marked", "compare with the marked one", ("browse", "detail"), "Compare"),
    Key("tag", "T", "remark('tags')", "tags of your own, kept beside the file", ("browse", "detail")),
    Key("note", "o", "remark('note')", "a note of your own, kept beside the file", ("browse", "detail")),
    Key("next_file", "w", "next_file(1)", "list the next open file alone, or all", _LISTS),
    Key("previous_file", "W", "next_file(-1)", "list the previous open file alone, or all", _LISTS),
    Key("export", "e", "export", "export what is marked, else this one", _RESULTS, "Export"),
    Key("copy", "y", "copy", "copy this view as text", _RESULTS),
    Key("goto", "ctrl+g", "goto", "go to an id or a number", _LISTS),
    Key("jump", "ctrl+o", "app.jump", "jump: letters over every example or token in sight", _RESULTS),
    Key("theme", "t", "app.next_theme", "next theme", _ALL),
    Key("settings", "f2", "app.settings", "settings", _ALL),
    Key("help", "f1,question_mark", "app.help", "help", _ALL, "Help"),
    Key("palette", "ctrl+p", "app.command_palette", "all commands", _ALL),
    Key("quit", "ctrl+q,q", "app.quit", "quit", _ALL),
)


def keys_of(screen: str) -> list[Key]:
    """What works on a screen, in the table's order."""
    return [key for key in KEYS if screen in key.screens]


def checked_keys(keys: Mapping[str, Any], where: str) -> dict[str, str]:
    """The user's keymap.

    Raises:
        SettingsError: An action is unknown, or its keys are no text.
    """
    known = [key.id for key in KEYS]
    for name, value in keys.items():
        if name not in known:
            raise SettingsError(
                f"{where}: [browser.keys] has no action {name!r}.{nearest(name, known)} There are: {', '.join(known)}."
            )
        if not isinstance(value, str) or not value.strip():
            raise SettingsError(f'{where}: [browser.keys] {name} = {value!r}. Write keys as text: {name} = "g,ctrl+t".')
    return dict(keys)


_SPOKEN = {
    "question_mark": "?",
    "slash": "/",
    "asterisk": "*",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "Esc",
    "backspace": "⌫",
    "enter": "⏎",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "space": "Space",
    "f1": "F1",
    "f2": "F2",
    "shift+up": "⇧↑",
    "shift+down": "⇧↓",
}


def spoken(keys: str) -> str:
    """Keys as people read them (``"↑ k"``)."""
    return " ".join(_SPOKEN.get(key.strip(), key.strip().replace("ctrl+", "^")) for key in keys.split(","))
