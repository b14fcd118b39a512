"""Units larger than tokens, slices and pairs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import InputError, SettingsError
from wherefrom.results.aggregators import AGGREGATION_FUNCTIONS, Pair, Sentences, Split, Subwords
from wherefrom.results.aggregators.functions import combine
from wherefrom.results.attribution import Attribution
from wherefrom.text.common_units import aligned_units
from wherefrom.text.tokens import Segment, Token

from tests.core import golden
from tests.core.made import attribution, spelt

TEXTS = ["The", " gentle", "men", ",", " here", "."]


def texts(tokens: tuple[Token, ...]) -> list[str]:
    return [token.text for token in tokens]


@pytest.mark.parametrize("case", golden.cases(".variant.pipe"), ids=lambda case: case["id"])
def test_spans_match_the_reference(case: dict[str, Any]) -> None:
    variant = case["params"]["variants"]["pipe-vnorm-spans"]
    spans = {key: value for key, value in variant.items() if key.endswith("_spans")}
    for _, raw, arrays in golden.attributions(case):
        done = raw.aggregate(variant["aggregator"], **spans)
        assert [token.piece for token in done.target] == variant["target_tokens_after"]
        assert (done.attr_pos_start, done.attr_pos_end) == (variant["attr_pos_start"], variant["attr_pos_end"])
        for name in ("source_attributions", "target_attributions"):
            if (expected := arrays.get(f"variant.pipe-vnorm-spans.{name}")) is not None:
                told = ~np.isnan(expected)
                np.testing.assert_allclose(getattr(done, name)[told], expected[told], atol=1e-4)


def test_absent_cells_do_not_count_in_a_mean() -> None:
    made = attribution(None, ["a", "b", "c", "d"], 1)
    made = made.replace(target_attributions=np.where(made.target_visible, np.float32(1), np.float32(0)))
    done = made.aggregate("spans", target_spans=[(1, 4)], aggregate_fn="mean")
    np.testing.assert_array_equal(done.target_attributions, [[1], [1]])
    assert done.target_visible.all()


def test_step_scores_are_merged_by_their_own_function() -> None:
    made = attribution(None, TEXTS, 1)
    done = made.aggregate("spans", target_spans=(1, 3))
    p, h = made.step_scores["probability"], made.step_scores["entropy"]
    np.testing.assert_allclose(done.step_scores["probability"], [p[0] * p[1], *p[2:]], rtol=1e-6)
    np.testing.assert_allclose(done.step_scores["entropy"], [h[0] + h[1], *h[2:]], rtol=1e-6)


def test_a_span_across_the_start_keeps_its_tokens_and_its_explained_scores() -> None:
    made = attribution(None, TEXTS, 2)
    done = made.aggregate("spans", target_spans=(1, 3), aggregate_fn="sum")
    assert texts(done.target) == ["The", " gentlemen", ",", " here", "."]
    assert texts(done.source) == ["The", " gentle"]
    assert (done.attr_pos_start, done.attr_pos_end) == (1, 5)
    expected = made.target_attributions[1:3, 1].sum()
    np.testing.assert_allclose(done.target_attributions[1, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(done.target_attributions[0, 0], made.target_attributions[0, 0])


@pytest.mark.parametrize(
    "spans, complaint",
    [
        ([(2, 2)], "empty or outside"),
        ([(0, 9)], "empty or outside"),
        ([(-1, 2)], "empty or outside"),
        ([(2, 4), (0, 1)], "overlaps or precedes"),
        ([(0, 3), (2, 4)], "overlaps or precedes"),
        (["ab"], "no span"),
        (5, "neither a span"),
    ],
)
@pytest.mark.parametrize("name", ["spans", "documents", "slices"])
def test_impossible_spans_are_refused(name: str, spans: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        attribution(None, TEXTS, 2).aggregate(name, target_spans=spans)


@pytest.mark.parametrize("name", ["spans", "documents", "slices"])
def test_a_prompt_has_no_spans_of_the_source(name: str) -> None:
    with pytest.raises(InputError, match="give the prompt's spans as target_spans"):
        attribution(None, TEXTS, 2).aggregate(name, source_spans=(0, 2))


WORDS = {
    "byte-level": (["Hel", "lo", " la", "dies", ",", " it", "'s", " me", "!"], ["Hel+lo", " la+dies", " it+'s"]),
    "last token too": (["Hel", "lo", " la", "di", "es"], ["Hel+lo", " la+di+es"]),
    "line breaks": (["one", "\n", "two", "x"], ["two+x"]),
    "digits and marks": (["co", "2", "x", " caf", "é", "s"], ["co+2+x", " caf+é+s"]),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_are_found_from_texts_and_offsets(name: str) -> None:
    pieces, expected = WORDS[name]
    spans = Subwords().spans(spelt(pieces))
    assert ["+".join(pieces[a:b]) for a, b in spans] == expected


def test_words_are_found_from_vocabulary_marks_alone() -> None:
    def bare(pieces: list[str]) -> list[Token]:
        return [Token(id=1, piece=p, text=p.lstrip("▁").replace("##", ""), position=i) for i, p in enumerate(pieces)]

    assert Subwords().spans(bare(["▁Hal", "lo", "▁Welt", "en", "</s>"[:0] or "▁x"])) == [(0, 2), (2, 4)]
    assert Subwords().spans(bare(["un", "##believ", "##able"])) == [(0, 3)]


def test_the_tokenizers_own_words_come_first_and_special_tokens_stay_alone() -> None:
    tokens = spelt(["<s>", "New", " York", "er"], special=(0,), words=[None, 0, 0, 1])
    assert Subwords().spans(tokens) == [(1, 3)]


def test_special_chars_override_and_sides_can_be_left_alone() -> None:
    made = attribution(["a", "b", " c"], ["<s>", " x", "y"], 1, special=(0,))
    assert texts(made.aggregate("subwords", aggregate_source=False).source) == ["a", "b", " c"]
    assert texts(made.aggregate("subwords").source) == ["ab", " c"]
    assert texts(made.aggregate("subwords", special_chars="a").source) == ["ab c"]
    assert texts(made.aggregate("subwords", special_chars=["b"], is_suffix_symbol=True).source) == ["ab", " c"]


@pytest.mark.parametrize("name", AGGREGATION_FUNCTIONS)
def test_an_example_without_steps_has_units_all_the_same(name: str) -> None:
    made = attribution(["x", "y"], ["ab", "c", " d"], 3, sizes=(2,))
    done = made.aggregate("subwords", name)
    assert texts(done.target) == ["abc", " d"]
    assert done.target_attributions.shape == (2, 0, 2)
    assert done.source_attributions.shape == (1, 0, 2)
    assert done.aggregate().target_attributions.shape == (2, 0)


def test_words_of_raw_scores_then_the_default() -> None:
    made = attribution(None, TEXTS, 2, sizes=(4,))
    done = made.aggregate("subwords").aggregate()
    assert [stage.name for stage in done.aggregations] == ["subwords", "reduce", "normalize"]
    np.testing.assert_allclose(np.abs(done.target_attributions).sum(0), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "mode, expected",
    [("single", ["a b", ",", " c d", ",", " e"]), ("start", ["a b", ", c d", ", e"]), ("end", ["a b,", " c d,", " e"])],
)
def test_split_modes(mode: str, expected: list[str]) -> None:
    pieces = ["a", " b", ",", " c", " d", ",", " e"]
    made = attribution(pieces, ["<s>", "x"], 1, special=(0,))
    assert texts(made.aggregate("split", split_pattern=",", split_mode=mode).source) == expected


def test_split_refuses_nonsense() -> None:
    with pytest.raises(SettingsError, match="aggregator 'split' needs split_pattern: give split_pattern="):
        attribution(None, TEXTS, 2).aggregate("split")
    with pytest.raises(SettingsError, match="no regular expression"):
        Split(split_pattern="(")
    with pytest.raises(SettingsError, match="split_mode"):
        Split(split_pattern="x", split_mode="middle")


def test_sentences() -> None:
    pieces = ["Dr", ".", " No", " left", ".", " Why", "?", '"', " e", ".g", ".", " rain", "\n", "你好", "。", "再见"]
    spans = Sentences().spans(spelt(pieces))
    assert ["".join(pieces[a:b]) for a, b in spans] == ["Dr. No left.", ' Why?"', " e.g. rain\n", "你好。"]


def test_turns_and_documents_come_from_segments() -> None:
    segments = (
        Segment(side="target", start=0, end=2, kind="turn", label="user"),
        Segment(side="target", start=2, end=4, kind="turn", label="assistant"),
        Segment(side="target", start=1, end=2, kind="document", label="d1"),
    )
    made = attribution(None, TEXTS, 4, segments=segments)
    assert texts(made.aggregate("turns").target) == ["The gentle", "men,", " here", "."]
    assert texts(made.aggregate("turns").source) == ["The gentle", "men,"]
    assert texts(made.aggregate("documents").target) == TEXTS
    assert texts(made.aggregate("documents", target_spans=(0, 4)).target) == ["The gentlemen,", " here", "."]
    with pytest.raises(InputError, match="no turn to aggregate over"):
        attribution(None, TEXTS, 4).aggregate("turns")
    words_first = made.aggregate(["subwords", "turns"])
    assert texts(words_first.target) == ["The gentle", "men,", " here", "."], "no word goes over the edge of a turn"


@pytest.mark.parametrize(
    "index, expected",
    [
        (slice(1, 3), [1, 2]),
        (slice(None, 2), [0, 1]),
        (slice(-1, None), [3]),
        (2, [2]),
        (-4, [0]),
        (slice(0, -2), [0, 1]),
    ],
)
def test_slicing_keeps_rows_and_all_steps(index: int | slice, expected: list[int]) -> None:
    decoder_only = attribution(None, TEXTS, 4)
    done = decoder_only[index]
    assert texts(done.target) == [TEXTS[i] for i in [*expected, 4, 5]]
    assert texts(done.source) == [TEXTS[i] for i in expected]
    assert texts(done.steps) == TEXTS[4:]
    np.testing.assert_array_equal(done.target_attributions, decoder_only.target_attributions[[*expected, 4, 5]])
    np.testing.assert_array_equal(done.target_visible, decoder_only.target_visible[[*expected, 4, 5]])
    both = attribution(["a", "b", "c", "d"], ["<s>", "x", "y"], 1)
    assert texts(both[index].source) == ["abcd"[i] for i in expected]
    np.testing.assert_array_equal(both[index].target_attributions, both.target_attributions)


@pytest.mark.parametrize(
    "level, settings",
    [("subwords", {}), ("sentences", {}), ("characters", {}), ("split", {"split_pattern": r"\."})],
)
def test_no_unit_goes_over_what_was_left_out(level: str, settings: dict[str, Any]) -> None:
    said = ["un", "believ", "able", ".", " It", " rained", " so", " 智", "", "", " dog", " barked", "."]
    made = attribution(None, said, 12)
    for spans in ([(0, 1), (2, 4)], [(0, 2), (5, 7)], [(4, 8), (9, 11)], [(1, 3), (4, 6), (10, 11)]):
        kept = made.aggregate("slices", target_spans=spans)
        pieces = [made.aggregate("slices", target_spans=[span]).aggregate(level, **settings) for span in spans]
        expected = [text for piece in pieces for text in texts(piece.target[: piece.attr_pos_start])]
        done = kept.aggregate(level, **settings)
        assert texts(done.target[: done.attr_pos_start]) == expected
    whole = made.aggregate("slices", target_spans=[(0, 4), (4, 12)])  # nothing was left out
    assert done.target != whole.aggregate(level, **settings).target == made.aggregate(level, **settings).target


def test_impossible_slices() -> None:
    made = attribution(None, TEXTS, 4)
    with pytest.raises(IndexError):
        made[4]
    with pytest.raises(InputError, match="No input is left"):
        made[3:2]
    with pytest.raises(InputError, match="without gaps"):
        made[::2]
    with pytest.raises(InputError, match="keeps nothing without spans"):
        made.aggregate("slices")
    with pytest.raises(InputError, match=r"target_spans = \[\] keeps nothing"):
        made.aggregate("slices", target_spans=[])
    for index in ("x", [0, 1], 1.0, None, True, slice("a", None), slice(0, 2.5)):
        with pytest.raises(InputError, match="is no place among 4 inputs"):
            made[index]


def test_steps_can_be_selected() -> None:
    made = attribution(None, TEXTS, 2)
    last = made.select_steps(-2)
    assert texts(last.steps) == TEXTS[-2:]
    np.testing.assert_array_equal(last.target_attributions, made.target_attributions[:, -2:])
    np.testing.assert_array_equal(last.step_scores["entropy"], made.step_scores["entropy"][-2:])
    for bounds, name in ((("a",), "start"), ((0, 2.5), "end")):
        with pytest.raises(SettingsError, match=f"{name} = .* does not fit: expected a whole number"):
            made.select_steps(*bounds)
    with pytest.raises(InputError, match="No step is left"):
        made.select_steps(9)


def test_a_difference_is_this_minus_the_other() -> None:
    a, b = (attribution(["s", "t"], ["<s>", "x", "y"], 1, seed=seed) for seed in (1, 2))
    done = a - b
    np.testing.assert_array_equal(done.source_attributions, a.source_attributions - b.source_attributions)
    np.testing.assert_array_equal(done.step_scores["entropy"], a.step_scores["entropy"] - b.step_scores["entropy"])
    assert done.target == a.target
    assert done.signed
    assert done.aggregations[-1].name == "pair"
    np.testing.assert_array_equal((b - a).source_attributions, -done.source_attributions)
    assert not (a - a).target_attributions.any()
    by_name = a.aggregate("pair", paired_attr=b)
    np.testing.assert_array_equal(by_name.source_attributions, done.source_attributions)


@pytest.mark.parametrize("combine", ["difference", "sum", "mean"])
def test_what_a_difference_says_of_units_is_the_difference_of_units(combine: str) -> None:
    """A product of differences says nothing; step scores that multiply are those of single steps alone."""
    a, b = (
        attribution(None, TEXTS, 2, seed=seed).replace(
            step_scores={name: np.linspace(seed / 9, 0.9, 4) for name in ("probability", "entropy", "mine", "mean")},
            step_aggregation={"probability": "prod", "entropy": "sum", "mean": "mean"},
        )
        for seed in (1, 2)
    )
    spans = {"target_spans": [(3, 5)]}
    done = Pair(paired_attr=b, combine=combine)(a)
    assert set(done.step_scores) == set(a.step_scores)
    merged = done.aggregate("spans", **spans)
    expected = Pair(paired_attr=b.aggregate("spans", **spans), combine=combine)(a.aggregate("spans", **spans))
    assert set(merged.step_scores) == {"entropy", "mean"}
    for name, scores in merged.step_scores.items():
        np.testing.assert_allclose(scores, expected.step_scores[name])
    assert set(done.aggregate("spans", target_spans=[(0, 2)]).step_scores) == set(a.step_scores), "no step is merged"
    twice = (done - done).aggregate("spans", **spans)
    assert set(twice.step_scores) == {"entropy", "mean"}


@pytest.mark.parametrize("combine, place", [("first", 0), ("second", 1)])
def test_one_side_alone_is_that_side(combine: str, place: int) -> None:
    sizes = attribution(None, TEXTS, 2, sizes=(3,), id="sizes").replace(signed=False, method="sizes")
    signed = attribution(None, TEXTS, 2, sizes=(3,), seed=1, id="signed", default_aggregation=golden.MEAN).aggregate(
        "normalize"
    )
    for pair in ((sizes, signed), (signed, sizes)):
        alone, chosen = Pair(paired_attr=pair[1], combine=combine)(pair[0]), pair[place]
        for name in ("id", "method", "signed", "default_aggregation", "step_aggregation", "details", "target"):
            assert getattr(alone, name) == getattr(chosen, name), name
        assert alone.aggregations[:-1] == chosen.aggregations
        np.testing.assert_allclose(
            alone.aggregate("sum").target_attributions, chosen.aggregate("sum").target_attributions, atol=1e-6
        )


def test_other_tokens_of_the_same_text_are_compared_between_common_boundaries() -> None:
    a = attribution(["gentle", "men", " go"], ["<s>", "x"], 1, seed=1)
    b = attribution(["gent", "lemen", " g", "o"], ["<s>", "x"], 1, seed=2)
    done = a - b
    assert texts(done.source) == ["gentlemen", " go"]
    np.testing.assert_allclose(
        done.source_attributions[:, 0],
        [
            a.source_attributions[:2, 0].sum() - b.source_attributions[:2, 0].sum(),
            a.source_attributions[2, 0] - b.source_attributions[2:, 0].sum(),
        ],
        rtol=1e-5,
    )


def test_different_texts_are_shown_side_by_side() -> None:
    a = attribution(None, ["He", " said", " so", " loudly", "."], 1, seed=1)
    b = attribution(None, ["She", " said", " so", "."], 1, seed=2)
    done = a - b
    assert texts(done.target) == ["He → She", " said", " so", " loudly → ∅", "."]
    assert texts(done.steps) == [" said", " so", " loudly → ∅", "."]
    np.testing.assert_allclose(
        done.target_attributions[0, 0], a.target_attributions[0, 0] - b.target_attributions[0, 0]
    )
    np.testing.assert_allclose(done.target_attributions[1, 2], a.target_attributions[1, 2])
    np.testing.assert_allclose(
        done.target_attributions[1, 3], a.target_attributions[1, 3] - b.target_attributions[1, 2]
    )
    assert (done.target_attributions[~done.target_visible] == 0).all()


def test_alignment_covers_both_sides_once() -> None:
    one, other = spelt(["a", "b", " c", "d"]), spelt([" x", "b", "y", "d", "e"])
    for pairs in (aligned_units(one, other), aligned_units(other, one), aligned_units(one, ())):
        for side in (0, 1):
            covered = [index for pair in pairs for index in range(*pair[side])]
            assert covered == sorted(covered)
    assert [index for pair in aligned_units(one, other) for index in range(*pair[1])] == list(range(5))


def test_pairs_need_like_scores() -> None:
    a, b = attribution(None, TEXTS, 2), attribution(None, TEXTS, 2, sizes=(3,))
    with pytest.raises(InputError, match=re.escape("Aggregate both first")):
        a - b
    with pytest.raises(InputError, match="Only one of the attributions has source_attributions"):
        attribution(["s"], TEXTS, 2) - a
    with pytest.raises(SettingsError, match="is no attribution"):
        Pair(paired_attr=3)(a)
    assert isinstance(Pair(paired_attr=a, combine="mean")(a), Attribution)


SAID = ["Ge", "orge", " was", " sick", ".", " He", " went", " home", ".", " Why"]
SENTENCES = [[0, 5], [5, 9]]
IN_WORDS = [[0, 2], *([k, k + 1] for k in range(2, 9))]


@pytest.mark.parametrize("merge", ["absmax", "max", "min", "mean", "sum", "vnorm"])
@pytest.mark.parametrize("spans", [SENTENCES, IN_WORDS])
def test_units_that_were_scored_as_one_keep_their_scores_when_tokens_are_merged(
    spans: list[list[int]], merge: str
) -> None:
    """Their tokens hold shares, of which those of the longest unit are the smallest."""
    scores = np.random.default_rng(0).uniform(1, 2, len(spans)) * [-1.0, *[1.0] * (len(spans) - 1)]
    shares = np.zeros((len(SAID), 1))
    for (start, end), score in zip(spans, scores, strict=True):
        shares[start:end] = score / (end - start)
    one = attribution(None, SAID, 9, details={"units": {"target": spans}}).replace(target_attributions=shares)
    of_sentences = [scores[[begin <= start < end for start, _ in spans]] for begin, end in SENTENCES]
    wanted = [combine(merge, own, 0) for own in of_sentences]
    for merged in (
        one.aggregate("sentences", aggregate_fn=merge),
        one.aggregate("spans", aggregate_fn=merge, target_spans=[(0, 5), (5, 9)]),
        one.aggregate("subwords", aggregate_fn="sum").aggregate("sentences", aggregate_fn=merge),
    ):
        np.testing.assert_allclose(merged.target_attributions[:2, 0], wanted)


@pytest.mark.parametrize("units", [["token"], {"target": 3}, {"target": [[0, 5, 1]]}, "sentence", {"target": None}])
def test_what_only_has_the_name_of_units_changes_nothing(units: Any) -> None:
    one = attribution(None, SAID, 9)
    np.testing.assert_array_equal(
        one.replace(details={"units": units}).aggregate("sentences").target_attributions,
        one.aggregate("sentences").target_attributions,
    )
