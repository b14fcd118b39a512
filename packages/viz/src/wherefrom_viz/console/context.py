"""A context attribution in the terminal: the output, and below it each sensitive token with its contexts."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from attrs import frozen
from rich.console import Console, ConsoleOptions
from rich.jupyter import JupyterMixin
from rich.style import Style
from rich.text import Text
from wherefrom.context import ContextAttribution

from wherefrom_viz.colours import Palette, Theme, palette_named
from wherefrom_viz.console import TerminalStyle, terminal_style_for
from wherefrom_viz.console.plain import spelt, whole
from wherefrom_viz.describe.context import ContextDescription, Matrix, Panel, Word, describe, nats
from wherefrom_viz.describe.numbers import short
from wherefrom_viz.describe.options import check_options
from wherefrom_viz.describe.text_marks import elide, flowing, isolate, label, pad

_LABEL = 26
"""Columns of a sentence in the matrix."""
_LONGEST = 160
"""Tokens of a context above which only the neighbourhood of cues is shown."""
_AROUND = 8


@frozen(kw_only=True, eq=False)
class ContextView(JupyterMixin):
    """Draws one description. A Rich renderable, in notebooks too."""

    description: ContextDescription
    palette: Palette
    theme: Theme | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        terminal = terminal_style_for(console, self.palette, self.theme)
        for line in spelt(self, options).lines(terminal, options.max_width):
            yield whole(line, options)

    def lines(self, terminal: TerminalStyle, width: int) -> Iterator[Text]:
        """Everything, for a terminal of ``width`` columns."""
        description = self.description
        yield Text(
            f"{len(description.panels)} of {len(description.output)} output tokens depend on the context "
            f"({description.metric}; {description.rule})",
            style="bold",
        )
        yield _flow("output", description.output, terminal, numbers=False)
        if not description.panels:
            yield Text("  Nothing stands out: no token is more sensitive than the threshold.", style="dim")
        for panel in description.panels:
            yield Text()
            yield _head(panel, description)
            for name, words in (("input context", panel.input_context), ("output context", panel.output_context)):
                if words:
                    yield _flow(name, words, terminal, numbers=True)
        if description.panels:
            yield Text()
            yield Text(
                f"Contexts: {description.method} of {description.target}; numbers at the cues, darker is more.",
                style="dim",
            )
        if description.matrix is not None:
            yield Text()
            yield Text("citations: ", style="dim").append(flowing(description.cited_text, 4000), style="not dim")
            yield from _table(description.matrix, terminal, width)


def context_view(
    result: ContextAttribution, *, palette: str | Palette = "red-blue", theme: Theme | None = None
) -> ContextView:
    """The result as a Rich renderable."""
    check_options(context_view, locals())
    return ContextView(description=describe(result), palette=palette_named(palette), theme=theme)


def render_context_text(result: ContextAttribution, *, width: int = 100, palette: str | Palette = "red-blue") -> str:
    """The console view as plain text without colour, ``width`` columns wide."""
    check_options(render_context_text, locals())
    stream = io.StringIO()
    console = Console(file=stream, width=width, no_color=True, color_system=None, highlight=False, markup=False)
    console.print(context_view(result, palette=palette))
    return "\n".join(line.rstrip() for line in stream.getvalue().removesuffix("\n").split("\n")) + "\n"


def _head(panel: Panel, description: ContextDescription) -> Text:
    line = Text("→ ", style="dim")
    line.append(isolate(label(panel.token, 40)), style="bold not dim")
    line.append(f"   {description.metric} {short(panel.score)}", style="dim")
    if panel.p_value is not None:
        line.append(f"   p {short(panel.p_value)}", style="dim")
    if panel.alternative is not None:
        line.append(f"   without context: {label(panel.alternative, 40)}", style="dim")
    return line


def _flow(name: str, words: Sequence[Word], terminal: TerminalStyle, *, numbers: bool) -> Text:
    paragraph = Text("  ").append(f"{name}: ", style="dim")
    near = _near(words)
    skipped = 0
    for index, word in enumerate(words):
        if index not in near:
            skipped += 1
            continue
        if skipped:
            paragraph.append(f" …{skipped} more… ", style="dim")
            skipped = 0
        text = flowing(word.text)
        lead = text[: len(text) - len(text.lstrip())] if text.strip() else ""
        paragraph.append(lead)
        style = terminal.style(word.strength)
        if word.marked:
            style = style + Style(bold=True, underline=True)
        shown = isolate(text[len(lead) :])
        if word.marked and terminal.level == "none":
            shown = f"[{shown}]"
        paragraph.append(shown, style=style)
        if numbers and word.marked:
            paragraph.append(f"({short(word.value)})", style="dim")
    if skipped:
        paragraph.append(f" …{skipped} more…", style="dim")
    return paragraph


def _near(words: Sequence[Word]) -> set[int]:
    if len(words) <= _LONGEST:
        return set(range(len(words)))
    return {
        index
        for place, word in enumerate(words)
        if word.marked
        for index in range(max(0, place - _AROUND), min(len(words), place + _AROUND + 1))
    }


def _table(matrix: Matrix, terminal: TerminalStyle, width: int) -> Iterator[Text]:
    """Support in nats, as many parts as fit."""
    room = min(_LABEL, max(8, width // 3))
    each = 8
    fits = max(1, (width - room - 2) // each)
    largest = max((abs(value) for line in matrix.values for value in line), default=0.0)
    shown = range(min(len(matrix.parts), fits))
    head = Text(pad("", room + 2))
    for part in shown:
        head.append(pad(elide(matrix.parts[part], each - 1), each, right=True), style="dim")
    yield head
    for sentence, values, cited in zip(matrix.sentences, matrix.values, matrix.cited, strict=True):
        line = Text("  ").append(pad(elide(label(sentence).replace("␣", " "), room), room))
        for part in shown:
            mark = "*" if part in cited else " "
            strength = values[part] / largest if largest else 0.0
            line.append(pad(f"{nats(values[part])}{mark}", each, right=True), style=terminal.style(strength))
        if not cited:
            line.append("  no support", style="bold")
        yield line
    left = len(matrix.parts) - len(shown)
    rest = f" {left} more part{'s' if left != 1 else ''} not shown." if left else ""
    yield Text(
        "  Nats by which a part raises the sentence's log-probability; "
        f"* cited (at least {matrix.threshold:.2f}).{rest}",
        style="dim",
    )
