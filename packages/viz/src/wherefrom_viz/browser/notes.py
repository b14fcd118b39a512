"""Tags and notes that readers give examples, kept beside the file or inside the run they are about.

A file ``answers.json`` has them in ``answers.json.notes.json``, a run in ``notes.json`` in its folder: both can be sent
along. The result itself is never changed. Names are those of the examples, else their places (``"#3"``); the second
example of a name ``"q1"`` is ``"q1#2"``. Each remark knows the texts that it is about: it is not shown on others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from wherefrom.errors import FileFormatError
from wherefrom.files import Summary
from wherefrom.files.summaries import TAGS
from wherefrom.files.wire.bytes import write_whole
from wherefrom.files.wire.encoding import NOT_JSON

ENDING = ".notes.json"
IN_A_RUN = "notes.json"
NOTE = "note"
"""The annotation that holds a reader's note."""


class Remark(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a reader says of one example. None: nothing; an empty list of tags takes those of the data away."""

    tags: list[str] | None = None
    note: str | None = None
    about: str | None = None
    """Which texts it is about, as `digest_of` has them; None: those of any example of its name."""

    def annotations(self) -> dict[str, Any]:
        """As annotations of the example; they come before those of its file."""
        found: dict[str, Any] = {}
        if self.tags is not None:
            found[TAGS] = self.tags
        if self.note:
            found[NOTE] = self.note
        return found


def notes_file(path: Path | None) -> Path | None:
    """Where the notes on a source are; None for results that are in no file."""
    if path is None:
        return None
    return path / IN_A_RUN if path.is_dir() else path.with_name(path.name + ENDING)


class Notes:
    """The remarks on one source."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        """Their file; None: they are kept for this session alone."""
        self.complaint = ""
        self._remarks: dict[str, Remark] = {}
        self._strangers: set[str] = set()
        """Names of remarks that were asked for of examples with other texts."""
        try:
            self._remarks = self._read()
        except (FileFormatError, OSError) as error:
            self.complaint = f"Notes cannot be read: {error}"

    def __bool__(self) -> bool:
        return bool(self._remarks)

    @property
    def any_note(self) -> bool:
        """Is there a note, besides tags?"""
        return any(remark.note for remark in self._remarks.values())

    @property
    def told(self) -> str:
        """What is wrong with them, if anything is."""
        if self.complaint or not self._strangers:
            return self.complaint
        names = ", ".join(sorted(self._strangers)[:5]) + (", ..." if len(self._strangers) > 5 else "")
        return f"Tags and notes on {names} are about other texts than are there now, and are not shown."

    def on(self, name: str, summary: Summary) -> Remark:
        """What is said of an example, if it is about its texts."""
        remark = self._remarks.get(name, Remark())
        if remark.about not in (None, digest_of(summary)):
            self._strangers.add(name)
            return Remark()
        self._strangers.discard(name)
        return Remark(tags=remark.tags, note=remark.note)

    def put(self, name: str, remark: Remark, summary: Summary) -> None:
        """Say something of an example with these texts, and write it down; other sessions' remarks on others stay.

        Raises:
            OSError: The file cannot be written.
            FileFormatError: What is in its place are no notes.
        """
        remarks = self._read() if self.path is not None else dict(self._remarks)
        if remark == Remark():
            remarks.pop(name, None)
        else:
            remarks[name] = Remark(tags=remark.tags, note=remark.note, about=digest_of(summary))
        if self.path is not None:
            data = msgspec.json.format(msgspec.json.encode({"notes": remarks}), indent=1)
            write_whole(self.path, [data, b"\n"], overwrite=True, follow=False)
        self._remarks = remarks

    def summary(self, name: str, summary: Summary) -> Summary:
        """A summary with what is said of its example."""
        said = self.on(name, summary).annotations()
        if not said:
            return summary
        return msgspec.structs.replace(summary, annotations=merged(said, summary.annotations or {}))

    def _read(self) -> dict[str, Remark]:
        if self.path is None or not self.path.exists():
            return {}
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, dict[str, Remark]])["notes"]
        except (*NOT_JSON, KeyError) as error:
            raise FileFormatError(f"{self.path} holds no notes ({error}). Move it away to write new ones.") from error


def digest_of(summary: Summary) -> str:
    """The texts of an example, as far as lists show them, in 16 hexadecimal digits."""
    return sha256("\0".join((summary.prompt, summary.output)).encode(errors="surrogatepass")).hexdigest()[:16]


def merged(said: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Annotations of a reader and of the file, the reader's first and in place of the file's."""
    return {**said, **{name: value for name, value in given.items() if name not in said}}


def tags_of(text: str) -> list[str]:
    """The tags in a line with commas, each once."""
    return list(dict.fromkeys(part for part in (one.strip() for one in text.split(",")) if part))


def written(tags: Sequence[str]) -> str:
    """Tags as a line that can be edited."""
    return ", ".join(tags)
