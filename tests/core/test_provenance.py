"""What is told of how results were made."""

from __future__ import annotations

from wherefrom.results.provenance import MOST_WARNINGS, Provenance, with_warnings


def test_warnings_are_kept_once_in_their_order() -> None:
    made = with_warnings(Provenance(warnings=["a"]), ["b", "a", "b"])
    assert made.warnings == ["a", "b"]
    assert with_warnings(made, ["b"]) is made


def test_of_too_many_warnings_it_is_told_that_there_were_more() -> None:
    first = [f"warning {index}" for index in range(MOST_WARNINGS)]
    assert with_warnings(Provenance(), first).warnings == first
    made = with_warnings(Provenance(warnings=first), ["another"])
    assert made.warnings[:-1] == first
    assert "more warnings" in made.warnings[-1]
    assert with_warnings(made, ["one more"]) is made
