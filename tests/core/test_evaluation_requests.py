"""What an evaluation refuses, and what it says of metrics that give no number."""

from __future__ import annotations

import numpy as np
import pytest
from wherefrom.adapters import PredictsSteps, SequenceModel
from wherefrom.attribute import AttributionModel
from wherefrom.errors import InputError, ModelCapabilityError, SettingsError
from wherefrom.evaluation import Evaluation, Gold, coalition_game, evaluate, evaluation_cost
from wherefrom.evaluation.top_k_drop import TopKDrop
from wherefrom.methods import Occlusion
from wherefrom.results.attribution import Attributions
from wherefrom.testing import linear_model, only

PROMPT = "the cat saw a dog"


@pytest.fixture(scope="module")
def model() -> AttributionModel:
    return AttributionModel(linear_model())


@pytest.fixture(scope="module")
def result(model: AttributionModel) -> Attributions:
    return model.attribute(PROMPT, f"{PROMPT} and the", method="occlusion", show_progress=False)


def found(
    given: object, model: AttributionModel, *metrics: object, gold: list[Gold | None] | None = None
) -> Evaluation:
    return evaluate(given, model, metrics, removals=("unk",), gold=gold, draws=2, curves=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "metrics, removals, twice",
    [
        ((TopKDrop(k=1), TopKDrop(k=5)), ("unk",), "metric 'top_k_drop'"),
        (("abpc", "mrr", "abpc"), ("unk",), "metric 'abpc'"),
        (("abpc",), ("unk", "delete", "unk"), "removal 'unk'"),
    ],
)
def test_what_is_named_twice_is_refused(
    model: AttributionModel, result: Attributions, metrics: tuple[object, ...], removals: tuple[str, ...], twice: str
) -> None:
    for ask in (evaluate, evaluation_cost):
        with pytest.raises(InputError, match=f"The {twice} is there twice"):
            ask(result, model, metrics, removals=removals)  # type: ignore[operator]


@pytest.mark.parametrize(
    "removal, says",
    [
        ("foo", " = 'foo' is not known"),
        (10**6, " = 1000000 is no token id"),
        ("hidden", r" = 'hidden' needs a model .* Use a token \({} = 'unk'"),
        ("zero", r" = 'zero' needs the embeddings .* Use a token \({} = 'unk'"),
    ],
)
def test_what_is_wrong_with_a_removal_is_said_in_the_word_it_was_given_under(
    result: Attributions, removal: object, says: str
) -> None:
    model = AttributionModel(only(linear_model(), SequenceModel, PredictsSteps))
    doors = {
        "removals": lambda: evaluate(result, model, ("abpc",), removals=(removal,)),  # type: ignore[arg-type]
        "removal": lambda: coalition_game(result[0], model, removal=removal),  # type: ignore[arg-type]
        "baseline": lambda: model.attribute(
            PROMPT, f"{PROMPT} and", method=Occlusion(baseline=removal), show_progress=False
        ),
    }
    for name, ask in doors.items():
        with pytest.raises((SettingsError, ModelCapabilityError), match=f"\\b{name}{says.format(name)}"):
            ask()


def test_results_of_other_sides_are_refused_in_either_order() -> None:
    model = AttributionModel(linear_model("encoder-decoder"))
    both, source = (
        model.attribute(PROMPT, "a dog saw", method=method, attribute_target=target, show_progress=False)
        for method, target in (("occlusion", True), ("saliency", False))
    )
    with pytest.raises(InputError, match="'b' have scores of the source, the first ones of the source and the target"):
        found({"a": both, "b": source}, model, "abpc")
    with pytest.raises(InputError, match="'a' have scores of the source and the target, the first ones of the source"):
        found({"b": source, "a": both}, model, "abpc")
    assert found({"b": source, "c": source}, model, "abpc").measurements


@pytest.mark.parametrize("kind", ["decoder-only", "encoder-decoder"])
def test_results_without_scores_are_refused_as_such(kind: str) -> None:
    model = AttributionModel(linear_model(kind))  # type: ignore[arg-type]
    target = f"{PROMPT} and" if kind == "decoder-only" else "a dog"
    nothing = model.attribute(PROMPT, target, method="dummy", show_progress=False)
    with pytest.raises(InputError, match="'dummy' have no scores of inputs"):
        found(nothing, model, "abpc")


def test_gold_spans_that_touch_no_unit_are_told(model: AttributionModel, result: Attributions) -> None:
    space, letters = Gold(text=PROMPT, spans=((3, 4),)), Gold(text=PROMPT, spans=((4, 7),))
    with pytest.raises(InputError, match="mrr: no number where gold spans touch no unit"):
        found(result, model, "mrr", gold=[space])
    (told,) = found(result, model, "mrr", "abpc", gold=[space]).warnings
    assert "in every example" in told
    two = result.replace(sequence_attributions=(result[0], result[0]))
    (told,) = found(two, model, "mrr", gold=[letters, space]).warnings
    assert "in examples 1 (from 0)" in told
    assert found(result, model, "mrr", gold=[letters]).warnings == ()
    assert found(result, model, "abpc", gold=[space]).warnings == (), "no metric asks for it"


def scored(result: Attributions, cell: float, rest: float | None = None) -> Attributions:
    """The result with another first score, and others all alike where that is said."""
    scores = np.array(result[0].target_attributions, dtype=np.float64)
    if rest is not None:
        scores[:] = rest
    scores[1, 0] = cell
    return result.replace(sequence_attributions=(result[0].replace(target_attributions=scores),))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("cell", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_told_where_they_are_left_out(
    model: AttributionModel, result: Attributions, cell: float
) -> None:
    (told,) = found({"good": result, "bad": scored(result, cell)}, model, "lds").warnings
    assert told.startswith("bad: some scores are not finite")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("cell", [np.nan, np.inf])
def test_methods_agree_about_the_units_that_both_have_a_number_for(
    model: AttributionModel, result: Attributions, cell: float
) -> None:
    """As in `compare`."""
    first = found({"good": result, "bad": scored(result, cell)}, model, "lds").agreements[0]
    assert first.measures == pytest.approx(dict.fromkeys(first.measures, 1.0))


def test_a_metric_that_is_undefined_everywhere_is_told(model: AttributionModel, result: Attributions) -> None:
    """Leave-one-out has a number, of which no method has anything."""
    alike = scored(result, 1.0, rest=1.0)
    (told,) = found(alike, model, "tau_loo", "abpc").warnings
    assert told.startswith("tau_loo: no number of any method")
    assert found({"alike": alike, "other": result}, model, "tau_loo", "abpc").warnings == ()
