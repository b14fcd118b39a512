"""Results that are printed as they come and kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from attrs import define, field
from wherefrom.files.wire.documents import example_line, header_line
from wherefrom.results.attribution import Attributions
from wherefrom.results.provenance import Provenance, of_whole_run, with_warnings
from wherefrom_viz.describe.text_marks import visible

from wherefrom_cli.console import Console
from wherefrom_cli.dataset.work import Outcome
from wherefrom_cli.showing import print_attributions


@define(kw_only=True)
class StreamSink:
    """Sends every result to stdout as it comes and keeps nothing: JSON lines, or drawings.

    Failures are told on stderr.
    """

    console: Console
    lines: bool = False
    view: str = "auto"
    hide: bool = False
    finished: int = 0
    failed: int = 0
    how_to_resume: str = "Nothing was saved; give -o FOLDER to be able to resume."
    _provenance: Provenance | None = field(default=None, init=False)

    def wants(self, key: str) -> bool:
        """Always: nothing is remembered."""
        return True

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Print each."""
        for outcome in outcomes:
            if outcome.attribution is None:
                self.failed += 1
                self.console.note(f"{visible(outcome.key)} failed: {outcome.error_type}: {outcome.error}")
                continue
            self.finished += 1
            if self.lines:
                self._write_header(outcome)
                self.console.write(example_line(outcome.attribution).decode())
            elif not self.hide:
                made = outcome.provenance or Provenance()
                print_attributions(
                    Attributions(sequence_attributions=(outcome.attribution,), provenance=made),
                    self.console,
                    view=self.view,
                )
        self.console.stdout.flush()

    def finish(self, *, stopped: bool) -> str:
        """Nothing to close."""
        return ""

    def __enter__(self) -> StreamSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def _write_header(self, outcome: Outcome) -> None:
        """What the lines begin with; again where more was warned of, as in files that follow one another."""
        made = outcome.provenance
        if made is None:
            return
        told = with_warnings(self._provenance or of_whole_run(made), made.warnings)
        if told is not self._provenance:
            self._provenance = told
            self.console.write(header_line(told).decode())
