"""Saved evaluations, whatever wrote them: `evaluate`, or the bench."""

from __future__ import annotations

from pathlib import Path

from wherefrom.evaluation.bench.running import read_bench
from wherefrom.evaluation.records import Evaluation
from wherefrom.files.wire.bytes import file_named
from wherefrom.files.wire.foreign import BENCH, EVALUATION


def is_evaluation(path: str | Path) -> bool:
    """Is it an evaluation's or a bench's file, by how it begins?"""
    path = file_named(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(EVALUATION)) in (EVALUATION, BENCH)


def open_evaluation(path: str | Path) -> Evaluation:
    """What is saved there.

    Raises:
        FileFormatError: It is damaged or something else.
    """
    with Path(path).open("rb") as file:
        start = file.read(len(BENCH))
    return read_bench(path) if start == BENCH else Evaluation.load(path)
