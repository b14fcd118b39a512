"""Two results agree as far as they do, whoever is asked: Python, the command line, the views."""

from __future__ import annotations

import io
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
    # first over columns, then over rows, each over what a position sees, itself included
    expected = [[(1.5 + 3) / 2, (6 + 6) / 2], [0, (7.5 + 10) / 2]]
    np.testing.assert_allclose(merged, expected)
