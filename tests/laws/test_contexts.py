"""What stands in the place of a context, or of a part of one, is written as that is: the very same gives the same."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import wherefrom
from transformers import ByT5Tokenizer
from wherefrom.adapters import Row
from wherefrom.context import Document, attribute_context, attributing
from wherefrom.context.foreign import Foreign
from wherefrom.context.permutation import shuffles
from wherefrom.context.readings import ForcedRun, text_of, within
from wherefrom.text.segmentation import unit_spans
from wherefrom_hf.text.tokenizer import TextCoder

from tests.laws.models import model_of

TEXTS: dict[str, dict[str, Any]] = {
    "demo:lm": {
        "current": "His colleagues asked him to come",
        "output": "to the hospital.",
        "said": ["The weather was nice.", "George was sick yesterday. The door was open."],
    },
    "demo:mt": {
        "current": "It is small.",
        "output": "Elle est petite.",
        "said": ["The car is green.", "The house is big. It is red."],
    },
}
TEMPLATES = ["{text}", "[{n}] {title}\n{text}", "({text})", "On a sick man: {text} ({id}) "]
CHAT = "as a chat"
MODELS = [*TEXTS, CHAT]


@pytest.fixture(scope="module")
def models() -> dict[str, wherefrom.AttributionModel]:
    return {name: wherefrom.load_model(name, "dummy", device="cpu") for name in TEXTS}


def asked(models: dict[str, wherefrom.AttributionModel], name: str, **more: Any) -> None:
    """Ask about the documents of a model, or about those that stand beside a chat's question."""
    about = TEXTS["demo:lm" if name == CHAT else name]
    current = [{"role": "user", "content": about["current"]}] if name == CHAT else about["current"]
    model = models["demo:lm" if name == CHAT else name]
    attribute_context(model, current, output=about["output"], show_progress=False, **more)


def documents(name: str) -> list[Document]:
    said = TEXTS["demo:lm" if name == CHAT else name]["said"]
    return [Document(text=text, id=f"d{place}", title=f"Day {place}") for place, text in enumerate(said)]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """The pass with the real context, and those with others in its place."""
    found: list[Row] = []
    sensitivity, null_scores = attributing.sensitivity, attributing.null_scores

    def real(model: Any, full: ForcedRun, *rest: Any) -> Any:
        found.append(full.row())
        return sensitivity(model, full, *rest)

    def null(model: Any, drawn: list[Row], *rest: Any) -> Any:
        found.extend(drawn)
        return null_scores(model, drawn, *rest)

    monkeypatch.setattr(attributing, "sensitivity", real)
    monkeypatch.setattr(attributing, "null_scores", null)
    return found


def assert_same(first: Row, other: Row) -> None:
    np.testing.assert_array_equal(first.target_ids, other.target_ids)
    np.testing.assert_array_equal(first.steps, other.steps)
    assert (first.source_ids is None) == (other.source_ids is None)
    if first.source_ids is not None:
        np.testing.assert_array_equal(first.source_ids, other.source_ids)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("name", MODELS)
def test_the_real_documents_are_a_null_context_like_the_real_one(
    name: str, template: str, rows: list[Row], models: dict[str, wherefrom.AttributionModel]
) -> None:
    real = documents(name)
    settings = {"fpr": 0.5, "document_template": template, "support_unit": "none"}
    same = [real, [one.text for one in real], [{"text": one.text, "id": one.id, "title": one.title} for one in real]]
    asked(models, name, context=real, null_contexts=same, **settings)
    one = real[:1]
    asked(models, name, context=one, null_contexts=[one[0], one[0].text, one, [one[0].text]], **settings)
    assert len(rows) == (1 + 3) + (1 + 4)
    for first, other in [*itertools.product(rows[:1], rows[1:4]), *itertools.product(rows[4:5], rows[5:])]:
        assert_same(first, other)


@pytest.mark.parametrize("output_context", [None, "The sun was shining."])
@pytest.mark.parametrize("name", MODELS)
def test_the_real_text_is_a_null_context_like_the_real_one(
    name: str, output_context: str | None, rows: list[Row], models: dict[str, wherefrom.AttributionModel]
) -> None:
    real = " ".join(one.text for one in documents(name))
    asked(models, name, context=real, null_contexts=[real] * 2, fpr=0.5, output_context=output_context)
    assert len(rows) == 3
    for other in rows[1:]:
        assert_same(rows[0], other)


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ForcedRun, list[Foreign]]]:
    """What is read, and the foreign texts put into it."""
    found: list[tuple[ForcedRun, list[Foreign]]] = []
    put_in_place = attributing.put_in_place

    def put(model: Any, full: ForcedRun, *rest: Any) -> Any:
        foreign = put_in_place(model, full, *rest)
        found.append((full, foreign))
        return foreign

    monkeypatch.setattr(attributing, "put_in_place", put)
    return found


@pytest.mark.parametrize("unit", ["document", "sentence"])
@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("name", MODELS)
def test_a_part_s_own_text_is_a_foreign_text_like_it(
    name: str,
    template: str,
    unit: str,
    places: list[tuple[ForcedRun, list[Foreign]]],
    models: dict[str, wherefrom.AttributionModel],
) -> None:
    real = documents(name)
    own = [one.text for one in real]
    if unit == "sentence":
        own = [f"{sentence.strip('.')}." for text in own for sentence in text.split(". ")]
    given = list(itertools.islice(itertools.cycle(own), max(4, len(own))))
    asked(models, name, context=real, document_template=template, support_unit=unit, null_documents=given)
    ((full, foreign),) = places
    assert len(full.parts) == len(own)
    for one in foreign:
        np.testing.assert_array_equal(one.ids, full.input_ids[full.own_texts[one.part]])


def test_a_turn_s_own_text_is_a_foreign_text_like_it(places: list[tuple[ForcedRun, list[Foreign]]]) -> None:
    model = wherefrom.load_model("demo:lm", "dummy", device="cpu")
    model.tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    own = TEXTS["demo:lm"]["said"]
    turns = [{"role": role, "content": text} for role, text in zip(("user", "assistant"), own, strict=True)]
    asked({"demo:lm": model}, CHAT, context=turns, null_documents=own * 2)
    ((full, foreign),) = places
    assert [one.part for one in foreign] == [0, 1, 0, 1]
    for one in foreign:
        np.testing.assert_array_equal(one.ids, full.input_ids[full.own_texts[one.part]])


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("name", MODELS)
def test_shuffled_words_are_those_of_documents_and_not_of_what_is_written_around_them(
    name: str,
    template: str,
    models: dict[str, wherefrom.AttributionModel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[str] = []

    def seen(ids: Any, tokens: Any, positions: Any, *rest: Any) -> Any:
        found.append("".join(tokens[place].text for place in positions))
        return shuffles(ids, tokens, positions, *rest)

    monkeypatch.setattr(attributing.permutation, "shuffles", seen)
    real = documents(name)
    asked(models, name, context=real, document_template=template, fpr=0.5, null_draws=3)
    (moved,) = found
    assert moved.replace(" ", "").replace("\n", "") == "".join(one.text for one in real).replace(" ", "")


WRITTEN = {
    "demo:mt": ["Mary is here.", "She smiles at the school.", "The weather was nice.", "She sees the green car."],
    "demo:lm": ["George was sick.", "Zoë sang.", "The weather was nice.", "He came to the café"],
    "gpt2-tiny": ["The name is 😀.", "He said 智", "à la mode 😀", "the class is naïve."],
    "byt5": ["The name is.", "He said à", "a la mode é", "the class is naïve."],
}
"""Parts of a context: with marks of spaces, and bytes of characters, that are tokens of their own."""


@pytest.fixture(scope="module")
def coders(models: dict[str, wherefrom.AttributionModel]) -> dict[str, Any]:
    bytes_alone = TextCoder(tokenizer=ByT5Tokenizer(), decoder_start_id=None)
    special = {"add_special_tokens": True, "decoder_prefix": False}
    return {
        "demo:mt": models["demo:mt"].adapter.encode,
        "demo:lm": models["demo:lm"].adapter.encode,
        "gpt2-tiny": model_of("gpt2-tiny").encode,
        "byt5": lambda text, side: bytes_alone.encode(text, side=side, **special),
    }


def stretches(parts: list[str]) -> list[tuple[int, int]]:
    ends = list(itertools.accumulate(len(part) + 1 for part in parts))
    return [(end - 1 - len(part), end - 1) for part, end in zip(parts, ends, strict=True)]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_part_is_taken_out_as_if_it_had_not_been_written(name: str, coders: dict[str, Any]) -> None:
    side = "source" if name == "demo:mt" else "target"
    parts = WRITTEN[name]
    written = coders[name](" ".join(parts), side=side)
    spans = stretches(parts)
    for place in range(1, len(parts)):
        gone = within(written.tokens, spans[place], frozenset())
        assert text_of([written.tokens[i] for i in gone]) == parts[place]
        anew = coders[name](" ".join(parts[:place] + parts[place + 1 :]), side=side)
        np.testing.assert_array_equal(np.delete(written.ids, gone), anew.ids, err_msg=parts[place])


@pytest.mark.parametrize("name", WRITTEN)
def test_every_token_of_a_text_is_of_a_context_that_it_is_the_whole_of(name: str, coders: dict[str, Any]) -> None:
    written = coders[name](" ".join(WRITTEN[name]), side="source" if name == "demo:mt" else "target")
    inside = within(written.tokens, (0, len(written.text)), frozenset())
    assert inside.tolist() == [i for i, token in enumerate(written.tokens) if not token.special]


@pytest.mark.parametrize("name", WRITTEN)
def test_shuffles_cut_no_word(name: str, coders: dict[str, Any]) -> None:
    written = coders[name](" ".join(WRITTEN[name]), side="source" if name == "demo:mt" else "target")
    inside = within(written.tokens, (0, len(written.text)), frozenset())
    order = np.arange(len(written.ids))
    for moved in shuffles(order, written.tokens, inside, 5, seed=0):
        for first, end in unit_spans(written.tokens, "word"):
            if written.tokens[first].text.strip() and not written.tokens[first].special:
                begin = first - int(first > 0 and written.tokens[first - 1].text == " ")  # a mark of its own
                place = int(np.flatnonzero(moved == begin)[0])
                assert moved[place : place + end - begin].tolist() == list(range(begin, end))
