"""What the example under the cursor of the list says, its inputs shaded by their sum over all outputs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static
from wherefrom.files import Summary

from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.focus import Focus
from wherefrom_viz.browser.style_cache import StyleCache
from wherefrom_viz.browser.widgets.reading_view import ReadingView
from wherefrom_viz.describe.description import Description
from wherefrom_viz.describe.numbers import short
from wherefrom_viz.describe.text_marks import isolate, visible


class Preview(Vertical):
    """Facts at once, the shaded text when the scores have been read."""

    def compose(self) -> ComposeResult:
        """A line of facts and the text."""
        yield Static("", id="facts", markup=False)
        yield ReadingView(id="shaded")

    def on_mount(self) -> None:
        """The preview is looked at, not walked through."""
        shaded = self.query_one(ReadingView)
        shaded.can_focus = False
        shaded.marks_cursor = False

    def tell(self, title: str, summary: Summary, complaint: str = "") -> None:
        """What the summary says, before or without the scores."""
        facts = Text(no_wrap=True, overflow="ellipsis").append(f" {visible(title)}", style="bold")
        parts = [visible(summary.method), f"{summary.inputs}→{summary.steps} tokens"]
        parts += [f"{name} {short(value)}" for name, value in summary.scores.items()]
        facts.append("  " + " · ".join(part for part in parts if part), style="dim")
        if complaint:
            facts.append(f"  {complaint}", style="red")
        self.query_one("#facts", Static).update(facts)
        self.query_one(ReadingView).display = not complaint

    def description(
        self,
        title: str,
        summary: Summary,
        drawn: Description,
        shares: Sequence[tuple[str, float]],
        drawing: Drawing,
        shades: StyleCache,
    ) -> None:
        """The text, shaded, and the shares of its blocks."""
        self.tell(title, summary)
        facts = Text(no_wrap=True, overflow="ellipsis").append(f" {visible(title)}", style="bold")
        parts = [visible(drawn.subtitle)] if drawn.subtitle else [visible(summary.method)]
        parts += [f"{name} {short(value)}" for name, value in summary.scores.items()]
        parts += [f"{name.lower()} {share:.0%}" for name, share in shares]
        facts.append("  " + isolate(" · ".join(part for part in parts if part)), style="dim")
        self.query_one("#facts", Static).update(facts)
        everything = Focus(pinned=frozenset(range(len(drawn.steps))))
        self.query_one(ReadingView).show(drawn, everything, drawing, shades)

    def clear(self, words: str) -> None:
        """Nothing to preview."""
        self.query_one("#facts", Static).update(Text(f" {words}", style="dim"))
        self.query_one(ReadingView).display = False
