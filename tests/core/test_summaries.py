"""What the index of a run says of its examples, and of the annotations that came with them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom.files import RunWriter, Summary, create_run, open_run
from wherefrom.files.summaries import PREVIEW, annotations_of, summarized, summary_of
from wherefrom.files.wire.documents import example_line
from wherefrom.results import share_on
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.parts import shares_by_part
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Segment
from wherefrom.text.turns import said

from tests.core.made import attribution, spelt

NOTED: dict[str, Any] = {"tags": ["bad", "long"], "label": 3, "note": "x" * 500, "sure": True, "gone": None}


def example(**changes: Any) -> Attribution:
    return attribution(["x", " y"], ["<s>", " a", " b"], 1, id="ex").replace(**changes)


def written(path: Path, *examples: Attribution) -> Path:
    create_run(path)
    with RunWriter(path) as writer:
        writer.extend(examples)
    return path


@pytest.mark.parametrize("format", ["json", "jsonl", "msgpack"])
def test_annotations_survive_a_file(format: str) -> None:
    made = Attributions(sequence_attributions=(example(annotations={**NOTED, "nan": float("nan")}), example()))
    back = Attributions.from_bytes(made.to_bytes(format))
    assert np.isnan(back[0].annotations.pop("nan"))
    assert back[0].annotations == NOTED
    assert back[1].annotations == {}
    assert b"annotations" not in made[1:].to_bytes(format)
    assert back[0].aggregate("subwords").annotations == NOTED


def test_a_run_keeps_beginnings_of_annotations_in_its_index(tmp_path: Path) -> None:
    run = open_run(written(tmp_path / "run", example(annotations=NOTED), example(id="other")))
    found = run.summary(0)
    assert found.tags == ["bad", "long"]
    assert found.annotations is not None
    assert found.annotations["label"] == 3
    assert found.annotations["sure"] is True
    assert found.annotations["gone"] is None
    assert len(found.annotations["note"]) == PREVIEW
    assert found.annotations["note"].endswith("…")
    assert run.summary(1).annotations is None
    assert run.summary(1).tags == []
    assert run[0].annotations == NOTED


def test_lowest_step_scores_and_share_are_in_the_index(tmp_path: Path) -> None:
    one = example(step_scores={"odd": np.array([1.0, np.inf]), "probability": np.array([0.25, 0.75])})
    found = open_run(written(tmp_path / "run", one)).summary(0)
    assert found.scores == {"probability": 0.5}
    assert found.low("probability") == 0.25
    assert found.low("odd") is None
    assert found.context == pytest.approx(share_on(one, "context"), abs=1e-4)
    assert found.whole


@pytest.mark.parametrize("given", [["bad", "long"], " bad ,long,,"])
def test_tags_are_a_list_or_a_text_with_commas(given: Any) -> None:
    assert summarized(example(annotations={"tags": given})).tags == ["bad", "long"]


def test_a_field_tags_beside_the_annotations_is_one_of_them() -> None:
    one = example(extra={"tags": ["bad"]}, annotations={"label": 1})
    assert annotations_of(one) == {"tags": ["bad"], "label": 1}
    line = summary_of(example_line(one), 0)
    assert line is not None
    assert line.annotations == summarized(one).annotations == {"tags": ["bad"], "label": 1}


def test_numbers_that_json_has_not_are_read_from_a_line() -> None:
    one = example(annotations={"big": 10**30, "nan": math.nan, "low": -math.inf, "several": [math.inf]})
    line = summary_of(example_line(one), 0)
    assert line is not None
    assert line.annotations == summarized(one).annotations
    assert "number" not in str(line.annotations)


def test_a_line_without_an_index_tells_all_but_the_share() -> None:
    one = example(annotations=NOTED)
    line, whole = summary_of(example_line(one), 5), summarized(one, 5, len(example_line(one)))
    assert line is not None
    assert line.context is None
    assert whole.context is not None
    for name in Summary.__struct_fields__:
        if name not in ("context", "scores", "lows", "crc"):
            assert getattr(line, name) == getattr(whole, name), name
    assert line.scores == pytest.approx(whole.scores)
    assert line.lows == pytest.approx(whole.lows)


UNSCORED: dict[str, Any] = {"source_attributions": None, "target_attributions": None}


@pytest.mark.parametrize(
    "one, inputs",
    [
        (lambda: example(), "x y"),
        (lambda: example(**UNSCORED), "x y"),
        (lambda: example(source_attributions=None), "x y"),
        (lambda: example().trace((2, 3)), "x y"),
        (lambda: decoder_only(), "a b c"),
        (lambda: decoder_only().replace(**UNSCORED), "a b c"),
        (lambda: long_prompt(8), "a b c d e f g"),
        (lambda: long_prompt(0), "a b c d e"),
        (lambda: long_prompt(6).aggregate("spans", target_spans=[(5, 7)]), "a b c d e"),
        (lambda: long_prompt(3).trace((5, 6)), "a b c d e"),
    ],
)
def test_an_index_that_is_rebuilt_from_lines_shows_the_same_input(one: Any, inputs: str) -> None:
    line, whole = summary_of(example_line(one()), 0), summarized(one())
    assert line is not None
    assert (line.inputs, line.prompt) == (whole.inputs, whole.prompt)
    assert whole.prompt == inputs


def chat(**changes: Any) -> Attribution:
    texts = ["<s>", "user", "\n", "the", " cat", "</s>", "\n", "<s>", "assistant", "\n", "Her", " dog", "</s>"]
    turns = [(0, 7, "user"), (7, 13, "assistant")]
    segments = tuple(Segment(side="target", start=a, end=b, kind="turn", label=role) for a, b, role in turns)
    marks = tuple(index for index, text in enumerate(texts) if text.startswith("<"))
    return attribution(None, texts, 10, special=marks, segments=segments, **changes)


def test_a_chat_is_listed_by_what_was_said() -> None:
    line, whole = summary_of(example_line(chat()), 0), summarized(chat())
    assert line is not None
    assert (whole.prompt, whole.output) == (line.prompt, line.output) == ("the cat", "Her dog")
    assert (whole.inputs, whole.steps) == (line.inputs, line.steps) == (10, 3)


@pytest.mark.parametrize(
    "texts, hidden, joined",
    [
        (["a", "|", "b"], [0, 1, 0], "a b"),
        (["a", "|", "|", "", "b"], [0, 1, 1, 0, 0], "a b"),
        (["a", "|", " b", "|"], [0, 1, 0, 1], "a b"),
        (["|", "a", "b"], [1, 0, 0], "ab"),
        (["|", "|"], [1, 1], "||"),
        ([], [], ""),
    ],
)
def test_what_is_left_out_of_a_text_leaves_a_space(texts: list[str], hidden: list[int], joined: str) -> None:
    assert "".join(said(texts, [bool(one) for one in hidden])) == joined


def test_a_source_without_scores_is_still_an_encoders() -> None:
    one = attribution(["x", " y", "."], ["<s>", " a", " b"], 1).replace(source_attributions=None)
    assert one.encoded
    assert not decoder_only().replace(**UNSCORED).encoded
    assert one.aggregate("slices", target_spans=[(0, 1)]).source == one.source
    assert [token.text for token in one[0:2].source] == ["x", " y"]
    merged = one.aggregate("spans", source_spans=[(0, 2)])
    assert [token.text for token in merged.source] == ["x y", "."]
    assert [token.text for token in merged.target] == ["<s>", " a", " b"]


@pytest.mark.parametrize("span", [(2, 3), (3, 4)])
def test_what_an_encoder_decoder_answers_begins_behind_its_start_in_a_trace_too(span: tuple[int, int]) -> None:
    one = attribution(["x", " y"], ["<s>", " a", " b", " c"], 1)
    traced = one.trace(span)
    assert traced.answer_start == one.answer_start == 1
    assert traced.answered_from == one.answered_from == 1


def test_a_trace_within_the_prompt_has_no_answer() -> None:
    traced = long_prompt(3).trace((5, 6))
    assert traced.answer_start == traced.attr_pos_start == 5
    assert traced.answered_from == 6
    assert not traced.encoded


def test_indexes_of_older_and_later_versions_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "run", example(annotations=NOTED), example(id="b"), example(id="c"))
    (index,) = path.glob("*.index")
    entries = [json.loads(line) for line in index.read_bytes().splitlines()]
    entries[0] = entries[0][:10]  # as it was before the later fields
    entries[2] = [*entries[2], {"later": 1}]
    index.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    old, now, later = open_run(path).summaries
    assert (old.whole, old.lows, old.context, old.annotations, old.tags) == (False, None, None, None, [])
    assert old.low("entropy") is None
    assert now.whole
    assert now.context is not None
    assert later.context is not None
    open_run(path).rebuild_index()
    assert open_run(path).summary(0).tags == ["bad", "long"]


def test_an_aggregation_nobody_has_leaves_the_share_unknown(tmp_path: Path) -> None:
    foreign = example(default_aggregation=(Stage(name="somebodys_own"),))
    run = open_run(written(tmp_path / "run", foreign))
    assert run.summary(0).context is None
    assert run.summary(0).whole


# shares


def decoder_only(**changes: Any) -> Attribution:
    """Three prompt tokens and two steps: 1, 2, 1 for the first; 0, 2, 2, 4 for the second."""
    one = attribution(["x"], ["a", " b", " c", " d", " e"], 3)
    scores = np.array([[1.0, 0], [2, -2], [-1, 2], [9, 4], [9, 9]])
    return one.replace(
        source=one.target[:3],
        source_attributions=None,
        target_attributions=scores,
        dimensions=(),
        default_aggregation=(),
        **changes,
    )


@pytest.mark.parametrize(
    "part, share",
    [("context", 8 / 12), ("prompt", 8 / 12), ("output", 4 / 12), ("source", None), ("slot", None)],
)
def test_without_segments_the_context_is_the_prompt(part: str, share: float | None) -> None:
    assert share_on(decoder_only(), part) == (None if share is None else pytest.approx(share))


def test_the_prompt_ends_where_the_answer_begins_whichever_steps_are_explained() -> None:
    one = decoder_only().select_steps(1, 2)
    assert share_on(one, "prompt") == pytest.approx(4 / 8)
    assert share_on(one, "output") == pytest.approx(4 / 8)


def long_prompt(first: int) -> Attribution:
    """Six prompt tokens and four answered ones, of which all from an index are explained; every input counts alike."""
    target = spelt(["<s>", " a", " b", " c", " d", " e", " f", " g", " h", "."], special=(0,))
    one = Attribution(
        source=target[:6],
        target=target,
        attr_pos_start=first,
        attr_pos_end=10,
        target_attributions=np.ones((10, 10 - first)),
        method="made",
    )
    return one.replace(target_attributions=one.target_visible.astype(float))


@pytest.mark.parametrize("first", [3, 6, 8])
def test_slices_that_leave_nothing_out_move_no_prompt(first: int) -> None:
    one = long_prompt(first)
    kept = one[0:first]
    assert kept.target == one.target
    assert kept.source == one.source
    assert kept.answer_start == one.answer_start == 6
    for part in ("prompt", "output"):
        assert share_on(kept, part) == pytest.approx(share_on(one, part))
    less = one[1:3]
    assert [token.text for token in less.target[: less.answer_start]] == [
        token.text for token in less.target if token.position < 6
    ]


@pytest.mark.parametrize("first", [3, 6, 8])
def test_a_unit_of_prompt_and_answer_moves_no_other_token(first: int) -> None:
    one = long_prompt(first)
    once = one.aggregate("spans", target_spans=[(5, 7)], aggregate_fn="sum")
    twice = once.aggregate("spans", target_spans=[(4, 6)], aggregate_fn="sum")
    for merged, given in ((once, 6), (twice, 5)):
        assert merged.answer_start == given
        assert [token.text for token in merged.target[given:]] == [" g", " h", "."]
        assert merged.repeats_prompt
        (again,) = Attributions.from_bytes(Attributions(sequence_attributions=(merged,)).to_bytes())
        assert again == merged
        assert again.answer_start == given
        difference = merged - merged
        assert difference.answer_start == given
    assert share_on(twice, "output") == share_on(once, "output")
    scores = once.target_attributions
    assert share_on(once, "output") == pytest.approx(scores[6:].sum() / scores.sum())


@pytest.mark.parametrize("first, span", [(3, (5, 6)), (3, (8, 9)), (6, (8, 9)), (8, (8, 9)), (8, (9, 10))])
def test_a_trace_tells_the_prompt_from_what_was_answered(first: int, span: tuple[int, int]) -> None:
    traced = long_prompt(first).trace(span)
    parts = {part.label: part.shares for part in shares_by_part(traced)}
    given = traced.target_attributions[: min(6, traced.attr_pos_start)].sum(axis=0)
    np.testing.assert_allclose(parts["prompt"], given)
    if span[0] > 6:
        np.testing.assert_allclose(parts["output"], 1 - given, atol=1e-12)
    else:
        assert "output" not in parts
    assert share_on(traced, "prompt") == pytest.approx(given.mean())


@pytest.mark.parametrize("kind, label", [("slot", "Context"), ("context", "c1"), ("document", "c1")])
def test_segments_named_context_and_documents_are_the_context(kind: str, label: str) -> None:
    one = decoder_only(segments=(Segment(side="target", start=0, end=2, kind=kind, label=label),))
    assert share_on(one, "context") == pytest.approx(5 / 12)
    assert share_on(one, label) == pytest.approx(5 / 12)


def test_segments_name_positions_so_that_merged_units_are_found() -> None:
    one = decoder_only(segments=(Segment(side="target", start=2, end=3, kind="document", label="d"),))
    merged = one.aggregate("spans", target_spans=[(0, 2)], aggregate_fn="sum")
    assert len(merged.target) == 4
    assert share_on(merged, "d") == pytest.approx(3 / 12)


def test_with_a_source_the_context_is_the_source() -> None:
    one = example(default_aggregation=(), dimensions=())
    one = one.replace(source_attributions=np.ones((2, 2)), target_attributions=np.ones((3, 2)))
    assert share_on(one, "context") == pytest.approx(4 / 7)
    assert share_on(one, "output") == pytest.approx(1 / 7)
    assert share_on(one, "prompt") == pytest.approx(2 / 7)


def test_scores_of_nothing_have_no_share() -> None:
    nothing = decoder_only()
    assert share_on(nothing.replace(target_attributions=np.zeros((5, 2))), "context") is None
    assert share_on(nothing.replace(target_attributions=np.full((5, 2), 1e308)), "context") is None


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_lie_on_no_part_whoever_counts(lost: float) -> None:
    one = decoder_only(segments=(Segment(side="target", start=0, end=2, kind="document", label="d"),)).select_steps(
        1, 2
    )
    scores = np.array(one.target_attributions)
    scores[1] = lost
    one = one.replace(target_attributions=scores)
    shares = {part.label: part.shares[0] for part in shares_by_part(one)}
    assert shares == pytest.approx({"d": 0.0, "prompt": 2 / 6, "output": 4 / 6})
    assert {name: share_on(one, name) for name in ("d", "output")} == pytest.approx({"d": 0.0, "output": 4 / 6})


def test_a_segment_has_what_lies_in_it_and_parts_tell_everything_once() -> None:
    turn = Segment(side="target", start=0, end=3, kind="turn", label="user")
    one = decoder_only(segments=(turn, Segment(side="target", start=1, end=2, kind="document", label="d")))
    (first, _) = zip(*(part.shares for part in shares_by_part(one)), strict=True)
    labels = [part.label for part in shares_by_part(one)]
    assert dict(zip(labels, first, strict=True)) == pytest.approx({"user": 2 / 4, "d": 2 / 4, "output": 0.0})
    assert share_on(one, "user") == pytest.approx(8 / 12)
    assert share_on(one, "d") == pytest.approx(4 / 12)
