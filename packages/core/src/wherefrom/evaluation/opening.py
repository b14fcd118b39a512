"""Saved evaluations, whatever wrote them: `evaluate`, or the bench."""

from __future__ import annotations

from pathlib import Path

from wherefrom.evaluation.bench.running import read_bench
from wherefrom.evaluation.records import Evaluation
from wherefrom.files.wire.bytes import file_named, without_mark
from wherefrom.files.wire.foreign import BENCH, EVALUATION


def is_evaluation(path: str | Path) -> bool:
    """Is it an evaluation's or a bench's file, by how it begins?"""
    path = file_named(path)
    if not path.is_file():
        return False
    return _begins_as(path, EVALUATION, BENCH)


def open_evaluation(path: str | Path) -> Evaluation:
    """What is saved there.

    Raises:
        FileFormatError: It is damaged or something else.
    """
    return read_bench(path) if _begins_as(Path(path), BENCH) else Evaluation.load(path)


def _begins_as(path: Path, *starts: bytes) -> bool:
    with path.open("rb") as file:
        return without_mark(file.read(200)).startswith(starts)
