"""An evaluation of scores whose target function is not the log-probability that they are held against."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from wherefrom.adapters import Row
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError
from wherefrom.evaluation import Evaluation, evaluate, summary
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


def test_a_span_of_steps_is_judged_by_its_steps() -> None:
    start = len(PROMPT.split()) + 1
    span = (start, start + 3)
    with pytest.raises(InputError, match=rf"outputs=\[\({span[0]}, {span[1]}\)\]"):
        found({"one": scores_of("logit", attributed_span=span)})
    apart = evaluate(
        scores_of("logit"), AttributionModel(induction_model()), ["abpc"], outputs=[span], show_progress=False
    )
    assert {one.span for one in apart.measurements} == {span}


def test_without_random_orders_nothing_is_better_than_them() -> None:
    alone = evaluate(
        scores_of("logit"), AttributionModel(induction_model()), ["abpc", "lds"], draws=0, show_progress=False
    )
    assert "random" not in alone.orderings
    assert {one.better_than_random for one in summary(alone)} == {None}
    assert {one.method for one in alone.curves} == {"occlusion", *alone.orderings}


@pytest.mark.parametrize("method", ["saliency", "smoothgrad"])
def test_sizes_are_not_turned(method: str) -> None:
    """Gradients have a sign, and their norms, which the default aggregation takes, have none."""
    evaluation = found({"one": scores_of("crossentropy", method)})
    assert not evaluation.warnings
    assert np.nanmean(numbers(evaluation, "one")) > 0


def test_sizes_held_against_those_of_other_steps_are_not_turned() -> None:
    """Gradients of a loss have the norms of those of the log-probability, and so has what is made of norms."""
    losses, surer = (
        scores_of(function, "saliency", **more).aggregate("against_other_steps")
        for function, more in (("crossentropy", {}), ("probability", {"logprob": True}))
    )
    evaluation = found({"losses": losses, "surer": surer})
    assert not evaluation.warnings
    np.testing.assert_allclose(numbers(evaluation, "losses"), numbers(evaluation, "surer"), atol=1e-5)


OTHER = f"{PROMPT} saw a dog big and"


def contrast_of(function: str = "logprob_diff", other: str = OTHER, **more: object) -> Attributions:
    return scores_of(function, contrast_targets=other, baseline="delete", **more)


def test_a_contrast_is_judged_between_the_two_tokens() -> None:
    """Occlusion is what leave-one-out says, where both are of the same contrast."""
    asked = {"metrics": ["tau_loo"], "removals": ("delete",), "draws": 0, "show_progress": False}
    model = AttributionModel(induction_model())
    contrast, plain = contrast_of(), scores_of("logit")
    judged = evaluate(contrast, model, **asked)  # type: ignore[arg-type]
    (note,) = judged.warnings
    assert "probability of the token where only it and the token it is compared with" in note
    agreed = [value for value in numbers(judged, "occlusion") if np.isfinite(value)]
    np.testing.assert_allclose(agreed, 1.0)
    apart = evaluate(plain, model, **asked)  # type: ignore[arg-type]
    assert not apart.warnings


def test_the_curve_of_a_contrast_begins_with_the_tokens_odds() -> None:
    model = AttributionModel(induction_model())
    contrast = contrast_of()
    judged = evaluate(contrast, model, ["abpc"], removals=("delete",), draws=0, show_progress=False)
    differs = [pair["step"] for pair in contrast[0].details["contrast"]["pairs"] if pair["target"] != pair["contrast"]]
    assert differs
    scores = scores_of("logit", contrast_targets=OTHER, step_scores=["logprob_diff"])
    assert not evaluate(scores, model, ["abpc"], removals=("delete",), draws=0, show_progress=False).warnings
    probabilities = predicted(contrast)
    for curve in judged.curves:
        step = curve.span[0] - contrast[0].attr_pos_start
        one, other = probabilities[step]
        assert curve.most_first[0] == pytest.approx(np.log(one / (one + other)), abs=1e-6)


def test_a_step_compared_with_itself_is_no_output() -> None:
    """It would count as one that no removal changes, in every mean."""
    model, contrast = AttributionModel(induction_model()), contrast_of()
    pairs = contrast[0].details["contrast"]["pairs"]
    differ = {pair["step"] for pair in pairs if pair["target"] != pair["contrast"]}
    assert 0 < len(differ) < len(pairs)
    judged = evaluate(contrast, model, ["abpc"], removals=("delete",), draws=0, show_progress=False)
    assert {one.span for one in judged.measurements} == {(step, step + 1) for step in differ}
    same = next(pair["step"] for pair in pairs if pair["step"] not in differ)
    alone = contrast_of(attr_pos_start=same, attr_pos_end=same + 1)
    with pytest.raises(InputError, match="the same token as the answer at every explained step"):
        evaluate(alone, model, ["abpc"], draws=0, show_progress=False)
    whole = evaluate(alone, model, ["abpc"], outputs="sequence", removals=("delete",), draws=0, show_progress=False)
    assert {one.span for one in whole.measurements} == {(same, same + 1)}


def test_a_step_compared_with_itself_takes_nothing_from_a_sequence() -> None:
    """One token alone may come there, whatever is removed."""
    model, contrast = AttributionModel(induction_model()), contrast_of()
    metrics = ["comprehensiveness", "insertion_auc"]
    asked = {"removals": ("delete",), "draws": 0, "outputs": "sequence", "show_progress": False}
    judged = evaluate(contrast, model, metrics, **asked)  # type: ignore[arg-type]
    odds = [one / (one + other) for one, other in predicted(contrast) if one != other]
    assert 0 < len(odds) < len(predicted(contrast))
    for curve in judged.curves:
        assert curve.most_first[0] == pytest.approx(np.log(odds).sum(), abs=1e-6)
    # an order without equal ones: of these a curve is the mean of logarithms, a metric that of probabilities
    (at_once,) = (one for one in judged.measurements if (one.method, one.metric) == ("recency", "comprehensiveness"))
    (curve,) = (one for one in judged.curves if one.method == "recency")
    gone = [max(1, int(np.ceil(share * curve.cuts[-1] - 1e-9))) for share in (0.01, 0.05, 0.1, 0.2, 0.5)]
    left = np.exp([curve.most_first[count] for count in gone])
    assert at_once.value == pytest.approx(np.exp(curve.most_first[0]) - left.mean())
    same = next(p["step"] for p in contrast[0].details["contrast"]["pairs"] if p["target"] == p["contrast"])
    alone = evaluate(contrast_of(attr_pos_start=same, attr_pos_end=same + 1), model, metrics, **asked)  # type: ignore[arg-type]
    assert {value for curve in alone.curves for value in curve.most_first} == {0.0}


def predicted(contrast: Attributions) -> list[tuple[float, float]]:
    """The probabilities of each explained token and of the one it is compared with, in one prediction."""
    adapter, result = induction_model(), contrast[0]
    ids = np.array([token.id for token in result.target])
    steps = np.arange(result.attr_pos_start, result.attr_pos_end)
    (answer,) = adapter.predict([Row(target_ids=ids, steps=steps)])
    logits = np.asarray(answer.logits, dtype=np.float64)
    said = np.exp(logits - logits.max(axis=-1, keepdims=True))
    said /= said.sum(axis=-1, keepdims=True)
    others = [pair["contrast_id"] for pair in result.details["contrast"]["pairs"]]
    return [
        (float(row[own]), float(row[other])) for row, own, other in zip(said, ids[steps].tolist(), others, strict=True)
    ]


def test_where_contrasts_differ_the_token_alone_is_judged() -> None:
    third = f"{PROMPT} saw dog a big and"
    notes = found({"one": contrast_of(), "other": contrast_of(other=third)}).warnings
    assert all("the token alone" in note for note in notes)
    assert len(notes) == 2
    forced = contrast_of(contrast_force_inputs=True)
    (note,) = found({"one": forced}).warnings
    assert "the token alone" in note
    first, second = found({"one": contrast_of("pcxmi", contrast_force_inputs=True)}).warnings
    assert "pcxmi" in first
    assert "the token alone" in second


def test_scores_of_no_contrast_beside_one_are_told() -> None:
    one, other = found({"one": contrast_of(), "other": scores_of("logit")}).warnings
    assert one.startswith("one: scores of a contrast")
    assert other.startswith("other: these scores are of no contrast")


def test_files_that_do_not_say_the_tokens_are_judged_as_before() -> None:
    result = contrast_of()
    pairs = [{k: v for k, v in one.items() if k != "contrast_id"} for one in result[0].details["contrast"]["pairs"]]
    older = msgspec.structs.replace(
        result, sequence_attributions=(result[0].replace(details={"contrast": {"pairs": pairs}}),)
    )
    (note,) = found({"one": older}).warnings
    assert "the token alone" in note
