from __future__ import annotations

import numpy as np
import pytest
from wherefrom.errors import UnknownNameError
from wherefrom.results.aggregators.functions import combine
from wherefrom.results.aggregators.merging import NOT_MERGED
from wherefrom.text.tokens import Segment, Token
from wherefrom_viz.describe import units


def tokens(*texts: str, words: bool = False) -> list[Token]:
    return [Token(id=i, piece=t, text=t, position=i, word=i // 2 if words else None) for i, t in enumerate(texts)]


@pytest.mark.parametrize(
    "texts, starts",
    [
        (("The", " devel", "oper", "."), (0, 1, 3)),
        (("a", "\n", "b"), (0, 1, 2)),
        (("漢", "字", "。"), (0, 2)),
        ((), ()),
    ],
)
def test_words_come_from_the_texts_when_nothing_better_is_known(
    texts: tuple[str, ...], starts: tuple[int, ...]
) -> None:
    assert units.unit_starts(tokens(*texts), "word") == starts


def test_words_follow_the_tokenizers_word_index() -> None:
    assert units.unit_starts(tokens("a", " b", "c", "d", words=True), "word") == (0, 2)


def test_sentences_begin_after_closing_quotes() -> None:
    texts = ("He", " said", " .", '"', " Then", " left", "!", "\n", "Bye")
    assert units.unit_starts(tokens(*texts), "sentence") == (0, 4, 8)


def test_turns_follow_the_segments() -> None:
    turns = [Segment(side="target", start=0, end=2, kind="turn", label="user")]
    assert units.unit_starts(tokens("a", "b", "c", "d"), "turn", turns) == (0, 2)


SCORES = np.array([[1.0, -4.0], [2.0, 3.0], [0.0, 5.0]])
SEEN = np.array([[True, True], [True, True], [False, True]])


@pytest.mark.parametrize(
    "how, first",
    [
        ("sum", [3, -1]),
        ("mean", [1.5, -0.5]),
        ("absmax", [2, -4]),
        ("max", [2, 3]),
        ("l2", [5**0.5, 5]),
    ],
)
def test_rows_merge_by_name(how: units.Merge, first: list[float]) -> None:
    merged = units.merged_block(SCORES, SEEN, (0, 2), (0, 1), how)
    np.testing.assert_allclose(merged, [first, [0, 5]])


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e300])
def test_norms_of_the_very_large_and_small_are_numbers(size: float) -> None:
    scores = np.array([[3.0, 0.0], [4.0, 0.0], [-5.0, 0.0]]) * size
    merged = units.merged_block(scores, np.ones((3, 2), dtype=bool), (0, 2), (0, 1), "l2")
    np.testing.assert_allclose(merged, np.array([[5.0, 0.0], [5.0, 0.0]]) * size)


def test_of_equal_magnitudes_the_first_is_taken_as_aggregation_does() -> None:
    scores = np.array([[-0.5, 0.5, 0.0], [0.5, -0.5, 0.25], [0.1, 0.1, -0.25]])
    merged = units.merged_block(scores, np.ones(scores.shape, dtype=bool), (0,), (0, 1, 2), "absmax")
    np.testing.assert_array_equal(merged, [[-0.5, 0.5, 0.25]])
    np.testing.assert_array_equal(merged[0], combine("absmax", scores, 0))


def test_unknown_merge_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"called 'summ'\. Did you mean 'sum'"):
        units.merged_block(SCORES, SEEN, (0,), (0, 1), "summ")  # type: ignore[arg-type]


def test_step_scores_merge_as_their_function_says() -> None:
    values = np.array([0.5, 0.5, 0.2])
    np.testing.assert_allclose(units.merge_step_scores(values, (0, 2), "prod"), [0.25, 0.2])
    np.testing.assert_allclose(units.merge_step_scores(values, (0, 2), "sum"), [1.0, 0.2])


def test_merged_tokens_cover_their_parts() -> None:
    (word,) = units.merged_tokens(tokens("devel", "oper"), (0,))
    assert (word.text, word.position, word.size, word.id) == ("developer", 0, 2, -1)


@pytest.mark.parametrize("way", ["another_way", NOT_MERGED])
@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_step_scores_that_nobody_can_merge_here_are_no_number(way: str, kind: type) -> None:
    """As those of a step function that only the package of another machine has, and differences of probabilities."""
    values = np.array([2, 4, 1], dtype=kind)
    np.testing.assert_array_equal(units.step_scores_of_spans(values, [(0, 2), (2, 3)], way), [np.nan, 1.0])
