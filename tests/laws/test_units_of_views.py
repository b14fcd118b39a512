"""Whatever units a view shows, its scores are the result's, no explained token, no score and no name is lost, and hops
are not added together."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wherefrom.results.attribution import Attribution
from wherefrom.results.contributors import joint
from wherefrom.results.details import UNITS
from wherefrom.results.provenance import Provenance
from wherefrom.text.tokens import Segment
from wherefrom_viz.describe.description import describe, partition_of
from wherefrom_viz.describe.spans import with_spans
from wherefrom_viz.describe.units import LEVELS, MERGES, Level, Merge
from wherefrom_viz.page.packing import pack, unpack

from tests.core.made import attribution
from tests.needed import needs_node
from tests.viz.page_scripts import computed

ALL_LEVELS: tuple[Level, ...] = (*LEVELS, "span")
SAID = ["<s>", "The", " co", "de", " is", " 7", ".", " So", " I", " th", "ink", ".", " Answer", ":", " 7"]


def made(seed: int, *, encoder: bool = False) -> Attribution:
    return attribution([" How", " many", "?"] if encoder else None, SAID, 1 if encoder else 7, special=(0,), seed=seed)


def spans_in(cuts: list[int], count: int, side: str) -> list[tuple[str, int, int, str]]:
    """Every other stretch between some cuts, named by its place."""
    edges = sorted({cut % (count + 1) for cut in cuts})
    stretches = list(itertools.pairwise(edges))[::2]
    return [(side, start, end, f"name {start}") for start, end in stretches]


CUTS = st.lists(st.integers(0, 100), min_size=2, max_size=6)


@given(seed=st.integers(0, 100), cuts=CUTS, encoder=st.booleans(), whole=st.booleans())
@settings(max_examples=60, deadline=None)
def test_all_explained_tokens_and_scores_are_in_some_unit(
    seed: int, cuts: list[int], encoder: bool, whole: bool
) -> None:
    one = made(seed, encoder=encoder)
    if not whole:
        one = one[1:]
    one = with_spans(one, spans_in(cuts, len(one.target), "target"))
    tokens = describe(one)
    probabilities = one.replace(step_scores={"logits": np.ones(len(one.steps))}, step_aggregation={"logits": "sum"})
    for level in ALL_LEVELS:
        partition = partition_of(one, level)
        assert partition.columns[0] == 0
        view = describe(probabilities, granularity=level)
        assert view.scores.sum() == pytest.approx(tokens.scores.sum(), abs=1e-6)
        assert view.step_scores["logits"].sum() == len(one.steps)
        assert "".join(unit.text.replace(" ", "") for unit in view.steps) == "".join(
            token.text.replace(" ", "") for token in one.steps
        )


AGGREGATORS: dict[Level, str] = {
    "word": "subwords",
    "sentence": "sentences",
    "turn": "turns",
    "character": "characters",
    "span": "spans",
}
FUNCTIONS: dict[Merge, str] = {merge: "vnorm" if merge == "l2" else merge for merge in MERGES}
SCORED = {
    "tokens": {},
    "units": {"target": [[1, 4], [4, 5], [5, 8], [9, 14]], "source": [[0, 2]]},  # through words, sentences and turns
    "words": {"target": [[2, 4], [9, 11], [12, 14]]},
}
"""What was scored: positions of those of several tokens."""
CASES = [(seed, encoder, scored) for seed in range(2) for encoder in (False, True) for scored in SCORED]


def scored_as(seed: int, encoder: bool, scored: str) -> Attribution:
    """A result with turns and named spans, and with scores that tokens share."""
    places = [("target", 0, 1), ("target", 1, 4), ("target", 4, 7), ("target", 7, 15)]
    places += [("source", 0, 3)] * encoder  # every token is in a turn
    turns = tuple(Segment(side=side, start=a, end=b, kind="turn", label="user") for side, a, b in places)
    one = made(seed, encoder=encoder).replace(segments=turns)
    one = one.replace(details={UNITS: SCORED[scored]} if SCORED[scored] else {})
    return with_spans(one, [("target", 2, 6, "before"), ("target", 8, 12, "after")])


def merged_result(one: Attribution, level: Level, merge: Merge) -> np.ndarray:
    """The scores of the result's own aggregator, source rows first, 0 where hidden."""
    spans = {"target_spans": [(2, 6), (8, 12)]} if level == "span" else {}
    found = one.aggregate(AGGREGATORS[level], aggregate_fn=FUNCTIONS[merge], **spans)
    scores, visible, _ = joint(found)
    return np.where(visible, scores, 0.0)


@pytest.mark.parametrize("level", AGGREGATORS)
@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("seed, encoder, scored", CASES)
def test_a_view_merges_scores_as_the_result_does(
    seed: int, encoder: bool, scored: str, merge: Merge, level: Level
) -> None:
    one = scored_as(seed, encoder, scored)
    view = describe(one, granularity=level, merge=merge)
    np.testing.assert_allclose(view.scores, merged_result(one, level, merge), atol=1e-6)


@needs_node
def test_so_does_the_page(tmp_path: Path) -> None:
    examples = [scored_as(*case) for case in CASES]
    options = [{"level": level, "merge": merge} for level in AGGREGATORS for merge in MERGES]
    spans = [{"side": "target", "from": start, "to": end} for start, end in ((2, 6), (8, 12))]
    answer = computed(examples, tmp_path, [{**option, "spans": spans} for option in options])
    for one, views in zip(examples, answer["views"], strict=True):
        for option, view in zip(options, views, strict=True):
            wanted = merged_result(one, option["level"], option["merge"])
            np.testing.assert_allclose(view["scores"], wanted.ravel(), atol=1e-6, err_msg=str(option))


@pytest.mark.parametrize("name", ["probability", "logprob", "mine"])
@pytest.mark.parametrize("way", ["prod", "sum", "max", None])
def test_a_view_merges_step_scores_as_the_result_does(name: str, way: str | None) -> None:
    """Also where a result does not say how: it is not the name that tells."""
    one = made(0)
    values = np.linspace(-0.4, 0.5, len(one.steps))
    one = one.replace(step_scores={name: values}, step_aggregation={} if way is None else {name: way})
    words = one.aggregate("subwords", aggregate_fn="sum")
    assert len(words.steps) < len(one.steps)
    np.testing.assert_array_equal(describe(one, granularity="word").step_scores[name], words.step_scores[name])


@given(seed=st.integers(0, 100), cuts=CUTS, level=st.sampled_from(["characters", "subwords", "sentences"]))
@settings(max_examples=40, deadline=None)
def test_names_stay_with_their_tokens_when_others_are_left_out_or_merged(
    seed: int, cuts: list[int], level: str
) -> None:
    whole = made(seed)
    named = tuple(
        Segment(side=side, start=start, end=end, kind=kind, label=f"{kind} {start}")
        for kind in ("span", "document")
        for side, start, end, _ in spans_in(cuts, len(whole.target), "target")
    )
    whole = whole.replace(segments=named)
    for one in (whole, whole[4:], whole.aggregate(level, aggregate_fn="sum"), whole[4:].aggregate(level)):
        wanted = {
            (segment.label, token.position)
            for segment in named
            for token in one.target
            if segment.start <= token.position < segment.end
        }
        ((header, _),) = unpack(pack([(one, Provenance())]).blocks[0])
        shipped = {
            (label, token.position)
            for _, start, end, _, label in header.get("seg", [])
            for token in one.target[start:end]
        }
        assert shipped == wanted
        drawn = describe(one, granularity="span")
        spans = {segment.label: segment for segment in named if segment.kind == "span"}
        for unit in (*drawn.inputs, *drawn.steps):
            name = next((label for label, at in wanted if at == unit.token.position and label in spans), None)
            assert (unit.label if unit.label in spans else None) == name


@given(
    seed=st.integers(0, 100),
    hops=st.sampled_from([None, 0, 1, 3]),
    cuts=CUTS,
    encoder=st.booleans(),
    level=st.sampled_from(ALL_LEVELS),
)
@settings(max_examples=60, deadline=None)
def test_hops_of_a_trace_are_never_added_together(
    seed: int, hops: int | None, cuts: list[int], encoder: bool, level: Level
) -> None:
    trace = made(seed, encoder=encoder).trace((14, 15), hops=hops)
    turns = (Segment(side="target", start=7, end=15, kind="turn", label="assistant"),)
    trace = with_spans(trace.replace(segments=turns), spans_in(cuts, len(trace.target), "target"))
    view = describe(trace, granularity=level)
    assert [step.token for step in view.steps] == list(trace.steps)
    assert (view.scores.sum(axis=0) <= 1 + 1e-6).all()


@pytest.mark.parametrize("name", ["subwords", "sentences", "characters", "turns", "documents", "spans"])
def test_nor_are_they_by_aggregation(name: str) -> None:
    trace = made(1).trace((14, 15), hops=2)
    count = len(trace.target)
    trace = trace.replace(
        segments=tuple(Segment(side="target", start=7, end=15, kind=kind, label="it") for kind in ("turn", "document"))
    )
    settings = {"target_spans": [(8, count)]} if name == "spans" else {}
    merged = trace.aggregate(name, aggregate_fn="sum", **settings)
    assert merged.steps == trace.steps
    assert (merged.target_attributions.sum(axis=0) <= 1 + 1e-6).all()


def test_the_page_gets_hops_as_columns_of_their_own() -> None:
    trace = made(1).trace((14, 15), hops=2)
    trace = trace.replace(
        segments=tuple(Segment(side="target", start=7, end=15, kind=kind, label="it") for kind in ("turn", "span"))
    )
    ((header, _),) = unpack(pack([(trace, Provenance())]).blocks[0])
    first, last = header["a"], header["b"]
    letters = [ord(letter) - 48 for letter in header["sides"][-1]["f"][first:last]]
    assert all(letter & flag for letter in letters for flag in (1, 2, 4, 16))
    assert ["target", 7, first, "span", "it"] in header["seg"]
