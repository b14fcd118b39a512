"""Occlusion against reference values, on every golden model.

The reference takes absolute values; ours are compared by size. Tolerance as the data's README suggests for differences
of near-equal numbers: 1e-3 of the step's largest value plus 1e-7.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from wherefrom.methods import Occlusion, Question
from wherefrom.progress import no_progress
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom_hf.adapter import HFModel, load

DATA = Path(__file__).parent / "data"
INDEX: dict[str, Any] = json.loads((DATA / "index.json").read_text("utf-8"))
CASES = [case for case in INDEX["cases"] if case["method"] == "occlusion"]


@cache
def model_of(name: str) -> HFModel:
    torch.set_num_threads(1)
    return load(str(DATA / INDEX["models"][name]["path"]), device="cpu")


def question_of(case: dict[str, Any], name: str) -> Question:
    about = INDEX["models"][case["model"]]
    given = {one["name"]: one for one in about["inputs"]}[name]
    span = {one["name"]: one for one in case["inputs"]}[name]
    target = np.array([id_ for _, id_ in given["target_tokens"]], dtype=np.int64)
    steps = np.arange(span["attr_pos_start"], span["attr_pos_end"])
    special = about["special"]
    end = special["eos_token_id"]
    source, contrast = None, None
    kept_target = np.flatnonzero(target == end)
    if about["encoder_decoder"]:
        source = np.array([id_ for _, id_ in given["source_tokens"]], dtype=np.int64)
        kept_target = np.union1d(kept_target, [0])
    if case["contrast"]:
        ids = np.array(given["contrast_ids"], dtype=np.int64)
        contrast = ids[steps - 1 if about["encoder_decoder"] else steps]
    return Question(
        target_ids=target,
        steps=steps,
        target_function=TargetFunction(
            function=STEP_FUNCTIONS.get(case["params"]["attributed_fn"])(),
            target_ids=target[steps],
            contrast_ids=contrast,
        ),
        source_ids=source,
        attribute_target=not about["encoder_decoder"] or case["attribute_target"],
        kept_source=np.zeros(0, np.int64) if source is None else np.flatnonzero(source == end),
        kept_target=kept_target,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_occlusion_has_the_reference_sizes(case: dict[str, Any]) -> None:
    model = model_of(case["model"])
    names = [one["name"] for one in case["inputs"]]
    questions = [question_of(case, name) for name in names]
    answers = Occlusion(window=case["params"].get("window", 1), baseline="unk").attribute(model, questions, no_progress)
    with np.load(DATA / case["file"]) as arrays:
        for name, question, scores in zip(names, questions, answers, strict=True):
            compared = 0
            for side, ours in (("source", scores.source), ("target", scores.target)):
                key = f"{name}.{side}_attributions"
                assert (key in arrays.files) == (ours is not None)
                if ours is None:
                    continue
                expected = np.nan_to_num(arrays[key])
                largest = np.nanmax(np.abs(arrays[key]), axis=0, initial=0.0)
                np.testing.assert_array_less(
                    np.abs(np.abs(ours[: len(expected)]) - expected) - 1e-3 * largest, 1e-7, err_msg=f"{name} {side}"
                )
                compared += expected.size
            assert compared >= len(question.steps)
