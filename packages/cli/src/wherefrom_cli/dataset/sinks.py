"""Where the outcomes of a data-set run go: a run folder, lines on stdout, or the terminal."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

import msgspec
from attrs import define, field
from wherefrom.attribution import Attributions
from wherefrom.provenance import Provenance
from wherefrom.wire.documents import example_line, header_line

from wherefrom_cli.dataset.source import Dataset
from wherefrom_cli.dataset.work import Outcome
from wherefrom_cli.showing import print_attributions
from wherefrom_cli.talk import Talk


class Sink(Protocol):
    """Keeps outcomes, and knows which it has already. A context manager."""

    @property
    def finished(self) -> int:
        """How many examples it has, from earlier runs too."""
        ...

    @property
    def failed(self) -> int:
        """How many examples ended in an error that was not mended."""
        ...

    @property
    def how_to_resume(self) -> str:
        """A sentence for somebody who interrupted."""
        ...

    def wants(self, key: str) -> bool:
        """Is the example still to be done?"""
        ...

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Store or show ``outcomes``; when it returns they are safe."""
        ...

    def finish(self, *, stopped: bool) -> str:
        """Close, and say in a sentence where the results are."""
        ...

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@define(kw_only=True)
class StreamSink:
    """Sends every result to stdout as it comes and keeps nothing: JSON lines, or pictures.

    Failures are told on stderr.
    """

    talk: Talk
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
                self.talk.note(f"{outcome.key} failed: {outcome.error_type}: {outcome.error}")
                continue
            self.finished += 1
            if self.lines:
                self._write_header(outcome)
                self.talk.write(example_line(outcome.attribution).decode())
            elif not self.hide:
                made = outcome.provenance or Provenance()
                print_attributions(
                    Attributions(sequence_attributions=(outcome.attribution,), provenance=made),
                    self.talk,
                    view=self.view,
                )
        self.talk.stdout.flush()

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
        if self._provenance is None and outcome.provenance is not None:
            self._provenance = without_texts(outcome.provenance)
            self.talk.write(header_line(self._provenance).decode())


def without_texts(provenance: Provenance) -> Provenance:
    """The part of a batch's provenance that holds for the whole run."""
    return msgspec.structs.replace(provenance, input_texts=[], generated_texts=[], seconds=0.0, warnings=[])


def open_sink(
    options: argparse.Namespace,
    settings: Mapping[str, Any],
    dataset: Dataset,
    talk: Talk,
) -> Sink:
    """The sink that the options ask for.

    Raises:
        UsageError: Results would be replaced, or there is nothing to go on with.
    """
    return StreamSink(
        talk=talk,
        lines=options.json or options.jsonl or options.save_path == "-",
        view=options.view,
        hide=options.hide_attributions,
    )
