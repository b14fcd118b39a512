"""`attribute` from texts to default aggregation, against reference values: all inputs of a case in one call.

Putting the inputs together is part of the test: they have different lengths, the reference values come from single
runs. Tolerances are those of data/README.md, made tighter where the values allow.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wherefrom

DATA = Path(__file__).parent / "data"
INDEX: dict[str, Any] = json.loads((DATA / "index.json").read_text("utf-8"))
METHODS = ("saliency", "input_x_gradient", "integrated_gradients")
CASES = [
    case
    for case in INDEX["cases"]
    if case["method"] in METHODS
    # with an encoder the reference's gradients run through the contrastive pass, too; ours is a constant by definition
    and not (case["params"].get("contrast_force_inputs") and INDEX["models"][case["model"]]["encoder_decoder"])
]
IN_BITS = {"in_context_pvi": 1 / np.log(2)}
"""Functions whose papers use another unit than the reference: what ours is in units of theirs."""


@cache
def model_of(name: str) -> wherefrom.AttributionModel:
    return wherefrom.load_model(str(DATA / "models" / name), device="cpu")


def run(case: dict[str, Any]) -> wherefrom.Attributions:
    """The case's inputs, attributed together."""
    about = INDEX["models"][case["model"]]
    inputs = {one["name"]: one for one in about["inputs"]}
    chosen = [inputs[one["name"]] for one in case["inputs"]]
    arguments = {**case["params"], **case["load_params"]}
    arguments.pop("variants", None)
    if "attr_pos_start" in arguments:
        # the reference moves what lies in a prompt behind it; ours explains it
        arguments |= {key: case["inputs"][0][key] for key in ("attr_pos_start", "attr_pos_end")}
    if about["encoder_decoder"]:
        arguments["attribute_target"] = case["attribute_target"]
    if case["contrast"]:
        arguments["contrast_targets"] = [one["contrast_text"] for one in chosen]
        # the reference compares position k with position k
        arguments["contrast_targets_alignments"] = [
            [(k, k) for k in range(given["attr_pos_start"], given["attr_pos_end"])] for given in case["inputs"]
        ]
    return model_of(case["model"]).attribute(
        [one["source_text"] for one in chosen],
        [one.get("full_text", one["target_text"]) for one in chosen],
        method=case["method"],
        show_progress=False,
        **({"baseline": "unk", "keep_special": False} if case["method"] == "integrated_gradients" else {}),
        **arguments,
    )


def as_in_the_reference(one: wherefrom.Attribution) -> wherefrom.Attribution:
    """L2 norm over the width, whatever the method's own default, then shares of each step."""
    return one.aggregate("vnorm").aggregate("normalize")


def require_close(ours: np.ndarray, reference: np.ndarray, part: float, what: str) -> None:
    """Every step agrees to ``part`` of its largest value; absent cells are NaN there and 0 here."""
    seen = ~np.isnan(reference)
    assert (ours[~seen] == 0).all(), f"{what}: a cell that no step saw has a score"
    reference = np.nan_to_num(reference)
    axes = tuple(axis for axis in range(reference.ndim) if axis != 1)
    largest = np.abs(reference).max(axis=axes, keepdims=True)
    allowed = part * largest + 1e-6 * np.abs(reference).max()
    assert (np.abs(ours - reference) <= allowed).all(), (
        f"{what}: off by {np.abs(ours - reference).max():.2e} where {np.abs(reference).max():.2e} is the largest"
    )


def steps_above_rounding(one: wherefrom.Attribution) -> np.ndarray:
    """Steps whose scores are more than the rounding that is left where a contrast makes no difference."""
    sides = (one.source_attributions, one.target_attributions)
    scores = np.concatenate([side for side in sides if side is not None])
    largest = np.abs(scores).max(axis=tuple(axis for axis in range(scores.ndim) if axis != 1))
    return largest > 1e-4 * largest.max()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_scores_and_their_aggregation(case: dict[str, Any]) -> None:
    unit = IN_BITS.get(case["params"]["attributed_fn"], 1.0)
    with np.load(DATA / case["file"]) as arrays:
        for given, one in zip(case["inputs"], run(case), strict=True):
            name = given["name"]
            assert (one.attr_pos_start, one.attr_pos_end) == (given["attr_pos_start"], given["attr_pos_end"])
            telling = steps_above_rounding(one)
            for prefix, result, part in (("", one, 1e-5), ("agg.", as_in_the_reference(one), 1e-4)):
                steps = telling if prefix else slice(None)
                for side in ("source_attributions", "target_attributions"):
                    key = f"{name}.{prefix}{side}"
                    if key in arrays:
                        ours = getattr(result, side)
                        assert ours is not None
                        scale = 1.0 if prefix else unit
                        require_close(ours[: len(arrays[key]), steps], arrays[key][:, steps] * scale, part, key)
            for key in arrays.files:
                if key.startswith(f"{name}.step_scores."):
                    ours = one.step_scores[key.split(".")[-1]]
                    np.testing.assert_allclose(ours, arrays[key], rtol=1e-4, atol=2e-6, err_msg=key)


def test_all_cases_are_there() -> None:
    assert len(CASES) > 100
    assert {case["method"] for case in CASES} == set(METHODS)
