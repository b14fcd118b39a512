"""What is told of how results were made."""

from __future__ import annotations

from typing import Any

import wherefrom
from wherefrom.loading import ADAPTERS
from wherefrom.results.provenance import MOST_WARNINGS, Provenance, with_warnings
from wherefrom.testing import ReferenceModel

from tests.registered import nothing_stays


def test_results_name_the_framework_that_loaded_their_model() -> None:
    adapter = ReferenceModel()

    def load_mine(model: str, *, tokenizer: Any, device: Any, model_kwargs: Any, tokenizer_kwargs: Any) -> Any:
        return adapter

    with nothing_stays():
        ADAPTERS.register("mine", load_mine)
        model = wherefrom.load_model("anything", framework="mine")
    given = wherefrom.load_model(adapter, framework="mine")
    asked = {"method": "dummy", "show_progress": False}
    for one, framework in ((model, "mine"), (given, adapter.card.framework)):
        told = one.attribute("a b", "a b c", **asked).provenance.model
        context = one.attribute_context("a b", "c", output="b", **asked).provenance
        assert context is not None
        assert {told["framework"], context.model["framework"]} == {framework}


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
