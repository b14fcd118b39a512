from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import frozen
from wherefrom.attribution import Attribution, Segment
from wherefrom.files import Summary
from wherefrom.files.summaries import summarized
from wherefrom_viz.browser.filters import FilterError, parse_filter

SCORES = ("probability", "entropy")


@frozen
class Example:
    """A candidate; without the example itself, reading it fails."""

    summary: Summary
    number: int = 3
    file: str = "beta.jsonl"
    marked: bool = False
    example: Attribution | None = None

    def load(self) -> Attribution:
        assert self.example is not None, "the summary should have been enough"
        return self.example


SUMMARY = Summary(
    offset=0,
    length=0,
    id="case-7",
    method="integrated_gradients",
    inputs=11,
    steps=4,
    prompt="George was SICK yesterday <unk>",
    output=" to the hospital.",
    scores={"probability": 0.15, "entropy": 2.5},
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", True),
        ("   ", True),
        ("sick", True),
        ("SICK hospital", True),
        ("sick nurse", False),
        ('"was sick"', True),
        ('"sick was"', False),
        ('"a \\"quoted\\" text"', False),
        ("-nurse", True),
        ("not sick", False),
        ("nurse or hospital", True),
        ("nurse or (sick and hospital)", True),
        ("(nurse or sick) -hospital", False),
        ("prob<0.2", True),
        ("prob < 20%", True),
        ("probability>=0.15", True),
        ("p=0.15", True),
        ("prob!=0.15", False),
        ("entropy>2 len>14", True),
        ("len>15", False),
        ("len=15 inputs=11 steps<=4 n=3", True),
        ("method:ig", True),
        ("method:gradients", True),
        ("method:occlusion", False),
        ("id:CASE", True),
        ("id~/^case-\\d$/", True),
        ("file:beta", True),
        ("file:alpha", False),
        ("input:hospital", False),
        ("output:hospital", True),
        ("input~/s.ck/", True),
        ("output~/s.ck/", False),
        ("text~/hospital\\.$/", True),
        ('has:"<pad>"', False),
        ("is:marked", False),
        ("is:unmarked", True),
        ("café", False),
    ],
)
def test_summary_is_enough(text: str, expected: bool) -> None:
    assert parse_filter(text, SCORES)(Example(SUMMARY)) is expected


@pytest.mark.parametrize(
    "text, position, words",
    [
        ("porb<0.2", 0, "Did you mean 'prob"),
        ("sick prob<low", 10, "compared with a number, got 'low'"),
        ("prob:0.2", 4, "is a number"),
        ("method<3", 6, "is a text"),
        ("input~sick", 6, "between slashes"),
        ("input~/(/", 6, "regular expression is wrong"),
        ("len~/1/", 3, "takes no regular expression"),
        ('"sick', 1, "no end"),
        ('has:"<unk>', 4, "no end"),
        ("(sick", 0, "has no ')'"),
        ("sick)", 4, "without its '('"),
        ("sick or", 7, "missing at the end"),
        ("or sick", 0, "missing before 'or'"),
        ("not", 3, "missing at the end"),
        ("tag:", 4, "What should 'tag' be"),
        ("is:gone", 3, "is:marked"),
        ("share(context)>x", 15, "share is compared with a number"),
    ],
)
def test_mistakes_say_where_and_what(text: str, position: int, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, SCORES)
    assert caught.value.position == position
    assert words in str(caught.value)


def test_missing_score_does_not_match() -> None:
    without = Example(Summary(offset=0, length=0, prompt="a"))
    assert not parse_filter("prob<1", SCORES)(without)
    assert not parse_filter("prob>=0", SCORES)(without)


def test_text_behind_the_summary_is_found(make: Callable[..., Attribution]) -> None:
    long = make([f" w{k}" for k in range(200)], 150)
    candidate = Example(summarized(long), example=long)
    assert "w140" not in candidate.summary.prompt
    assert parse_filter("w140", SCORES)(candidate)
    assert parse_filter("output:w190", SCORES)(candidate)
    assert not parse_filter("input:w190", SCORES)(candidate)
    assert parse_filter("input~/w149$/", SCORES)(candidate)
    assert not parse_filter("w777", SCORES)(candidate)


def test_has_wants_a_whole_token(hospital: Attribution) -> None:
    candidate = Example(summarized(hospital), example=hospital)
    assert parse_filter("has:sick", SCORES)(candidate)
    assert not parse_filter("has:sic", SCORES)(candidate)


def test_share_of_segments_and_sides(make: Callable[..., Attribution]) -> None:
    segments = (Segment(side="target", start=0, end=1, kind="document", label="doc A"),)
    one = make(["a", "b", "c"], 2, {(0, 0): 0.6, (1, 0): -0.2}, segments=segments)
    candidate = Example(summarized(one), example=one)
    assert parse_filter("share(context)>0.7", SCORES)(candidate)
    assert not parse_filter("share(context)>0.8", SCORES)(candidate)
    assert parse_filter("share(prompt)=1", SCORES)(candidate)
    assert not parse_filter("share(nowhere)>=0", SCORES)(candidate)


def test_tags_of_the_file(hospital: Attribution) -> None:
    tagged = hospital.replace(extra={"tags": ["Bad", "seen"]})
    assert parse_filter("tag:bad", SCORES)(Example(summarized(tagged), example=tagged))
    assert not parse_filter("tag:good", SCORES)(Example(summarized(tagged), example=tagged))
    assert not parse_filter("tag:bad", SCORES)(Example(summarized(hospital), example=hospital))
