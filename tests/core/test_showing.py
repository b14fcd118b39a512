"""Showing with an aggregation, and options that nobody takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import wherefrom
from wherefrom.errors import InputError, SettingsError
from wherefrom.results.attribution import Attribution
from wherefrom.text.tokens import Token


@pytest.fixture
def result() -> Attribution:
    """Two inputs, one of them the first step, with a width of 2."""
    names = ("he", " is", " ill")
    tokens = tuple(Token(id=i, piece=name, text=name, position=i) for i, name in enumerate(names))
    scores = np.array([[[3.0, -4.0], [1.0, 1.0]], [[0.0, 0.0], [2.0, -5.0]], [[0.0, 0.0], [0.0, 0.0]]])
    return Attribution(
        source=tokens[:1],
        target=tokens,
        attr_pos_start=1,
        attr_pos_end=3,
        target_attributions=scores,
        dimensions=("width",),
        method="made",
        step_scores={"probability": np.array([0.5, 0.25])},
    )


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed."""
    return capsys.readouterr().out


def test_an_aggregator_comes_before_the_view(result: Attribution, capsys: pytest.CaptureFixture[str]) -> None:
    result.show(aggregator="sum", normalize=False)
    asked = shown(capsys)
    result.aggregate("sum", normalize=False).show()
    assert asked == shown(capsys)
    result.show(aggregator="vnorm")
    assert shown(capsys) != asked


def test_normalize_may_be_the_aggregators_or_the_views(result: Attribution, capsys: pytest.CaptureFixture[str]) -> None:
    result.show(normalize=False)
    plain = shown(capsys)
    result.aggregate("scores", normalize=False).show()
    assert plain == shown(capsys)
    result.show(aggregator="sum", normalize="step")
    assert "share of each step's total" in shown(capsys)


def test_no_aggregation_shows_inner_dimensions(result: Attribution, capsys: pytest.CaptureFixture[str]) -> None:
    result.show(do_aggregation=False)
    assert "width" in shown(capsys)
    with pytest.raises(SettingsError, match="Choose one"):
        result.show(aggregator="sum", do_aggregation=False)


def test_a_function_aggregates(result: Attribution) -> None:
    def middle(values: Any, axis: int) -> Any:
        return np.median(values, axis=axis)

    def largest(values: Any, axis: int, where: Any) -> Any:
        return np.where(where, values, -np.inf).max(axis=axis)

    seen = result.aggregate("scores", aggregate_fn=middle, normalize=False)
    np.testing.assert_allclose(seen.target_attributions[0], [-0.5, 1.0])
    assert seen.aggregations[0].settings["aggregate_fn"].endswith("middle")
    np.testing.assert_allclose(result.aggregate(np.sum, normalize=False).target_attributions[1], [0.0, -3.0])
    np.testing.assert_allclose(result.aggregate([largest], normalize=False).target_attributions[0], [3.0, 1.0])
    with pytest.raises(InputError):
        seen.aggregate(middle)


@pytest.mark.parametrize("verb", ["show", "to_html", "to_text", "to_svg", "to_markdown", "to_latex", "show_tokens"])
def test_an_unknown_option_names_the_nearest(result: Attribution, verb: str) -> None:
    with pytest.raises(SettingsError, match="granularity"):
        getattr(result, verb)(granularty="word")
    with pytest.raises(SettingsError, match="nonsense_of_ones_own"):
        getattr(result, verb)(nonsense_of_ones_own=1)


@pytest.mark.parametrize("verb", ["show", "show_granular", "to_html", "to_text", "to_svg", "to_png", "to_latex"])
def test_what_a_verb_says_it_takes_it_takes(result: Attribution, verb: str) -> None:
    with pytest.raises(SettingsError) as told:
        getattr(result, verb)(nonsense_of_ones_own=1)
    listed = str(told.value).rpartition("It takes: ")[2].rstrip(".").split(", ")
    assert {"granularity", "palette"} <= set(listed)
    for name in listed:
        with pytest.raises((SettingsError, InputError, TypeError, AttributeError)) as refused:
            getattr(result, verb)(**{name: float("nan")})
        assert "takes no option" not in str(refused.value), name
        assert "got multiple values" not in str(refused.value), name


def test_a_contrast_stands_beside_its_token(result: Attribution) -> None:
    pairs = [
        {"step": 1, "contrast_position": 1, "target": " is", "contrast": " was", "contrast_piece": " was"},
        {"step": 2, "contrast_position": 2, "target": " ill", "contrast": " ill", "contrast_piece": " ill"},
    ]
    compared = result.replace(details={"contrast": {"origin": "default", "pairs": pairs, "unpaired": []}})
    for text in (compared.to_text(), compared.to_markdown()):
        assert "was → is" in text
        assert "ill → ill" not in text
    assert "was → is" in compared.to_html()
    assert "→" not in wherefrom.Attributions(sequence_attributions=(result,)).to_markdown()
