from __future__ import annotations

import re
from collections.abc import Callable
from typing import get_args

import msgspec
import numpy as np
import pytest
from wherefrom.errors import SettingsError
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Segment
from wherefrom_viz import render_latex, render_markdown, render_svg, render_text
from wherefrom_viz.browser.drawing import Drawing
from wherefrom_viz.browser.focus import Focus, bound_of
from wherefrom_viz.describe.comparison import compare
from wherefrom_viz.describe.description import (
    NOT_FINITE,
    describe,
    describe_all,
    rescaled,
    stage_words,
    strongest_first,
)
from wherefrom_viz.describe.units import Level, Merge

from tests.viz.conftest import marked_chat


def test_rows_are_source_then_target(translation: Attribution) -> None:
    picture = describe(translation)
    assert [(side.name, side.start, side.end) for side in picture.sides] == [
        ("source", 0, 9),
        ("target", 9, 18),
    ]
    assert picture.scores.shape == (18, 8)
    np.testing.assert_allclose(picture.scores[:9], translation.source_attributions)


def test_cells_a_step_could_not_see_are_marked(hospital: Attribution) -> None:
    picture = describe(hospital)
    assert picture.visible.sum(axis=0).tolist() == [11, 12, 13, 14]
    assert picture.seen_rows() == list(range(14))


def test_the_strongest_input_is_found(hospital: Attribution) -> None:
    picture = describe(hospital)
    row, score = picture.top([2])[0]
    assert (picture.inputs[row].label, round(score, 2)) == ("sick", 0.62)


@pytest.mark.parametrize("merge", get_args(Merge))
@pytest.mark.parametrize("size", [1e300, 1.5e308])
def test_scores_near_the_largest_number_are_drawn(hospital: Attribution, size: float, merge: Merge) -> None:
    """What is beyond it when added up is shown as 0, and told."""
    large = hospital.replace(target_attributions=np.where(hospital.target_visible, size, 0.0))
    shown = describe(large, granularity="sentence", merge=merge)
    assert np.isfinite(shown.scores).all()
    assert shown.finite.all() == (size == 1e300 or merge not in ("sum", "mean", "l2"))
    assert (NOT_FINITE in shown.notes) == (not shown.finite.all())
    for draw in (render_svg, render_text, render_markdown, render_latex):
        assert draw(large, granularity="sentence", merge=merge)


def test_words_merge_rows_and_columns_and_say_so(translation: Attribution) -> None:
    picture = describe(translation, granularity="word")
    assert [unit.label for unit in picture.inputs[:3]] == ["The", "developer", "argued"]
    assert [unit.label for unit in picture.steps[:2]] == ["La", "sviluppatrice"]
    raw = translation.source_attributions
    assert raw is not None
    np.testing.assert_allclose(picture.scores[1, 1], raw[1:3, 1:3].sum(), rtol=1e-6)
    assert picture.pipeline[-1] == "sum over words"


def test_step_normalization_makes_columns_sum_to_one(hospital: Attribution) -> None:
    picture = describe(hospital, normalize="step")
    np.testing.assert_allclose(np.abs(picture.scores).sum(axis=0), 1)


def test_every_view_gets_one_number_per_cell(make: Callable[..., Attribution]) -> None:
    flat = make(["a", " b", " c"], 1)
    deep = flat.replace(
        target_attributions=np.stack([flat.target_attributions] * 4, axis=-1),
        dimensions=("width",),
        default_aggregation=(),
    )
    picture = describe(deep)
    assert picture.scores.shape == (3, 2)
    assert picture.pipeline == ("sum over width",)
    np.testing.assert_allclose(picture.scores, 4 * np.asarray(flat.target_attributions), rtol=1e-6)


@pytest.mark.parametrize("name", ["width", "layer"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sum_or_mean_of_what_is_not_finite_is_told(make: Callable[..., Attribution], name: str, value: float) -> None:
    flat = make(["a", " b", " c"], 1)
    scores = np.stack([np.asarray(flat.target_attributions)] * 4, axis=-1)
    scores[0, 1, 2] = value
    deep = flat.replace(target_attributions=scores, dimensions=(name,), default_aggregation=())
    picture = describe(deep)
    assert np.argwhere(~picture.finite).tolist() == [[0, 1]]
    assert picture.scores[0, 1] == 0
    assert "not finite" in picture.notes[-1]


def test_numbers_that_are_not_finite_are_told(make: Callable[..., Attribution]) -> None:
    picture = describe(make(["a", " b", " c"], 1, {(0, 0): np.nan, (0, 1): np.inf}))
    assert np.isfinite(picture.scores).all()
    assert "not finite" in picture.notes[-1]


def test_sign_words_name_the_target_function(hospital: Attribution) -> None:
    picture = describe(hospital, Provenance(attributed_fn={"name": "contrast_prob_diff"}))
    assert picture.words.sentence == "+ raises, - lowers P(token) - P(contrast)"
    assert "no sign" in describe(hospital.replace(signed=False)).words.sentence


@pytest.mark.parametrize(
    "stage, words",
    [
        (Stage(name="reduce", settings={"aggregate_fn": "vnorm", "dimension": "width"}), "L2 norm over width"),
        (Stage(name="reduce", settings={"select_idx": 3, "dimension": "layer"}), "layer 3"),
        (Stage(name="normalize"), "share of each step's total"),
        (Stage(name="subwords", settings={"aggregate_fn": "absmax"}), "subwords by largest magnitude"),
    ],
)
def test_stages_are_told_in_words(stage: Stage, words: str) -> None:
    assert stage_words(stage) == words


def test_raw_scores_are_aggregated_by_the_methods_default(make: Callable[..., Attribution]) -> None:
    flat = make(["a", " b", " c"], 1)
    deep = flat.replace(
        target_attributions=np.stack([np.asarray(flat.target_attributions)] * 4, axis=-1),
        dimensions=("width",),
        default_aggregation=(
            Stage(name="reduce", settings={"aggregate_fn": "vnorm", "dimension": "width"}),
            Stage(name="normalize"),
        ),
    )
    picture = describe(deep)
    assert picture.pipeline == ("L2 norm over width", "share of each step's total")
    np.testing.assert_allclose(picture.scores.sum(axis=0), 1, rtol=1e-6)
    assert "no sign" in picture.words.sentence


def test_a_normalisation_that_scores_have_already_is_said_once(make: Callable[..., Attribution]) -> None:
    shares = make(["a", " b", " c"], 1).aggregate("normalize")
    words = "share of each step's total"
    assert describe(shares, normalize="step").pipeline == (words,)
    assert describe(shares, normalize="sequence").pipeline == (words, "share of the largest score")
    merged = describe(shares, normalize="step", granularity="word")
    assert merged.pipeline == (words, "sum over words", words)
    pair = compare(shares, shares)
    assert pair.a.pipeline == pair.b.pipeline == pair.difference.pipeline == (words,)
    np.testing.assert_allclose(pair.a.scores, describe(shares).scores)


@pytest.mark.parametrize(
    "name, shown",
    [
        ("gpt2", "gpt2"),
        ("owner/name", "owner/name"),
        ("/home/me/model", "model"),
        ("./a/b", "b"),
        ("demo:lm", "demo:lm"),
    ],
)
def test_a_models_folder_is_not_told(hospital: Attribution, name: str, shown: str) -> None:
    assert describe(hospital, Provenance(model={"name": name})).subtitle == f"integrated_gradients · {shown}"


def test_scores_may_share_one_scale(hospital: Attribution, translation: Attribution) -> None:
    shared = rescaled(describe_all([hospital, translation]))
    assert len({one.scale.bound for one in shared}) == 1
    assert describe(hospital, min_val=-2, max_val=1).scale.bound == 2


def test_hostile_tokens_have_harmless_labels(hostile: Attribution) -> None:
    for unit in describe(hostile).inputs:
        for text in (unit.label, unit.text):
            assert text
            assert not set(text) & set("\n\t\x00\x1b\u202e\u2028\ud800")


def test_unknown_options_suggest_the_nearest(hospital: Attribution) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'step'"):
        describe(hospital, normalize="steps")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="Did you mean 'word'"):
        describe(hospital, granularity="words")  # type: ignore[arg-type]


def test_an_attribution_without_scores_is_still_described(hospital: Attribution) -> None:
    picture = describe(hospital.replace(target_attributions=None))
    assert picture.scores.shape == (0, 4)


def test_special_and_template_tokens_take_no_part_in_colours_and_top_inputs(make: Callable[..., Attribution]) -> None:
    texts = ["<|im_start|>", "user", "\n", "What", "?", "<|im_end|>", "\n", "<|im_start|>", "assistant", "\n", "Go"]
    made = make(texts, 10, {(0, 0): 5.0, (1, 0): 3.0, (3, 0): 0.5, (6, 0): 2.0})
    tokens = tuple(msgspec.structs.replace(one, special=one.text.startswith("<|"), word=None) for one in made.target)
    turns = (
        Segment(side="target", start=0, end=7, kind="turn", label="user"),
        Segment(side="target", start=7, end=11, kind="turn", label="assistant"),
    )
    shown = describe(made.replace(target=tokens, source=tokens[:10], segments=turns))
    assert [unit.label for unit in shown.inputs if not unit.template] == ["What", "?", "Go"]
    assert shown.scale.bound == pytest.approx(0.5)
    assert next(shown.inputs[row].label for row, _ in shown.top([0])) == "What"
    # words that only look like a role are somebody's words, and so is everything where nothing else is
    said = tuple(msgspec.structs.replace(one, special=False) for one in tokens)
    assert not any(unit.template for unit in describe(made.replace(target=said, segments=turns)).inputs)
    marks = describe(make(["<s>", "</s>", "a"], 2, {(0, 0): 4.0}).replace(segments=()))
    assert marks.scale.bound == pytest.approx(4.0)


def test_bytes_are_named_by_the_letter_or_mark_they_belong_to(make: Callable[..., Attribution]) -> None:
    texts = ["ह", "", "ि", "न", "ै", "", " 👨", "", "", "\u200d", "", "👩", "", " ،", "", "智", "", ""]
    parts = ["ह 1/2", "ह 2/2", "◌ि", "न", "◌ै 1/2", "◌ै 2/2", "👨 1/3", "👨 2/3", "👨 3/3"]
    parts += ["‹U+200D› 1/2", "‹U+200D› 2/2", "👩 1/2", "👩 2/2", "\u200e،\u200e 1/2", "\u200e،\u200e 2/2"]
    picture = describe(make(texts, 15))
    assert [unit.label for unit in picture.inputs[:15]] == parts
    assert [unit.label for unit in picture.steps] == ["智 1/3", "智 2/3", "智 3/3"]


def test_bytes_of_a_character_that_never_ended_are_none_of_the_one_before(make: Callable[..., Attribution]) -> None:
    one = make(["Go", " 🌈", "", "", "", ""], 1)
    pieces = ["Go", "ĠðŁ", "Į", "Ī", "ðŁ", "Į"]
    tokens = tuple(msgspec.structs.replace(t, piece=p) for t, p in zip(one.target, pieces, strict=True))
    one = one.replace(target=tokens)
    assert [unit.label for unit in describe(one).steps] == ["🌈 1/3", "🌈 2/3", "🌈 3/3", "∅", "∅"]
    assert [step.text for step in one.aggregate("characters").steps] == [" 🌈", ""]
    assert [step.size for step in one.aggregate("characters").steps] == [3, 2]


def test_outputs_shown_as_one_have_colours_without_special_and_template_tokens() -> None:
    shown = describe(marked_chat(3))
    assert shown.bound_of([0, 1, 2]) == pytest.approx(0.33)
    assert bound_of(shown, Focus(pinned=frozenset({0, 1})), Drawing(scale="step")) == pytest.approx(0.22)
    assert bound_of(shown, Focus(column=0), Drawing(scale="step")) == pytest.approx(0.11)
    assert shown.omits_special()
    assert shown.omits_special([0, 1, 2])


def test_comparisons_have_colours_without_special_and_template_tokens() -> None:
    one = marked_chat(3)
    pair = compare(one, one.replace(target_attributions=one.target_attributions * 2), normalize="none")
    assert [half.scale.bound for half in (pair.a, pair.b, pair.difference)] == pytest.approx([0.22, 0.22, 0.11])


def test_tokens_that_are_bytes_of_one_character_are_named_by_it(make: Callable[..., Attribution]) -> None:
    one = make(["I", " 智", "", "", " ש", "", " go", " 能", "", "!"], 7, {(2, 0): 0.9})
    picture = describe(one)
    named = ["I", "智 1/3", "智 2/3", "智 3/3", "\u200eש\u200e 1/2", "\u200eש\u200e 2/2", "go"]
    assert [unit.label for unit in picture.inputs[:7]] == named
    assert [unit.label for unit in picture.steps] == ["能 1/2", "能 2/2", "!"]
    assert [unit.text for unit in picture.steps] == ["能", "·", "!"]
    for view in ("read", "topk", "matrix"):
        assert "∅" not in render_text(one, view=view, width=80)
    assert "智 2/3" in render_text(one, view="topk", width=80)
    assert "∅" not in render_svg(one) + render_svg(one, view="read") + render_markdown(one) + render_latex(one)


def test_bytes_outside_of_own_spans_are_named_alike(make: Callable[..., Attribution]) -> None:
    one = make(["I", " 智", "", "", " go", " ש", "", " 能", "", "!"], 7, {(2, 0): 0.9})
    given = [(0, 1, "me"), (2, 5, "rest"), (6, 7, "mark")]
    picture = describe(one, granularity="span", spans=given)
    assert [unit.label for unit in picture.inputs[:5]] == ["me", "智 1/3", "rest", "\u200eש\u200e 1/2", "mark"]
    assert [unit.label for unit in picture.steps] == ["能 1/2", "能 2/2", "!"]
    assert [unit.text for unit in picture.steps] == ["能", "·", "!"]
    for view in ("read", "topk", "matrix"):
        assert "∅" not in render_text(one, view=view, width=80, granularity="span", spans=given)
    shown = describe(one, granularity="span")
    assert [unit.label for unit in shown.inputs] == [unit.label for unit in describe(one).inputs]


@pytest.mark.parametrize("level", ["word", "sentence", "span"])
def test_a_norm_over_units_has_no_sign_and_says_so(make: Callable[..., Attribution], level: Level) -> None:
    one = make(["a", " b", " c"], 1, {(0, 0): -0.5, (0, 1): 0.25, (1, 1): -0.125})
    words = describe(one, granularity=level, merge="l2").words
    assert words.sentence == "larger: more influence on the score of the token; no sign"
    text = render_text(one, view="topk", granularity=level, merge="l2")
    assert "raises" not in text
    assert not re.search(r"\+\d", text)
    for kept in (describe(one, granularity=level, merge="absmax"), describe(one, merge="l2")):
        assert kept.words.signed, "another merge, or nothing to merge"
    compared = compare(one, one, granularity=level, merge="l2")
    assert (compared.a.words.signed, compared.difference.words.signed) == (False, True)


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_the_size_of_a_slice_is_that_of_its_finite_scores(make: Callable[..., Attribution], lost: float) -> None:
    texts = ["a", " b", " c"]
    one, other = make(texts, 1, {(0, 0): 0.5, (0, 1): lost, (1, 1): -0.25}), make(texts, 1, {(0, 0): -0.75})
    assert strongest_first([one, other, one]) == [1, 0, 2]
    assert strongest_first([]) == []
