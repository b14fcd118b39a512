"""Two results agree as far as they do, whoever is asked: Python, the command line, the views."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from wherefrom.results import compare
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.provenance import Provenance
from wherefrom.text.common_units import aligned_units, common_units
from wherefrom_cli.main import main
from wherefrom_viz.console import compare_view
from wherefrom_viz.describe.comparison import compare as compare_views
from wherefrom_viz.page.pairs import pairs_of

from tests.core.made import attribution, spelt

CUTS: list[list[str]] = [
    ["<s>", "The", " gentle", "men", " left", ".", "\n", "They", " 智", "", " ran", "!", "</s>"],
    ["<s>", "The", " gent", "lemen", " left", ".", "\n", "They", " 智", "", "", " ran", "!", "</s>"],
    ["The", " gentlemen", " left.", "\nThey", " 智", " ran", "!", "</s>"],
    ["<s>", "<s>", "The", " gentle", "men", " le", "ft", ".", "\n", "He", " 智", "", " ran", "!"],
]
"""One text in four cuts, the last of them with another word in it and other special tokens."""


def made(cut: int, seed: int, source: bool, *, ties: bool = True) -> Attribution:
    """A result whose scores span 1e-6 to 1 between steps, with ties in it (or, where sums must not tie, without)."""
    texts = CUTS[cut]
    special = tuple(index for index, text in enumerate(texts) if text.startswith("<"))
    first = texts.index("\n") if "\n" in texts else 3
    found = attribution(["a", "b", " c"] if source else None, texts, first, special=special, seed=seed)
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-6, 0, len(texts) - first)

    def scored(scores: Any) -> Any:
        return (
            None if scores is None else np.asarray((np.round(scores, 1) if ties else scores) * scale, dtype=np.float32)
        )

    return found.replace(
        source_attributions=scored(found.source_attributions),
        target_attributions=scored(found.target_attributions),
        aggregations=found.default_aggregation,
        id="one",
    )


def saved(path: Path, one: Attribution) -> str:
    Attributions(sequence_attributions=(one,), provenance=Provenance()).save(path)
    return str(path)


@pytest.mark.parametrize("source", [False, True])
@pytest.mark.parametrize("cuts", [(0, 0), (0, 1), (1, 2), (2, 3), (3, 0)])
def test_every_door_tells_the_same_agreement(
    cuts: tuple[int, int], source: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = made(cuts[0], 1, source), made(cuts[1], 2, source)
    python = compare(a, b)
    mean = python.means()["spearman"]
    assert np.isfinite(mean)

    views = compare_views(a, b)
    np.testing.assert_allclose(views.agreement, python.spearman, atol=1e-12)
    assert views.mean_agreement == pytest.approx(mean, abs=1e-12)

    files = [saved(tmp_path / f"{name}.json", one) for name, one in (("a", a), ("b", b))]
    assert main(["compare", *files, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["examples"]
    assert told["agreement"] == pytest.approx(mean, abs=1e-12)
    np.testing.assert_allclose(np.array(told["agreement_by_step"], dtype=float), python.spearman, atol=1e-12)

    console = Console(file=io.StringIO(), width=120)
    console.print(compare_view(a, b))
    assert f"rank agreement {mean:.2f} " in console.file.getvalue()  # type: ignore[attr-defined]


def test_agreement_with_itself_is_perfect_and_what_one_text_lacks_does_not_count() -> None:
    a = made(0, 1, False)
    np.testing.assert_allclose(compare(a, a).spearman[np.isfinite(compare(a, a).spearman)], 1)
    one, other = spelt(["x", " he", " y"]), spelt(["x", " she", " y"])
    assert aligned_units(one, other)[1] == ((1, 2), (1, 2))
    assert common_units(one, other) == [((0, 1), (0, 1)), ((2, 3), (2, 3))]


@given(st.lists(st.sampled_from(["a", " b", "ab", "", " ", "\n", "c"]), max_size=12), st.data())
@settings(max_examples=200, deadline=None)
def test_an_alignment_has_every_token_once_and_in_order(one: list[str], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.sampled_from(["a", " b", "ab", "", " ", "\n", "c"]), max_size=12))
    sides = spelt(one), spelt(other)
    aligned = aligned_units(*sides)
    for side in (0, 1):
        covered = [index for part in aligned for index in range(*part[side])]
        assert covered == list(range(len(sides[side])))
    assert all(a[1] > a[0] or b[1] > b[0] for a, b in aligned)


@pytest.mark.parametrize("cut", range(3))
def test_a_token_that_adds_no_text_is_compared_with_the_one_before_in_different_texts_too(cut: int) -> None:
    one, other = (made(place, 1, source=False).target for place in (cut, 3))
    alone = [one[a].text for (a, b), (c, d) in aligned_units(one, other) if b == a + 1]
    assert "" not in alone
    together = [
        ("".join(token.text for token in one[a:b]), "".join(token.text for token in other[c:d]))
        for (a, b), (c, d) in common_units(one, other)
    ]
    assert (" 智", " 智") in together


def test_signed_rank_agreement_takes_the_sign_of_the_input_at_a_rank() -> None:
    base = attribution(["a", "b", "c"], ["<s>", "x"], 1, special=(0,))
    one = base.replace(source_attributions=np.float32([[1], [-5], [3]]), target_attributions=None)
    two = base.replace(source_attributions=np.float32([[-1], [-5], [3]]), target_attributions=None)
    # the largest input has one sign in both; the input that stands first in the text has not
    assert compare(one, two, k=1).signed_rank_agreement == pytest.approx([1.0])
    assert compare(one, two, k=3).signed_rank_agreement == pytest.approx([2 / 3])


def test_a_position_sees_itself_where_decoder_scores_are_merged_over_words() -> None:
    base = attribution(None, ["wal", "king", " on", "e"], 2)
    among = np.float32([[1, 2, 4, 8], [0, 3, 5, 7], [0, 0, 6, 9], [0, 0, 0, 10]])
    words = base.replace(sequence_scores={"decoder_made": among}).aggregate("subwords", "mean")
    merged = words.sequence_scores["decoder_made"]
    # over all cells of two words that a position sees, itself included
    expected = [[(1 + 2 + 3) / 3, (4 + 8 + 5 + 7) / 4], [0, (6 + 9 + 10) / 3]]
    np.testing.assert_allclose(merged, expected, rtol=1e-6)


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("merge", ["sum", "mean", "max", "absmax", "l2"])
def test_scores_that_are_no_numbers_take_no_rank_at_any_door(lost: float, merge: Any) -> None:
    a, b = made(0, 1, True, ties=False), made(1, 2, True, ties=False)
    scores = np.array(b.source_attributions)
    scores[1, 2:] = lost
    b = b.replace(source_attributions=scores)
    python = compare(a, b)
    without = compare(a, b.replace(source_attributions=np.where(np.isfinite(scores), scores, 0.0)))
    assert (python.spearman != without.spearman)[2:].any()
    assert np.isfinite(python.spearman)[2:].all()
    for one in ("kendall", "cosine", "top_k_overlap"):
        assert np.isfinite(getattr(python, one)[2:]).all()
    (pair,) = pairs_of([a, b], merge=merge)
    views = compare_views(a, b)
    np.testing.assert_allclose(views.agreement, python.spearman, atol=1e-12)
    carried = [np.nan if value is None else value for value in pair["agreement"]["token"]]
    np.testing.assert_allclose(carried, python.spearman, atol=1e-6)
    merged = compare_views(a, b, granularity="word", merge=merge)
    (row,) = (k for k, unit in enumerate(merged.b.inputs) if "b" in unit.label and unit.token.position < 2)
    assert not merged.b.finite[row, -1]
    by_word = [np.nan if value is None else value for value in pair["agreement"]["word"]]
    np.testing.assert_allclose(by_word, merged.agreement, atol=1e-6)


RED = ["The", " red", " ho", "use", " was", " sold", "."]
BIG = ["The", " big", " house", " was", " so", "ld", "."]


@pytest.mark.parametrize("texts", [(RED, BIG), (BIG, RED), (CUTS[1], CUTS[3]), (CUTS[2], CUTS[3])])
@pytest.mark.parametrize("merge", ["sum", "mean", "absmax", "l2"])
@pytest.mark.parametrize("level", ["word", "token", "character"])
def test_words_of_other_tokens_in_other_texts_are_aligned_at_every_door(
    texts: tuple[list[str], list[str]], merge: Any, level: Any
) -> None:
    a, b = (
        attribution(None, said, said.index(next(text for text in said if text in (" was", "\n", "\nThey"))), seed=seed)
        for seed, said in enumerate(texts)
    )
    views = compare_views(a, b, granularity=level, merge=merge)
    (pair,) = pairs_of([a, b], merge=merge)
    carried = pair["agreement"].get(level, pair["agreement"]["token"])
    told = [value for value in carried if value is not None]
    np.testing.assert_allclose(told, views.agreement[np.isfinite(views.agreement)], atol=1e-6)
    if level == "word":
        letters, groups = pair["target"]["f"], pair["target"]["g"]
        starts = [k for k, letter in enumerate(letters) if k in (0, pair["from"]) or (ord(letter) - 48) & 1]
        units = [groups[k:end] for k, end in itertools.pairwise([*starts, len(groups)])]
        shown = [
            "".join(token.text for token in a.target[unit[0][0] : unit[-1][1]]).strip()
            for unit in units
            if all(x < y and z < w for x, y, z, w in unit)
        ]
        assert [text for text in shown if text] == [
            text for unit in (*views.a.inputs,) if (text := unit.token.text.strip())
        ]


def test_a_word_that_both_texts_have_is_one_unit_of_both() -> None:
    views = compare_views(attribution(None, RED, 4, seed=0), attribution(None, BIG, 3, seed=1), granularity="word")
    assert [unit.label for unit in views.a.inputs] == ["The", "house", "was", "sold", "."]
    tokens = compare_views(attribution(None, RED, 4, seed=0), attribution(None, BIG, 3, seed=1))
    assert [unit.label for unit in tokens.a.inputs] == ["The", "house", "was", "sold", "."]


@pytest.mark.parametrize(
    "prompts, answer",
    [
        ((["Say", " yes", "."], ["Say"]), [" yes", " sir"]),
        ((["Say"], ["Say", " yes", "."]), [" yes", " sir"]),
        ((["Is", " it", " yes", " or", " no", "?"], ["Is", " it", "?"]), [" no", "."]),
        ((["The", " answer", " is"], ["The", " answer", " is", " very"]), [" very", " good"]),
    ],
)
def test_answers_are_compared_with_answers_where_a_prompt_has_their_words(
    prompts: tuple[list[str], list[str]], answer: list[str]
) -> None:
    a, b = (attribution(None, prompt + answer, len(prompt), seed=seed) for seed, prompt in enumerate(prompts))
    difference = a - b
    assert [token.text for token in difference.steps] == answer
    assert len(compare(a, b).spearman) == len(answer)
    shared = [(one, two) for one, text in enumerate(prompts[0]) for two, its in enumerate(prompts[1]) if text == its]
    for one, two in shared:
        row = [token.text for token in difference.target].index(prompts[0][one])
        expected = a.target_attributions[one] - b.target_attributions[two]
        np.testing.assert_allclose(difference.target_attributions[row], expected, rtol=1e-6)


@pytest.mark.parametrize("last", [3, 4])
def test_steps_that_end_before_the_text_does_are_compared_at_every_door(last: int) -> None:
    whole = [attribution(None, ["wal", "king", " on", "e", " day", "."], 2, seed=seed) for seed in range(2)]
    a, b = whole[0], whole[1].select_steps(0, last - 2)
    (pair,) = pairs_of([a, b])
    carried = pair["agreement"]["token"]
    np.testing.assert_allclose(carried, compare_views(a, b).agreement, atol=1e-6)
    assert len(carried) == last - 2


@pytest.mark.parametrize("firsts", [(1, 0), (0, 1), (1, 1)])
def test_an_answer_begins_behind_its_prompt_wherever_the_explained_steps_begin(firsts: tuple[int, int]) -> None:
    answer = [" yes", " sir", ",", " you", " may"]
    prompts = ["Say", " sir", " yes", "."], ["Say"]
    whole = [attribution(None, prompt + answer, len(prompt), seed=seed) for seed, prompt in enumerate(prompts)]
    cut = [one.select_steps(first, len(answer)) for one, first in zip(whole, firsts, strict=True)]
    expected = compare(*whole).spearman[max(firsts) :]
    np.testing.assert_allclose(compare(*cut).spearman, expected, atol=1e-12)
    np.testing.assert_allclose(compare_views(*cut).agreement, expected, atol=1e-12)
    (pair,) = pairs_of(cut)
    carried = np.array(pair["agreement"]["token"][-len(expected) :], dtype=float)
    np.testing.assert_allclose(carried, expected, atol=1e-6)


REPEATS = ["Q", " yes", " no", " yes", " no", " yes", " no"]


@pytest.mark.parametrize("source", [False, True])
@pytest.mark.parametrize("firsts, lasts", [((0, 4), (6, 6)), ((4, 0), (6, 6)), ((0, 0), (2, 6)), ((1, 3), (5, 6))])
@pytest.mark.parametrize("level", ["token", "word"])
def test_steps_of_parts_of_a_text_that_repeats_itself_are_those_of_the_whole_at_every_door(
    firsts: tuple[int, int], lasts: tuple[int, int], source: bool, level: Any, tmp_path: Path, capsys: Any
) -> None:
    read = ["a", " b", " c", " d"] if source else None
    whole = [attribution(read, REPEATS, 1, seed=seed) for seed in range(2)]
    a, b = (one.select_steps(x, y) for one, x, y in zip(whole, firsts, lasts, strict=True))
    both = slice(max(firsts), min(lasts))
    expected = compare(*whole)
    assert expected.difference.attr_pos_end - expected.difference.attr_pos_start == 6
    part = compare(a, b)
    for measure in ("spearman", "kendall", "cosine", "rank_agreement"):
        np.testing.assert_allclose(getattr(part, measure), getattr(expected, measure)[both], err_msg=measure)
    assert [one.position for one in part.difference.steps] == list(range(1, 7))[both]
    np.testing.assert_allclose(compare_views(a, b, granularity=level).agreement, expected.spearman[both], atol=1e-12)
    (pair,) = pairs_of([a, b])
    carried = [np.nan if value is None else value for value in pair["agreement"]["token"]]
    np.testing.assert_allclose(carried, expected.spearman[both], atol=1e-6)
    files = [saved(tmp_path / f"{name}.json", one) for name, one in (("a", a), ("b", b))]
    assert main(["compare", *files, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["examples"]
    np.testing.assert_allclose(np.array(told["agreement_by_step"], dtype=float), expected.spearman[both], atol=1e-12)


def test_a_step_that_one_result_explains_in_part_is_compared_at_no_door() -> None:
    a = attribution(None, ["The", " gentle", "men", " left", "."], 2, seed=0)  # begins within the word
    b = attribution(None, ["The", " gent", "lemen", " left", "."], 1, seed=1)
    assert len(compare(a, b).spearman) == len(compare_views(a, b).agreement) == 2
    assert [token.text for token in (a - b).steps] == [" left", "."]
