"""From a path to the source that reads it."""

from __future__ import annotations

from pathlib import Path

from wherefrom.errors import FileFormatError, InputError
from wherefrom.files.manifest import MANIFEST
from wherefrom.files.wire.documents import is_object

from wherefrom_viz.browser.sources.base import Source
from wherefrom_viz.browser.sources.lines import LinesSource
from wherefrom_viz.browser.sources.loaded import DocumentSource
from wherefrom_viz.browser.sources.run import RunSource


def open_source(path: Path) -> Source:
    """The examples at ``path``.

    Raises:
        InputError: Nothing is there, or a folder without a run.
        FileFormatError: It is no file of attributions, damaged, or of a newer major version.
    """
    if not path.exists():
        raise InputError(f"There is nothing at {str(path)!r}. Give a saved file, or the folder of a run.")
    if path.is_dir():
        if not (path / MANIFEST).is_file():
            raise InputError(f"{path} is a folder without a run: it has no {MANIFEST}.")
        return RunSource(path)
    if path.suffix == ".jsonl" and _starts_with_header(path):
        return LinesSource(path)
    try:
        return DocumentSource(path)
    except RecursionError as error:
        raise FileFormatError(f"{path} is nested too deeply to be read.") from error


def _starts_with_header(path: Path) -> bool:
    """Is the first line an object of its own, and not compressed? A document goes on over several lines."""
    with path.open("rb") as file:
        first, ended, _ = file.read(1 << 20).partition(b"\n")
    return bool(ended) and is_object(first)
