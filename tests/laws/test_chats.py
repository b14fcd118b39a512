"""Whatever a chat template does with messages: turns are disjoint, in order, and hold what their message says alone."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import wherefrom
from transformers import AutoTokenizer
from wherefrom.errors import InputError, SettingsError
from wherefrom.text import turns
from wherefrom.text.turns import Rendered
from wherefrom_hf.demo import demo_path
from wherefrom_hf.text.chat import rendered
from wherefrom_openai import chat as served
from wherefrom_openai.wording import Wording

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEMPLATES = {
    "chatml": CHATML,
    "a default system message": "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are four.<|im_end|>\n"
    "{% endif %}" + CHATML,
    "strips": CHATML.replace("{{ m.content }}", "{{ m.content | trim }}"),
    "refuses what has no user": "{% if not messages | selectattr('role', 'equalto', 'user') | list %}"
    "{{ raise_exception('No user query found') }}{% endif %}" + CHATML,
    "drops thoughts": CHATML.replace("{{ m.content }}", "{{ m.content.split('</think>')[-1].lstrip('\n') }}"),
    "a date in front": "Today is {{ strftime_now('%d %B %Y') }}.\n" + CHATML,
    "tools in front": "{% if tools %}Tools: {{ tools | tojson }}\n{% endif %}" + CHATML,
    "documents in front": "{% for d in documents or [] %}[{{ loop.index }}] {{ d.text }}\n{% endfor %}" + CHATML,
    "system within the first user": "{% set sys = messages[0].content if messages[0].role == 'system' else '' %}"
    "{% for m in messages if m.role != 'system' %}{% if m.role == 'user' %}[INST] "
    "{% if loop.first and sys %}<<SYS>>{{ sys }}<</SYS>> {% endif %}{{ m.content }} [/INST]"
    "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}",
    "parts": CHATML.replace(
        "{{ m.content }}",
        "{% if m.content is string %}{{ m.content }}{% else %}"
        "{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}",
    ),
}
CHATS: dict[str, list[dict[str, Any]]] = {
    "plain": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Two and two?"},
        {"role": "assistant", "content": "four"},
        {"role": "user", "content": "and one"},
    ],
    "thoughts": [
        {"role": "user", "content": "Two and two?"},
        {"role": "assistant", "content": "<think>\nhm, four?\n</think>\n\nfour"},
        {"role": "user", "content": " and one \n"},
    ],
    "texts of the template's own": [
        {"role": "user", "content": "user"},
        {"role": "assistant", "content": "assistant\n"},
        {"role": "user", "content": "<|im_end|>\n<|im_start|>user"},
        {"role": "assistant", "content": "user"},
        {"role": "user", "content": "user"},
    ],
    "begun": [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "It is"}],
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(demo_path("lm"))


class Closing:
    """A server that renders with a template, and closes whatever it is given."""

    def __init__(self, template: str) -> None:
        self.template = served.Template(template)

    def render(self, messages: list[dict[str, Any]], *, answered: bool) -> str:
        return self.template(messages, {"add_generation_prompt": True})


class Prefilling(Closing):
    """A server that writes an answer that has begun behind the chat, as llama.cpp's does."""

    def render(self, messages: list[dict[str, Any]], *, answered: bool) -> str:
        begun = messages[-1]["role"] == "assistant"
        before = messages[:-1] if begun else messages
        text = self.template(before, {"add_generation_prompt": True})
        return text + messages[-1]["content"] if begun else text


def by_adapter(name: str, tokenizer: Any, template: str, messages: Any, options: dict[str, Any]) -> Rendered:
    """A chat as an adapter renders it; servers are given no options."""
    if name == "hf":
        tokenizer.chat_template = template
        return rendered(tokenizer, messages, options)
    if name == "openai, template":
        mine = served.Template(template)
        return served.rendered(lambda chat, asked: mine(chat, options | asked), messages)
    server: Any = Closing(template) if name == "openai, closing" else Prefilling(template)
    return served.rendered(Wording(server, None)._render, messages)


ADAPTERS = ("hf", "openai, template", "openai, closing", "openai, prefilling")


def said(message: Mapping[str, Any]) -> str:
    return str(message["content"]).rpartition("</think>")[2].strip() or str(message["content"]).strip()


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_turns_hold_their_own_content_and_nothing_else(tokenizer: Any, template: str, chat: str, adapter: str) -> None:
    options = {
        "tools": [{"type": "function", "function": {"name": "add"}}],
        "documents": [{"text": "four", "title": ""}],
    }
    messages: Sequence[Mapping[str, Any]] = CHATS[chat]
    done = by_adapter(adapter, tokenizer, TEMPLATES[template], messages, options)
    assert "".join(done.text[piece.begin : piece.end] for piece in done.pieces) == done.text
    turns = [piece for piece in done.pieces if piece.kind == "turn"]
    assert [turn.label for turn in turns] == [message["role"] for message in messages]
    for turn, message in zip(turns, messages, strict=True):
        text = done.text[turn.begin : turn.end]
        assert text.strip() in (said(message), str(message["content"]).strip())
    if chat == "begun":
        assert done.text.endswith("It is")


@pytest.mark.parametrize("given, label", [({"id": 0}, "0"), ({"title": "", "id": 7}, "7"), ({"title": ""}, "1")])
def test_a_document_is_called_by_what_was_given(tokenizer: Any, given: dict[str, Any], label: str) -> None:
    options = {"documents": [{"text": "four", **given}]}
    messages = [{"role": "user", "content": "One?"}]
    done = by_adapter("hf", tokenizer, TEMPLATES["documents in front"], messages, options)
    assert [piece.label for piece in done.pieces if piece.kind == "document"] == [label]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_parts_are_texts_of_one_turn(tokenizer: Any, adapter: str) -> None:
    parts = [{"type": "text", "text": "One, "}, {"type": "text", "text": "two?"}]
    done = by_adapter(adapter, tokenizer, TEMPLATES["parts"], [{"role": "user", "content": parts}], {})
    (turn,) = [piece for piece in done.pieces if piece.kind == "turn"]
    assert done.text[turn.begin : turn.end] == "One, two?"


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("end", ["", " ", "\n"])
@pytest.mark.parametrize("template", ["chatml", "strips", "refuses what has no user"])
def test_a_begun_answer_ends_the_text_as_the_template_writes_it(
    tokenizer: Any, template: str, end: str, adapter: str
) -> None:
    messages = [{"role": "user", "content": "assistant"}, {"role": "assistant", "content": f"assistant{end}"}]
    done = by_adapter(adapter, tokenizer, TEMPLATES[template], messages, {})
    kept = "" if template == "strips" and adapter != "openai, prefilling" else end
    assert done.text == f"<|im_start|>user\nassistant<|im_end|>\n<|im_start|>assistant\nassistant{kept}"
    assert (done.pieces[-1].kind, done.pieces[-1].label) == ("turn", "assistant")


@pytest.mark.parametrize("adapter", ADAPTERS[:2])
def test_what_a_template_refuses_is_an_error_of_ours(tokenizer: Any, adapter: str) -> None:
    template = TEMPLATES["refuses what has no user"]
    with pytest.raises(InputError, match="refuses this chat: No user query found"):
        by_adapter(adapter, tokenizer, template, [{"role": "system", "content": "x"}], {})
    with pytest.raises(InputError, match="refuses this chat: division"):
        by_adapter(adapter, tokenizer, "{{ 1 / 0 }}", CHATS["plain"], {})


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("messages", [[], ["Hi"], [{"role": "user"}]])
def test_what_is_no_chat_is_refused(tokenizer: Any, messages: Any, adapter: str) -> None:
    with pytest.raises(InputError, match="A chat"):
        by_adapter(adapter, tokenizer, CHATML, messages, {})


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_message_without_a_text_is_no_turn(tokenizer: Any, adapter: str) -> None:
    template = CHATML.replace("m.content", "m.content or ''")
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None}, *CHATS["plain"][1:2]]
    done = by_adapter(adapter, tokenizer, template, messages, {})
    assert [piece.label for piece in done.pieces if piece.kind == "turn"] == ["user", "user"]


def test_a_template_that_is_no_jinja_is_refused_with_its_line() -> None:
    with pytest.raises(SettingsError, match="chat_template is no Jinja template: line 2: "):
        served.Template("{{ messages }}\n{% for m in %}")


def test_options_reach_the_template_and_template_tokens_are_segments(tokenizer: Any) -> None:
    tokenizer.chat_template = "{% if quick %}Quick! {% endif %}" + CHATML
    model = wherefrom.load_model(
        "demo:lm", "dummy", tokenizer=tokenizer, tokenizer_kwargs={"chat_template_kwargs": {"quick": True}}
    )
    encoded = model.adapter.encode([{"role": "user", "content": "the nurse"}], side="target")
    assert encoded.text.startswith("Quick! ")
    assert [part.kind for part in encoded.segments] == ["template", "turn", "template"]
    covered = [place for part in encoded.segments for place in range(part.start, part.end)]
    assert covered == list(range(len(encoded.ids)))


@pytest.mark.parametrize(
    "options, end",
    [
        ({}, "It is"),
        ({"continue_final_message": True}, "It is"),
        ({"continue_final_message": False}, "It is<|im_end|>\n<|im_start|>assistant\n"),
        ({"add_generation_prompt": True}, "It is<|im_end|>\n<|im_start|>assistant\n"),
        ({"add_generation_prompt": False}, "It is<|im_end|>\n"),
    ],
)
def test_a_begun_answer_is_continued_or_closed_as_asked(tokenizer: Any, options: dict[str, Any], end: str) -> None:
    tokenizer.chat_template = CHATML
    assert rendered(tokenizer, CHATS["begun"], options).text.endswith(end)


def test_an_answer_cannot_be_continued_and_closed(tokenizer: Any) -> None:
    tokenizer.chat_template = CHATML
    with pytest.raises(InputError, match="continue_final_message"):
        rendered(tokenizer, CHATS["begun"], {"continue_final_message": True, "add_generation_prompt": True})


ANSWERED = {
    "words alone": "{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}\n{% endfor %}Assistant:",
    "a mark in front": "<s>{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}",
    "marks around turns": "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>\n{% endfor %}<s>assistant\n",
    "two marks in front": "<s><s>user\n{% for m in messages %}{{ m.content }}</s>\n{% endfor %}<s>assistant\n",
}
ASKED, OTHER = ([{"role": "user", "content": f"{name} was sick."}] for name in ("George", "Mary"))


def answering(tokenizer: Any, template: str) -> Any:
    tokenizer.chat_template = template
    return wherefrom.load_model("demo:lm", "dummy", tokenizer=tokenizer, device="cpu")


def with_answer(model: Any, messages: Any, answer: str) -> Any:
    """Ids of a chat and its answer."""
    text = model.encode(messages).text + answer
    return model.adapter.encode(text, side="target", add_special_tokens=False).ids


def written_forms(model: Any, messages: Any, answer: str) -> list[str]:
    """A chat and its answer as users have them: as rendered, as generated, without the first token."""
    ids, text = with_answer(model, messages, answer), model.encode(messages).text + answer
    forms = [text, model.decode(ids), model.decode(ids, skip_special_tokens=False)]
    return [*forms, text.removeprefix("<s>")]


@pytest.mark.parametrize("template", ANSWERED)
def test_an_answer_is_the_same_alone_and_with_its_chat_however_that_is_spelt(tokenizer: Any, template: str) -> None:
    model, answer = answering(tokenizer, ANSWERED[template]), " to the hospital."
    begins = len(model.encode(ASKED).ids)
    for text in (answer, *written_forms(model, ASKED, answer)):
        one = model.attribute(ASKED, text, show_progress=False)[0]
        assert [token.id for token in one.target] == with_answer(model, ASKED, answer).tolist(), text
        assert one.attr_pos_start == begins


@pytest.mark.parametrize("template", ANSWERED)
def test_the_answer_to_another_chat_is_a_contrast_and_no_target(tokenizer: Any, template: str) -> None:
    model, answer = answering(tokenizer, ANSWERED[template]), " to the hospital."
    wanted = model.attribute(OTHER, answer, step_scores=["probability"], show_progress=False)[0]

    def require_compared(**contrast: Any) -> None:
        compared = model.attribute(ASKED, answer, step_scores=["contrast_prob"], show_progress=False, **contrast)[0]
        assert compared.step_scores["contrast_prob"] == pytest.approx(wanted.step_scores["probability"], rel=1e-5)

    require_compared(contrast_sources=OTHER, contrast_targets=answer)
    for text in written_forms(model, OTHER, answer):
        with pytest.raises(InputError, match="begins like a chat, but with another than its prompt"):
            model.attribute(ASKED, text, show_progress=False)
        require_compared(contrast_sources=OTHER, contrast_targets=text)
        if "</s>" in model.encode(OTHER).text and "</s>" not in text:
            with pytest.raises(InputError, match="begins like a chat whose special tokens were left out"):
                require_compared(contrast_targets=text)
        else:
            require_compared(contrast_targets=text)


def test_an_answer_that_has_begun_is_continued_and_not_said_twice(tokenizer: Any) -> None:
    model = answering(tokenizer, CHATML)
    begun = [*ASKED, {"role": "assistant", "content": "His colleagues"}]
    said, rest = "His colleagues were worried.", " were worried."
    prompt = model.encode(begun).text
    for text in (rest, prompt + rest):
        assert model.attribute(begun, text, show_progress=False).provenance.generated_texts == [prompt + rest]
    with pytest.raises(InputError, match=f"repeats the answer that has begun.*Give what follows it, '{rest}'"):
        model.attribute(begun, said, show_progress=False)
    with pytest.raises(InputError, match="contrastive target repeats the answer that has begun"):
        model.attribute(begun, rest, contrast_targets=said, step_scores=["contrast_prob"], show_progress=False)
    twice = model.attribute(begun, prompt + said, show_progress=False)
    assert twice.provenance.generated_texts == [prompt + said]
    answered = model.attribute(ASKED, said, show_progress=False)
    assert answered.provenance.generated_texts == [model.encode(ASKED).text + said]


def test_a_prompt_that_is_all_messages_without_its_special_tokens_may_be_an_answer(tokenizer: Any) -> None:
    model = answering(tokenizer, "{% for m in messages %}<s>{{ m.content }}</s>{% endfor %}")
    said = "George was sick. His colleagues"
    with pytest.raises(InputError, match=r"but an answer may begin so, too\. Give the answer alone as '<s>George"):
        model.attribute(ASKED, said, show_progress=False)
    one = model.attribute(ASKED, model.encode(ASKED).text + said, show_progress=False)[0]
    assert "".join(token.text for token in one.steps).strip() == said


THOUGHTS = CHATML.replace(
    "{{ m.content }}",
    "{% if loop.last and m.role == 'assistant' %}"
    "{% set thought = m.content.split('</think>')[0].split('<think>')[-1] %}"
    "{{ '<think>\n' + (thought.strip('\n') if '</think>' in m.content else '') + '\n</think>\n\n' }}"
    "{{ m.content.split('</think>')[-1].lstrip('\n') }}{% else %}{{ m.content }}{% endif %}",
)
"""Writes the thoughts of an answer from its content, as Qwen3 does: with a mark for content there are none."""


def test_a_long_chat_that_its_frame_does_not_fit_is_searched(tokenizer):
    exchanges = [
        {"role": role, "content": f"{text} {number}"}
        for number in range(40)
        for role, text in (("user", "question"), ("assistant", "answer"))
    ]
    begun = [
        {"role": "user", "content": "the last"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nIt is"},
    ]
    tokenizer.chat_template = THOUGHTS
    chat = rendered(tokenizer, [*exchanges, *begun], {})
    said = [chat.text[piece.begin : piece.end] for piece in chat.pieces if piece.kind == "turn"]
    assert said == [*(message["content"] for message in exchanges), "the last", "hm\n</think>\n\nIt is"]


BY_CONTENT = {
    "its length": CHATML + "({{ messages[-1].content | length }})",
    "a line where a word is said": CHATML + "{% if 'and' in messages[-1].content %}# addition\n{% endif %}",
    "thoughts": THOUGHTS,
}
"""Templates whose own words hang on what messages say: the frame does not fit."""


@pytest.mark.parametrize("name", sorted(BY_CONTENT))
def test_a_turn_is_no_part_of_the_templates_words(tokenizer, name):
    said = [("user", "use"), ("assistant", "as"), ("user", "user"), ("assistant", "a"), ("user", "i"), ("user", "and")]
    tokenizer.chat_template = BY_CONTENT[name]
    chat = rendered(tokenizer, [{"role": role, "content": content} for role, content in said], {})
    turns = [(piece.label, chat.text[piece.begin : piece.end]) for piece in chat.pieces if piece.kind == "turn"]
    assert turns == said
    heads = [piece.begin for piece in chat.pieces if piece.kind == "turn"]
    assert all(chat.text[:place].endswith((">user\n", ">assistant\n")) for place in heads)


def test_what_a_template_writes_twice_is_two_turns(tokenizer):
    tokenizer.chat_template = "About {{ messages[0].content.split(' ')[0] }}.\n" + CHATML
    chat = rendered(tokenizer, [{"role": "user", "content": "rain or snow"}], {})
    assert [chat.text[one.begin : one.end] for one in chat.pieces if one.kind == "turn"] == ["rain", "rain or snow"]


@pytest.mark.parametrize("exact", [True, False])
def test_places_are_those_that_a_regular_expression_finds(exact):
    drawn = random.Random(0)
    fitting = 0
    for _ in range(2_000):
        literals = ["".join(drawn.choices("ab ", k=drawn.randint(0, 2))) for _ in range(drawn.randint(2, 4))]
        said = ["".join(drawn.choices("ab ", k=drawn.randint(0, 3))) for _ in literals[1:]]
        written = [drawn.choice([one, one.strip(), "b" * exact or one[::-1] + "a"]) for one in said]
        text = literals[0] + "".join(one + literal for one, literal in zip(written, literals[1:], strict=True))
        choices = [
            "|".join(re.escape(form) for form in (one, one.strip(), one.rstrip(), one.lstrip()))
            + ("" if exact else r"|[\s\S]*?")
            for one in said
        ]
        found = re.fullmatch(
            re.escape(literals[0])
            + "".join(f"({forms}){re.escape(literal)}" for forms, literal in zip(choices, literals[1:], strict=True)),
            text,
        )
        expected = None if found is None else [found.span(n) for n in range(1, len(said) + 1)]
        fitting += found is not None
        assert turns._between(text, literals, said, exact=exact) == expected
    assert fitting > 500
