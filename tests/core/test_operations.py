"""What can be done with results besides aggregating them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom.errors import InputError, SettingsError, UnknownNameError, UsageError
from wherefrom.results import compare, merge_attributions, top_contributors
from wherefrom.results.attribution import Attributions
from wherefrom.results.comparison import agreement_of, kendall_tau, spearman
from wherefrom.results.provenance import Provenance

from tests.core.made import attribution

TARGET = ["<s>", " a", " b", " c"]


def test_weighting_multiplies_columns_and_leaves_the_original() -> None:
    made = attribution(["x", "y"], TARGET, 1, sizes=(3,))
    done = made.weight_attributions("probability")
    plain = made.aggregate()
    np.testing.assert_allclose(
        done.source_attributions, plain.source_attributions * made.step_scores["probability"], rtol=1e-6
    )
    assert made.aggregations == ()
    assert done.aggregate() is done
    with pytest.raises(UnknownNameError, match=r"Did you mean 'probability'\?"):
        made.weight_attributions("probabilty")


def test_dictionaries_have_visible_cells_only() -> None:
    made = attribution(["x", "y"], TARGET, 1)
    scores = made.get_scores_dicts()
    first, last = (1, "Ġa"), (3, "Ġc")
    assert list(scores["target_attributions"][first]) == [(0, "<s>")]
    assert list(scores["target_attributions"][last]) == [(0, "<s>"), (1, "Ġa"), (2, "Ġb")]
    assert scores["source_attributions"][last][(1, "y")] == pytest.approx(made.source_attributions[1, 2])
    assert scores["step_scores"][first].keys() == {"probability", "entropy"}
    with pytest.raises(InputError, match="Aggregate first"):
        attribution(["x"], TARGET, 1, sizes=(2,)).get_scores_dicts(do_aggregation=False)


def test_tokens_are_decoded_by_a_tokenizer_or_by_what_is_known() -> None:
    class Upper:
        def decode(self, ids: list[int]) -> str:
            return f"#{ids[0]}"

    made = attribution(["x", "y"], TARGET, 1)
    assert [token.piece for token in made.decode_tokens().target] == TARGET
    merged = made.aggregate("spans", source_spans=(0, 2)).decode_tokens(Upper())
    assert [token.text for token in merged.source] == ["xy"]
    assert [token.text for token in merged.target] == ["#100", " #101", " #102", " #103"]  # spaces stay


def test_decoded_tokens_keep_their_spaces_and_their_characters() -> None:
    texts = ["<s>", "Mary", " is", " ", "here", ".", " She", " 智", "", " smiles", "."]

    class OneByOne:
        """Decodes as tokenizers do that are given one id: without its space, and half a character to no character."""

        def decode(self, ids: list[int]) -> str:
            (place,) = (one - 100 for one in ids)
            return "\ufffd" if place in (7, 8) else texts[place].strip()

    made = attribution(None, texts, 6, special=(0,))
    done = made.decode_tokens(OneByOne())
    assert [token.text for token in done.target] == texts
    for level in ("subwords", "sentences", "characters"):
        assert done.aggregate(level).target == made.aggregate(level).decode_tokens().target


def test_equality_has_a_tolerance() -> None:
    a = attribution(["x"], TARGET, 1)
    b = a.replace(source_attributions=a.source_attributions + np.float32(1e-7))
    c = a.replace(source_attributions=a.source_attributions + np.float32(1e-2))
    assert a == b
    assert a != c
    assert a.allclose(c, atol=0.1)
    assert not a.allclose(b, atol=0, rtol=0)
    assert a != a.replace(method="other")
    assert a != attribution(["z"], TARGET, 1).replace(source_attributions=a.source_attributions)
    assert Attributions(sequence_attributions=(a,)) == Attributions(sequence_attributions=(b,))
    assert Attributions(sequence_attributions=(a,)) != Attributions(sequence_attributions=(a, a))


def test_results_are_merged_added_and_summed() -> None:
    def result(seed: int, **fields: object) -> Attributions:
        provenance = Provenance(method={"name": "made"}, input_texts=[f"text {seed}"], seconds=1.5, **fields)
        return Attributions(sequence_attributions=(attribution(["x"], TARGET, 1, seed=seed),), provenance=provenance)

    one, two = result(1), result(2)
    for merged in (one + two, sum([one, two]), merge_attributions([one, two])):
        assert len(merged) == 2
        assert merged.provenance.input_texts == ["text 1", "text 2"]
        assert merged.provenance.seconds == 3
    assert len(one) == 1
    with pytest.raises(InputError, match="differ in model"):
        merge_attributions([one, result(3, model={"name": "gpt2"})])
    none = Attributions(sequence_attributions=(), provenance=Provenance(warnings=["All failed."]))
    for parts in ([none, one, two], [one, none, two]):
        merged = merge_attributions(parts)
        assert len(merged) == 2
        assert merged.provenance.method == {"name": "made"}
    assert len(merge_attributions([none, none])) == 0
    with pytest.raises(InputError, match="nothing to merge"):
        merge_attributions([])


def made_with(count: int = 1, **fields: Any) -> Attributions:
    examples = tuple(attribution(["x"], TARGET, 1, seed=seed) for seed in range(count))
    texts = [f"{fields} {place}" for place in range(count)]
    return Attributions(sequence_attributions=examples, provenance=Provenance(input_texts=texts, **fields))


@pytest.mark.parametrize(
    "one, other, name",
    [
        ({"arguments": {"keep_special": False}}, {}, "keep_special: False and True"),
        ({"arguments": {"include_eos_baseline": True}}, {}, "include_eos_baseline: True and False"),
        ({}, {"arguments": {"attribute_target": True}}, "attribute_target: False and True"),
        ({"arguments": {"trace": {"hops": 1}}}, {"arguments": {"trace": {"hops": 2}}}, "trace"),
        (
            {"model": {"name": "m", "dtype": "float32"}},
            {"model": {"name": "m", "dtype": "bfloat16"}},
            "model.*bfloat16",
        ),
        ({"model": {"name": "m"}}, {"model": {"name": "m", "model_kwargs": {"experts": 2}}}, "model.*experts"),
    ],
)
def test_results_of_other_numbers_are_not_merged(one: dict[str, Any], other: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError, match=f"Cannot merge results that differ in {name}"):
        made_with(**one) + made_with(**other)


def test_what_is_alike_is_told_of_merged_results_and_what_is_not_is_not() -> None:
    one = made_with(
        model={"name": "m", "device": "cpu"},
        arguments={"attr_pos_start": 3, "attr_pos_end": 4, "attribute_target": False},
        generation_args={"max_new_tokens": 4},
        seed=1,
    )
    other = made_with(
        model={"name": "m", "device": "cuda", "model_kwargs": {"device_map": "auto"}},
        arguments={"attr_pos_start": 3, "attr_pos_end": 5},
        generation_args={"max_new_tokens": 4, "temperature": 3.0},
        seed=2,
    )
    made = (one + other).provenance
    assert made.arguments == {"attr_pos_start": 3, "attr_pos_end": None, "attribute_target": False}
    assert made.generation_args == {"max_new_tokens": 4, "temperature": None}
    assert made.seed is None
    told = Provenance(model={"name": "m"}, generation_args={"max_new_tokens": 4})
    forced = made_with(model={"name": "m"}, constrained_decoding=True)
    for merged in (one.replace(provenance=told) + forced, forced + one.replace(provenance=told)):
        assert merged.provenance.generation_args == {"max_new_tokens": 4}
    assert (one + one).provenance.seed == 1
    assert (one + one).provenance.arguments == one.provenance.arguments


@pytest.mark.parametrize("forced", [(True, True), (True, False), (False, True), (False, False)])
def test_results_of_forced_outputs_are_merged_with_others(forced: tuple[bool, bool], tmp_path: Path) -> None:
    one, other = (made_with(constrained_decoding=each) for each in forced)
    (tmp_path / "both.jsonl").write_bytes(one.to_bytes("jsonl") + other.to_bytes("jsonl"))
    for merged in (one + other, Attributions.load(tmp_path / "both.jsonl")):
        assert len(merged) == 2
        assert merged.provenance.constrained_decoding is all(forced)


CHAT = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    "name, given, count, entries",
    [
        ("contrast_targets", "a", 1, ["a"]),
        ("contrast_targets", ["a"], 1, ["a"]),
        ("contrast_targets", ["a", None], 2, ["a", None]),
        ("contrast_sources", [5, 6], 1, [[5, 6]]),
        ("contrast_sources", [[5, 6]], 1, [[5, 6]]),
        ("contrast_sources", CHAT, 1, [CHAT]),
        ("contrast_targets_alignments", [[5, 6]], 1, [[[5, 6]]]),
        ("contrast_targets_alignments", [[[5, 6]]], 1, [[[5, 6]]]),
        ("contrast_targets_alignments", "auto", 2, ["auto", "auto"]),
    ],
)
def test_what_each_example_was_compared_with_goes_along(name: str, given: Any, count: int, entries: list[Any]) -> None:
    one, none = made_with(count, arguments={name: given}), made_with(2)
    for merged, expected in ((none + one, [None, None, *entries]), (one + none, [*entries, None, None])):
        assert merged.provenance.arguments == {name: expected}
        for place, entry in enumerate(expected):
            own = {name: [entry]} if entry is not None else {}
            assert merged[place].provenance.arguments == merged[place : place + 1].provenance.arguments == own
    assert (none + none).provenance.arguments == {}


def test_a_slice_tells_of_its_own_examples_alone() -> None:
    made = made_with(3, generated_texts=["a", "b", "c"], arguments={"contrast_targets": ["d", None, "f"]})
    some = made[::2]
    assert some.provenance.generated_texts == ["a", "c"]
    assert some.provenance.input_texts == [made.provenance.input_texts[place] for place in (0, 2)]
    assert some.provenance.arguments == {"contrast_targets": ["d", "f"]}
    assert (made[1:] + made[:1]).provenance.generated_texts == ["b", "c", "a"]
    assert [one.provenance.generated_texts for one in made] == [["a"], ["b"], ["c"]]
    assert made[-1].provenance.generated_texts == ["c"]
    assert made[:].provenance == made.provenance
    run = made.replace(provenance=Provenance(seed=3))
    assert run[1:].provenance == run.provenance


def test_contributors_are_visible_and_ordered_by_size() -> None:
    made = attribution(["x", "y"], TARGET, 1)
    for column, top in enumerate(top_contributors(made, 3)):
        sizes = [abs(one.score) for one in top]
        assert sizes == sorted(sizes, reverse=True)
        for one in top:
            scores = made.source_attributions if one.side == "source" else made.target_attributions
            assert one.score == scores[one.index, column]
            assert one.side == "source" or one.index <= column
    assert len(top_contributors(made, 9)[0]) == 3
    with pytest.raises(SettingsError, match="k must be a whole number from 0"):
        top_contributors(made, -1)


def test_an_attribution_agrees_with_itself_and_not_with_its_negative() -> None:
    made = attribution(["x", "y", "z"], TARGET, 1)
    same = compare(made, made, k=2)
    assert all(value == pytest.approx(1) for value in same.means().values())
    assert not same.difference.source_attributions.any()
    negative = made.replace(
        source_attributions=-made.source_attributions, target_attributions=-made.target_attributions
    )
    other = made.compare(negative, k=2).means()
    assert [other[name] for name in ("spearman", "kendall", "cosine")] == pytest.approx([-1] * 3)
    assert other["top_k_overlap"] == other["rank_agreement"] == 1
    assert other["sign_agreement"] == other["signed_rank_agreement"] == 0


def test_agreement_by_hand() -> None:
    base = attribution(["a", "b", "c", "d"], ["<s>", "x"], 1, special=(0,))
    one = base.replace(source_attributions=np.float32([[4], [3], [2], [1]]), target_attributions=None)
    two = base.replace(source_attributions=np.float32([[3], [4], [-1], [2]]), target_attributions=None)
    found = compare(one, two, k=3)
    assert found.top_k_overlap == pytest.approx([2 / 3])
    assert found.rank_agreement == pytest.approx([0])
    assert found.sign_agreement == pytest.approx([2 / 3])
    assert found.spearman == pytest.approx([0.6])
    assert found.kendall == pytest.approx([1 / 3])
    with pytest.raises(UsageError, match="k must be"):
        compare(one, two, k=0)


TOPS = ("top_k_overlap", "rank_agreement", "sign_agreement", "signed_rank_agreement")


def tops(one: list[float], other: list[float], k: int) -> list[float]:
    found = agreement_of(np.array(one), np.array(other), k)
    return [found[name] for name in TOPS]


def test_zeros_are_none_of_the_largest() -> None:
    first, second, both = [0.0] * 10, [0.0] * 10, [0.0] * 10
    first[3], second[7] = 1.0, 0.5
    both[3], both[7] = -2.0, 0.5
    for k in (1, 3, 5):
        assert tops(first, second, k) == [0, 0, 0, 0], "they share nothing"
        assert tops(first, first, k) == [1, 1, 1, 1]
        assert np.isnan(tops(first, [0.0] * 10, k)).all(), "a side says nothing"
        assert np.isnan(tops([0.0] * 10, [0.0] * 10, k)).all()
    assert tops(first, both, 1) == [1, 1, 0, 0]
    assert tops(first, both, 3) == [1 / 2, 1 / 2, 0, 0], "of the two that one side has"
    assert tops(second, both, 3) == [1 / 2, 0, 1 / 2, 0], "its largest is the second there"


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_inputs_that_tie_share_their_ranks(k: int) -> None:
    """Against scores without ties: the mean over the orders of those that tie."""
    tied, strict = np.array([2.0, -1, 1, 1, 0.5]), np.array([1.0, 5, -2, 3, 4])
    found = agreement_of(tied, strict, k)
    each = [agreement_of(tied * (1 + 0.01 * np.array(order)), strict, k) for order in itertools.permutations(range(5))]
    for name in TOPS:
        assert found[name] == pytest.approx(np.mean([one[name] for one in each])), name


def test_where_inputs_stand_in_the_text_does_not_decide_how_far_scores_agree() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        one, other = rng.integers(-2, 3, size=(2, 8)).astype(float)
        order, k = rng.permutation(8), int(rng.integers(1, 9))
        found = tops(one.tolist(), other.tolist(), k)
        assert tops(one[order].tolist(), other[order].tolist(), k) == pytest.approx(found, nan_ok=True)
        assert tops(one.tolist(), one.tolist(), k) == pytest.approx([1] * 4 if one.any() else [np.nan] * 4, nan_ok=True)


def test_rank_measures_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = rng.integers(0, 5, size=(2, 9)).astype(float)
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, nan_ok=True)
        assert kendall_tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, nan_ok=True)


def test_measures_without_meaning_are_nan() -> None:
    made = attribution(None, ["a", "b"], 1)
    assert np.isnan(compare(made, made).spearman).all()


def test_steps_can_be_viewed_one_by_one() -> None:
    made = attribution(["x", "y"], TARGET, 2, sizes=(3,))
    views = made.step_attributions
    assert [view.token.text for view in views] == [" b", " c"]
    assert [len(view.prefix) for view in views] == [2, 3]
    assert views[1].target_attributions.shape == (3, 3)
    assert np.shares_memory(views[0].source_attributions, made.source_attributions)
    assert views[0].step_scores["entropy"] == pytest.approx(made.step_scores["entropy"][0])


def test_extremes_include_zero() -> None:
    made = attribution(["x"], TARGET, 1)
    assert made.minimum == min(made.source_attributions.min(), made.target_attributions.min())
    positive = made.replace(
        source_attributions=abs(made.source_attributions), target_attributions=abs(made.target_attributions)
    )
    assert positive.minimum == 0
    assert positive.maximum > 0


def test_info_has_every_field_of_the_provenance() -> None:
    """A key is there whether it says something or not, so that code can index."""
    out = Attributions(sequence_attributions=())
    assert set(out.info) == set(out.provenance.__struct_fields__)
    assert out.info["generation_args"] == {}
    assert out.info["seed"] is None
