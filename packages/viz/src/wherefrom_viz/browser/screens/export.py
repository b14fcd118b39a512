"""Where to write examples, and how: the ending of the name says it."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from wherefrom.errors import InputError

from wherefrom_viz.browser.exporting import DATASET, ending_of

FORMATS = (
    (".html", "interactive page, as seen"),
    (".svg", "figure, as seen"),
    (".png", "pixels, as seen"),
    (".json", "scores as stored"),
    (".jsonl", "the same, a line per example"),
    (".msgpack", "the same, binary"),
    (".csv", "table, a row per score"),
    (".tsv", "the same with tabs"),
    (".parquet", "the same for data frames"),
    (".md", "Markdown table, as seen"),
    (".tex", "LaTeX table, as seen"),
    (".pdf", "figure for LaTeX, as seen"),
    (".txt", "text, as seen"),
    (".inseq.json", "for inseq"),
    ("/", "folder, a Hugging Face data set"),
)


@frozen
class ExportRequest:
    """What the user asked for."""

    path: str
    overwrite: bool


class ExportScreen(ModalScreen[ExportRequest | None]):
    """A name and a list of formats. Gives the request, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Cancel")]

    def __init__(self, name: str, what: str, *, complaint: str = "", overwrite: bool = False) -> None:
        super().__init__()
        self._name = name
        self._what = what
        self._complaint = complaint
        self._overwrite = overwrite

    def compose(self) -> ComposeResult:
        """Title, name, mistake, formats."""
        with Vertical(classes="dialog", id="export"):
            yield Static(f"Export {self._what}", classes="dialog--title", markup=False)
            yield Input(self._name, id="name", compact=True)
            yield Static(self._complaint, id="mistake", markup=False, classes="wrong" if self._complaint else "")
            formats = [Option(f"{ending:<12} {words}", id=ending) for ending, words in FORMATS]
            yield OptionList(*formats, id="formats", compact=True, markup=False)
            words = "Enter writes · Tab to the formats · Esc cancels"
            yield Static("Enter again replaces the file · Esc cancels" if self._overwrite else words, classes="dim")

    def on_mount(self) -> None:
        """The name can be changed at once."""
        self.query_one(Input).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """The name gets the format's ending."""
        field = self.query_one(Input)
        if not self.query_one(OptionList).has_focus or event.option.id is None:
            return
        try:
            ending = ending_of(field.value)
        except InputError:
            ending = ""
        field.value = field.value.removesuffix(ending).removesuffix(DATASET) + event.option.id

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Write it."""
        self._finish()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once whether the name can be understood; another name is not the one that is there."""
        mistake = self.query_one("#mistake", Static)
        if event.value != self._name:
            self._overwrite = False
            self._complaint = ""
        try:
            ending_of(event.value)
        except InputError as error:
            mistake.update(str(error))
            mistake.add_class("wrong")
        else:
            mistake.update(self._complaint)
            mistake.set_class(bool(self._complaint), "wrong")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Write it."""
        self._finish()

    def _finish(self) -> None:
        path = self.query_one(Input).value.strip()
        try:
            ending_of(path)
        except InputError:
            return  # the line under the name says why
        self.dismiss(ExportRequest(path, self._overwrite))
