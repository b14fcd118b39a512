"""What a method told of its work goes with the steps and tokens it was told of, or goes away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from wherefrom.errors import InputError
from wherefrom.inseq.data.as_wherefrom import as_wherefrom
from wherefrom.inseq.data.attribution import FeatureAttributionOutput, sequence_of
from wherefrom.results.aggregators.slices import Slices
from wherefrom.results.attribution import Attribution
from wherefrom.results.data import TRACE
from wherefrom.results.details import BY_ROW, BY_STEP, CONTRAST, PAIRS, SELECTED, UNITS, WHOLE
from wherefrom.results.shares import share_on
from wherefrom.text.tokens import Segment

from tests.core.made import attribution

ZERO = [0, 0, 0]
PROMPT, OUTPUT = ["He", " was", " ill"], [" and", " stayed", " home"]


def units(*spans: tuple[int, int]) -> list[dict[str, Any]]:
    words = [*PROMPT, *OUTPUT]
    return [{"side": "target", "start": a, "end": b, "text": "".join(words[a:b])} for a, b in spans]


def told(**more: Any) -> Attribution:
    """Three steps after three tokens, with all that a method can tell of them."""
    details = {
        "seed": 7,
        "completeness_gap": [0.1, 0.2, 0.3],
        "points": [15, 31, 63],
        "stopped": [1, 2, 3],
        "units": {"target": [[0, 2], [2, 3], [3, 4]]},
        "left_whole": [["target", 0, 2]],
        "standard_error": [[0.1, 0.2, 0.6], [0.1, 0.2, 0.3], [0.0, 0.1, 0.1]],
        "confidence": {"level": 0.9, "low": [[0.9, 1.8, 0.9], ZERO, ZERO], "high": [[1.1, 2.2, 1.1], ZERO, ZERO]},
        "context_sensitive": [0, 2],
        "contrast": {"pairs": [{"step": 4, "target": "stayed", "contrast": "went"}]},
        "check": {"samples": 64, "removal": "delete"},
        "interactions": {
            "index": "fsii",
            "units": tuple(units((0, 2), (2, 3), (3, 4))),
            "alone": [[1.0, 2.0, 3.0]] * 3,
            "pairs": [(0, 1), (1, 2)],
            "scores": [[0.5, -0.25, 4.0], [0.0, 1.0, -8.0]],
            "among": 3,
            "standard_error": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]],
            "low": [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
            "high": [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]],
            "level": 0.9,
        },
    }  # fmt: skip
    one = attribution(None, [*PROMPT, *OUTPUT], 3, method="interactions", details={**details, **more})
    checks = {"check_fit": np.array([0.9, 0.5, 0.1]), "check_chance": np.array([0.01, 0.2, 0.03])}
    return one.replace(
        step_scores={**one.step_scores, **checks}, step_aggregation={"check_fit": "mean", "check_chance": "max"}
    )


def test_chosen_steps_take_their_details_along() -> None:
    last = told().select_steps(1)
    assert last.details["completeness_gap"] == [0.2, 0.3]
    assert last.details["points"] == [31, 63]
    assert last.details["stopped"] == [2, 3]
    assert last.details["context_sensitive"] == [1]
    assert last.details["seed"] == 7
    assert last.details["contrast"] == told().details["contrast"]
    assert last.details["confidence"]["low"][0] == [1.8, 0.9]
    assert last.details["confidence"]["level"] == 0.9
    assert [told().select_steps(k, k + 1).card().standard_error for k in range(3)] == pytest.approx([0.1, 0.1, 0.6])
    assert told().select_steps(0, 1).card().completeness_gap == 0.1


def test_pairs_of_chosen_steps_are_theirs() -> None:
    last = told().select_steps(1)
    assert [last.top_pairs(1, step=k)[0].score for k in (0, 1)] == [1.0, -8.0]
    assert last.top_pairs(1, step=0)[0].standard_error == 0.5
    assert last.top_pairs(1)[0].score == -7.0
    with pytest.raises(InputError, match="no step 2; 2 were explained"):
        last.top_pairs(step=2)


def test_merged_steps_have_what_still_means_something() -> None:
    words = told().aggregate("spans", target_spans=[(4, 6)], aggregate_fn="sum")
    assert [pair.score for pair in words.top_pairs(2, step=1)] == [-7.0, 3.75]
    assert words.top_pairs(1, step=1)[0].standard_error is None
    assert words.details["context_sensitive"] == [0, 1]
    assert not {"completeness_gap", "points", "stopped", "standard_error", "confidence"} & set(words.details)
    assert words.card().standard_error is None
    assert words.card().completeness_gap is None
    largest = told().aggregate("spans", target_spans=[(4, 6)], aggregate_fn="absmax")
    assert largest.top_pairs(1, step=1)[0].score == -8.0


def test_merged_inputs_leave_what_is_told_of_steps_and_units() -> None:
    one = told().aggregate("spans", target_spans=[(0, 2)], aggregate_fn="sum")
    assert one.details == told().details
    by_token = told(standard_error={"target": [[float(row)] * 3 for row in range(6)]})
    assert "standard_error" not in by_token.aggregate("spans", target_spans=[(0, 2)]).details


def test_kept_inputs_keep_the_units_that_are_whole() -> None:
    one = Slices(target_spans=(1, 3))(told())
    assert one.details["units"] == {"target": [[2, 3], [3, 4]]}
    assert one.details["left_whole"] == []
    assert one.details["standard_error"] == told().details["standard_error"][1:]
    assert one.details["confidence"]["high"] == [ZERO, ZERO]
    assert [(pair.first.text, pair.second.text) for pair in one.top_pairs()] == [(" ill", " and")]
    by_token = told(standard_error={"target": [[float(row)] * 3 for row in range(6)]})
    rows = Slices(target_spans=(1, 2))(by_token).details["standard_error"]["target"]
    assert [row[0] for row in rows] == [1, 3, 4, 5]


@pytest.mark.parametrize("combine", ["difference", "sum", "mean"])
def test_two_runs_together_were_not_checked(combine: str) -> None:
    other = told(seed=8)
    both = told().aggregate("pair", paired_attr=other, combine=combine)
    assert both.card().lines() == ["method: interactions", "not held against the model (check=True does)"]
    assert not {"check_fit", "check_chance"} & set(both.step_scores)
    assert "probability" in both.step_scores
    assert both.details == {name: told().details[name] for name in ("units", "left_whole", "contrast")}


@pytest.mark.parametrize("combine", ["first", "second"])
def test_one_of_two_runs_keeps_its_own_details(combine: str) -> None:
    plain = attribution(None, [*PROMPT, *OUTPUT], 3, method="saliency", seed=1)
    one, other = (told(), plain) if combine == "first" else (plain, told())
    chosen = one.aggregate("pair", paired_attr=other, combine=combine)
    assert chosen.details == told().details
    assert chosen.method == "interactions"
    assert chosen.card() == told().card()
    turned = one.aggregate("pair", paired_attr=other, combine="second" if combine == "first" else "first")
    assert turned.card() == plain.card()
    assert turned.method == "saliency"
    assert turned.details == {}


def test_steps_that_a_run_lacks_are_not_told_from_chance() -> None:
    longer = attribution(None, [*PROMPT, " and", " then", " stayed", " home"], 3, seed=1)
    first = told().aggregate("pair", paired_attr=longer, combine="first")
    assert np.isnan(first.step_scores["check_chance"]).tolist() == [False, True, False, False]
    assert first.card().checked_steps == 3
    assert first.card().told_from_chance == 2
    assert "completeness_gap" not in first.details


def test_a_difference_of_texts_carries_places_over() -> None:
    one = told().replace(segments=(Segment(side="target", start=1, end=3, kind="document", label="doc"),))
    other = attribution(None, [" So", " then", " and", *PROMPT, *OUTPUT], 6, seed=1)
    for both in (one - other, other.aggregate("pair", paired_attr=one, combine="second")):
        assert [token.text.split()[-1] for token in both.target[3:]] == ["He", "was", "ill", "and", "stayed", "home"]
        assert both.segments == (Segment(side="target", start=4, end=6, kind="document", label="doc"),)
        assert [pair["step"] for pair in both.details["contrast"]["pairs"]] == [7]
        assert both.details.get("units", {"target": [[3, 5], [5, 6], [6, 7]]}) == {"target": [[3, 5], [5, 6], [6, 7]]}
        sizes = np.abs(both.target_attributions) * both.target_visible
        assert share_on(both, "doc") == pytest.approx(float(sizes[4:6].sum() / sizes.sum()))
    second = other.aggregate("pair", paired_attr=one, combine="second")
    assert [(pair.first.start, pair.first.end) for pair in second.top_pairs(1)] == [(5, 6)]
    assert second.details["left_whole"] == [["target", 3, 5]]


def test_a_difference_of_two_contrasts_tells_of_none() -> None:
    one = told()
    (pair,) = one.details["contrast"]["pairs"]
    same = one.replace(details={"contrast": {"pairs": [{**pair, "step": 4}]}})
    other = one.replace(details={"contrast": {"pairs": [{**pair, "contrast": "left"}]}})
    assert (one - same).details["contrast"] == one.details["contrast"]
    assert "contrast" not in (one - other).details


def test_a_trace_has_no_details_of_the_steps_before_it() -> None:
    one = told(completeness_gap=[0.1, 0.2, 0.3])
    one = one.replace(target_attributions=np.abs(one.target_attributions), signed=False)
    trace = one.aggregate("trace", span=(5, 6), hops=1)
    assert trace.card().completeness_gap is None
    assert "interactions" not in trace.details
    assert trace.details["seed"] == 7
    assert "arrived" in trace.details["trace"]
    assert not {"trace", "contrast"} & set((trace - trace).details)


@pytest.mark.parametrize("name", [*BY_STEP, *BY_ROW, PAIRS, UNITS, WHOLE, CONTRAST, SELECTED, TRACE])
@pytest.mark.parametrize("value", ["word", 3, [1], [[1]], {"a": 1}, {"pairs": 3}, None])
def test_details_of_another_form_stop_nothing(name: str, value: Any) -> None:
    one = attribution(None, [*PROMPT, *OUTPUT], 3, details={name: value})
    other = attribution(None, [" So", *PROMPT, *OUTPUT], 4, seed=1)
    for made in (
        one.select_steps(1),
        one.aggregate("spans", target_spans=[(0, 2), (4, 6)]),
        Slices(target_spans=(1, 3))(one),
        other.aggregate("pair", paired_attr=one, combine="second"),
        one - other,
    ):
        assert isinstance(made, Attribution)
        if value is None or isinstance(value, str | int):
            assert made.details.get(name, value) == value


def test_inseq_labels_the_step_that_was_compared_after_inputs_are_left_out() -> None:
    one = Slices(target_spans=(1, 3))(told().replace(default_aggregation=()))
    shown = sequence_of(one)
    assert [token.token for token in shown.target if "→" in token.token] == ["went → Ġstayed"]


def test_inseqs_records_have_details_of_the_tokens_and_steps_they_hold() -> None:
    record = sequence_of(told(), contrasts=False)

    def details(changed: Any) -> dict[str, Any]:
        return as_wherefrom(FeatureAttributionOutput([changed], None, {}))[0].details

    assert details(record) == told().details
    for changed in (record[1:3], record.aggregate("spans", target_spans=(4, 6), do_post_aggregation_checks=False)):
        assert details(changed) == {"seed": 7, "check": told().details["check"]}
    difference = record - sequence_of(told(seed=8), contrasts=False)
    assert set(details(difference)) == {"units", "left_whole", "contrast"}
    assert "check_chance" not in difference.step_scores
