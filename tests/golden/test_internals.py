"""Attention and value zeroing against reference values, raw and aggregated, on every golden model.

Tolerances are those the data's README gives: attention 1e-4 relative plus 1e-6, value zeroing 1e-3 absolute, default
aggregation 1e-4 absolute.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from wherefrom.arrays import to_numpy
from wherefrom.methods import METHODS, Question
from wherefrom.methods.contract import Scores
from wherefrom.progress import no_progress
from wherefrom.questions.target_function import TargetFunction
from wherefrom.results.attribution import Attribution
from wherefrom.settings import from_mapping
from wherefrom.step_functions.base import STEP_FUNCTIONS
from wherefrom.text.tokens import Token
from wherefrom_hf.adapter import HFModel, load

DATA = Path(__file__).parent / "data"
INDEX: dict[str, Any] = json.loads((DATA / "index.json").read_text("utf-8"))
CASES = [case for case in INDEX["cases"] if case["method"] in ("attention", "value_zeroing")]


@cache
def model_of(name: str) -> HFModel:
    torch.set_num_threads(1)
    return load(str(DATA / INDEX["models"][name]["path"]), device="cpu")


def tokens(pairs: list[list[Any]]) -> tuple[Token, ...]:
    return tuple(Token(id=id, piece=piece, text=piece, position=at) for at, (piece, id) in enumerate(pairs))


def questions_of(case: dict[str, Any]) -> list[Question]:
    about = INDEX["models"][case["model"]]
    inputs = {one["name"]: one for one in about["inputs"]}
    questions = []
    for span in case["inputs"]:
        given = inputs[span["name"]]
        steps = np.arange(span["attr_pos_start"], span["attr_pos_end"])
        target = np.array([id for _, id in given["target_tokens"]])[: span["attr_pos_end"]]
        source = np.array([id for _, id in given["source_tokens"]]) if about["encoder_decoder"] else None
        function = STEP_FUNCTIONS.get("probability")()
        questions.append(
            Question(
                target_ids=target,
                steps=steps,
                source_ids=source,
                target_function=TargetFunction(function=function, target_ids=target[steps]),
                attribute_target=case["attribute_target"] or source is None,
                scores={"probability": TargetFunction(function=function, target_ids=target[steps])},
            )
        )
    return questions


def aggregated(case: dict[str, Any], name: str, method: Any, scores: Scores) -> Attribution:
    given = {one["name"]: one for one in INDEX["models"][case["model"]]["inputs"]}[name]
    span = {one["name"]: one for one in case["inputs"]}[name]
    prompt = given["target_tokens"][: given.get("prompt_length", 0)]
    return Attribution(
        source=tokens(given.get("source_tokens", prompt)),
        target=tokens(given["target_tokens"])[: span["attr_pos_end"]],
        attr_pos_start=span["attr_pos_start"],
        attr_pos_end=span["attr_pos_end"],
        source_attributions=None if scores.source is None else to_numpy(scores.source),
        target_attributions=None if scores.target is None else to_numpy(scores.target),
        sequence_scores={key: to_numpy(values) for key, values in scores.sequence_scores.items()},
        dimensions=method.dimensions,
        default_aggregation=method.aggregation,
        signed=method.signed,
    ).aggregate()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_golden(case):
    settings = {
        name: {int(layer): heads for layer, heads in value.items()} if isinstance(value, dict) else value
        for name, value in case["params"].items()
    }
    method = from_mapping(METHODS.get(case["method"]), settings, where=case["method"])
    tolerance = {"rtol": 1e-4, "atol": 1e-6} if case["method"] == "attention" else {"rtol": 0, "atol": 1e-3}
    answers = method.attribute(model_of(case["model"]), questions_of(case), no_progress)
    with np.load(DATA / case["file"]) as reference:
        for given, scores in zip(case["inputs"], answers, strict=True):
            name = given["name"]
            small = aggregated(case, name, method, scores)
            ours = {
                "source_attributions": scores.source,
                "target_attributions": scores.target,
                "agg.source_attributions": small.source_attributions,
                "agg.target_attributions": small.target_attributions,
                **{f"sequence_scores.{key}": values for key, values in scores.sequence_scores.items()},
                **{f"agg.sequence_scores.{key}": values for key, values in small.sequence_scores.items()},
            }
            expected = {key.split(".", 1)[1] for key in reference.files if key.startswith(f"{name}.")}
            assert expected == {key for key, values in ours.items() if values is not None}
            for key in expected:
                values = np.nan_to_num(reference[f"{name}.{key}"])
                made = to_numpy(ours[key])
                if "decoder_self" in key:  # the reference leaves the last position out, which nothing attends to
                    made = made[: len(values), : len(values)]
                limit = {"rtol": 0, "atol": 1e-3 if case["method"] == "value_zeroing" else 1e-4}
                np.testing.assert_allclose(made, values, **(limit if key.startswith("agg") else tolerance), err_msg=key)


@pytest.mark.parametrize("name", ["attention", "value_zeroing", "value_norms", "alti", "attention_rollout"])
@pytest.mark.parametrize("model", ["gpt2-tiny", "bart-tiny"])
def test_step_scores_come_from_the_same_pass(name, model):
    case = next(one for one in CASES if one["id"] == f"{model}__attention")
    with np.load(DATA / f"values/{model}__step-scores.npz") as reference:
        first = questions_of(case)[0]
        (scores,) = METHODS.get(name)().attribute(model_of(model), [first], no_progress)
        np.testing.assert_allclose(
            to_numpy(scores.step_scores["probability"]), reference["i0.step_scores.probability"], rtol=1e-4, atol=1e-6
        )
