"""What a dry run tells is what the work then takes."""

from __future__ import annotations

from typing import Any

import pytest
from wherefrom import AttributionModel
from wherefrom.testing import counting
from wherefrom_cli.attributing import attribute_examples
from wherefrom_cli.dry_run import assumed_target, passes, plan
from wherefrom_cli.request import AttributionRequest, ModelRequest
from wherefrom_cli.texts import Example

from tests.laws.models import model_of

ASKED = ModelRequest(name="tiny")
GIVEN = {
    "gpt2-tiny": [
        Example(text="the name", generated="the name of the class"),
        Example(text="if x", generated="if x is no value"),
    ],
    "t5-tiny": [Example(text="the name", generated="of the class"), Example(text="if x", generated="is no value")],
}


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")
@pytest.mark.parametrize("on", GIVEN)
@pytest.mark.parametrize(
    "method, settings",
    [
        ("saliency", {}),
        ("lime", {}),
        ("occlusion", {"units": "word"}),
        ("gradient_shap", {"n_samples": 4}),
        ("integrated_gradients", {"n_steps": 5}),
        ("attention", {}),
    ],
)
def test_passes_told_are_passes_counted(method: str, settings: dict[str, Any], on: str) -> None:
    adapter, tally = counting(model_of(on))
    model = AttributionModel(adapter)
    request = AttributionRequest(method=method, settings=settings)
    told = plan(model, ASKED, GIVEN[on], request)
    assert told["outputs are"] == "given"
    assert (tally.forward_rows, tally.backward_rows) == (0, 0)
    out = attribute_examples(model, GIVEN[on], request)
    counted = {"forward": tally.forward_rows, "backward": tally.backward_rows}
    if told["passes"].pop("at most", False):
        assert counted["forward"] <= told["passes"]["forward"]
        counted["forward"] = told["passes"]["forward"]
    assert told["passes"] == counted
    assert told["output tokens"] == sum(one.attr_pos_end - one.attr_pos_start for one in out)


NARROWED: list[dict[str, Any]] = [
    {},
    {"attr_pos_start": -1},
    {"attr_pos_start": 3, "attr_pos_end": 4},
    {"skip_special_tokens": True},
    {"settings": {"attributed_span": "word"}},
    {"method": "occlusion", "settings": {"units": "word"}},
    {"method": "attention"},
]


@pytest.mark.parametrize(
    "asked, on",
    [*((asked, on) for asked in NARROWED for on in GIVEN), ({"attribute_target": False}, "t5-tiny")],
    ids=str,
)
def test_bytes_told_are_bytes_of_the_scores(asked: dict[str, Any], on: str) -> None:
    model = AttributionModel(model_of(on))
    request = AttributionRequest(**{"method": "saliency", **asked})
    told = plan(model, ASKED, GIVEN[on], request)
    out = attribute_examples(model, GIVEN[on], request)
    for kept, result in (("bytes of scores", out), ("bytes of scores, aggregated", out.aggregate())):
        scores = [side for one in result for side in (one.source_attributions, one.target_attributions)]
        assert told[kept] == sum(4 * one.size for one in scores if one is not None)
    assert told["explained tokens"] == sum(len(one.steps) for one in out)


@pytest.mark.parametrize("on", ["llama-tiny", "t5-tiny"])
@pytest.mark.parametrize("skip", [False, True])
def test_a_plan_counts_special_tokens_where_there_are_some(skip: bool, on: str) -> None:
    model = AttributionModel(model_of(on))
    examples = [Example(text="the name"), Example(text="if x")]
    request = AttributionRequest(
        method="saliency", skip_special_tokens=skip, generation_args={"max_new_tokens": 3, "min_new_tokens": 3}
    )
    told = plan(model, ASKED, examples, request)
    out = attribute_examples(model, examples, request)
    assert told["input tokens"] == sum(len(one.source) for one in out)
    assert told["output tokens"] == told["explained tokens"] == sum(len(one.steps) for one in out)


@pytest.mark.parametrize("on", GIVEN)
def test_outputs_to_be_generated_are_thought_as_long_as_allowed(on: str) -> None:
    adapter, tally = counting(model_of(on))
    model = AttributionModel(adapter)
    examples = [Example(text="the name"), Example(text="if x")]
    request = AttributionRequest(method="saliency", generation_args={"max_new_tokens": 3})
    told = plan(model, ASKED, examples, request)
    assert told["outputs are"] == "generated (length assumed)"
    assert told["output tokens"] == 6
    out = attribute_examples(model, examples, request)
    assert told["passes"]["forward"] == tally.forward_rows
    assert told["passes"]["backward"] >= tally.backward_rows
    assert tally.backward_rows == sum(one.attr_pos_end - one.attr_pos_start for one in out)


def test_no_more_is_assumed_than_the_model_can_read() -> None:
    model = AttributionModel(model_of("gpt2-tiny"))
    most = model.adapter.card.max_length
    assert most is not None
    assert len(assumed_target(model, Example(text="the name"), 10 * most)) == most


def test_bound_and_unknown_are_said() -> None:
    model = AttributionModel(model_of("gpt2-tiny"))
    request = AttributionRequest(method="integrated_gradients", settings={"n_steps": "auto"})
    assert plan(model, ASKED, GIVEN["gpt2-tiny"], request)["passes"]["at most"] is True
    assert passes([None]) == "unknown for this method"
