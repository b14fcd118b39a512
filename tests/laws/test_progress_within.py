"""Who explains one long question hears of it, and can stop it, all along: not when it is done."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from attrs import fields
from wherefrom import AttributionModel
from wherefrom.methods import METHODS, IntegratedGradients
from wherefrom.testing import counting, question

from tests.laws.claims import CLAIMS
from tests.laws.models import model_of

ROWS = 4
"""Run at once."""

MORE: dict[str, list[dict[str, Any]]] = {
    "integrated_gradients": [{"n_steps": 60}],
    "gradient_shap": [{"n_samples": 60}],
    "discretized_integrated_gradients": [{"n_steps": 10, "between": 5}],
    "sequential_integrated_gradients": [{"token_sums": True}, {"n_steps": 10}],
    "layer_integrated_gradients": [{"n_steps": 60, "target_layer": "transformer.h[0].mlp"}],
    "smoothgrad": [{"of": IntegratedGradients(n_steps=30, internal_batch_size=ROWS)}],
    "reagent": [{"num_probes": 30, "max_probe_steps": 2}],
}


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize(
    "name, settings", [(name, settings) for name in METHODS for settings in [{}, *MORE.get(name, [])]]
)
def test_no_method_is_silent_for_long(name: str, settings: dict[str, Any]) -> None:
    model, tally = counting(model_of("gpt2-tiny"))
    about = question(model, "the name", "of the class")
    method = CLAIMS[name].method
    if any(one.name == "internal_batch_size" for one in fields(METHODS.get(name))):
        settings = {"internal_batch_size": ROWS, **settings}
    told = [0]
    list(method(**settings).attribute(model, [about], lambda *_: told.append(passes(tally))))
    told.append(passes(tally))
    silent = max(later - before for before, later in pairwise(told))
    at_once = ROWS * (1 + len(about.steps))
    assert silent <= 3 * at_once, f"{silent} of {told[-1]} passes"


def passes(tally: Any) -> int:
    return int(tally.forward_rows + tally.backward_rows)


def test_parts_of_one_question_are_not_taken_for_questions() -> None:
    """Two points of a path are not the first two of two questions."""
    adapter, _ = counting(model_of("gpt2-tiny"))
    reports: list[tuple[str, int, int]] = []
    AttributionModel(adapter).attribute(
        ["the name", "if x"],
        ["the name of the class", "if x is no value"],
        "integrated_gradients",
        n_steps=2,
        progress=lambda *report: reports.append(report),
    )
    assert [(done, of) for phase, done, of in reports if phase == "points"] == [(1, 2), (2, 2)] * 2
    whole = [(done, of) for phase, done, of in reports if phase == "attribute"]
    assert len(whole) == 2
    assert whole[-1][0] == whole[-1][1] > 2
