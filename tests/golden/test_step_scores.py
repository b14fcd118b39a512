"""Step scores and contrastive targets against reference values, on six models."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from wherefrom import AttributionModel

DATA = Path(__file__).parent / "data"
INDEX: dict[str, Any] = json.loads((DATA / "index.json").read_text("utf-8"))
OTHER_UNIT = {"in_context_pvi": math.log(2)}
"""Functions whose unit is that of their paper: ours times this is the reference."""


@cache
def model_of(name: str) -> AttributionModel:
    torch.set_num_threads(1)
    return wherefrom.load_model(str(DATA / "models" / name), device="cpu")


def cases(*kinds: str) -> list[Any]:
    """(case, input) for every input of the cases of these kinds."""
    found = [case for case in INDEX["cases"] if case["id"].split("__")[1] in kinds]
    assert found
    return [pytest.param(case, one, id=f"{case['id']}-{one['name']}") for case in found for one in case["inputs"]]


def asked(case: dict[str, Any], one: dict[str, Any], **options: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Our attribution of a case's input, and the reference arrays."""
    model = model_of(case["model"])
    about = next(i for i in INDEX["models"][case["model"]]["inputs"] if i["name"] == one["name"])
    decoder_only = "full_text" in about
    if case["contrast"]:
        options.setdefault("contrast_targets", about["contrast_text"])
    out = model.attribute(
        about["source_text"],
        about["full_text"] if decoder_only else about["target_text"],
        method=case["method"],
        show_progress=False,
        **options,
    )[0]
    assert [token.id for token in out.target] == [id for _, id in about["target_tokens"]]
    assert (out.attr_pos_start, out.attr_pos_end) == (one["attr_pos_start"], one["attr_pos_end"])
    with np.load(DATA / case["file"]) as arrays:
        prefix = f"{one['name']}."
        expected = {name.removeprefix(prefix): arrays[name] for name in arrays.files if name.startswith(prefix)}
    return out, expected


@pytest.mark.parametrize("case,one", cases("step-scores", "step-scores-contrast", "step-scores-aligned"))
def test_step_scores(case: dict[str, Any], one: dict[str, Any]) -> None:
    options = {name: value for name, value in case["params"].items() if name != "contrast_ids"}
    out, expected = asked(case, one, **options)
    assert set(out.step_scores) == set(case["params"]["step_scores"])
    for name, values in out.step_scores.items():
        reference = expected[f"step_scores.{name}"]
        rounding = 1e-6 * max(1.0, np.abs(reference).max())  # differences of logits are as exact as the logits
        values = values * OTHER_UNIT.get(name, 1.0)
        np.testing.assert_allclose(values, reference, rtol=1e-4, atol=rounding, err_msg=name)


@pytest.mark.parametrize(
    "case,one",
    cases(
        "saliency-contrast_prob_diff",
        "saliency-contrast_logits_diff",
        "saliency-contrast_prob",
        "saliency-contrast_logits",
        "saliency-pcxmi",
        "saliency-in_context_pvi",
        "ixg-contrast-diff",
    ),
)
def test_gradients_of_contrastive_targets(case: dict[str, Any], one: dict[str, Any]) -> None:
    function = case["params"]["attributed_fn"]
    out, expected = asked(case, one, attributed_fn=function, attribute_target=True)
    for side in ("source", "target"):
        values, reference = getattr(out, f"{side}_attributions"), expected.get(f"{side}_attributions")
        assert (values is None) == (reference is None)
        if reference is not None:
            close(values * OTHER_UNIT.get(function, 1.0), np.nan_to_num(reference))


@pytest.mark.parametrize("case,one", cases("saliency-kl-force"))
def test_gradients_of_a_forced_divergence(case: dict[str, Any], one: dict[str, Any]) -> None:
    out, expected = asked(case, one, attributed_fn="kl_divergence", contrast_force_inputs=True, attribute_target=True)
    # The contrastive prediction is a constant for us. The reference lets gradients through it as far as both share
    # embeddings, which are those of the source.
    close(out.target_attributions, np.nan_to_num(expected["target_attributions"]))


def close(values: np.ndarray, reference: np.ndarray) -> None:
    """Within a ten-thousandth of each step's largest value; steps of no value up to rounding."""
    largest = np.abs(reference).max()
    bound = 1e-4 * np.abs(reference).max(axis=(0, 2), keepdims=True) + 1e-6 * largest
    excess = np.abs(values - reference) - bound
    assert (excess <= 0).all(), f"off by up to {np.abs(values - reference).max():.2e} of {largest:.2e}"
