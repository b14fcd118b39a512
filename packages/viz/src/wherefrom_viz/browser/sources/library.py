"""Several sources as one list.

An example's *key* is a number that stays when sources grow: its place in its source times the number of sources,
plus the source's own number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
from attrs import frozen
from wherefrom.errors import InputError, WherefromError
from wherefrom.files import Summary
from wherefrom.files.summaries import PREVIEW, TAGS
from wherefrom.questions.numbering import example_mark
from wherefrom.results.attribution import Attribution
from wherefrom.results.partners import bare, matched
from wherefrom.results.provenance import Provenance

from wherefrom_viz.browser.notes import NOTE, Notes, Remark, merged, notes_file
from wherefrom_viz.browser.sources.base import Source

Keys = npt.NDArray[np.int64]


_LOOKED_AT = 500
"""Examples of a source that tell which annotations there are."""

_GONE = Summary(offset=0, length=0, error="gone")


@frozen
class Growth:
    """What a refresh found."""

    new: int
    complaints: tuple[str, ...]
    replaced: bool
    """Was a file replaced, so that what was read of it is worth nothing?"""


class _Numbering:
    """Which of several examples of one id each example of a source is, from 1; counted as far as it was asked."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = Lock()
        self._begin()

    def _begin(self) -> None:
        self._version = self._source.version
        self._counted = 0
        self._seen: Counter[str] = Counter()
        self._later: dict[int, int] = {}

    def of(self, place: int) -> int:
        """The number of the example at a place."""
        with self._lock:
            if self._version != self._source.version:
                self._begin()
            while self._counted <= min(place, len(self._source) - 1):
                name = self._source.summary(self._counted).id
                if name is not None:
                    self._seen[name] += 1
                    if self._seen[name] > 1:
                        self._later[self._counted] = self._seen[name]
                self._counted += 1
            return self._later.get(place, 1)


class Library:
    """The sources that are open, as one list of examples."""

    def __init__(self, sources: Sequence[Source], complaints: Sequence[str] = ()) -> None:
        self.sources = tuple(sources)
        self.notes = tuple(Notes(notes_file(source.path)) for source in self.sources)
        """What readers say of each source's examples."""
        self._numbering = tuple(map(_Numbering, self.sources))
        self._unopened = tuple(complaints)
        self._gone: tuple[str, ...] = ()

    def __len__(self) -> int:
        return sum(len(source) for source in self.sources)

    def keys(self, only: int | None = None) -> Keys:
        """The keys of all examples, source after source, or of the source at place ``only``."""
        step = max(1, len(self.sources))
        parts = [
            np.arange(len(source), dtype=np.int64) * step + k
            for k, source in enumerate(self.sources)
            if only is None or k == only
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def locate(self, key: int) -> tuple[Source, int]:
        """The source of a key and the place in it."""
        place, number = divmod(int(key), len(self.sources))
        return self.sources[number], place

    def summary(self, key: int) -> Summary:
        """What is known of an example without its scores."""
        summary, notes = self._of_file(key), self._notes(key)
        return notes.summary(self._name(key, summary), summary) if notes else summary

    def _of_file(self, key: int) -> Summary:
        """What the file itself says of an example."""
        source, place = self.locate(key)
        try:
            return source.summary(place)
        except IndexError:  # the file was replaced by a shorter one a moment ago
            return _GONE

    def _number(self, key: int) -> int:
        """The place of its source among them."""
        return int(key) % len(self.sources)

    def _notes(self, key: int) -> Notes:
        return self.notes[self._number(key)]

    def _name(self, key: int, summary: Summary) -> str:
        """What notes call an example: by its id (``"q1"``, the next of that id ``"q1#2"``), else by its place."""
        place, source = divmod(int(key), len(self.sources))
        if not summary.id:
            return example_mark(place)
        number = self._numbering[source].of(place)
        return summary.id if number == 1 else f"{summary.id}#{number}"

    def load(self, key: int) -> Attribution:
        """An example with its scores, and what its readers say of it; see `Source.load`."""
        source, place = self.locate(key)
        one = source.load(place)
        said = self.remark(key).annotations()
        return one.replace(annotations=merged(said, one.annotations)) if said else one

    def remark(self, key: int) -> Remark:
        """What a reader said of an example."""
        notes, summary = self._notes(key), self._of_file(key)
        return notes.on(self._name(key, summary), summary) if notes else Remark()

    def file_tags(self, key: int) -> list[str]:
        """The tags that the file itself gives an example."""
        return self._of_file(key).tags

    def put_remark(self, key: int, remark: Remark) -> None:
        """Keep what a reader says of an example; see `Notes.put`.

        Raises:
            InputError: The example is gone.
        """
        summary = self._of_file(key)
        if summary is _GONE:
            raise InputError("Its file was replaced by one without this example.")
        self._notes(key).put(self._name(key, summary), remark, summary)

    def notes_place(self, key: int) -> Path | None:
        """The file that holds what is said of an example."""
        return self._notes(key).path

    def provenance(self, key: int) -> Provenance:
        """How an example was made."""
        source, place = self.locate(key)
        return source.provenance(place)

    def source_name(self, key: int) -> str:
        """The file an example is in."""
        return self.locate(key)[0].name

    def title(self, key: int) -> str:
        """The example's id, else its number."""
        _, place = self.locate(key)
        return example_mark(place, self.summary(key).id or None)

    @property
    def name(self) -> str:
        """The files, for the title."""
        return " + ".join(source.name for source in self.sources) or "nothing"

    @property
    def total(self) -> int | None:
        """How many examples there are going to be, if all sources say so."""
        totals = [source.total if source.total is not None else len(source) for source in self.sources]
        return sum(totals) if any(source.total is not None for source in self.sources) else None

    @property
    def unread(self) -> bool:
        """Was only a beginning of some source read so far, and are the others had by `refresh`?"""
        return any(source.unread for source in self.sources)

    @property
    def complaints(self) -> tuple[str, ...]:
        """What could not be opened or read, and what failed."""
        own = tuple(complaint for source in self.sources for complaint in source.complaints)
        noted = tuple(notes.told for notes in self.notes if notes.told)
        return (*self._unopened, *self._gone, *noted, *own)

    @property
    def score_names(self) -> tuple[str, ...]:
        """Step scores that examples have, by the first ones of each source."""
        names: dict[str, None] = {}
        for source in self.sources:
            for place in range(min(len(source), 20)):
                names.update(dict.fromkeys(source.summary(place).scores))
        return tuple(names)

    @property
    def annotation_names(self) -> tuple[str, ...]:
        """Annotations besides tags that examples have, by the first ones of each source."""
        names: dict[str, None] = {}
        for source in self.sources:
            for place in range(min(len(source), _LOOKED_AT)):
                names.update(dict.fromkeys(source.summary(place).annotations or ()))
        if any(notes.any_note for notes in self.notes):
            names.setdefault(NOTE)
        return tuple(name for name in names if name != TAGS)

    def refresh(self) -> Growth:
        """Take in what the sources have more."""
        new, gone = 0, []
        versions = [source.version for source in self.sources]
        for source in self.sources:
            try:
                new += source.refresh()
            except FileNotFoundError:
                gone.append(f"{source.name} is gone. Its list stays; scores that were not read yet are lost.")
            except (OSError, WherefromError) as error:
                gone.append(f"{source.name}: {error}")
        self._gone = tuple(gone)
        replaced = versions != [source.version for source in self.sources]
        return Growth(new, self.complaints, replaced)

    def counterpart(self, key: int) -> int | None:
        """The example to compare with: what ``wherefrom compare`` pairs it with in another file, if of the same input;
        else one of the same input and output, or of the same input and id, in any file; else what it is paired with."""
        own = self.summary(key)
        partners = [partner for number in self._others(key) if (partner := self._partner(key, number)) is not None]
        for partner in partners:
            if _same_beginning(self.summary(partner).prompt, own.prompt):
                return partner
        known = [(other, self.summary(other)) for other in self.keys().tolist() if other != key]
        ranked = [
            (_same_beginning(one.output, own.output), own.id is not None and one.id == own.id, other)
            for other, one in known
            if _same_beginning(one.prompt, own.prompt)
        ]
        found = max(ranked, key=lambda entry: entry[:2], default=None)
        if found is not None and any(found[:2]):
            return int(found[2])
        return partners[0] if partners else None

    def _others(self, key: int) -> list[int]:
        """Places of the sources that an example is not of."""
        return [number for number in range(len(self.sources)) if number != self._number(key)]

    def _partner(self, key: int, number: int) -> int | None:
        """What ``wherefrom compare`` pairs an example with in another source, at place ``number``."""
        sides = sorted((self._number(key), number))  # the file that was given first is the first there, too
        first, second = (self._named(side) for side in sides)
        ones, others = list(first), list(second)
        pairs = ((ones[a], others[b]) for a, b in matched(list(first.values()), list(second.values())))
        return next((other if one == key else one for one, other in pairs if key in (one, other)), None)

    def _named(self, number: int) -> dict[int, str | None]:
        """Key to id of the examples of a source that did not fail."""
        known = ((k, self.summary(k)) for k in self.keys(number).tolist())
        return {k: one.id for k, one in known if one.error is None}


def _same_beginning(one: str, other: str) -> bool:
    """Are two texts the same, as far as summaries have them?"""
    texts = [bare(text.removesuffix("…") if len(text) == PREVIEW else text) for text in (one, other)]
    end = min(map(len, texts)) if PREVIEW in (len(one), len(other)) else None
    return texts[0][:end] == texts[1][:end]
