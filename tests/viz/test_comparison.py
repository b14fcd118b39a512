from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from wherefrom.errors import InputError
from wherefrom.results.attribution import Attribution
from wherefrom.results.comparison import spearman_by_step
from wherefrom.results.stages import Stage
from wherefrom.text.common_units import common_units
from wherefrom.text.tokens import Token
from wherefrom_viz.console import compare_view
from wherefrom_viz.describe.comparison import compare
from wherefrom_viz.describe.description import Normalization
from wherefrom_viz.describe.units import Level


def tokens(*texts: str) -> list[Token]:
    return [Token(id=i, piece=t, text=t, position=i) for i, t in enumerate(texts)]


@pytest.mark.parametrize(
    "a, b, groups",
    [
        (["un", "happy"], ["unhap", "py"], [((0, 2), (0, 2))]),
        (["a", " b"], ["a", "b"], [((0, 1), (0, 1)), ((1, 2), (1, 2))]),
        (["ab", "c"], ["a", "b", "c"], [((0, 1), (0, 2)), ((1, 2), (2, 3))]),
        (["a", "x", "b"], ["a", "b"], [((0, 1), (0, 1)), ((2, 3), (1, 2))]),
        (["a"], ["b"], []),
    ],
)
def test_tokens_align_by_the_characters_they_cover(a: list[str], b: list[str], groups: list[object]) -> None:
    found = common_units(tokens(*a), tokens(*b))
    assert found == groups


@given(st.text("abc", min_size=1, max_size=30), st.data())
def test_any_two_cuts_of_one_text_align_completely(text: str, data: st.DataObject) -> None:
    def cut() -> list[str]:
        edges = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)))) | {0, len(text)})
        return [text[a:b] for a, b in itertools.pairwise(edges)]

    a, b = cut(), cut()
    groups = common_units(tokens(*a), tokens(*b))
    assert "".join("".join(a[slice(*x)]) for x, _ in groups) == text
    assert all("".join(a[slice(*x)]) == "".join(b[slice(*y)]) for x, y in groups)


def test_a_result_agrees_with_itself(translation: Attribution) -> None:
    pair = compare(translation, translation)
    np.testing.assert_allclose(pair.agreement, 1)
    np.testing.assert_allclose(pair.difference.scores, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("granularity", ["token", "word"])
def test_what_is_no_number_is_no_difference(make: Callable[..., Attribution], value: float, granularity: Level) -> None:
    a = make(["a", " b", " c"], 1, {(0, 0): 0.5, (0, 1): 0.75, (1, 1): 0.25}, id=None)
    scores = np.array(a.target_attributions)
    scores[0, 1] = value
    b = a.replace(target_attributions=scores)
    for pair in (compare(a, b, normalize="none", granularity=granularity), compare(b, a, normalize="none")):
        assert not pair.difference.scores.any()
        assert np.argwhere(~pair.difference.finite).tolist() == [[0, 1]]
        assert pair.difference.visible[0, 1]


@pytest.mark.parametrize("apart, share", [(1e-8, 0.0), (2e-7, 0.0), (1e-4, 1e-4)])
def test_what_rounding_leaves_is_no_difference(make: Callable[..., Attribution], apart: float, share: float) -> None:
    a = make(["a", " b", " c"], 2, {(0, 0): 0.5, (1, 0): 0.5}).replace(signed=True)
    scores = np.asarray(a.target_attributions, dtype=np.float64)
    b = a.replace(target_attributions=scores - apart * (np.arange(3) == 1)[:, None])
    a = a.replace(target_attributions=scores)
    pair = compare(a, b, normalize="none")
    assert np.abs(pair.difference.scores).max() == pytest.approx(share, rel=1e-6)


def test_a_matrix_of_differences_tells_its_power_of_ten_above_it(make: Callable[..., Attribution]) -> None:
    a = make(["a", " b", " c"], 2, {(0, 0): 0.5, (1, 0): 0.25})
    b = make(["a", " b", " c"], 2, {(0, 0): 0.5005, (1, 0): 0.25})
    console = Console(file=io.StringIO(), width=80)
    console.print(compare_view(a, b, normalize="none"))
    lines = console.file.getvalue().split("\n")  # type: ignore[attr-defined]
    assert [line.rstrip() for line in lines if line.startswith("A - B")] == ["A - B (×10⁻⁴)"]


def test_the_difference_is_a_minus_b(make: Callable[..., Attribution]) -> None:
    a = make(["un", "happy", " man"], 2, {(0, 0): 1.0, (1, 0): 1.0})
    b = make(["unhap", "py", " man"], 2, {(0, 0): 3.0, (1, 0): 1.0})
    pair = compare(a, b, normalize="none")
    assert [unit.label for unit in pair.a.inputs] == ["unhappy", "man"]
    assert pair.difference.scores[0, 0] == pytest.approx(2.0 - 4.0)


def test_shares_make_methods_of_different_size_comparable(hospital: Attribution) -> None:
    scores = hospital.target_attributions
    assert scores is not None
    pair = compare(hospital, hospital.replace(target_attributions=1000 * scores))
    np.testing.assert_allclose(pair.difference.scores, 0, atol=1e-7)


@pytest.mark.parametrize("ends, bound", [({"max_val": 2.0}, 2.0), ({"min_val": -0.5, "max_val": 0.25}, 0.5)])
def test_ends_of_the_colours_are_those_of_both_and_not_of_their_difference(
    ends: dict[str, float], bound: float, hospital: Attribution
) -> None:
    other = hospital.replace(target_attributions=np.sqrt(np.abs(hospital.target_attributions)))
    free, pair = compare(hospital, other), compare(hospital, other, **ends)
    assert pair.a.scale.bound == pair.b.scale.bound == bound
    assert free.a.scale.bound not in (0.5, 2.0)
    assert pair.difference.scale == free.difference.scale


def test_nothing_in_common_is_an_error(make: Callable[..., Attribution]) -> None:
    with pytest.raises(InputError, match="no token in common"):
        compare(make(["a", " b"], 1), make(["c", " d"], 1))


def test_agreement_is_spearmans() -> None:
    a = np.array([[1.0, 1], [2, 2], [3, 3], [4, 4]])
    b = np.array([[4.0, 10], [3, 20], [2, 40], [1, 30]])
    np.testing.assert_allclose(spearman_by_step(a, b, np.ones((4, 2), dtype=bool)), [-1, 0.8])


def test_the_console_shows_both_and_the_difference(hospital: Attribution) -> None:
    import io

    from rich.console import Console

    console = Console(file=io.StringIO(), width=100)
    other = hospital.replace(method="saliency", target_attributions=-np.asarray(hospital.target_attributions))
    console.print(compare_view(hospital, other))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "rank agreement -1.00" in text
    assert "+ more in A, - more in B" in text
    assert "B  saliency" in text


@pytest.mark.parametrize("way, first, second", [("prod", 0.2, 0.06), ("sum", 0.9, 0.5), ("absmax", 0.5, 0.3)])
def test_step_scores_of_common_units_merge_in_their_own_way(way: str, first: float, second: float) -> None:
    def made(texts: list[str], probabilities: list[float]) -> Attribution:
        own = tuple(tokens(*texts))
        return Attribution(
            source=own[:1],
            target=own,
            attr_pos_start=1,
            attr_pos_end=4,
            target_attributions=np.triu(np.ones((4, 3))),
            step_scores={"sure": np.array(probabilities)},
            step_aggregation={"sure": way},
        )

    one, other = (
        made(["Hello", " gentle", "men", "!"], [0.5, 0.4, 0.9]),
        made(["Hello", " gent", "lemen", "!"], [0.2, 0.3, 0.9]),
    )
    beside = compare(one, other)
    np.testing.assert_allclose(beside.a.step_scores["sure"], [first, 0.9])
    np.testing.assert_allclose(beside.b.step_scores["sure"], [second, 0.9])
    for shown, combine in ((beside.a, "first"), (beside.b, "second")):
        paired = one.aggregate("pair", paired_attr=other, combine=combine)
        np.testing.assert_allclose(shown.step_scores["sure"], paired.step_scores["sure"])


@pytest.mark.parametrize(
    "normalize, words",
    [("none", ()), ("step", ("share of each step's total",)), ("sequence", ("share of the largest score",))],
)
def test_a_comparison_names_its_normalisation(
    hospital: Attribution, normalize: Normalization, words: tuple[str, ...]
) -> None:
    pair = compare(hospital, hospital, normalize=normalize)
    for half in (pair.a, pair.b, pair.difference):
        assert half.pipeline[-1:] == words


def test_a_difference_tells_how_both_came_about(make: Callable[..., Attribution]) -> None:
    """A norm and a sum over width: whichever comes first, both are told."""
    flat = make(["the", " cat", " sat"], 1)
    wide = np.stack([np.asarray(flat.target_attributions)] * 2, axis=-1)
    norm, added = (
        flat.replace(
            target_attributions=wide,
            dimensions=("width",),
            default_aggregation=(Stage(name="reduce", settings={"aggregate_fn": how}),),
        )
        for how in ("vnorm", "sum")
    )
    shares = "share of each step's total"
    for a, b, told in ((norm, added, "L2 norm over width"), (added, norm, "sum over width")):
        pair = compare(a, b)
        assert pair.difference.pipeline_words == (f"A: {told} → {shares} · B: {pair.b.pipeline[0]} → {shares}")
        assert pair.a.pipeline == (told, shares)
    assert compare(norm, norm).difference.pipeline == ("L2 norm over width", shares)
