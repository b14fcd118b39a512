from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from attrs import frozen
from wherefrom.files import Summary
from wherefrom.files.summaries import MOST_ANNOTATIONS, summarized
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.text.tokens import Segment
from wherefrom_viz.browser.filter_language import FilterError, parse_filter
from wherefrom_viz.browser.filters import unknown_parts

from tests.viz.browser.conftest import browser_of, settled, shown

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


def test_a_name_that_is_none_has_a_suggestion_or_the_list() -> None:
    with pytest.raises(FilterError) as near:
        parse_filter("probb<0.2", ("probability",))
    assert str(near.value) == "There is no field 'probb'. Did you mean 'prob'?"
    with pytest.raises(FilterError, match=r"There are: len, .*share"):
        parse_filter("zzzz<0.2", ("probability",))


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


@pytest.mark.parametrize("token", ["<s>", "hospital", ".", "sick"])
def test_a_token_outside_what_the_list_shows_is_found(hospital: Attribution, token: str) -> None:
    begun = msgspec.structs.replace(hospital.target[0], text="<s>", special=True)
    target = (begun, *hospital.target[1:])
    one = hospital.replace(target=target, source=hospital.source[1:]).select_steps(0, 1)
    candidate = Example(summarized(one), example=one)
    assert parse_filter(f'has:"{token}"', SCORES)(candidate)
    assert not parse_filter('has:"<pad>"', SCORES)(candidate)


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


NAMES = ("label", "gold label", "prob", "note")
NOTED = msgspec.structs.replace(
    SUMMARY,
    lows=(0.01, 2.0),
    context=0.75,
    annotations={
        "tags": ["Bad", "two words"],
        "label": "3",
        "gold label": "Maybe so",
        "prob": 0.5,
        "note": ["one", "[/red]"],
    },
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("minprob<0.1", True),
        ("minprobability>0.1", False),
        ("minent>=2", True),
        ("share(context)>50%", True),
        ("share(context)<0.5", False),
        ("tag:bad", True),
        ('tags:"two words"', True),
        ("tag:two", False),
        ("label=3.0", True),
        ("label<4", True),
        ("label>=4", False),
        ("label!=3", False),
        ("label!=4", True),
        ("note:one", True),
        ("note=on", False),
        ("note:on", True),
        ("note!=one", False),
        ("note<3", False),
        ("column(gold label)=maybe", False),
        ('column(gold label)="maybe so"', True),
        ("column( gold label ):maybe", True),
        ("column(gold label)~/^maybe/", True),
        ("prob<0.2", True),
        ("column(prob)<0.2", False),
        ("column(nothing)=1", False),
        ("-column(nothing)=1", True),
        ("column(nothing)!=1", False),
    ],
)
def test_tags_annotations_lowest_scores_and_shares_are_read_from_the_summary(text: str, expected: bool) -> None:
    assert parse_filter(text, SCORES, NAMES)(Example(NOTED)) is expected


def test_what_an_older_index_lacks_is_read_from_the_example(hospital: Attribution) -> None:
    noted = hospital.replace(annotations={"tags": "bad", "label": 3})
    old = Example(msgspec.structs.replace(summarized(noted), lows=None, context=None, annotations=None), example=noted)
    for text in ("tag:bad", "label=3", f"minprob<{noted.step_scores['probability'].min() + 0.01}", "share(context)>0"):
        assert parse_filter(text, SCORES, NAMES)(old), text
    assert not parse_filter("label=4", SCORES, NAMES)(old)


def test_annotations_longer_than_the_index_keeps_are_read_from_the_example(hospital: Attribution) -> None:
    noted = hospital.replace(annotations={"note": "x" * 500 + "end", "tags": [f"t{k}" for k in range(50)]})
    candidate = Example(summarized(noted), example=noted)
    assert parse_filter("note~/end$/", SCORES, NAMES)(candidate)
    assert parse_filter("tag:t49", SCORES, NAMES)(candidate)
    assert not parse_filter("tag:t50", SCORES, NAMES)(candidate)


def test_tags_are_found_whatever_else_the_index_holds_in_part(hospital: Attribution) -> None:
    line = hospital.replace(annotations={"tags": ", ".join(f"tag-number-{k}" for k in range(30))})
    behind = hospital.replace(annotations={**{f"c{k}": k for k in range(40)}, "tags": ["odd"]})
    for one, tag in ((line, "tag-number-29"), (behind, "odd")):
        candidate = Example(summarized(one), example=one)
        assert parse_filter(f"tag:{tag}", SCORES, NAMES)(candidate)
        assert not parse_filter("tag:none", SCORES, NAMES)(candidate)
    assert summarized(behind).tags == ["odd"]
    assert len(summarized(behind).annotations or {}) == MOST_ANNOTATIONS


@pytest.mark.parametrize(
    "text",
    [
        "pro",
        "prob",
        "sick pro",
        "-outp",
        "prob<",
        "prob!",
        "prob<-",
        "prob<1e",
        "prob<0.2 or",
        "prob<0.2 and",
        "not",
        "(prob<0.2",
        '"was',
        'method:"int',
        "method:",
        "label=",
        "input~",
        "input~/si",
        "share(",
        "share(cont",
        "share(context)",
        "share(context)>",
        "column(gold",
        "column(gold label)",
        "column(gold label)=",
        "is:mar",
        "-",
        "minpr",
        "lab",
    ],
)
def test_what_is_being_written_is_unfinished_and_no_mistake(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, SCORES, NAMES, typing=True)
    assert caught.value.unfinished


@pytest.mark.parametrize(
    "text", ["prb<", "prob<x", "prob:1", "is:lost", "a )", "input~/(/", "share(context)>x", "method: )"]
)
def test_mistakes_are_no_beginnings(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, SCORES, NAMES, typing=True)
    assert not caught.value.unfinished


@pytest.mark.parametrize("text", ["pro", "prob", "outp", "share", "in"])
def test_words_that_could_become_fields_are_words_when_they_are_finished(text: str) -> None:
    for finished in (parse_filter(text, SCORES), parse_filter(text + " ", SCORES, typing=True)):
        assert not finished(Example(SUMMARY))
        assert finished(Example(Summary(offset=0, length=0, prompt=f"a {text}")))


@pytest.mark.parametrize(
    "text, unknown",
    [
        ("share(nonsense)>=0", ["nonsense"]),
        ("share(prompt)>2", []),
        ("share(turn)>2 or -share(Nonsense)<1 sick", ["nonsense"]),
        ("nonsense", []),
    ],
)
def test_parts_that_no_example_has_are_known(
    chat: Attribution, hospital: Attribution, text: str, unknown: list[str]
) -> None:
    assert unknown_parts(parse_filter(text, SCORES), [hospital, chat]) == unknown


async def test_a_share_of_nothing_is_told(hospital: Attribution) -> None:
    app = browser_of(Attributions(sequence_attributions=(hospital,)))
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        await pilot.press("f", *"share", "(", *"nonsense", ")", ">", "=", "0", "enter")
        await settled(pilot)
        assert "share(nonsense): no example has such a part, of 1 looked at" in shown(pilot)
