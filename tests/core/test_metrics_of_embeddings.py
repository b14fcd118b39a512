"""Metrics that change embeddings, on inputs small enough to compute by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from wherefrom.adapters import PredictsSteps, SequenceModel
from wherefrom.arrays import FloatArray
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, ModelCapabilityError, SettingsError
from wherefrom.evaluation import Case, evaluate, evaluation_cost, summary
from wherefrom.evaluation.asking import evaluated_units, question_of
from wherefrom.evaluation.embedded import Embedded
from wherefrom.evaluation.infidelity import Infidelity
from wherefrom.evaluation.max_sensitivity import MaxSensitivity
from wherefrom.evaluation.soft_erasure import SoftComprehensiveness, SoftSufficiency, loss
from wherefrom.evaluation.worths import Worths
from wherefrom.testing import ReferenceModel, counting, linear_model, only

WEIGHTS = np.array([1.0, 3.0])


def said(probability: float) -> FloatArray:
    """One step, a vocabulary of two."""
    return np.log(np.array([[probability, 1 - probability]]))


def inputs(answer: Callable[[FloatArray], float], width: int = 1) -> Embedded:
    """Two units of one token each; ``answer``: embeddings to the probability of the token."""

    def answers(vectors: Iterable[FloatArray]) -> Iterator[FloatArray]:
        return (said(answer(one)) for one in vectors)

    return Embedded(vectors=np.ones((2, width)), owners=np.array([0, 1]), targets=np.array([0]), answers=answers)


def case(answer: Callable[[FloatArray], float], width: int = 1) -> Case:
    return Case(count=2, worth=lambda masks: masks @ WEIGHTS - 8.0, embedded=inputs(answer, width))


def table(vectors: FloatArray) -> float:
    """Probability 0.9 with both, 0.6 with the second alone, 0.5 with the first alone, 0.2 with none."""
    first, second = (vectors[:, 0] != 0).tolist()
    return {(True, True): 0.9, (False, True): 0.6, (True, False): 0.5, (False, False): 0.2}[first, second]


def hellinger(p: float, q: float) -> float:
    return math.sqrt(((math.sqrt(p) - math.sqrt(q)) ** 2 + (math.sqrt(1 - p) - math.sqrt(1 - q)) ** 2) / 2)


BY_HAND = [
    # the second scores highest: it stays always (goes always), the first never
    (SoftSufficiency(), (hellinger(0.9, 0.2) - hellinger(0.9, 0.6)) / hellinger(0.9, 0.2)),
    (SoftComprehensiveness(), hellinger(0.9, 0.5) / hellinger(0.9, 0.2)),
    (SoftSufficiency(distance="hellinger_repository"), 1 - (hellinger(0.9, 0.6) / hellinger(0.9, 0.2)) ** 2),
    (SoftComprehensiveness(distance="hellinger_repository"), (hellinger(0.9, 0.5) / hellinger(0.9, 0.2)) ** 2),
    (SoftSufficiency(distance="probability"), (0.7 - 0.3) / 0.7),
    (SoftComprehensiveness(distance="probability"), 0.4 / 0.7),
]


@pytest.mark.parametrize("metric, value", BY_HAND)
def test_soft_metrics_are_what_was_computed_by_hand(metric: SoftSufficiency, value: float) -> None:
    assert metric.measure(np.array([-1.0, 2.0]), case(table)) == pytest.approx(value)


def test_the_distances_by_hand() -> None:
    before, after, targets = said(0.9), said(0.4), np.array([0])
    assert loss(before, after, targets, "hellinger")[0] == pytest.approx(hellinger(0.9, 0.4))
    squares = 2 * hellinger(0.9, 0.4) ** 2
    assert loss(before, after, targets, "hellinger_repository")[0] == pytest.approx(squares / math.sqrt(2))
    assert loss(before, after, targets, "probability")[0] == pytest.approx(0.5)
    assert loss(after, before, targets, "probability")[0] == 0.0, "a gain is no loss"


def test_a_middling_score_keeps_about_that_part_of_the_entries() -> None:
    kept: list[float] = []

    def answer(vectors: FloatArray) -> float:
        kept.append(float(vectors[2].mean()))
        return 0.5

    three = Embedded(
        vectors=np.ones((3, 400)),
        owners=np.array([0, 1, 2]),
        targets=np.array([0]),
        answers=lambda many: (said(answer(one)) for one in many),
    )
    of_three = Case(count=3, worth=lambda masks: masks.sum(axis=1), embedded=three)
    SoftSufficiency().measure(np.array([0.0, 4.0, 1.0]), of_three)
    assert kept[2:] == pytest.approx([0.25] * 4, abs=0.08)


def test_constant_scores_say_nothing() -> None:
    assert math.isnan(SoftSufficiency().measure(np.ones(2), case(table)))


def additive(vectors: FloatArray) -> float:
    """Log-probability −5 + 1 · first + 3 · second."""
    return math.exp(-5.0 + float(WEIGHTS @ vectors[:, 0]))


def test_scores_that_add_up_have_no_infidelity() -> None:
    for metric in (Infidelity(), Infidelity(rescale=False), Infidelity(change="remove", rescale=False)):
        assert metric.measure(WEIGHTS, case(additive)) == pytest.approx(0.0, abs=1e-12)
    assert Infidelity().measure(WEIGHTS / 7, case(additive)) == pytest.approx(0.0, abs=1e-12)
    assert Infidelity(rescale=False).measure(WEIGHTS / 7, case(additive)) > 0.1


def test_infidelity_in_closed_form() -> None:
    # parts are uniform: E[(Σ ε w)²] = (Σ w)² / 4 + Σ w² / 12
    nothing = Infidelity(rescale=False, n_samples=20000).measure(np.zeros(2), case(additive))
    assert nothing == pytest.approx(16 / 4 + 10 / 12, rel=0.03)
    # without rescaling, scores w / 2 miss half of everything
    half = Infidelity(rescale=False, n_samples=20000).measure(WEIGHTS / 2, case(additive))
    assert half == pytest.approx(nothing / 4)


def test_infidelity_over_removed_units_by_enumeration() -> None:
    # each subset has probability 1/4; scores (1, 1) against the losses 0, 1, 3, 4
    wrong = Infidelity(change="remove", rescale=False, n_samples=20000).measure(np.ones(2), case(additive))
    assert wrong == pytest.approx((0 + 0 + 2**2 + 2**2) / 4, rel=0.03)
    # best factor: E[I·a Δf] / E[(I·a)²] = (1 + 3 + 8) / (1 + 1 + 4) = 2
    best = Infidelity(change="remove", n_samples=20000).measure(np.ones(2), case(additive))
    assert best == pytest.approx((0 + 1 + 1 + 0) / 4, rel=0.05)


def test_a_case_without_embeddings_says_so() -> None:
    with pytest.raises(InputError, match="AsksEmbeddings"):
        SoftSufficiency().measure(WEIGHTS, Case(count=2, worth=lambda masks: masks @ WEIGHTS))
    with pytest.raises(SettingsError, match="n_samples"):
        SoftSufficiency(n_samples=0)


@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
def test_the_truth_beats_its_opposite_on_a_model(kind: str) -> None:
    model = AttributionModel(linear_model(kind))  # type: ignore[arg-type]
    model.attributed_fn = "logit"
    result = model.attribute(
        "the cat saw a dog", method="input_x_gradient", show_progress=False, generation_args={"max_new_tokens": 2}
    )
    summed = result[0].aggregate("sum")
    sides = ("source_attributions", "target_attributions")
    opposite = summed.replace(**{side: -getattr(summed, side) for side in sides if getattr(summed, side) is not None})
    metrics = (SoftSufficiency(n_samples=16), SoftComprehensiveness(n_samples=16), Infidelity())
    found = evaluate({"true": summed, "opposite": opposite}, model, metrics, removals=("zero",), draws=2, curves=False)
    means = {(line.metric, line.method): line.mean or 0.0 for line in summary(found)}
    assert means["soft_comprehensiveness", "true"] > means["soft_comprehensiveness", "opposite"]
    assert means["soft_sufficiency", "true"] > means["soft_sufficiency", "opposite"]
    # the sign does not matter where scores are rescaled by one number; chance does
    assert means["infidelity", "true"] < means["infidelity", "random"]


def test_a_model_without_embeddings_says_so() -> None:
    model = AttributionModel(ReferenceModel())
    result = model.attribute("the cat saw", "the cat saw a dog", method="occlusion", show_progress=False)
    bare = only(model.adapter, SequenceModel, PredictsSteps)
    with pytest.raises(ModelCapabilityError, match="embeddings"):
        evaluate(result, bare, ["soft_sufficiency"], removals=("unk",))
    assert evaluate(result, bare, ["tau_loo"], removals=("unk",)).measurements


def test_passes_of_changed_embeddings_are_counted() -> None:
    reference = ReferenceModel()
    result = AttributionModel(reference).attribute("the cat saw", "the cat saw a dog", show_progress=False)
    metered, tally = counting(reference)
    metrics = ["soft_sufficiency", "infidelity", "max_sensitivity"]
    found = evaluate(result, metered, metrics, removals=("unk",), draws=2)
    assert found.forwards == tally.forward_rows


def test_metrics_that_ask_more_tell_their_progress() -> None:
    reference = ReferenceModel()
    result = AttributionModel(reference).attribute("the cat saw", "the cat saw a dog", show_progress=False)
    metered, tally = counting(reference)
    told = [0]
    metrics = [SoftSufficiency(n_samples=2), Infidelity(n_samples=4), MaxSensitivity(n_samples=6)]
    evaluate(result, metered, metrics, removals=("unk",), draws=8, progress=lambda *_: told.append(tally.forward_rows))
    silent = max(later - before for before, later in pairwise(told))
    assert silent <= 20 < told[-1] / 4, f"{silent} of {told[-1]} passes"


@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
@pytest.mark.parametrize("contrasted", [False, True])
def test_embeddings_that_stay_are_worth_what_units_that_stay_are(kind: str, contrasted: bool) -> None:
    adapter = linear_model(kind)  # type: ignore[arg-type]
    result = AttributionModel(adapter).attribute("the cat saw", "the cat saw a dog", show_progress=False)[0]
    steps = result.attr_pos_end - result.attr_pos_start
    others = np.full(steps, result.target[1].id) if contrasted else None
    question = question_of(adapter, result, contrast_ids=others)
    worths = Worths(adapter, question, evaluated_units(question, result, "token"), "zero")
    case = worths.case((result.attr_pos_end - 1, result.attr_pos_end), with_embeddings=True).case
    kept = case.known_embedded()
    (said,) = kept.answers([kept.vectors])
    assert said.shape == (1, 2 if contrasted else adapter.card.vocabulary)
    assert np.exp(said).sum() == pytest.approx(1.0)
    assert kept.worths([kept.vectors])[0] == pytest.approx(case.full())


def test_the_cost_told_is_a_bound_of_what_is_run() -> None:
    reference = ReferenceModel()
    result = AttributionModel(reference).attribute(
        "the cat saw", "the cat saw a dog", method="occlusion", show_progress=False
    )
    metered, tally = counting(reference)
    arguments = {
        "metrics": ["abpc", "naopc", "soft_sufficiency", "infidelity", "max_sensitivity", "lds"],
        "removals": ("unk", "zero"),
        "draws": 2,
        "extremes": True,
    }
    told = evaluation_cost({"one": result}, metered, **arguments)  # type: ignore[arg-type]
    assert tally.forward_rows == 0, "nothing is run for it"
    evaluate({"one": result}, metered, **arguments)  # type: ignore[arg-type]
    assert told.at_most
    assert tally.forward_rows <= told.forwards <= 4 * tally.forward_rows
