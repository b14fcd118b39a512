"""An evaluation of scores whose target function is not the log-probability that they are held against."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from wherefrom.attribute import AttributionModel
from wherefrom.evaluation import Evaluation, evaluate
from wherefrom.results.attribution import Attributions
from wherefrom.testing.induction import induction_model

PROMPT = "cat saw a big dog and cat"
TARGET = f"{PROMPT} saw a big dog and"
FALL = ("crossentropy", "surprisal_bits", "perplexity")


def scores_of(function: str, method: str = "occlusion", **more: object) -> Attributions:
    return AttributionModel(induction_model()).attribute(
        PROMPT, TARGET, method=method, attributed_fn=function, show_progress=False, **more
    )  # type: ignore[arg-type]


def found(results: object) -> Evaluation:
    return evaluate(
        results,  # type: ignore[arg-type]
        AttributionModel(induction_model()),
        ["abpc", "tau_loo", "comprehensiveness"],
        removals=("delete",),
        draws=2,
        curves=False,
        show_progress=False,
    )


def numbers(evaluation: Evaluation, method: str) -> list[float]:
    return [np.nan if one.value is None else one.value for one in evaluation.measurements if one.method == method]


@pytest.mark.parametrize("function", FALL)
def test_scores_of_a_function_that_falls_are_turned(function: str) -> None:
    both = found({"rises": scores_of("logit"), "falls": scores_of(function)})
    assert np.nanmean(numbers(both, "falls")) > 0
    np.testing.assert_allclose(numbers(both, "falls"), numbers(both, "rises"), atol=0.3)
    (note,) = both.warnings
    assert function in note
    assert "falls" in note


def test_one_result_alone_and_an_older_file_say_it_too() -> None:
    result = scores_of("crossentropy")
    expected = numbers(found({"one": result}), "one")
    assert np.nanmean(expected) > 0
    assert numbers(found({"one": result[0]}), "one") == expected
    older = msgspec.structs.replace(result, sequence_attributions=(result[0].replace(details={}),))
    assert numbers(found({"one": older}), "one") == expected


def test_sizes_are_not_turned() -> None:
    evaluation = found({"one": scores_of("crossentropy", "saliency")})
    assert not evaluation.warnings
    assert np.nanmean(numbers(evaluation, "one")) > 0


def test_a_contrast_is_told_not_to_be_judged() -> None:
    contrast = scores_of("contrast_logits_diff", contrast_targets=f"{PROMPT} saw a dog big and")
    (note,) = found({"one": contrast}).warnings
    assert "contrast" in note
    first, second = found({"one": scores_of("pcxmi", contrast_targets=f"{PROMPT} saw a dog big and")}).warnings
    assert "pcxmi" in first
    assert "contrast" in second
