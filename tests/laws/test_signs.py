"""What the sign of a score says, through everything that changes scores: nothing where there was none before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom.aggregators import Pair
from wherefrom.files import load
from wherefrom.methods.contract import METHODS
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.direction import FALLS, turned
from wherefrom.results.provenance import Provenance
from wherefrom.step_functions.base import STEP_FUNCTIONS, falls_with_probability

from tests.core.made import attribution

TEXT = ["<s>", " walk", "ing", " home", ".", " So", " I", " think", "ing", ".", " Yes", ".", " Home"]
LOSSES = Provenance(method={"name": "saliency"}, attributed_fn={"name": "crossentropy"})
OCCLUDED = Provenance(method={"name": "occlusion"}, attributed_fn={"name": "crossentropy"})


def sizes(**changes: Any) -> Attribution:
    """Scores without a sign, and a step score that has one."""
    one = attribution(None, TEXT, 5, special=(0,), **changes)
    below = {"logit": -np.ones(len(TEXT) - 5), "probability": np.ones(len(TEXT) - 5)}
    return one.replace(target_attributions=np.abs(one.target_attributions), signed=False, step_scores=below)


def losses() -> Attribution:
    """Of a function that falls where the model becomes surer: every input speaks for what was said."""
    one = sizes()
    return one.replace(target_attributions=-one.target_attributions, signed=True, details={FALLS: "crossentropy"})


NEW_SIGNS = {
    "steps": lambda one: one.aggregate("against_other_steps"),
    "weights": lambda one: one.weight_attributions("logit"),
    "difference": lambda one: one - sizes(seed=1),
    "difference to signed scores": lambda one: one - losses(),
    "difference from signed scores": lambda one: losses() - one,
    "sum": lambda one: Pair(paired_attr=losses(), combine="sum")(one),
}


@pytest.mark.parametrize("way", list(NEW_SIGNS))
def test_law_a_sign_that_sizes_are_given_has_no_direction(way: str) -> None:
    """Saliency of a loss is that of the log-probability: what is made of one must be read as what is made of the
    other."""
    made = NEW_SIGNS[way](sizes())
    assert made.signed
    assert made.details[FALLS] == ""
    assert turned(made.made_as(LOSSES)) == turned(made.made_as(OCCLUDED)) == ""


def test_law_a_file_that_does_not_tell_is_read_by_whether_its_method_explains_with_a_sign() -> None:
    older = sizes().replace(signed=True)
    assert turned(older.made_as(LOSSES)) == ""
    assert turned(older.made_as(OCCLUDED)) == "crossentropy"
    signed = Provenance(method={"name": "saliency", "settings": {"abs": False}}, attributed_fn=LOSSES.attributed_fn)
    assert turned(older.made_as(signed)) == "crossentropy"
    normed = sizes(sizes=(3,)).replace(signed=True)
    assert turned(normed.made_as(OCCLUDED)) == "", "its default aggregation takes norms"


BUILT_IN_FUNCTIONS = [name for name in STEP_FUNCTIONS if STEP_FUNCTIONS.get(name).__module__.startswith("wherefrom.")]
BUILT_IN_METHODS = [name for name in METHODS if METHODS.get(name).__module__.startswith("wherefrom.")]


@pytest.mark.parametrize("contrasted", [False, True])
@pytest.mark.parametrize("name", BUILT_IN_FUNCTIONS)
def test_law_a_file_that_does_not_tell_is_read_by_what_its_function_does(name: str, contrasted: bool) -> None:
    falls = falls_with_probability(STEP_FUNCTIONS.get(name), contrasted=contrasted)  # type: ignore[arg-type]
    arguments = {"contrast_targets": "a b"} if contrasted else {}
    made = Provenance(method=OCCLUDED.method, attributed_fn={"name": name}, arguments=arguments)
    assert turned(sizes().replace(signed=True).made_as(made)) == (name if falls else "")


@pytest.mark.parametrize("name", BUILT_IN_METHODS)
def test_law_a_file_that_does_not_tell_is_read_by_what_its_method_does(name: str) -> None:
    method = METHODS.get(name)
    explains = method.signed and method.uses_target_function
    made = Provenance(method={"name": name}, attributed_fn=LOSSES.attributed_fn)
    assert turned(sizes().replace(signed=True).made_as(made)) == ("crossentropy" if explains else "")


@pytest.mark.parametrize("direction", ["", "a loss of one's own"])
def test_law_a_file_of_inseqs_format_keeps_what_a_result_says(direction: str, tmp_path: Path) -> None:
    one = losses().replace(details={FALLS: direction}, method="occlusion")
    Attributions(sequence_attributions=(one,), provenance=OCCLUDED).save_inseq(tmp_path / "inseq.json")
    read = load(tmp_path / "inseq.json")
    assert turned(read[0].made_as(read.provenance)) == direction
    assert FALLS not in read.provenance.extra


def test_law_a_loss_is_traced_one_way_whether_the_result_or_its_provenance_says_that_it_is_one(tmp_path: Path) -> None:
    told = Attributions(sequence_attributions=(losses().replace(method="occlusion"),), provenance=OCCLUDED)
    untold = told.replace(sequence_attributions=(told.sequence_attributions[0].replace(details={}),))
    told.save_inseq(tmp_path / "inseq.json")
    expected = told.trace("Home")[0].target_attributions
    assert expected[:5].sum(axis=0).max() > 0.99
    for other in (untold, load(tmp_path / "inseq.json")):
        np.testing.assert_allclose(other.trace("Home")[0].target_attributions, expected, rtol=1e-6)
    rising = untold.replace(provenance=Provenance(method=OCCLUDED.method, attributed_fn={"name": "probability"}))
    assert rising.trace("Home")[0].details["trace"]["lost"] == pytest.approx(1)


@pytest.mark.parametrize(
    "provenance, turns",
    [
        (Provenance(attributed_fn={"name": "pcxmi"}), False),
        (Provenance(attributed_fn={"name": "pcxmi"}, arguments={"contrast_targets": "a b"}), True),
        (Provenance(attributed_fn={"name": "pcxmi"}, arguments={"contrast_targets": [None]}), False),
        (Provenance(attributed_fn={"name": "pcxmi", "settings": {"contrast_targets": "a b"}}), True),
        (Provenance(attributed_fn={"name": "of a package that is not there"}), False),
    ],
)
def test_a_contrast_falls_where_there_is_one(provenance: Provenance, turns: bool) -> None:
    assert bool(turned(losses().replace(details={}).made_as(provenance))) is turns


def test_law_a_direction_that_both_have_stays() -> None:
    one, other = losses(), losses().replace(details={FALLS: "perplexity"})
    assert turned((one - one).made_as(LOSSES)) == turned((one - other).made_as(LOSSES)) == "crossentropy"
    rising = one.replace(details={})
    assert (one - rising).details[FALLS] == (rising - one).details[FALLS] == ""
    assert FALLS not in (rising - rising).details


def spread(values: Any, axis: int) -> Any:
    return np.std(values, axis=axis)


UNITS: dict[str, dict[str, Any]] = {
    "subwords": {},
    "characters": {},
    "sentences": {},
    "split": {"split_pattern": r"\."},
    "spans": {"target_spans": [(1, 3), (6, 9)]},
    "documents": {"target_spans": [(1, 3), (6, 9)]},
}


@pytest.mark.parametrize("function", ["vnorm", np.linalg.norm, lambda values, axis: np.abs(values).max(axis)])
@pytest.mark.parametrize("units", list(UNITS))
def test_law_scores_that_lost_their_sign_are_all_sizes_and_stay_as_they_are(units: str, function: Any) -> None:
    one = losses()
    merged = one.aggregate(units, function, **UNITS[units])
    assert not merged.signed
    assert FALLS not in merged.details
    assert (merged.target_attributions >= 0).all()
    if merged.steps[0].size == 1:  # the first input is a single token anyway
        assert merged.target_attributions[0, 0] == -one.target_attributions[0, 0]
    traced = merged.trace("Home" if units != "sentences" else None)
    np.testing.assert_allclose(traced.target_attributions.sum(axis=0), 1)
    assert traced.details["trace"]["lost"] == pytest.approx(0)


def test_a_function_of_ones_own_is_given_the_scores_of_single_tokens_too() -> None:
    merged = losses().aggregate("subwords", spread)
    rows = {token.text: index for index, token in enumerate(merged.target)}
    assert merged.target_attributions[rows[" walking"]].all()
    single = [step.text != " thinking" for step in merged.steps]
    assert not all(single)
    assert not merged.target_attributions[rows[" home"], single].any()


@pytest.mark.parametrize("function", ["sum", "mean", "max", "min", "absmax", np.median])
@pytest.mark.parametrize("units", list(UNITS))
def test_law_functions_that_keep_signs_keep_directions(units: str, function: Any) -> None:
    merged = losses().aggregate(units, function, **UNITS[units])
    assert merged.signed
    assert merged.details[FALLS] == "crossentropy"
    assert (merged.target_attributions <= 0).all()


def test_products_have_a_sign_of_their_own() -> None:
    merged = losses().aggregate("spans", "prod", target_spans=[(1, 3)])
    assert merged.signed
    assert merged.details[FALLS] == ""


@pytest.mark.parametrize("function", ["vnorm", np.linalg.norm, "prod"])
def test_law_a_dimension_that_is_removed_takes_signs_along(function: Any) -> None:
    one = attribution(None, TEXT, 5, special=(0,), sizes=(2,)).replace(details={FALLS: "crossentropy"})
    reduced = one.aggregate(function, normalize=False)
    assert reduced.signed == (function == "prod")
    assert not reduced.details.get(FALLS)
    assert one.aggregate("mean").details[FALLS] == one.aggregate(np.median).details[FALLS] == "crossentropy"


def test_law_weights_below_zero_leave_no_direction() -> None:
    one = losses()
    assert one.weight_attributions("probability").details[FALLS] == "crossentropy"
    weighted = one.weight_attributions("logit")
    assert weighted.details[FALLS] == ""
    np.testing.assert_allclose(weighted.trace("Home").target_attributions.sum(axis=0), 1)
