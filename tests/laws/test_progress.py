"""Long work reports in one way: by a line on a terminal unless ``show_progress`` is off, or to ``progress``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import wherefrom
from wherefrom import context, evaluation, files, progress, results
from wherefrom.attribute import AttributionModel
from wherefrom.evaluation import bench, verify
from wherefrom.evaluation.verify.checking import verify_all

ROOMS: tuple[ModuleType, ...] = (
    wherefrom,
    context,
    evaluation,
    bench,
    verify,
    files,
    results,
)


WITHIN = {"ablate"}
"""What methods and metrics are built from: part of the work of those below, it reports to whom they say."""


def reporting() -> Iterator[tuple[str, inspect.Signature]]:
    """Public functions that report how far they are."""
    found = [(name, getattr(room, name)) for room in ROOMS for name in room.__all__]
    for name, one in [*found, ("AttributionModel.attribute", AttributionModel.attribute)]:
        if (
            name not in WITHIN
            and inspect.isfunction(one)
            and any("progress" in given for given in inspect.signature(one).parameters)
        ):
            yield name, inspect.signature(one)


def test_all_that_reports_takes_both_settings() -> None:
    seen = dict(reporting())
    assert {"attribute_context", "evaluate", "trace", "AttributionModel.attribute"} <= set(seen)
    for name, signature in seen.items():
        taken = {given: one.default for given, one in signature.parameters.items() if "progress" in given}
        taken.pop("pretty_progress", None)  # inseq's, of no effect
        assert taken == {"show_progress": True, "progress": None}, name


def test_a_line_is_drawn_unless_it_is_not_wanted_or_somebody_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bool] = []
    told: list[tuple[Any, ...]] = []

    @contextmanager
    def display(wanted: bool) -> Iterator[Callable[..., None]]:
        drawn.append(wanted)
        yield progress.no_progress

    monkeypatch.setattr(progress, "terminal_progress", display)
    verify_all([])
    verify_all([], show_progress=False)
    verify_all(["dummy"], progress=lambda *step: told.append(step))
    assert drawn[:2] == [True, False]
    assert not any(drawn[2:]), "nor by what it calls"
    assert told == [("verify", 1, 1)]
