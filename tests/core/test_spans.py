"""Spans of the output as targets."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import wherefrom
from attrs import frozen
from wherefrom.errors import InputError, SettingsError
from wherefrom.questions.spans import additive, checked_span, span_targets, target_of_spans
from wherefrom.step_functions import STEP_FUNCTIONS, CrossEntropy, Logit, Perplexity, Probability, StepFunction
from wherefrom.step_functions.base import StepPrediction
from wherefrom.text.places import as_setting, places_of
from wherefrom.text.segmentation import word_indices
from wherefrom.text.tokens import Segment, Token

TEXTS = ["<s>", "Go", ".", " I", " came", "!", " We", " s", "aw", ".", "</s>"]
SPECIAL = [text.startswith("<") for text in TEXTS]
TOKENS = [
    Token(id=i, piece=text, text=text, position=i, special=special, word=word)
    for i, (text, special, word) in enumerate(zip(TEXTS, SPECIAL, word_indices(TEXTS, SPECIAL), strict=True))
]
STEPS = np.arange(1, 11)


@pytest.mark.parametrize(
    "what,expected",
    [
        ("all", [(1, 11)]),
        ("sentence", [(1, 3), (3, 6), (6, 10), (10, 11)]),
        ("sentences", [(1, 3), (3, 6), (6, 10), (10, 11)]),
        ("words", [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 9), (9, 10), (10, 11)]),
        ((3, 6), [(3, 6)]),
        ([(6, 9)], [(6, 9)]),
        ([(8, 10), (3, 5)], [(3, 5), (5, 6), (6, 7), (7, 8), (8, 10)]),
        (np.array([[3, 5], [5, 7]]), [(3, 5), (5, 7)]),
        ("came", [(4, 5)]),
        ("We saw", [(6, 9)]),
        (" saw.", [(7, 10)]),
        (r"/We (.*)\./", [(7, 9)]),
        (re.compile(r"we saw", re.IGNORECASE), [(6, 9)]),
        (re.compile(r"\w+[.!]"), [(1, 3), (3, 4), (4, 6), (6, 7), (7, 10)]),  # each match, and what lies between
        ("/a/", [(4, 5), (5, 6), (6, 7), (7, 8), (8, 9)]),
        ("/c|m/", [(4, 5)]),  # of one token
        ("a", None),
    ],
)
def test_spans(what: Any, expected: Any) -> None:
    if expected is None:
        with pytest.raises(InputError, match=r"it is there 2 times; the output is 'Go\. I came! We saw\.'"):
            span_targets(what, TOKENS, STEPS)
        return
    found = span_targets(what, TOKENS, STEPS)
    assert list(found.spans) == expected
    assert found.steps.tolist() == list(range(expected[0][0], expected[-1][1]))
    assert (np.diff(found.groups) >= 0).all()
    assert len(found.groups) == len(found.steps)


BYTES = ["So", " 😀", "", "", " and", " 智", "", "ð"]
OF_BYTES = [
    Token(id=i, piece=text or "Ł", text="" if text == "ð" else text, position=i, special=False)
    for i, text in enumerate(BYTES)
]


@pytest.mark.parametrize(
    "what, held",
    [("😀", (1, 4)), ("So 😀", (0, 4)), ("😀 and", (1, 5)), ("and", (4, 5)), ("智", (5, 7)), ("So", (0, 1))],
)
def test_a_text_s_tokens_are_all_bytes_of_its_last_character_and_none_of_an_unfinished_one(
    what: str, held: tuple[int, int]
) -> None:
    assert list(span_targets(what, OF_BYTES, np.arange(8)).spans) == [held]
    assert places_of(what, OF_BYTES).tolist() == list(range(*held))
    assert places_of(re.compile(what), OF_BYTES).tolist() == list(range(*held))


@pytest.mark.parametrize("pattern", [r"/G(\d*)o/", r"/\d*/", r"/x?/", r"/Go(\d)?/"])
def test_a_pattern_that_matches_no_letter_names_no_token(pattern: str) -> None:
    with pytest.raises(InputError, match="names none of the 11 tokens"):
        places_of(pattern, TOKENS)


@pytest.mark.parametrize("flags", [0, re.ASCII, re.IGNORECASE, re.VERBOSE | re.ASCII, re.MULTILINE | re.DOTALL])
@pytest.mark.parametrize("pattern", [r"\w+", r"(?i)i.+\n", "^ é", "", r" \d "])
def test_a_pattern_as_a_setting_finds_what_it_found(pattern: str, flags: int) -> None:
    texts = ["1", "é", " I", " a", "\n", " É", "٣", "é"]
    tokens = [Token(id=i, piece=text, text=text, position=i, special=False) for i, text in enumerate(texts)]
    given, found = re.compile(pattern, flags), []
    for what in (given, as_setting(given)):
        try:
            found.append(places_of(what, tokens).tolist())
        except InputError:
            found.append([])
    assert found[0] == found[1]


def test_places_as_settings_are_plain_and_keep_what_was_given() -> None:
    answer = Segment(side="target", start=2, end=4, kind="turn", label="assistant")
    assert as_setting(np.array([[3, 5], [5, 7]])) == ((3, 5), (5, 7))
    assert as_setting([answer, "all"]) == ((2, 4), "all")
    with pytest.raises(InputError, match=r"is a part of the source\. Name a place among the explained tokens"):
        as_setting(Segment(side="source", start=2, end=4, kind="turn", label="user"))
    for use in (as_setting, lambda what: places_of(what, TOKENS)):
        with pytest.raises(InputError, match="is a pattern for bytes"):
            use(re.compile(b"Go"))


@pytest.mark.parametrize(
    "what,message",
    [
        ((0, 3), r"\(0, 3\) is no span of the explained steps 1 to 10"),
        ((3, 12), r"with 1 <= first < last \+ 1 <= 11"),
        ((5, 5), r"\(5, 5\) is no span"),
        ([(1, 4), (3, 6)], r"\(1, 4\) and \(3, 6\) overlap"),
        ([], "an empty list"),
        ([(1, 2, 3)], r"expected \(first, last \+ 1\) target positions"),
        ("sentance", r"Did you mean 'sentence'\?.*it is not there"),
    ],
)
def test_spans_that_cannot_be(what: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        span_targets(what, TOKENS, STEPS)


def test_only_explained_steps_make_sentences() -> None:
    assert span_targets("sentence", TOKENS, np.arange(4, 9)).spans == ((4, 6), (6, 9))


def test_products_become_sums() -> None:
    assert additive(Probability()) == Probability(logprob=True)
    assert additive(Probability(logprob=True)) == Probability(logprob=True)
    assert additive(CrossEntropy()) == CrossEntropy()
    assert additive(Logit()) == Logit()
    assert additive(Perplexity()) == CrossEntropy()


@pytest.mark.parametrize("name", sorted(STEP_FUNCTIONS))
def test_every_function_that_multiplies_has_logarithms_that_add_up(name: str) -> None:
    function = STEP_FUNCTIONS.get(name)()
    if function.span_aggregation != "prod":
        return
    logarithm = target_of_spans(function)
    assert logarithm.span_aggregation == "sum"
    rng = np.random.default_rng(0)
    logits, several, ids = rng.normal(size=(4, 7)), rng.normal(size=(5, 4, 7)), np.array([0, 6, 3, 3])
    prediction = StepPrediction(logits=logits, target_ids=ids, samples=several)
    values, told = (np.asarray(one(prediction)) for one in (function, logarithm))
    if function.sampled:
        assert (told < np.log(values)).all()  # the mean of logarithms
    else:
        np.testing.assert_allclose(told, np.log(values))


def test_a_span_of_perplexity_is_the_logarithm_of_its_product() -> None:
    model = wherefrom.load_model("demo:lm")
    texts = ("Mary stayed at home", "Mary stayed at home because she was sick")
    asked: dict[str, Any] = {"attributed_span": (6, 9), "baseline": "unk", "units": "token", "show_progress": False}
    one, other = (
        model.attribute(*texts, "occlusion", attributed_fn=function, **asked)[0].target_attributions
        for function in ("perplexity", "crossentropy")
    )
    np.testing.assert_array_equal(one, other)


def test_a_function_that_multiplies_without_logarithms_is_no_target_of_spans() -> None:
    @frozen
    class Twice(StepFunction):
        """Multiplies, and says no more."""

        identifier = "twice"
        span_aggregation = "prod"
        differentiable, contrastive, sampled = True, False, False

        def __call__(self, prediction: StepPrediction, /) -> Any:
            return 2 * prediction.log_probability()

    with pytest.raises(SettingsError, match=r"twice multiplies over a span.*logarithms"):
        wherefrom.load_model("demo:lm").attribute(
            "Mary", "Mary was here", "saliency", attributed_fn=Twice(), attributed_span="all"
        )


@pytest.mark.parametrize("what", ["/We (.*)/", re.compile(r"we saw", re.IGNORECASE), "came", (3, 6), "all"])
def test_a_place_is_named_alike_in_spans_and_traces(what: Any) -> None:
    output = TOKENS[1:]
    spans = span_targets(checked_span(what), TOKENS, STEPS).spans
    assert [i for start, end in spans for i in range(start, end)] == [1 + i for i in places_of(what, output).tolist()]


@pytest.mark.parametrize(
    "what, message",
    [
        ("/no such/", "'no such' matches nothing of the output, which is 'Go. I came! We saw.</s>'"),
        ("/(/", "attributed_span='/(/' is no regular expression"),
        (re.compile(b"came"), "is a pattern for bytes"),
    ],
)
def test_a_regular_expression_that_names_nothing_is_an_error(what: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        span_targets(checked_span(what), TOKENS, STEPS)


def test_a_result_tells_of_a_compiled_span_as_text() -> None:
    model = wherefrom.load_model("demo:lm", "dummy")
    one = model.attribute("the name of it", "the name of it is known", attributed_span=re.compile("IS", re.IGNORECASE))
    assert one.provenance.arguments["attributed_span"] == "/(?i)IS/"
