"""Context attribution on models whose answer is known, without a framework."""

from __future__ import annotations

import itertools
import json
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import wherefrom
from attrs import evolve
from msgspec.structs import replace
from scipy.stats import ttest_ind
from wherefrom.adapters import Encoding, PredictsSteps, Row, SequenceModel
from wherefrom.adapters.views import with_methods
from wherefrom.context import ContextAttribution, CueAttribution, attribute_context
from wherefrom.context.as_attributions import as_attributions
from wherefrom.context.documents import Document, context_text, sentence_parts
from wherefrom.context.outputs import Output, split
from wherefrom.context.permutation import p_values, shuffles
from wherefrom.context.readings import Prefix, characters_of, reading, text_of
from wherefrom.context.results import ContextPart, SentenceSupport
from wherefrom.context.selection import Threshold, chosen, level
from wherefrom.context.significance import p_values as effect_p_values
from wherefrom.context.support import Support
from wherefrom.context.templates import Template, contextless_template, input_template, output_template
from wherefrom.errors import FileFormatError, InputError, SettingsError, WherefromWarning
from wherefrom.files import load
from wherefrom.results.stages import Stage
from wherefrom.testing import ReferenceModel, counting, only, shift_copy_model
from wherefrom.text.tokens import Token

# templates


def test_places_of_texts_are_known() -> None:
    filled = Template("Q: {context} | {current} {x}").fill(current="it is", context="A {current} car")
    assert filled.text == "Q: A {current} car | it is {x}"
    assert filled.text[slice(*filled.context)] == "A {current} car"
    assert filled.text[slice(*filled.current)] == "it is"


@pytest.mark.parametrize(
    "make",
    [
        lambda: input_template("{context}", has_context=True),
        lambda: input_template("{current} {current}", has_context=False),
        lambda: input_template("{context} {context} {current}", has_context=True),
        lambda: output_template("{current} {context}", has_context=True),
        lambda: contextless_template("contextless_output_current_text", "no place"),
        lambda: contextless_template("contextless_output_current_text", "{context} {current}"),
    ],
)
def test_templates_without_sense_are_refused(make) -> None:
    with pytest.raises(SettingsError, match=r"template|contextless"):
        make()


def test_a_suffix_of_the_output_template_is_left_out_loudly() -> None:
    with pytest.warns(WherefromWarning, match="left out"):
        assert output_template("{current} END", has_context=False).text == "{current}"


# documents


def test_documents_have_places_and_numbers() -> None:
    made = context_text(
        ["One.", {"text": "Two.", "title": "B", "id": "x"}], template="[{n}] {title}: {text}", separator="\n"
    )
    assert made.text == "[1] : One.\n[2] B: Two."
    assert [made.text[slice(*part.span)] for part in made.parts] == ["[1] : One.", "[2] B: Two."]
    assert made.parts[1].id == "x"


def test_a_document_keeps_the_id_that_it_was_given() -> None:
    given = [
        {"text": "a", "id": 0, "title": 0},
        {"text": "b", "id": 1},
        {"text": "c", "id": None},
        {"text": "d", "id": ""},
    ]
    made = context_text(given, template="{id}/{title}: {text}", separator="; ")
    assert [part.id for part in made.parts] == ["0", "1", "3", "4"]
    assert made.parts[0].title == "0"
    assert made.text == "0/0: a; 1/: b; /: c; /: d"
    assert [part.id for part in context_text(["a", Document(text="b", id="0"), "c"]).parts] == ["1", "0", "3"]


@pytest.mark.parametrize("ids", [("x", "x"), (0, "0"), (None, 1), (2, None)])
def test_two_documents_that_are_cited_alike_are_told(ids: tuple[object, object]) -> None:
    with pytest.warns(WherefromWarning, match=r"Documents 1 and 2 are both cited as '[x012]'.*Give each an id"):
        context_text([{"text": "a", "id": ids[0]}, {"text": "b", "id": ids[1]}])


def test_sentences_have_places() -> None:
    text = "One. Two, too!  Three"
    assert [text[slice(*part.span)] for part in sentence_parts(text)] == ["One.", "Two, too!", "Three"]


@pytest.mark.parametrize("items", [[], [""], [{"title": "x"}], [3], {"text": "x"}])
def test_documents_without_text_are_refused(items) -> None:
    with pytest.raises(InputError):
        context_text(items)


# selection


def test_threshold_is_mean_plus_sample_deviations() -> None:
    scores = np.array([0.0, 1.0, 2.0, 9.0])
    assert level(scores, 1.0) == pytest.approx(3.0 + scores.std(ddof=1))
    assert level(scores, 0) == level(scores, None) == 3.0
    assert level(np.array([5.0]), 1.0) == 5.0
    assert level(np.array([5.0, 0.0]), 1.0) == 2.5


@pytest.mark.parametrize("deviations", [None, 0, 1.0, 3.0])
def test_equal_scores_are_all_at_their_level(deviations: float | None) -> None:
    for value in (float.fromhex("0x1.558ff84fccf62p+2"), *np.random.default_rng(0).random(50)):
        for count in (1, 3, 7):
            scores = np.full(count, value)
            assert level(scores, deviations) == value
            assert len(chosen(scores, Threshold(deviations=deviations))) == count


def test_selected_are_ordered_by_size_and_cut_at_top_k() -> None:
    scores = np.array([1.0, -5.0, 4.0, 0.0])
    assert chosen(scores, Threshold(deviations=None)).tolist() == [1, 2]
    assert chosen(scores, Threshold(deviations=0, top_k=1)).tolist() == [1]


def test_what_counts_does_not_depend_on_the_sign_of_a_metric() -> None:
    bits = np.array([3.56, 3.8e-6, 2e-7])
    nats = -np.log(2.0) * bits
    assert chosen(bits[:2], Threshold()).tolist() == chosen(nats[:2], Threshold()).tolist() == [0]
    assert chosen(bits, Threshold()).tolist() == chosen(nats, Threshold()).tolist() == [0]
    mixed = np.array([-9.0, 0.1, 0.2, -0.1, 0.1])
    assert chosen(mixed, Threshold()).tolist() == chosen(-mixed, Threshold()).tolist() == [0]


def test_zero_is_never_selected() -> None:
    assert not len(chosen(np.zeros(4), Threshold()))
    assert not len(chosen(np.zeros(4), Threshold(rate=0.05), p_values=np.full(4, 0.01)))


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": 1.0}, {"top_k": 0}])
def test_thresholds_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(SettingsError):
        Threshold(**wrong)


def test_p_values_keep_the_rate_under_the_null() -> None:
    rng = np.random.default_rng(0)
    flagged = 0
    for _ in range(400):
        draws = rng.exponential(size=(20, 6))  # the real one is like the others, in every token
        flagged += bool((p_values(draws[0], list(draws[1:])) <= 0.05).any())
    assert flagged / 400 == pytest.approx(0.05, abs=0.03)


def test_shuffled_words_are_the_same_words_in_another_order() -> None:
    model = shift_copy_model()
    encoding = model.encode("the cats sat on a mat", side="target")
    positions = np.arange(1, len(encoding.ids))
    moved = shuffles(encoding.ids, encoding.tokens, positions, 30, seed=1)
    for ids in moved:
        assert ids[0] == encoding.ids[0]
        assert sorted(ids) == sorted(encoding.ids)
        assert ids.tolist() != encoding.ids.tolist()
        text = model.decode(ids)
        assert "cats" in text  # a word's pieces stay together
    with pytest.raises(InputError, match="other order"):
        shuffles(encoding.ids, encoding.tokens, positions[:1], 3, seed=1)


def test_shuffles_move_characters_in_scripts_without_spaces() -> None:
    """As words they would be one clause and its mark, which have one other order."""
    texts = [*"图书馆在塔恩的磨坊旁边。"]
    tokens = tuple(Token(id=i, piece=text, text=text, position=i) for i, text in enumerate(texts))
    ids = np.arange(len(texts))
    moved = shuffles(ids, tokens, ids, 20, seed=1)
    assert len({tuple(one.tolist()) for one in moved}) == 20


NULL = np.array([[0.0, 0.2, -0.1, 0.1]])


def support_of(necessity: list[float], sufficiency: list[float], null: np.ndarray = NULL) -> Support:
    return Support(
        sentences=((0, 1),),
        necessity=np.array([necessity]),
        sufficiency=np.array([sufficiency]),
        null_necessity=null,
        null_sufficiency=null,
    )


def test_citations_are_those_above_the_threshold_strongest_first() -> None:
    assert support_of([0.1, 2.0, 0.3], [0.0, 0.1, 3.0]).citations(0.5, None) == [[2, 1]]
    assert support_of([0.1, 0.2], [0.0, -4.0]).citations(0.5, None) == [[]]


def test_what_any_text_does_is_no_support() -> None:
    """All three raise the sentence; foreign texts raise it as much as two of them."""
    null = np.array([[0.9, 1.4, 1.1, 1.6, 0.7]])
    assert support_of([1.2, 1.5, 9.0], [0.9, 1.3, 0.0], null).citations(0.5, None) == [[2, 1, 0]]
    assert support_of([1.2, 1.5, 9.0], [0.9, 1.3, 0.0], null).citations(0.5, 0.05) == [[2]]


def test_threshold_and_test_are_passed_by_the_same_measure() -> None:
    """Necessity is significant but slight, sufficiency large but no more than foreign texts'."""
    one = Support(
        sentences=((0, 1),),
        necessity=np.array([[0.4]]),
        sufficiency=np.array([[3.0]]),
        null_necessity=np.array([[0.0, 0.01, -0.01, 0.0]]),
        null_sufficiency=np.array([[1.0, 5.0, 2.0, 4.0]]),
    )
    assert one.p_values[0, 0] < 0.001
    assert one.citations(0.5, 0.05) == [[]]
    assert one.citations(0.3, 0.05) == [[0]]


def test_p_values_are_those_of_a_new_observation() -> None:
    """Against SciPy's two-sample t test, whose second sample is the one observation."""
    null, effects = np.array([0.3, -0.2, 0.8, 0.1, 0.4]), np.array([1.9, 0.2])
    expected = [ttest_ind([one], null, alternative="greater").pvalue for one in effects]
    np.testing.assert_allclose(effect_p_values(effects, null), expected)
    assert effect_p_values(np.array([0.0, 1.0]), np.zeros(4)).tolist() == [1.0, 0.0]
    for null in (np.zeros(0), np.zeros(1)):
        with pytest.raises(InputError, match=r"two foreign texts at least, and \d could be put.*support_level=None"):
            effect_p_values(effects, null)


def test_an_output_keeps_its_places_behind_another_beginning() -> None:
    """A mark without characters of its own takes none."""
    model = ReferenceModel()
    prefix = model.encode("the cat", side="target")
    spelt = ((" saw", 21, 24, False), ("</s>", 24, 24, True), (" a", 25, 26, False))
    said = [
        Token(id=3, piece=text, text=text, position=9 + at, start=start, end=end, special=special)
        for at, (text, start, end, special) in enumerate(spelt)
    ]
    run = reading(model, Prefix(target_text="the cat"), prefix, np.array([3, 3, 3]), said, frozenset())
    assert [(one.start, one.end) for one in run.target_tokens[-3:]] == [(8, 11), (11, 11), (12, 13)]
    assert [one.position for one in run.target_tokens] == list(range(len(run.target_ids)))


def test_a_part_whose_tokens_are_not_found_is_refused() -> None:
    """Its support would be that of nothing taken away."""
    model = ReferenceModel()
    spoilt = with_methods(model, None)

    def encode(self: Any, text: Any, **settings: Any) -> Any:
        found = model.encode(text, **settings)
        lost = [replace(token, start=None, end=None) if (token.end or 0) <= 11 else token for token in found.tokens]
        return evolve(found, tokens=tuple(lost))

    type(spoilt).encode = encode
    with pytest.raises(InputError, match="No token of the input is found where the document 'the cat sat' stands"):
        attribute_context(
            wherefrom.AttributionModel(spoilt), "on the mat", ["the cat sat", "the dog"], output="the cat"
        )


def test_the_chance_of_any_citation_is_the_level() -> None:
    """Eight parts and eight foreign texts that do the same: 5 % of outputs have a citation, within sampling error."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(1000):
        draws = rng.normal(2.0, 1.0, (4, 8))
        made = Support(
            sentences=((0, 1),),
            necessity=draws[:1],
            sufficiency=draws[1:2],
            null_necessity=draws[2:3],
            null_sufficiency=draws[3:],
        )
        found += bool(made.citations(0.0, 0.05)[0])
    assert 15 <= found <= 65


# the whole, on models whose answer is known


def test_a_copied_word_is_flagged_and_its_original_is_the_cue() -> None:
    """The model repeats what stands three tokens back: behind 'the cat' only the words of the context are copied."""
    model = wherefrom.load_model(shift_copy_model(shift=3), "input_x_gradient")
    out = attribute_context(
        model, "the cat", "man bird", output="bird the cat bird", attributed_fn="logit", attribution_topk=1
    )
    assert out.output_current_tokens == ["▁bird", "▁the", "▁cat", "▁bird"]
    assert out.selected == [0]
    assert [out.input_context_tokens[i] for i in out.cues(0)[0]] == ["▁bird"]
    # the other steps copy what is there with and without the context
    np.testing.assert_allclose(out.cti_scores[1:], 0.0, atol=1e-6)


@pytest.mark.parametrize("function", ["probability", "crossentropy", "perplexity", "pcxmi"])
def test_law_cues_of_any_function_are_traced_to_what_speaks_for_the_token(function: str, tmp_path: Path) -> None:
    model = wherefrom.load_model(shift_copy_model(shift=3), "occlusion")
    out = attribute_context(
        model, "the cat", "man bird", output="bird the cat bird", attributed_fn=function, context_sensitivity_topk=1
    )
    out.save(tmp_path / "out.json")
    for one in (as_attributions(out)[0], load(tmp_path / "out.json")[0]):
        traced = one.trace((one.attr_pos_start, one.attr_pos_start + 1), leave_out="nothing")
        (place,) = (index for index, token in enumerate(traced.target) if token.piece == "▁bird" and index < 4)
        assert traced.target_attributions[place, -1] > 0.99


@pytest.mark.parametrize("how, told", [(None, "vnorm"), ("sum", "sum")])
def test_what_was_done_to_scores_of_cues_is_told(how: str | None, told: str, tmp_path: Path) -> None:
    model = wherefrom.load_model(shift_copy_model(shift=3), "input_x_gradient")
    out = attribute_context(
        model,
        "the cat",
        "man bird",
        output="bird the cat bird",
        attributed_fn="logit",
        attribution_aggregators=how and [Stage(name="reduce", settings={"aggregate_fn": how})],
    )
    out.save(tmp_path / "out.json")
    for one in (as_attributions(out)[0], load(tmp_path / "out.json")[0]):
        assert [(stage.name, stage.settings["aggregate_fn"]) for stage in one.aggregations] == [("reduce", told)]


@pytest.mark.parametrize("told", [None, "sum", [{"settings": 3}], 5])
def test_what_was_done_may_be_told_in_no_way(told: object) -> None:
    assert as_attributions(_result(info={"aggregations": told}))[0].aggregations == ()


def test_what_reads_the_contrast_alone_is_explained_where_both_say_the_same() -> None:
    """The contextless prediction is a constant, so that of the context is read: nothing else has a gradient."""
    model = wherefrom.load_model(ReferenceModel(), "input_x_gradient")
    said = ["on", "the", "mat"]
    asked = partial(attribute_context, model, "the cat sat", "a man slept.", output=" ".join(said))
    every = partial(asked, attributed_fn="contrast_prob", context_sensitivity_std_threshold=None)
    out = every(contextless_output_next_tokens=[said[place] for place in every().selected])
    assert out.cci_scores
    for one in out.cci_scores:
        assert one.contrast_token == out.output_current_tokens[one.cti_idx]
        assert np.abs(np.array(one.input_context_scores)).max() > 1e-6


def test_an_encoder_s_context_is_found() -> None:
    model = wherefrom.load_model(shift_copy_model("encoder-decoder", shift=1), "input_x_gradient")
    out = attribute_context(
        model,
        "the cat",
        "man bird",
        output="man bird the",
        attributed_fn="logit",
        context_sensitivity_std_threshold=None,
    )
    assert out.selected[0] in (0, 1)
    assert out.output_context_tokens is None
    assert len(out.cci_scores[0].input_context_scores) == 2


def test_sensitivity_is_the_divergence_of_contextless_from_contextual_predictions() -> None:
    adapter = ReferenceModel()
    model = wherefrom.load_model(adapter, "dummy")
    out = attribute_context(
        model, "the cat sat", "a man slept.", output="on the mat", context_sensitivity_std_threshold=None
    )
    before = adapter.encode("the cat sat", side="target").ids
    whole = adapter.encode("a man slept. the cat sat", side="target").ids
    said = adapter.encode("on the mat", side="target", add_special_tokens=False).ids

    def log_p(prefix):
        ids = np.concatenate([prefix, said])
        (answer,) = adapter.predict([Row(target_ids=ids, steps=np.arange(len(prefix), len(ids)))])
        z = answer.logits - answer.logits.max(axis=-1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

    p, q = log_p(before), log_p(whole)
    np.testing.assert_allclose(out.cti_scores, (np.exp(p) * (p - q)).sum(axis=-1), atol=1e-9)
    assert out.cci_scores[0].input_context_scores is None  # dummy scores nothing


def test_two_forward_passes_find_the_sensitive_tokens_and_one_explains_them_all() -> None:
    adapter, tally = counting(ReferenceModel())
    model = wherefrom.load_model(adapter, "input_x_gradient")
    out = attribute_context(
        model,
        "the cat sat",
        "a man slept.",
        output="on the mat and slept in the big red house",
        attributed_fn="contrast_prob_diff",
        context_sensitivity_std_threshold=None,
    )
    assert len(out.selected) > 2
    # two passes for the sensitivity; one shared by all selected tokens, or two if some keep their token
    kept = {cue.contrast_token == cue.cti_token for cue in out.cci_scores}
    assert tally.forward_rows == 2 + len(kept)
    assert tally.backward_rows == len(out.selected)


def test_a_model_that_only_predicts_is_enough_for_occlusion() -> None:
    adapter = only(ReferenceModel(), SequenceModel, PredictsSteps)
    out = attribute_context(
        wherefrom.load_model(adapter),
        "the cat sat",
        "a man slept.",
        output="on the mat",
        method="occlusion",
        context_sensitivity_std_threshold=None,
    )
    assert out.cci_scores


def test_shared_questions_give_what_single_ones_give() -> None:
    """All selected tokens together must score as each of them alone."""
    model = wherefrom.load_model(ReferenceModel(), "integrated_gradients", n_steps=5)
    arguments = {"output": "on the mat and slept", "attributed_fn": "contrast_logits_diff"}
    together = attribute_context(
        model, "the cat sat", "a man slept.", context_sensitivity_std_threshold=None, **arguments
    )
    alone = attribute_context(
        model,
        "the cat sat",
        "a man slept.",
        context_sensitivity_topk=1,
        context_sensitivity_std_threshold=None,
        **arguments,
    )
    assert len(together.cci_scores) > 1
    np.testing.assert_allclose(
        together.cci_scores[0].input_context_scores, alone.cci_scores[0].input_context_scores, rtol=1e-5
    )


def test_documents_are_cited_by_what_leaving_them_out_costs() -> None:
    model = wherefrom.load_model(shift_copy_model(shift=4), "dummy")
    out = attribute_context(model, "the", ["cat", "bird man", "dog"], output="bird", support_level=None)
    assert [part.text for part in out.parts] == ["cat", "bird man", "dog"]
    # tokens before the output: cat bird man dog the; four back stands 'bird', because 'dog' keeps it there
    assert set(out.sentences[0].citations) == {1, 2}
    assert out.sentences[0].necessity[0] == pytest.approx(0.0)
    assert out.sentences[0].necessity[1] > 1
    assert out.cited_text.startswith("bird [")
    assert out.unsupported == []


# refusals


def test_no_context_is_refused_instead_of_selecting_every_token() -> None:
    model = wherefrom.load_model(ReferenceModel(), "dummy")
    for nothing in (None, "", "  "):
        with pytest.raises(InputError, match="no context"):
            attribute_context(model, "the cat sat", nothing, output="on the mat")


@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("template", [None, "{context} {current}", "So: {context} {current}"])
def test_a_blank_output_context_is_none(blank: str, template: str | None) -> None:
    model = wherefrom.load_model(ReferenceModel(), "dummy")
    asked = partial(attribute_context, model, "the cat sat", output="on the mat", output_template=template)
    with pytest.raises(InputError, match="no context"):
        asked(None, output_context=blank)
    out = asked("a man slept.", output_context=blank)
    assert out.output_context is None
    assert out.output_context_tokens is None
    if template is None:
        assert out.cti_scores == asked("a man slept.").cti_scores


class _NoContext:
    """Says that there is no context in an output."""

    def answer(self, question: str) -> str:
        return ""

    def confirm(self, question: str) -> bool:
        return question.startswith("Is there no context")


def test_an_output_in_which_no_context_is_found_is_refused_where_there_is_no_other() -> None:
    model = wherefrom.load_model(ReferenceModel(), "dummy")
    asked = partial(attribute_context, model, "the cat sat", output_template="{context} {current}", ask=_NoContext())
    with pytest.raises(InputError, match="no context"):
        asked()
    assert asked("a man slept.").output_context == ""


class _Agrees:
    """Takes what is proposed for the context."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    def answer(self, question: str) -> str:
        raise AssertionError(question)

    def confirm(self, question: str) -> bool:
        self.questions.append(question)
        return True


@pytest.mark.parametrize("way", ["auto", "manual", "given"])
@pytest.mark.parametrize(
    "of_context, between, of_output",
    [
        ([" Le", " lit", "."], [" |||"], [" Il", " dort", "."]),
        (["Le", " lit", "."], [" ", "|", "||"], [" ", "Il", " dort", "."]),
        ([" Le", " café", ""], [" |||", " "], ["Il", " dort", "."]),
        ([" Le", " lit", ". |"], ["||"], [" Il", " dort", "."]),
        ([" Le", " lit", "."], [" ||"], ["| Il", " dort", "."]),
    ],
)
def test_a_separator_is_part_neither_of_the_output_nor_of_its_context(
    of_context: list[str], between: list[str], of_output: list[str], way: str
) -> None:
    texts = ["", *of_context, *between, *of_output]
    tokens = [Token(id=i, piece=text, text=text, position=i, special=i == 0) for i, text in enumerate(texts)]
    begun = Encoding(ids=np.arange(1), tokens=tuple(tokens[:1]), text="")
    whole = Output(prefix=begun, ids=np.arange(1, len(texts)), tokens=tuple(tokens[1:]))
    ask = _Agrees()
    said = split(
        shift_copy_model(),
        whole,
        Template("{context} ||| {current}"),
        None,
        strategy="manual" if way == "manual" else "auto",
        ask=ask,
        current="Il dort." if way == "given" else None,
    )
    context = "".join(of_context).removesuffix(" |").strip()
    assert said.context == context
    assert said.context_positions.tolist() == list(range(1, 1 + len(of_context)))
    separated = len(between) - (between[-1] == " ")  # a space behind it is of what follows
    assert said.prefix.ids.tolist() == list(range(1 + len(of_context) + separated))
    assert said.ids.tolist() == list(range(1 + len(of_context) + separated, len(texts)))
    if way == "manual":
        assert ask.questions[0].endswith(f"Is {context!r} its context, and 'Il dort.' the rest?")


def test_a_separator_alone_is_no_context_of_a_given_output() -> None:
    tokens = [Token(id=i, piece=text, text=text, position=i) for i, text in enumerate([" |||", " Il", " dort"])]
    begun = Encoding(ids=np.arange(1), tokens=(), text="")
    whole = Output(prefix=begun, ids=np.arange(3), tokens=tuple(tokens))
    with pytest.raises(InputError, match="Give the output context"):
        split(
            shift_copy_model(),
            whole,
            Template("{context} ||| {current}"),
            None,
            strategy="auto",
            ask=None,
            current="Il dort",
        )


def test_a_context_that_its_template_leaves_out_is_told_and_refused() -> None:
    model = wherefrom.load_model(ReferenceModel(), "dummy")
    with pytest.warns(WherefromWarning, match="left out"), pytest.raises(InputError, match="no context"):
        attribute_context(model, "the cat", "a man", output="sat", input_template="{current}")


@pytest.mark.parametrize(
    "settings, error, words",
    [
        ({"context_sensitivity_metric": "probability"}, SettingsError, "kl_divergence"),
        ({"fpr": 0.001}, InputError, "at least 999"),
        ({"fpr": 0.05, "null_contexts": ["a dog sat."]}, InputError, "at least 19"),
        ({"fpr": 0.05, "null_contexts": ["a dog sat.", ""] * 10}, InputError, r"null_contexts\[1\] is empty"),
        ({"fpr": 0.05, "null_contexts": ["a dog sat.", "  "] * 10}, InputError, r"null_contexts\[1\] is empty"),
        (
            {"fpr": 0.5, "null_contexts": ["a dog sat.", ["a dog sat."]]},
            InputError,
            r"null_contexts\[1\] must be a text",
        ),
        (
            {"fpr": 0.5, "null_contexts": ["a dog sat.", "a\ud800"]},
            InputError,
            r"null_contexts\[1\] has half a character",
        ),
        ({"fpr": 0.5, "null_contexts": "unrelated"}, SettingsError, "null_contexts='unrelated' is not known"),
        ({"null_contexts": ["a dog sat."]}, SettingsError, "null_contexts would change nothing"),
        ({"null_draws": 20}, SettingsError, "null_draws would change nothing"),
        ({"fpr": 0.05, "null_contexts": ["a dog sat."] * 19, "null_draws": 20}, SettingsError, "all used"),
        ({"document_template": "[{n}] {text}"}, SettingsError, "document_template would change nothing"),
        ({"document_separator": ","}, SettingsError, "document_separator would change nothing"),
        ({"document_placement": "chat_template"}, SettingsError, "no messages"),
        ({"null_documents": ["a", "b", "c", "d"]}, SettingsError, "null_documents would change nothing"),
        (
            {"null_documents": ["a", "b", "c", "d"], "support_unit": "sentence", "support_level": None},
            SettingsError,
            "no test",
        ),
        ({"handle_output_context_strategy": "automatic"}, SettingsError, "auto"),
        ({"support_unit": "document"}, InputError, "one text"),
        ({"no_such_setting": 1}, SettingsError, "no_such_setting"),
        ({"contextless_output_next_tokens": ["a"] * 9}, InputError, "selected"),
        ({"prompt_user_for_contextless_output_next_tokens": True}, InputError, "nobody to ask"),
    ],
)
def test_requests_without_sense_say_what_to_do(settings, error, words) -> None:
    model = wherefrom.load_model(ReferenceModel(), "dummy")
    with pytest.raises(error, match=words):
        attribute_context(model, "the cat sat", "a man slept.", output="on the mat", **settings)


@pytest.mark.parametrize(
    "null, words",
    [
        ("", r"null_contexts\[1\], in the place of a list of documents: Document 1 is empty"),
        ([], r"null_contexts\[1\], .*: The list of documents is empty"),
        (["a dog sat.", " "], r"null_contexts\[1\], .*: Document 2 is empty"),
        ([{"title": "a"}], r"null_contexts\[1\], .*: Document 1 has no 'text'"),
    ],
)
def test_a_null_context_that_is_no_list_of_documents_is_named(null, words) -> None:
    model = wherefrom.load_model(ReferenceModel(), "dummy")
    with pytest.raises(InputError, match=words):
        attribute_context(
            model, "the cat sat", ["a man slept."], output="on", fpr=0.5, null_contexts=["a dog sat.", null]
        )


def test_null_contexts_of_other_numbers_of_documents_are_told_where_documents_are_written_out() -> None:
    model = wherefrom.load_model(ReferenceModel(), "dummy")
    asked = partial(
        attribute_context,
        model,
        "the cat sat",
        ["a man slept.", "it was red."],
        output="on",
        fpr=0.5,
        show_progress=False,
    )
    nulls = [["a dog sat.", "a bird sat."], "a dog sat."]
    with pytest.warns(WherefromWarning, match=r"has 2 document\(s\), and null_contexts\[1\] not as many"):
        out = asked(null_contexts=nulls, document_template="[{n}] {text}")
    assert out.info["null_contexts"] == [[{"text": "a dog sat."}, {"text": "a bird sat."}], [{"text": "a dog sat."}]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked(null_contexts=nulls)


# files


def _result(**changes) -> ContextAttribution:
    values = {
        "input_context": "a man",
        "input_context_tokens": ["▁a", "▁man"],
        "output_current": "he sat",
        "output_current_tokens": ["▁he", "▁sat"],
        "cti_scores": [3.0, 0.5],
        "cci_scores": [
            CueAttribution(
                cti_idx=0, cti_token="▁he", cti_score=3.0, contextual_output="he", input_context_scores=[0.1, 0.9]
            )
        ],
        **changes,
    }
    return ContextAttribution(**values)


def test_files_come_back_as_they_were(tmp_path) -> None:
    model = wherefrom.load_model(ReferenceModel(), "input_x_gradient")
    out = attribute_context(model, "the cat sat", ["a man slept.", "it was red."], output="on the mat")
    out.save(tmp_path / "out.json")
    assert ContextAttribution.load(tmp_path / "out.json") == out
    assert ContextAttribution.from_dict(out.to_dict()) == out
    with pytest.raises(InputError, match="overwrite"):
        out.save(tmp_path / "out.json")


def _cited(ids: list[str], **numbers: list[float]) -> ContextAttribution:
    said = SentenceSupport(
        text="a.",
        start=0,
        end=1,
        necessity=numbers.get("necessity", [1.0] * len(ids)),
        sufficiency=numbers.get("sufficiency", [0.0] * len(ids)),
        citations=list(range(len(ids)))[::-1],
        p_values=numbers.get("p_values", []),
    )
    return ContextAttribution(
        output_current="a.",
        output_current_tokens=["a."],
        cti_scores=[numbers.get("cti", [1.0])[0]],
        cci_scores=[],
        parts=[ContextPart(text="x", id=name) for name in ids],
        sentences=[said],
        info={"level": numbers.get("necessity", [0.0])[0]},
    )


@pytest.mark.parametrize(
    "ids, cited", [(["0", "1", "2"], "[2][1][0]"), (["p.1", "", "p.9"], "[p.9][2][p.1]"), (["", ""], "[2][1]")]
)
def test_parts_are_cited_by_their_ids_and_else_by_their_numbers(ids: list[str], cited: str) -> None:
    assert _cited(ids).cited_text == f"a. {cited}"


@pytest.mark.parametrize(
    "shown", [{}, {"attribution_std_threshold": 0.0}, {"attribution_std_threshold": None}, {"attribution_topk": 1}]
)
def test_cues_are_the_same_without_what_was_asked(shown: dict[str, Any]) -> None:
    model = wherefrom.load_model(ReferenceModel(), "occlusion")
    out = attribute_context(model, "the cat sat", "a man slept. it was red.", output="on the mat", **shown)
    bare = out.without_info()
    assert bare.info == shown
    assert bare.provenance is None
    assert [bare.cues(index) for index in range(len(out.cci_scores))] == [
        out.cues(index) for index in range(len(out.cci_scores))
    ]


@pytest.mark.parametrize("gap", [" ", "\n\n", "", "  \n- "])
def test_citations_stand_in_the_output_as_it_is_written(gap: str) -> None:
    """Scripts without spaces between sentences, and paragraphs, stay what they are."""
    one, other = "他病了。", "他来了。"
    said = f"{one}{gap}{other}"
    first = replace(_cited(["x"]).sentences[0], text=one, characters=(0, 4))
    second = replace(first, text=other, characters=(len(said) - 4, len(said)))
    made = _cited(["x"]).replace(output_current=said, sentences=[first, second])
    assert made.cited_text == f"{one} [x]{gap}{other} [x]"
    assert made.replace(sentences=[second]).cited_text == f"{one}{gap}{other} [x]"
    assert made.replace(sentences=[first, replace(second, citations=[])]).cited_text == f"{one} [x]{gap}{other}"
    untold = [replace(each, characters=None) for each in (first, second)]
    assert made.replace(sentences=untold).cited_text == f"{one} [x] {other} [x]"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_come_back_from_files(value: float, tmp_path: Path) -> None:
    numbers = {name: [value, 1.0] for name in ("necessity", "sufficiency", "p_values", "cti")}
    made = _cited(["a", "b"], **numbers)
    made.save(tmp_path / "made.json")
    for back in (
        ContextAttribution.load(tmp_path / "made.json"),
        ContextAttribution.from_dict(made.to_dict()),
        ContextAttribution.from_dict(json.loads(made.to_json())),
    ):
        told = [*back.sentences[0].necessity, *back.sentences[0].sufficiency, *back.sentences[0].p_values]
        np.testing.assert_array_equal(told, [value, 1.0] * 3)
        np.testing.assert_array_equal([*back.cti_scores, back.info["level"]], [value] * 2)


def test_inseq_s_files_are_read() -> None:
    out = ContextAttribution.from_dict(
        {
            "input_context": "George was sick.",
            "input_context_tokens": ["ĠGeorge", "Ġwas", "Ġsick", "."],
            "output_context": None,
            "output_context_tokens": None,
            "output_current": " hospital",
            "output_current_tokens": ["Ġhospital"],
            "cti_scores": [1.5],
            "cci_scores": [
                {
                    "cti_idx": 0,
                    "cti_token": "Ġhospital",
                    "cti_score": 1.5,
                    "contextual_output": " hospital",
                    "contextless_output": " office",
                    "contrast_token": "Ġoffice",
                    "input_context_scores": [0.1, 0.2, 0.9, 0.1],
                    "output_context_scores": None,
                }
            ],
            "info": {"attribution_std_threshold": 1.0, "model_name_or_path": "gpt2"},
        }
    )
    assert [out.texts("input_context")[i] for i in out.cues(0)[0]] == [" sick"]
    assert out.max_cci == 0.9


@pytest.mark.parametrize(
    "piece, text, read",
    [
        ("Ġoffice", None, "office"),
        ("▁office", None, "office"),
        ("Ãł", None, "à"),
        ("æĻº", None, "智"),
        ("come</w>", None, "come"),
        ("æĻ", "\ufffd", "\ufffd"),
        ("Ġ", None, "Ġ"),
        (None, None, None),
    ],
)
def test_what_would_rather_have_been_said_is_read_as_text(
    piece: str | None, text: str | None, read: str | None
) -> None:
    cue = _result().cci_scores[0]
    assert msgspec.structs.replace(cue, contrast_token=piece, contrast_text=text).alternative == read


def test_field_names_of_inseq_are_kept() -> None:
    names = set(_result().to_dict())
    assert {
        *("input_context", "input_context_tokens", "output_context", "output_context_tokens", "output_current"),
        *("output_current_tokens", "cti_scores", "cci_scores", "info"),
    } <= names
    assert {
        *("cti_idx", "cti_token", "cti_score", "contextual_output", "contextless_output", "contrast_token"),
        *("input_context_scores", "output_context_scores"),
    } <= set(_result().to_dict()["cci_scores"][0])


def test_lists_that_do_not_fit_are_refused() -> None:
    """Files that inseq wrote after printing both contexts have more scores than tokens."""
    cue = CueAttribution(
        cti_idx=0, cti_token="x", cti_score=1.0, contextual_output="x", input_context_scores=[0.0] * 17
    )
    with pytest.raises(FileFormatError, match="17 scores for 2 tokens"):
        _result(cci_scores=[cue])
    with pytest.raises(FileFormatError, match="cti_idx 7"):
        _result(cci_scores=[CueAttribution(cti_idx=7, cti_token="x", cti_score=1.0, contextual_output="x")])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"output_current": 3}', b"\xff\xfe"])
def test_damaged_files_are_refused(tmp_path, content) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"bad\.json"):
        ContextAttribution.load(tmp_path / "bad.json")


def test_context_files_open_like_any_other(tmp_path) -> None:
    """Contexts are the prompt, cues the columns of the selected tokens."""
    out = _result(output_context="she ran", output_context_tokens=["▁she", "▁ran"])
    out.save(tmp_path / "out.json")
    (one,) = load(tmp_path / "out.json")
    assert [token.piece for token in one.target] == ["▁a", "▁man", "▁she", "▁ran", "▁he", "▁sat"]
    assert (one.attr_pos_start, one.attr_pos_end) == (4, 6)
    np.testing.assert_allclose(one.target_attributions[:, 0], [0.1, 0.9, 0, 0, 0, 0])
    assert not one.target_attributions[:, 1].any()
    np.testing.assert_allclose(one.step_scores["sensitivity"], [3.0, 0.5])


@pytest.mark.parametrize(
    "pieces, texts",
    [
        (["Ġcaf", "Ã©", "ĠæĹ¥"], [" caf", "é", " 日"]),
        (["play", "##ing"], ["play", "ing"]),
        (["a</w>", "b"], ["a ", "b"]),
    ],
)
def test_pieces_of_a_context_are_read_as_those_of_any_other_file(pieces: list[str], texts: list[str]) -> None:
    out = _result(output_context="x", output_context_tokens=pieces)
    assert out.texts("output_context") == texts
    (one,) = as_attributions(out)
    assert [token.text for token in one.target[2 : 2 + len(pieces)]] == texts


def test_the_sensitivity_of_a_sentence_is_that_of_its_metric() -> None:
    """As that of a step score of the same name."""
    for metric, expected in (("kl_divergence", 3.5), ("contrast_prob_diff", 3.0), ("mine", 3.0)):
        (one,) = as_attributions(_result(info={"context_sensitivity_metric": metric}))
        merged = one.aggregate("spans", target_spans=[(one.attr_pos_start, one.attr_pos_end)])
        np.testing.assert_allclose(merged.step_scores[metric], [expected])


# places in the output


def test_tokens_have_places_in_the_output_and_none_outside_of_it() -> None:
    said = [("<s>", True), (" Go", False), (".", False), ("</s>", True), (" On", False), ("\n", False), ("</s>", True)]
    tokens = [Token(id=i, piece=t, text=t, position=i, special=mark) for i, (t, mark) in enumerate(said)]
    text = text_of(tokens)
    assert text == "Go. On"
    assert [text[slice(*characters_of(tokens, i, i + 1))] for i in range(7)] == ["", "Go", ".", "", "On", "", ""]
    for first, end in itertools.combinations(range(8), 2):
        begin, stop = characters_of(tokens, first, end)
        assert 0 <= begin <= stop <= len(text)
        assert text[begin:stop] == text_of(tokens[first:end])
