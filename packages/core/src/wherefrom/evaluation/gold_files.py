"""Gold annotations from files: our own JSON lines, ERASER's, and the word-by-word rationales that ferret reads.

====================  ==============================================================================================
format                a line
====================  ==============================================================================================
ours                  ``text`` and ``spans`` of characters; perhaps ``id`` and ``answer``
ERASER                ``annotation_id``, ``evidences`` with ``docid``, ``start_token`` and ``end_token``; the documents
                      are files of words in a folder ``docs`` beside the file
movie rationales      ``review`` (or ``text``) and ``evidences`` as texts
ferret, HateXplain    ``tokens``, ``post_tokens`` or ``text``, and ``rationale`` or ``rationales``: 0 or 1 per word, or
                      a list of that per annotator, of whom more than half must agree
====================  ==============================================================================================

Sources:
    DeYoung et al. (2020), ERASER, https://arxiv.org/abs/1911.03429; Attanasio et al. (2023), ferret,
    https://arxiv.org/abs/2208.01575; Mathew et al. (2021), HateXplain, https://arxiv.org/abs/2012.10289.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from wherefrom.errors import FileFormatError, InputError
from wherefrom.evaluation.gold import Gold, gold_from_words
from wherefrom.evaluation.lines import decoded_lines
from wherefrom.files.wire.bytes import content_of


def read_gold(path: str | Path, count: int | None = None) -> list[Gold]:
    """Annotations from a file of any of these formats, told by the names in each line.

    Args:
        count: How many there must be; None: any number.

    Raises:
        FileFormatError: A line is of no known format, or names a document that is not there.
        InputError: There are more or fewer than wanted, or it is a folder.
    """
    path = Path(path)
    lines = decoded_lines(content_of(path), dict[str, Any], name=path, expected="an object")
    found = [_line(line, path, number) for number, line in enumerate(lines, start=1)]
    if count is not None and len(found) != count:
        raise InputError(f"{path} has {len(found)} annotations for {count} examples. Give one line per example.")
    return found


def load_gold(path: str | Path) -> list[Gold]:
    """What `wherefrom.evaluation.save_gold` wrote; see `read_gold`."""
    return read_gold(path)


def _line(line: dict[str, Any], path: Path, number: int) -> Gold:
    try:
        for fits, reader in READERS:
            if fits(line):
                return reader(line, path)
    except (msgspec.ValidationError, InputError, ValueError, TypeError, KeyError, OSError) as error:
        raise FileFormatError(f"{path}, line {number}: {error}") from error
    known = "text and spans; evidences; tokens and rationale"
    raise FileFormatError(
        f"{path}, line {number}: expected an object with {known}, found {', '.join(line) or 'nothing'}."
    )


def _ours(line: dict[str, Any], path: Path) -> Gold:
    return msgspec.convert(line, Gold)


def _eraser(line: dict[str, Any], path: Path) -> Gold:
    """All evidence of one document, as characters of its words with one space between them."""
    pieces = [piece for group in line["evidences"] for piece in group]
    documents = sorted({str(piece["docid"]) for piece in pieces})
    if len(documents) != 1:
        raise ValueError(f"its evidence is in {len(documents)} documents; one is understood")
    folder = (path.parent / "docs").resolve()
    document = (folder / documents[0]).resolve()
    if folder not in document.parents:
        raise ValueError(f"the document {documents[0]!r} lies outside of {folder}")
    words = document.read_text("utf-8-sig").split()
    marks = np.zeros(len(words), bool)
    for piece in pieces:
        start, end = int(piece["start_token"]), int(piece["end_token"])
        if not 0 <= start < end <= len(words):
            raise ValueError(f"the words {start} to {end} do not lie in its document of {len(words)} words")
        marks[start:end] = True
    return _of_words(words, marks, id=str(line["annotation_id"]), answer=line.get("classification"))


def _movies(line: dict[str, Any], path: Path) -> Gold:
    text = line.get("review", line.get("text"))
    return gold_from_words(str(text), [str(one) for one in line["evidences"]], id=_name(line))


def _rationale(line: dict[str, Any], path: Path) -> Gold:
    words = line.get("post_tokens", line.get("tokens", line.get("text", "")))
    words = words.split() if isinstance(words, str) else [str(word) for word in words]
    marks = np.asarray(line.get("rationale", line.get("rationales")), dtype=np.float64)
    if marks.ndim == 2:
        marks = marks.mean(axis=0) if len(marks) else np.zeros(len(words))
    if marks.shape != (len(words),):
        raise ValueError(f"{marks.size} marks for {len(words)} words; expected one per word")
    return _of_words(words, marks > 0.5, id=_name(line))


def _name(line: dict[str, Any]) -> str | None:
    found = next((line[name] for name in ("id", "post_id", "annotation_id") if name in line), None)
    return None if found is None else str(found)


def _of_words(words: Sequence[str], marks: np.ndarray[Any, np.dtype[np.bool_]], **facts: Any) -> Gold:
    """Words with one space between them; neighbours that are marked are one span."""
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    starts = ends - [len(word) for word in words]
    spans: list[tuple[int, int]] = []
    for index in np.flatnonzero(marks).tolist():
        if spans and index and marks[index - 1]:
            spans[-1] = (spans[-1][0], int(ends[index]))
        else:
            spans.append((int(starts[index]), int(ends[index])))
    return Gold(text=" ".join(words), spans=tuple(spans), **facts)


def _has(*names: str) -> Callable[[dict[str, Any]], bool]:
    return lambda line: all(name in line for name in names)


def _texts(line: dict[str, Any]) -> bool:
    return "evidences" in line and all(isinstance(one, str) for one in line["evidences"])


READERS: tuple[tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any], Path], Gold]], ...] = (
    (_has("text", "spans"), _ours),
    (_texts, _movies),
    (_has("annotation_id", "evidences"), _eraser),
    (_has("rationale"), _rationale),
    (_has("rationales"), _rationale),
)
"""Which lines are whose."""
