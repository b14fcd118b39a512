"""The open files as one line of names that can be clicked; hidden where there is only one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.widgets import Static

from wherefrom_viz.describe.text_marks import elide, visible

LONGEST = 24


class FileTabs(Static):
    """``all  a.json  b.json``, the one that is listed set apart."""

    def show(self, names: Sequence[str], active: int | None) -> None:
        """Draw the line.

        Args:
            names: Of the files.
            active: The one whose examples are listed; None: those of all.
        """
        self.display = len(names) > 1
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        for place, name in [(None, "all"), *enumerate(names)]:
            here = place == active
            click = Style(meta={"@click": f"screen.file({-1 if place is None else place})"})
            text.append(
                f" {visible(elide(name, LONGEST))} ", style=click + Style(bold=here, reverse=here, dim=not here)
            )
            text.append(" ")
        self.update(text)
