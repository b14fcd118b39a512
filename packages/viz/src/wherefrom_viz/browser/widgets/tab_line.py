"""The views of an example as one line of words that can be clicked."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.widgets import Static


class TabLine(Static):
    """``1 Read  2 Matrix  3 Steps  4 Compare``, the one that is seen set apart."""

    def show(self, active: str, names: tuple[str, ...] = ("read", "matrix", "steps", "compare")) -> None:
        """Draw the line with a tab active."""
        text = Text(" ", no_wrap=True)
        for number, name in enumerate(names, start=1):
            click = Style(meta={"@click": f"screen.tab('{name}')"})
            text.append(f" {number} ", style=click + Style(dim=True))
            here = name == active
            text.append(f" {name.capitalize()} ", style=click + Style(bold=here, reverse=here, dim=not here))
            text.append(" ")
        self.update(text)
