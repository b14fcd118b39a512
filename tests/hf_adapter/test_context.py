"""Context attribution with the demo models, where the cues are known; and what used to go wrong with it."""

from __future__ import annotations

import itertools
import json
import re
import string
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import wherefrom
from attrs import evolve
from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer
from wherefrom.context import ContextAttribution, attribute_context
from wherefrom.context.chats import gap_before_answer
from wherefrom.context.formatting import Texts, formatted
from wherefrom.context.readings import Prefix, encoded_prefix
from wherefrom.errors import InputError, UsageError
from wherefrom.testing import counting
from wherefrom_hf.demo import GoldCue, gold_cues

SICK, ASKED = "George was sick yesterday.", "His colleagues asked him to come"


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def lm() -> wherefrom.AttributionModel:
    return wherefrom.load_model("demo:lm", "input_x_gradient", device="cpu")


@pytest.fixture(scope="module")
def mt() -> wherefrom.AttributionModel:
    return wherefrom.load_model("demo:mt", "input_x_gradient", device="cpu")


NOTHING_SAID = [
    "The weather was nice.",
    "The music was very loud.",
    "The meeting was long.",
    "Nobody opened the window.",
    "It rained all night.",
    "The streets were empty.",
]
"""Sentences of the demo model's language that decide nothing."""


def flagged(out: ContextAttribution) -> list[str]:
    return [out.texts("output_current")[i].strip() for i in out.selected]


def cues(out: ContextAttribution, index: int = 0) -> list[str]:
    return [out.texts("input_context")[i].strip() for i in out.cues(index)[0]]


# the example everybody knows


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient", "occlusion", "value_zeroing"])
def test_the_place_is_flagged_and_sick_is_its_cue(lm: wherefrom.AttributionModel, method: str) -> None:
    out = attribute_context(lm, ASKED, SICK, method=method, attribution_topk=1)
    assert out.output_current == "to the hospital."
    assert flagged(out) == ["hospital"]
    assert cues(out) == ["sick"]
    cue = out.cci_scores[0]
    assert (cue.contrast_token, cue.contrast_text, cue.alternative) == ("▁office", " office", "office")
    assert (cue.contextual_output, cue.contextless_output) == ("to the hospital", "to the office")


@pytest.mark.parametrize("function", ["contrast_prob_diff", "contrast_logits_diff", "kl_divergence", "pcxmi", "logit"])
def test_any_target_function_finds_the_cue(lm: wherefrom.AttributionModel, function: str) -> None:
    out = attribute_context(lm, ASKED, SICK, attributed_fn=function, attribution_topk=1)
    assert cues(out) == ["sick"]


@pytest.mark.parametrize("metric", ["kl_divergence", "pcxmi", "contrast_prob_diff", "in_context_pvi"])
def test_any_contrastive_metric_finds_the_place(lm: wherefrom.AttributionModel, metric: str) -> None:
    assert flagged(attribute_context(lm, ASKED, SICK, context_sensitivity_metric=metric)) == ["hospital"]


def test_generated_and_forced_outputs_score_alike(lm: wherefrom.AttributionModel) -> None:
    made = attribute_context(lm, ASKED, SICK)
    given = attribute_context(lm, ASKED, SICK, output="to the hospital.")
    assert given.output_current_tokens == made.output_current_tokens
    np.testing.assert_allclose(given.cti_scores, made.cti_scores, atol=1e-5)


def test_what_a_title_says_is_no_place_of_the_template(lm: wherefrom.AttributionModel) -> None:
    documents = [{"text": "George was sick.", "title": "GET /users/{id} {n} {text}", "id": "a{n}"}]
    out = attribute_context(
        lm,
        ASKED,
        documents,
        output="to the hospital.",
        document_template="[{title}] {text} ({id})",
        support_unit="none",
    )
    assert out.input_context == "[GET /users/{id} {n} {text}] George was sick. (a{n})"


def test_several_generated_outputs_are_refused(lm: wherefrom.AttributionModel) -> None:
    with pytest.raises(InputError, match=r"attribute_context explains one answer.*num_return_sequences"):
        attribute_context(lm, ASKED, SICK, generation_args={"num_return_sequences": 2, "num_beams": 2})


def test_outputs_that_a_model_gives_unasked_are_refused(
    lm: wherefrom.AttributionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = lm.module.generation_config
    for name in ("num_beams", "num_return_sequences"):
        monkeypatch.setattr(config, name, 2)
    for what, ask in (("attribute_context", attribute_context), ("A trace", wherefrom.trace)):
        given = (lm, ASKED, SICK) if ask is attribute_context else (lm, ASKED)
        with pytest.raises(
            InputError, match=f"{what} explains one answer, and the model gave 2.*num_return_sequences=1"
        ):
            ask(*given, generation_args={"max_new_tokens": 2})  # type: ignore[operator]
        ask(*given, generation_args={"max_new_tokens": 4, "num_return_sequences": 1})  # type: ignore[operator]


@pytest.mark.parametrize(
    "current, separator, output, written",
    [
        ("come", " ", "to", "come to"),
        ("come", " ", " to", "come to"),
        ("come ", " ", " to", "come to"),
        ("come", " ", "\nto", "come\nto"),
        ("come", "\n", " to", "come\n to"),
        ("come\n", " ", "to", "come\nto"),
        ("come\n", "So: ", "to", "come\nSo: to"),
        ("come", "", "to", "cometo"),
    ],
)
def test_between_input_and_output_stands_one_gap(
    lm: wherefrom.AttributionModel, current: str, separator: str, output: str, written: str
) -> None:
    form = formatted(lm.adapter, Texts(current=current, context=SICK, separator=separator, output=output))
    assert form.full.target_text + output == f"{SICK} {written}"
    assert form.bare.target_text + output == written


def test_between_an_output_and_what_its_template_puts_before_it_stands_one_gap(lm: wherefrom.AttributionModel) -> None:
    asked = Texts(current="come", context=SICK, output=" home", contextless_output_template="So: {current}")
    form = formatted(lm.adapter, evolve(asked, output_template="So: {current}"))
    assert form.full.target_text + " home" == f"{SICK} come So: home"
    assert form.bare.target_text + " home" == "come So: home"
    form = formatted(lm.adapter, evolve(asked, output_template="{context} {current}", output_context="soon"))
    assert form.full.target_text + " home" == f"{SICK} come soon home"
    assert form.full.output_context is not None
    assert form.full.target_text[slice(*form.full.output_context)] == "soon"


def test_scores_are_those_of_a_plain_attribution_of_the_whole_text(lm: wherefrom.AttributionModel) -> None:
    """An independent way: `attribute` on the written-out text, without any of the context machinery."""
    whole = f"{SICK} {ASKED} to the hospital"
    (plain,) = lm.attribute(f"{SICK} {ASKED} to the", whole, attributed_fn="probability")
    expected = plain.aggregate("vnorm", normalize=False).target_attributions[:, 0]
    out = attribute_context(lm, ASKED, SICK, output="to the hospital.")
    np.testing.assert_allclose(out.cci_scores[0].input_context_scores, expected[1:6], rtol=1e-4)


def test_encoder_s_context_sentence_decides_the_pronoun(mt: wherefrom.AttributionModel) -> None:
    out = attribute_context(
        mt,
        "It is small.",
        "The car is green.",
        input_template="{context} <brk> {current}",
        method="occlusion",
        attribution_topk=1,
    )
    assert out.output_current == "Elle est petite."
    assert flagged(out) == ["Elle"]
    assert cues(out) == ["car"]
    assert "<brk>" not in (out.input_context_tokens or [])


def test_an_output_context_is_split_off_and_scored(mt: wherefrom.AttributionModel) -> None:
    out = attribute_context(
        mt,
        "It is small.",
        "The car is green.",
        output_template="{context} {current}",
        handle_output_context_strategy="auto",
    )
    assert out.output_context == "La voiture est verte."
    assert out.output_current == "Elle est petite."
    assert len(out.cci_scores[0].output_context_scores or []) == len(out.output_context_tokens or []) == 5
    given = attribute_context(
        mt, "It is small.", "The car is green.", output_context="La voiture est verte.", output="Elle est petite."
    )
    np.testing.assert_allclose(given.cti_scores, out.cti_scores, atol=1e-5)
    np.testing.assert_allclose(
        given.cci_scores[0].output_context_scores, out.cci_scores[0].output_context_scores, rtol=1e-3
    )


def test_a_chat_s_earlier_turns_are_its_context(lm: wherefrom.AttributionModel) -> None:
    out = attribute_context(
        lm,
        ASKED,
        [{"role": "user", "content": SICK}],
        method="occlusion",
        attribution_topk=1,
        null_documents=NOTHING_SAID,
    )
    place = flagged(out).index("hospital")
    assert cues(out, place) == ["sick"]
    assert [(part.kind, part.title) for part in out.parts] == [("turn", "user")]
    assert out.sentences[0].citations == [0]


QUESTION = [{"role": "system", "content": "The sun was shining."}, {"role": "user", "content": ASKED}]


@pytest.mark.parametrize("answer", [[], [{"role": "assistant", "content": "to the"}]], ids=["asked", "begun"])
def test_documents_stand_beside_a_chat_s_question(lm: wherefrom.AttributionModel, answer: list[dict[str, str]]) -> None:
    """The whole prompt is the template's; parts and characters are the documents', wherever they stand in it."""
    documents = ["The weather was nice.", {"text": SICK, "title": "Note"}, "The music was very loud."]
    chat = [*QUESTION, *answer]
    output = " hospital." if answer else "to the hospital."
    out = attribute_context(
        lm, chat, documents, output=output, document_template="[{n}] {text}", null_documents=NOTHING_SAID
    )
    written = "[1] The weather was nice.\n[2] George was sick yesterday.\n[3] The music was very loud."
    assert out.input_context == written
    assert [written[slice(*(part.characters or (0, 0)))] for part in out.parts] == written.split("\n")
    words = out.texts("input_context")[out.parts[1].start : out.parts[1].end]
    assert "".join(words).strip() == f"[2] {SICK}"
    assert out.sentences[0].citations == [1]
    asked = attribute_context(
        lm, chat, documents, output=output, input_template="{current} {context}", null_documents=NOTHING_SAID
    )
    assert asked.input_context == written.replace("[1] ", "").replace("[2] ", "").replace("[3] ", "")


def test_a_chat_is_written_out_once(lm: wherefrom.AttributionModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """And once more to see what its template writes before an answer: a server renders each in a request."""
    kind, written = type(lm.adapter), []
    encode = kind.encode

    def seen(self: Any, text: Any, **settings: Any) -> Any:
        if not isinstance(text, str):
            written.append(str(text))
        return encode(self, text, **settings)

    monkeypatch.setattr(kind, "encode", seen)
    attribute_context(lm, QUESTION, [SICK, "The sun was shining."], output="to the", null_documents=NOTHING_SAID)
    assert len(set(written)) == 3, "with documents, without, and with an answer"
    assert len(written) == 4


def test_a_chat_without_its_documents_is_the_same_chat(lm: wherefrom.AttributionModel) -> None:
    """Against plain attributions of the two written-out chats: sensitivity needs nothing of the context machinery."""
    out = attribute_context(lm, QUESTION, SICK, output="to the hospital.", context_sensitivity_metric="pcxmi")
    both = []
    for content in (f"{SICK}\n\n{ASKED}", ASKED):
        prompt = lm.encode([QUESTION[0], {"role": "user", "content": content}])
        (plain,) = lm.attribute(
            prompt.text,
            prompt.text + ("" if prompt.text[-1].isspace() else " ") + "to the hospital.",
            method="dummy",
            skip_special_tokens=True,
            step_scores=["probability"],
        )
        both.append(plain.step_scores["probability"][-4:])
    np.testing.assert_allclose(out.cti_scores, np.log2(both[0]) - np.log2(both[1]), atol=1e-4)


IN_BRACKETS = "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %}"


@pytest.mark.parametrize(
    "template, gap",
    [
        (IN_BRACKETS + " {{ m.content }} </s>{% endif %}{% endfor %}", " "),
        (IN_BRACKETS + "{{ m.content }}</s>{% endif %}{% endfor %}", ""),
        (None, " "),
    ],
    ids=["a space before answers", "nothing before answers", "the model's own"],
)
def test_an_answer_stands_where_the_template_would_write_it(template: str | None, gap: str) -> None:
    model = wherefrom.load_model("demo:lm", "dummy", device="cpu")
    model.tokenizer.chat_template = template or model.tokenizer.chat_template
    chat = [{"role": "user", "content": ASKED}]
    assert gap_before_answer(model.adapter, chat) == gap
    options = {"output": "to the hospital.", "null_documents": NOTHING_SAID}
    out = attribute_context(model, chat, [{"role": "user", "content": SICK}], **options)
    prompt = model.encode([{"role": "user", "content": SICK}, *chat]).text
    written = model.attribute(prompt, prompt + gap + options["output"], step_scores=["logit"], show_progress=False)
    assert out.output_current_tokens == [token.piece for token in written[0].target[written[0].attr_pos_start :]]


def test_documents_stand_where_the_chat_template_puts_them() -> None:
    model = wherefrom.load_model("demo:lm", "dummy", device="cpu")
    template = model.tokenizer.chat_template
    model.tokenizer.chat_template = "{% for d in documents or [] %}{{ d.title }}: {{ d.text }} {% endfor %}" + template
    documents = [{"text": "The weather was nice.", "title": "Sky"}, {"text": SICK, "title": "Note"}]
    options = {"document_placement": "chat_template", "null_documents": NOTHING_SAID}
    out = attribute_context(model, QUESTION, documents, output="to the hospital.", **options)
    assert [(part.text, part.title) for part in out.parts] == [(one["text"], one["title"]) for one in documents]
    spans = [(out.input_context or "")[slice(*(part.characters or (0, 0)))].strip() for part in out.parts]
    assert spans == ["Sky: The weather was nice.", f"Note: {SICK}"]
    assert np.argmax(out.sentences[0].support) == 1
    model.tokenizer.chat_template = template
    with pytest.raises(InputError, match=r"writes 0 of 2 documents"):
        attribute_context(model, QUESTION, documents, output="to the hospital.", **options)


@pytest.mark.parametrize(
    "chat, options, message",
    [
        ([{"role": "system", "content": "Be brief."}], {}, "no message of the user"),
        ([{"role": "user", "content": " "}], {}, "must have a text"),
        (QUESTION, {"document_placement": "above"}, "document_placement = 'above'"),
        (QUESTION, {"document_placement": "chat_template", "input_template": "{context}{current}"}, "leave the input"),
        (
            QUESTION,
            {"document_placement": "chat_template", "document_template": "- {text}"},
            "the chat template writes them",
        ),
        (QUESTION, {"null_documents": ["One.", "Two."]}, "at least 4"),
        (QUESTION, {"null_documents": "One."}, "list of texts"),
        (QUESTION, {"support_level": 5}, "support_level=5"),
    ],
)
def test_chats_that_ask_nothing_are_refused(
    lm: wherefrom.AttributionModel, chat: list[dict[str, str]], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        attribute_context(lm, chat, [SICK], output="to the hospital.", **options)


@pytest.mark.parametrize(
    "options", [{"document_placement": "chat_template"}, {"document_template": "- {text}"}, {"document_separator": "|"}]
)
def test_earlier_messages_are_no_documents(lm: wherefrom.AttributionModel, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"no documents|not given as documents"):
        attribute_context(lm, QUESTION, [{"role": "user", "content": SICK}], output="to the hospital.", **options)


def test_characters_of_citations_are_where_they_say(lm: wherefrom.AttributionModel) -> None:
    out = attribute_context(
        lm,
        ASKED,
        ["The weather was nice.", SICK],
        output="to the hospital. The sun was shining.",
        null_documents=NOTHING_SAID,
    )
    cited = json.loads(out.citations_json())
    assert [cited["output"][slice(*one["characters"])] for one in cited["sentences"]] == [
        "to the hospital.",
        "The sun was shining.",
    ]
    (first,) = cited["sentences"][0]["citations"]
    assert cited["context"][slice(*first["characters"])] == SICK
    assert first["p_value"] <= cited["level"] == 0.05


def test_the_document_that_tells_is_cited(lm: wherefrom.AttributionModel) -> None:
    documents = [
        {"text": "The weather was nice.", "id": "w"},
        {"text": SICK, "id": "s", "title": "Sick note"},
        "The music was very loud.",
    ]
    out = attribute_context(lm, ASKED, documents, output="to the hospital.")
    assert out.cited_text == "to the hospital. [s]"
    assert out.parts[1].title == "Sick note"
    words = out.texts("input_context")[out.parts[1].start : out.parts[1].end]
    assert "".join(words).strip() == SICK
    nothing = attribute_context(lm, ASKED, documents[::2], output="to the hospital.")
    assert [one.text for one in nothing.unsupported] == ["to the hospital."]


def test_two_documents_that_say_the_same_are_both_cited(lm: wherefrom.AttributionModel) -> None:
    out = attribute_context(lm, ASKED, [SICK, "The meeting was long.", SICK], output="to the hospital.")
    assert sorted(out.sentences[0].citations) == [0, 2]
    assert max(out.sentences[0].necessity) < 0.1  # neither is missed alone


@pytest.mark.parametrize("unit", ["document", "sentence"])
def test_what_a_template_tells_is_no_document_s_doing(lm: wherefrom.AttributionModel, unit: Any) -> None:
    """Documents that say nothing, each held against the others: all were flagged and cited for their template."""
    said = itertools.product(
        ["The weather", "The music", "The garden", "The door"], ["nice", "loud", "quiet", "old", "red"]
    )
    pool = [f"{what} was {how}." for what, how in said]
    flagged, cited = 0, 0
    for real in pool[::5]:
        others = [one for one in pool if one != real]
        out = attribute_context(
            lm,
            ASKED,
            [real],
            output="to the hospital.",
            method="dummy",
            document_template="Note {n} on a sick man: {text}",
            fpr=0.05,
            null_contexts=others,
            null_documents=others,
            support_unit=unit,
        )
        flagged += bool(out.selected)
        cited += bool(out.sentences[0].citations)
    assert flagged <= 1
    assert cited == 0


# planted cues


def _split(example: GoldCue, words: int = 3) -> tuple[str, str, str]:
    """Context, beginning of the current sentence, and its rest as the output."""
    stop = example.context_stop
    assert stop is not None
    sentence = example.target[stop:].strip().split(" ")
    return example.source[:stop].strip(), " ".join(sentence[:words]), " ".join(sentence[words:])


def _planted() -> list[GoldCue]:
    return [one for one in gold_cues("lm") if one.dependency == "context_place" and "User:" not in one.source]


def _irrelevant() -> list[str]:
    """Pairs of sentences of the gold contexts that name no state."""
    states = "sick|hungry|bored|tired|thirsty|curious|lost|weak|poor|sad"
    sentences = {
        one.strip()
        for example in _planted()
        for one in re.findall(r"[^.]+\.", _split(example)[0])
        if not re.search(rf"\b({states})\b", one)
    }
    return [f"{a} {b}" for a, b in itertools.permutations(sorted(sentences), 2)]


def test_planted_cues_are_found_and_nothing_else(lm: wherefrom.AttributionModel) -> None:
    """Precision and recall are 1: exactly the decided word is flagged, exactly its cue is on top."""
    planted = _planted()
    assert len(planted) >= 40
    for example in planted:
        context, current, output = _split(example)
        out = attribute_context(
            lm, current, context, output=output, attributed_fn="contrast_prob_diff", attribution_topk=1
        )
        assert flagged(out) == [example.word.strip()], example.source
        assert cues(out) == [example.source[cue.start : cue.stop] for cue in example.cues], example.source


def test_the_permutation_test_finds_planted_words(lm: wherefrom.AttributionModel) -> None:
    unrelated = _irrelevant()[::4][:60]
    for example in _planted()[::6]:
        context, current, output = _split(example)
        out = attribute_context(lm, current, context, output=output, method="dummy", fpr=0.05, null_contexts=unrelated)
        assert flagged(out) == [example.word.strip()], example.source
        assert out.cci_scores[0].p_value == pytest.approx(1 / (len(unrelated) + 1))


def _false_positives(lm: wherefrom.AttributionModel, examples: int, draws: int) -> int:
    rng = np.random.default_rng(0)
    planted, unrelated = _planted(), _irrelevant()
    found = 0
    for _ in range(examples):
        _, current, output = _split(planted[rng.integers(len(planted))])
        drawn = [unrelated[i] for i in rng.choice(len(unrelated), draws + 1, replace=False)]
        out = attribute_context(lm, current, drawn[0], output=output, method="dummy", fpr=0.05, null_contexts=drawn[1:])
        found += bool(out.selected)
    return found


@pytest.mark.heavy
def test_irrelevant_contexts_are_seldom_flagged(lm: wherefrom.AttributionModel) -> None:
    assert _false_positives(lm, 40, 39) <= 4


@pytest.mark.heavy
def test_irrelevant_contexts_are_flagged_no_more_often_than_the_rate(lm: wherefrom.AttributionModel) -> None:
    assert _false_positives(lm, 200, 99) <= 10  # 5 % of 200


# passes


def test_passes_are_shared_by_all_selected_tokens(lm: wherefrom.AttributionModel) -> None:
    adapter, tally = counting(lm.adapter)
    model = wherefrom.load_model(adapter, "input_x_gradient")
    out = attribute_context(model, ASKED, SICK, output="to the hospital.", context_sensitivity_std_threshold=-9.0)
    assert len(out.selected) == 4
    assert tally.forward_rows == 2 + 1
    assert tally.backward_rows == 4


# what used to go wrong


def test_regression_views_leave_the_scores_alone(mt: wherefrom.AttributionModel) -> None:
    """Printing a result with both contexts once lengthened its lists of scores before they were saved."""
    out = attribute_context(
        mt,
        "It is small.",
        "The car is green.",
        output_context="La voiture est verte.",
        output="Elle est petite.",
        context_sensitivity_std_threshold=None,
    )
    before = out.to_json()
    out.to_text()
    out.to_html()
    assert out.to_json() == before
    for cue in out.cci_scores:
        assert len(cue.input_context_scores or []) == len(out.input_context_tokens or [])
        assert len(cue.output_context_scores or []) == len(out.output_context_tokens or [])


def test_regression_a_contextless_prefix_is_written_once(lm: wherefrom.AttributionModel) -> None:
    """It was once put in front again at every selected token: 'Answer: Answer: Answer: ...'."""
    out = attribute_context(
        lm,
        ASKED,
        SICK,
        output="to the hospital.",
        output_template="Answer: {current}",
        contextless_output_template="Answer: {current}",
        context_sensitivity_std_threshold=-9.0,
    )
    assert len(out.cci_scores) == 4
    for cue in out.cci_scores:
        assert (cue.contextless_output or "").count("Answer:") == 1
        assert "  " not in (cue.contextless_output or "")


def test_regression_given_next_tokens_are_compared_in_their_place(lm: wherefrom.AttributionModel) -> None:
    """The alternative of a decoder-only model was once built without its prompt."""
    given = attribute_context(
        lm,
        ASKED,
        SICK,
        output="to the hospital.",
        attributed_fn="contrast_logits_diff",
        contextless_output_next_tokens=["office"],
    )
    own = attribute_context(lm, ASKED, SICK, output="to the hospital.", attributed_fn="contrast_logits_diff")
    assert given.cci_scores[0].contrast_token == "▁office"
    assert given.cci_scores == own.cci_scores
    other = attribute_context(
        lm,
        ASKED,
        SICK,
        output="to the hospital.",
        attributed_fn="contrast_logits_diff",
        contextless_output_next_tokens=["cinema"],
    )
    assert other.cci_scores[0].contrast_token == "▁cinema"
    assert other.cci_scores[0].input_context_scores != own.cci_scores[0].input_context_scores


def test_regression_a_single_text_is_not_a_list_of_letters(lm: wherefrom.AttributionModel) -> None:
    """From Python a single string was taken apart into characters."""
    out = attribute_context(lm, ASKED, SICK, contextless_output_next_tokens="cinema", special_tokens_to_keep="<s>")
    assert out.cci_scores[0].contrast_token == "▁cinema"
    assert out.info["special_tokens_to_keep"] == ["<s>"]


def test_regression_without_a_context_nothing_is_selected(lm: wherefrom.AttributionModel) -> None:
    """All scores were 0, so was the threshold, and every token was 'selected'."""
    with pytest.raises(InputError, match="no context"):
        attribute_context(lm, ASKED)


def test_regression_pre_works_with_the_default_template(lm: wherefrom.AttributionModel) -> None:
    """It raised TypeError: argument of type 'NoneType' is not iterable."""
    assert flagged(attribute_context(lm, ASKED, SICK, handle_output_context_strategy="pre")) == ["hospital"]


def test_regression_pre_refuses_what_is_missing(mt: wherefrom.AttributionModel) -> None:
    with pytest.raises(InputError, match="output_context_text"):
        attribute_context(
            mt,
            "It is small.",
            "The car is green.",
            output_template="{context} {current}",
            handle_output_context_strategy="pre",
        )


class Scripted:
    """Somebody whose answers are known."""

    def __init__(self, answers: Sequence[str], confirms: Sequence[bool] = ()) -> None:
        self.answers, self.confirms = list(answers), list(confirms)
        self.questions: list[str] = []

    def confirm(self, question: str) -> bool:
        self.questions.append(question)
        return self.confirms.pop(0)

    def answer(self, question: str) -> str:
        self.questions.append(question)
        return self.answers.pop(0)


def test_regression_next_tokens_can_be_asked_for(lm: wherefrom.AttributionModel) -> None:
    """It raised TypeError: 'bool' object is not callable."""
    ask = Scripted(["cinema"])
    out = attribute_context(lm, ASKED, SICK, prompt_user_for_contextless_output_next_tokens=True, ask=ask)
    assert out.cci_scores[0].contrast_token == "▁cinema"
    assert "'hospital'" in ask.questions[0]


def test_regression_without_a_candidate_manual_asks_and_auto_explains(lm: wherefrom.AttributionModel) -> None:
    """Both raised UnboundLocalError: is_correct_candidate."""
    arguments = {"output_template": "{context} {current}"}
    with pytest.raises(InputError, match="output_context_text"):
        attribute_context(lm, ASKED, SICK, handle_output_context_strategy="auto", **arguments)
    with pytest.raises(InputError, match="nobody to ask"):
        attribute_context(lm, ASKED, SICK, **arguments)
    out = attribute_context(lm, ASKED, SICK, ask=Scripted(["the", "to"]), **arguments)  # 'the' begins nothing
    assert (out.output_context, out.output_current) == ("to", "the hospital.")
    none = attribute_context(lm, ASKED, SICK, ask=Scripted([""], [True]), **arguments)
    assert (none.output_context, none.output_current) == ("", "to the hospital.")


def test_regression_a_refused_candidate_is_asked_for(mt: wherefrom.AttributionModel) -> None:
    ask = Scripted(["La voiture est verte."], [False])
    out = attribute_context(mt, "It is small.", "The car is green.", output_template="{context} {current}", ask=ask)
    assert out.output_current == "Elle est petite."


def test_regression_a_given_current_output_is_used(mt: wherefrom.AttributionModel) -> None:
    """The log said that the given text is used, and the generated remainder came back."""
    arguments = {"output_template": "{context} {current}", "handle_output_context_strategy": "auto"}
    out = attribute_context(mt, "It is small.", "The car is green.", output="Elle est petite.", **arguments)
    assert out.output_current == "Elle est petite."
    with pytest.raises(InputError, match="does not end so"):
        attribute_context(mt, "It is small.", "The car is green.", output="Il est petit.", **arguments)


def test_regression_html_without_a_target_function(lm: wherefrom.AttributionModel) -> None:
    """It raised TypeError: NoneType + str."""
    page = attribute_context(lm, ASKED, SICK, attributed_fn=None).to_html()
    assert "hospital" in page


def test_regression_a_target_language_is_looked_up_in_the_vocabulary(mt: wherefrom.AttributionModel) -> None:
    """No tokenizer has ``lang_code_to_id`` any more. ``<brk>`` stands in for a language token here."""
    out = attribute_context(
        mt,
        "It is small.",
        "The car is green.",
        input_template="{context} <brk> {current}",
        tgt_lang="<brk>",
        output="Elle est petite.",
    )
    plain = attribute_context(
        mt, "It is small.", "The car is green.", input_template="{context} <brk> {current}", output="Elle est petite."
    )
    assert out.output_current_tokens == plain.output_current_tokens
    assert out.cti_scores != plain.cti_scores  # the decoder began with it
    with pytest.raises(InputError, match="no single token"):
        attribute_context(mt, "It is small.", "The car is green.", tgt_lang="fra_Latn")


@pytest.fixture(scope="module")
def multilingual() -> wherefrom.AttributionModel:
    """A random model with a tokenizer of NLLB's kind, which puts the language first."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *string.ascii_letters, ".", "▁t"]
    tokenizer = NllbTokenizer(
        vocab={piece: index for index, piece in enumerate(pieces)},
        merges=[("▁", "t")],
        src_lang="eng_Latn",
        tgt_lang="fra_Latn",
    )
    torch.manual_seed(0)
    size = {f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in (("layers", 1), ("ffn_dim", 16))}
    config = M2M100Config(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=2,
        **size,
    )
    module = M2M100ForConditionalGeneration(config).eval()
    return wherefrom.load_model(module, "input_x_gradient", tokenizer=tokenizer, device="cpu")


@pytest.mark.parametrize("output", [None, "elle est."])
def test_regression_today_s_multilingual_tokenizers_work(
    multilingual: wherefrom.AttributionModel, output: str | None
) -> None:
    """Any ``tgt_lang`` raised AttributeError: lang_code_to_id."""
    out = attribute_context(
        multilingual,
        "it is small.",
        "the car is green.",
        output=output,
        tgt_lang="fra_Latn",
        generation_args={"max_new_tokens": 4} if output is None else None,
        context_sensitivity_std_threshold=None,
    )
    assert "fra_Latn" not in out.output_current_tokens
    assert "eng_Latn" not in (out.input_context_tokens or [])
    assert output is None or "".join(out.texts("output_current")).strip() == output
    beginning = Prefix(target_text="", source_text="it is small.", language="fra_Latn")
    (language,) = multilingual.adapter.encode("fra_Latn", side="target", decoder_prefix=True).ids[1:]
    assert encoded_prefix(multilingual.adapter, beginning).ids.tolist() == [2, language]


def test_regression_special_tokens_are_listed_only_if_kept(mt: wherefrom.AttributionModel) -> None:
    arguments = {"input_template": "{context} {current}", "output": "Elle est petite."}
    context = "The car is green. <brk>"
    assert "<brk>" not in (attribute_context(mt, "It is small.", context, **arguments).input_context_tokens or [])
    kept = attribute_context(mt, "It is small.", context, special_tokens_to_keep=["<brk>"], **arguments)
    assert (kept.input_context_tokens or [])[-1] == "<brk>"
    assert all(len(cue.input_context_scores or []) == 6 for cue in kept.cci_scores)


@pytest.mark.parametrize(
    "name, output, texts",
    [
        ("demo:mt", "Ses clés sont nouvelles.", {"output_context": "George était malade hier."}),
        ("demo:mt", "Ses clés sont nouvelles.", {}),
        ("demo:lm", "Xo sick.", {}),
    ],
)
def test_a_space_mark_that_begins_an_output_is_explained_too(name: str, output: str, texts: dict[str, Any]) -> None:
    model = wherefrom.load_model(name, "dummy")
    found = wherefrom.attribute_context(
        model,
        current="His keys are new.",
        context="George was sick yesterday.",
        output=output,
        show_progress=False,
        **texts,
    )
    spoken = model.encode(output, as_target=True)
    assert found.output_current_tokens == [token.piece for token in spoken.tokens if not token.special]
    assert found.output_current_tokens[0] == "▁"


# sentences of an output that is not all known


@pytest.mark.parametrize("model", ["demo:lm", "demo:mt"])
@pytest.mark.parametrize(
    "output, sentences",
    [
        ("Bob ate. Zürich is nice.", ["Bob ate.", "Zürich is nice."]),
        ("Ö ü. It is nice. Ä", ["Ö ü.", "It is nice.", "Ä"]),
        ("यह अच्छा है। 你好。再见。", ["यह अच्छा है।", "你好。再见。"]),
        ("Bob ate.</s> It is nice.", ["Bob ate.", "It is nice."]),
    ],
)
def test_sentences_of_an_output_are_those_of_its_text(model: str, output: str, sentences: list[str]) -> None:
    loaded = wherefrom.load_model(model, "input_x_gradient", device="cpu")
    out = wherefrom.attribute_context(
        loaded,
        current="His colleagues asked him to come",
        context="George was sick.",
        output=output,
        support_unit="sentence",
        support_level=None,
        show_progress=False,
    )
    assert [one.text for one in out.sentences] == sentences
    assert [out.output_current[slice(*one.characters)] for one in out.sentences] == sentences
    assert out.output_current == output.replace("</s>", "")


CHAT = [{"role": "user", "content": ASKED}]


def importance(model: wherefrom.AttributionModel, units: str, **asked: Any) -> np.ndarray:
    out = attribute_context(
        model,
        output="to the hospital.",
        method="feature_ablation",
        units=units,
        support_unit="none",
        context_sensitivity_topk=1,
        **asked,
    )
    return np.array(out.cci_scores[0].input_context_scores)


def test_what_a_chat_template_writes_stays_where_a_context_is_taken_out(lm: wherefrom.AttributionModel) -> None:
    """It had been a part of the context's sentence: its tokens are no part of the chat's question."""
    found = importance(lm, "sentence", current=CHAT, context=SICK, attributed_fn="logit")
    whole = [{"role": "user", "content": f"{SICK}\n\n{ASKED}"}]
    asked = {"units": "sentence", "attributed_fn": "logit", "show_progress": False}
    (same,) = lm.attribute([whole], [" to the hospital."], "feature_ablation", **asked)
    step = [token.text.strip() for token in same.steps].index("hospital")
    first = [token.text.strip() for token in same.target].index("George")
    expected = same.target_attributions[first : first + len(found), step]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.min() > 0.1


@pytest.mark.parametrize("current", [ASKED, CHAT], ids=["text", "chat"])
def test_documents_are_units(lm: wherefrom.AttributionModel, current: Any) -> None:
    found = importance(lm, "document", current=current, context=[NOTHING_SAID[0], SICK])
    runs = [(value, len(list(run))) for value, run in itertools.groupby(found.round(6).tolist()) if abs(value) > 1e-3]
    assert runs[-1][0] == max(found.round(6)) > 0.05
    assert runs[-1][1] >= 5, "all tokens of the document that says it"


def test_turns_are_units_of_a_context(lm: wherefrom.AttributionModel) -> None:
    earlier = [{"role": "user", "content": SICK}, {"role": "assistant", "content": "I see."}]
    found = importance(lm, "turn", current=CHAT, context=earlier)
    assert len(set(found[:5].round(6).tolist())) == 1, "the turn is one unit"
    assert found[0] > 0.1
    assert not found[5:8].any(), "the template's own tokens stay"


def test_documents_of_an_encoder_are_units(mt: wherefrom.AttributionModel) -> None:
    asked = {"method": "feature_ablation", "units": "document", "support_unit": "none", "context_sensitivity_topk": 1}
    out = attribute_context(mt, "It is tired.", ["The cat is here.", "Mary sees the house."], **asked)
    scores = np.array(out.cci_scores[0].input_context_scores)
    assert len({*scores.round(6).tolist()} - {0.0}) == 2
