"""Numbers are inseq's: its own recorded scores, asked for in its own words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom.inseq as inseq
from wherefrom.inseq.attr.step_functions import _get_contrast_inputs

DATA = Path(__file__).parents[1] / "golden" / "data"
INDEX: dict[str, Any] = json.loads((DATA / "index.json").read_text("utf-8"))

ASKED_OTHERWISE = (
    "window",
    "runs",
    "strategy",
    "variants",
    "decoder_zeroed_units_indices",
    "attr_pos_end",
    "contrast_force_inputs",
)
"""Parameters that are not words of `attribute`, or that JSON cannot say, or that mean something else on purpose."""
CASES = [
    case
    for case in INDEX["cases"]
    if case["model"] in ("gpt2-tiny", "marian-tiny")
    and case["method"] in ("saliency", "input_x_gradient", "integrated_gradients", "occlusion", "attention", "dummy")
    and not set(case["params"]) & set(ASKED_OTHERWISE)
    and not case["load_params"]
]
THROUGH_BOTH = [
    case
    for case in INDEX["cases"]
    if case["params"].get("contrast_force_inputs") and INDEX["models"][case["model"]]["encoder_decoder"]
]
VARIANTS = [
    case for case in INDEX["cases"] if "variants" in case["params"] and case["model"] in ("gpt2-tiny", "marian-tiny")
]


def asked(model: Any, case: dict[str, Any], **params: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """The first input's output, and its recorded arrays."""
    inputs = {one["name"]: one for one in INDEX["models"][case["model"]]["inputs"]}
    about = inputs[case["inputs"][0]["name"]]
    is_decoder_only = "full_text" in about
    texts = (about["source_text"], about["full_text"] if is_decoder_only else about["target_text"])
    words = {
        name: value for name, value in {**case["params"], **params}.items() if name not in ("variants", "contrast_ids")
    }
    if case.get("contrast") and "contrast_targets" not in words:
        words["contrast_targets"] = about["contrast_text"]
    if "contrast_targets_alignments" in words:
        words["contrast_targets_alignments"] = [tuple(pair) for pair in words["contrast_targets_alignments"]]
    out = model.attribute(*texts, method=case["method"], attribute_target=bool(case["attribute_target"]), **words)
    with np.load(DATA / case["file"]) as arrays:
        name = case["inputs"][0]["name"]
        own = {key.removeprefix(f"{name}."): arrays[key] for key in arrays.files if key.startswith(f"{name}.")}
    return out[0], own


def close(ours: torch.Tensor, recorded: np.ndarray, what: str) -> None:
    """As many numbers, and near; rows of later tokens may be left out."""
    values = ours.numpy()
    rows = min(len(values), len(recorded))
    scale = np.nanmax(np.abs(recorded)) if recorded.size else 1.0
    np.testing.assert_allclose(values[:rows], recorded[:rows], atol=2e-5 * max(scale, 1e-6), rtol=2e-3, err_msg=what)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['model']}-{case['method']}-{case['file'][-24:-4]}")
def test_scores_are_inseqs(case: dict[str, Any], request: pytest.FixtureRequest) -> None:
    one, recorded = asked(request.getfixturevalue(case["model"].removesuffix("-tiny")), case)
    checked = 0
    for name in ("source_attributions", "target_attributions"):
        if name in recorded and getattr(one, name) is not None:
            close(getattr(one, name), recorded[name], name)
            checked += 1
        if f"agg.{name}" in recorded:
            close(getattr(one.aggregate(), name), recorded[f"agg.{name}"], f"aggregated {name}")
            checked += 1
    for name, values in one.step_scores.items():
        if name != "deltas" and f"step_scores.{name}" in recorded:
            close(values, recorded[f"step_scores.{name}"], name)
            checked += 1
    assert checked


@pytest.mark.parametrize("case", THROUGH_BOTH, ids=lambda case: case["model"])
def test_gradients_through_a_contrastive_pass_are_inseqs(case: dict[str, Any]) -> None:
    model = inseq.load_model(str(DATA / "models" / case["model"]), "saliency", device="cpu")

    def divergence(args: Any, contrast_targets: Any) -> Any:
        there = _get_contrast_inputs(args, contrast_targets=contrast_targets)
        said = [args.forward_output, args.attribution_model.get_forward_output(there.batch)]
        log_p, log_q = (args.attribution_model.output2logits(one).log_softmax(-1) for one in said)
        return (log_p.exp() * (log_p - log_q)).sum(-1)

    one, recorded = asked(model, {**case, "params": {}}, attributed_fn=divergence)
    for name in ("source_attributions", "target_attributions"):
        close(getattr(one, name), recorded[name], name)


@pytest.mark.parametrize("case", VARIANTS, ids=lambda case: case["model"])
def test_aggregations_are_inseqs(case: dict[str, Any], request: pytest.FixtureRequest) -> None:
    one, recorded = asked(request.getfixturevalue(case["model"].removesuffix("-tiny")), case)
    for name, told in case["params"]["variants"].items():
        words = {key: value for key, value in told.items() if not key.startswith(("attr_pos", "target_tokens"))}
        for key in ("source_spans", "target_spans"):
            if key in words:
                words[key] = [tuple(span) for span in words[key]]
        done = one.aggregate(**words)
        assert (done.attr_pos_start, done.attr_pos_end) == (told["attr_pos_start"], told["attr_pos_end"]), name
        assert [token.token for token in done.target] == told["target_tokens_after"], name
        for side in ("source_attributions", "target_attributions"):
            if f"variant.{name}.{side}" in recorded:
                close(getattr(done, side), recorded[f"variant.{name}.{side}"], f"{name} {side}")
