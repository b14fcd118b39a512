"""What was measured of a result's scores is told of those scores alone, in their unit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import rankdata
from wherefrom.inseq.data.as_wherefrom import as_wherefrom
from wherefrom.inseq.data.attribution import FeatureAttributionOutput, sequence_of
from wherefrom.methods.contract import METHODS
from wherefrom.results.attribution import Attribution
from wherefrom.results.measured import CHECKED
from wherefrom.results.pairs import pair_table
from wherefrom_viz.describe.description import describe
from wherefrom_viz.describe.laid_out import laid_out
from wherefrom_viz.granular import slices

from tests.core.made import attribution

TEXT = ["The", " old", " cat", " sat", " and", " slept"]
OWN = {"input_x_gradient": "sum", "saliency": "vnorm", "attention": "mean"}
SIZES = {"input_x_gradient": (4,), "saliency": (4,), "attention": (2, 3)}


def measured(method: str = "", **changes: object) -> Attribution:
    """Three steps that were checked, with standard errors and a completeness gap; raw scores of a method with inner
    dimensions, or one number per cell."""
    kind = METHODS.get(method) if method else None
    details = {
        "completeness_gap": [0.1, 0.2, 0.3],
        "largest_score": [1.0, 2.0, 3.0],
        "standard_error": {"target": [[0.1, 0.2, 0.3]] * 6},
        "confidence": {"level": 0.9, "low": [[-1.0, 0.0, 1.0]], "high": [[2.0, 3.0, 4.0]]},
        "check": {"samples": 64, "removal": "delete"},
    }
    one = attribution(None, TEXT, 3, sizes=SIZES.get(method, ()), method=method, details=details, **changes)
    found = {"weight": np.array([0.5, 0.25, 2.0]), "logit": np.array([0.5, -0.25, 2.0])}
    checks = {name: np.array([0.02, 0.5, 0.01]) for name in CHECKED}
    return one.replace(
        dimensions=() if kind is None else kind.dimensions,
        default_aggregation=() if kind is None else kind.aggregation,
        signed=True,
        step_scores={**found, **checks},
    )


REDUCED: dict[str, Callable[[Attribution], Attribution]] = {
    "default": lambda one: one.aggregate(),
    "scores": lambda one: one.aggregate(["scores"] * len(one.dimensions)),
    "by its name": lambda one: one.aggregate([OWN[one.method]] * len(one.dimensions)),
    "sums": lambda one: one.aggregate(["sum"] * len(one.dimensions)),
    "means": lambda one: one.aggregate(["mean"] * len(one.dimensions)),
    "norms": lambda one: one.aggregate(["vnorm"] * len(one.dimensions)),
    "norms of order 1": lambda one: one.aggregate(["vnorm"] * len(one.dimensions), vnorm_ord=1),
    "largest": lambda one: one.aggregate(["absmax"] * len(one.dimensions)),
    "smallest": lambda one: one.aggregate(["min"] * len(one.dimensions)),
    "the first entry": lambda one: one.aggregate(["scores"] * len(one.dimensions), select_idx=0),
    "an entry": lambda one: one.aggregate(["scores"] * len(one.dimensions), select_idx=1),
    "some entries": lambda one: one.aggregate(["scores"] * len(one.dimensions), select_idx=(0, 2)),
    "the first by another": lambda one: one.aggregate("absmax").aggregate(),
    "normalised before": lambda one: one.aggregate("normalize").aggregate(),
    "against other steps": lambda one: one.aggregate("against_other_steps"),
    "rescaled": lambda one: one.aggregate().aggregate("rescale"),
    "weights": lambda one: one.weight_attributions("weight"),
    "negative weights": lambda one: one.weight_attributions("logit"),
    "a slice": lambda one: slices(one).attributions[1],
    "a mean over slices": lambda one: slices(one, show_dim=one.dimensions[0]).attributions[0],
    "inseq, default": lambda one: _of_inseq(sequence_of(one).aggregate(["scores"] * len(one.dimensions))),
    "inseq, largest": lambda one: _of_inseq(sequence_of(one).aggregate(["absmax"] * len(one.dimensions))),
    "inseq, sums": lambda one: _of_inseq(sequence_of(one).aggregate(["sum"] * len(one.dimensions))),
}


KEEPS = ("default", "scores", "by its name", "rescaled", "weights")
"""Ways that make no other scores, whatever the method."""


def _of_inseq(sequence: object) -> Attribution:
    return as_wherefrom(FeatureAttributionOutput(sequence_attributions=[sequence]))[0]


@pytest.mark.parametrize("method", list(SIZES))
@pytest.mark.parametrize("way", list(REDUCED))
def test_law_scores_that_a_check_is_told_of_rank_as_those_that_were_checked(way: str, method: str) -> None:
    one = measured(method)
    found = REDUCED[way](one)
    told = set(CHECKED) <= set(found.step_scores), found.card().fit, found.card().completeness_gap
    if told[0]:
        assert np.array_equal(ranks(found), ranks(one.aggregate()))
        assert told == (True, pytest.approx(0.53 / 3), 0.3)
    else:
        assert way not in KEEPS
        assert told == (False, None, None)
        assert "check" not in found.details
        assert describe(found).doubtful == ()


def test_law_entries_side_by_side_were_not_checked() -> None:
    assert list(laid_out(measured("attention"), "head").step_scores) == ["weight", "logit"]


@pytest.mark.parametrize("method", list(SIZES))
def test_law_a_trace_was_not_checked(method: str) -> None:
    trace = measured(method).aggregate("trace", span=(5, 6), hops=1)
    assert trace.card().lines() == [f"method: {method}", "not held against the model (check=True does)"]


def ranks(one: Attribution) -> np.ndarray:
    """Of the inputs, for each step; those of scores that differ by rounding alone are the same."""
    return rankdata(np.round(one.target_attributions, 6) / np.abs(one.target_attributions).sum(axis=0), axis=0)


@pytest.mark.parametrize("stage", ["normalize", "rescale", "weight"])
def test_law_what_has_the_unit_of_scores_changes_with_it(stage: str) -> None:
    units = [{"side": "target", "start": at, "end": at + 1, "text": TEXT[at]} for at in range(2)]
    table = {
        "index": "fbii",
        "units": units,
        "alone": [[1.0, 2.0, 3.0]] * 2,
        "pairs": [[0, 1]],
        "scores": [[0.5, -2.0, 4.0]],
        "among": 2,
        "standard_error": [[0.1, 0.2, 0.3]],
        "low": [[0.0, -3.0, 1.0]],
        "high": [[1.0, -1.0, 7.0]],
        "level": 0.9,
    }
    one = measured()
    one = one.replace(details={**one.details, "interactions": table})
    done = one.weight_attributions("weight") if stage == "weight" else one.aggregate(stage)
    factors = done.target_attributions[0] / one.target_attributions[0]
    assert not np.allclose(factors, 1)
    before, after = pair_table(one), pair_table(done)
    for name in ("alone", "scores", "standard_error", "low", "high"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name) * factors, rtol=1e-6)
    assert (after.level, after.pairs, after.units) == (before.level, before.pairs, before.units)
    np.testing.assert_allclose(done.details["largest_score"], one.details["largest_score"] * factors, rtol=1e-6)
    for bound in ("low", "high"):
        np.testing.assert_allclose(
            done.details["confidence"][bound], one.details["confidence"][bound] * factors, rtol=1e-6
        )
    assert done.card().standard_error == pytest.approx(one.card().standard_error)
    assert done.card().completeness_gap == one.card().completeness_gap == 0.3
    assert done.card().fit == one.card().fit
    assert pair_table(done.aggregate("against_other_steps")) is None
