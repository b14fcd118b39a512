"""Whatever a chat template does with messages: turns are disjoint, in order, and hold what their message says alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import wherefrom
from transformers import AutoTokenizer
from wherefrom.errors import InputError
from wherefrom_hf.demo import demo_path
from wherefrom_hf.text.chat import rendered

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


def said(message: Mapping[str, Any]) -> str:
    return str(message["content"]).rpartition("</think>")[2].strip() or str(message["content"]).strip()


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_turns_hold_their_own_content_and_nothing_else(tokenizer: Any, template: str, chat: str) -> None:
    tokenizer.chat_template = TEMPLATES[template]
    options = {
        "tools": [{"type": "function", "function": {"name": "add"}}],
        "documents": [{"text": "four", "title": ""}],
    }
    messages: Sequence[Mapping[str, Any]] = CHATS[chat]
    done = rendered(tokenizer, messages, options)
    assert "".join(done.text[piece.begin : piece.end] for piece in done.pieces) == done.text
    turns = [piece for piece in done.pieces if piece.kind == "turn"]
    assert [turn.label for turn in turns] == [message["role"] for message in messages]
    for turn, message in zip(turns, messages, strict=True):
        text = done.text[turn.begin : turn.end]
        assert text.strip() in (said(message), str(message["content"]).strip())
    if chat == "begun":
        assert done.text.endswith("It is")


def test_parts_are_texts_of_one_turn(tokenizer: Any) -> None:
    tokenizer.chat_template = TEMPLATES["parts"]
    parts = [{"type": "text", "text": "One, "}, {"type": "text", "text": "two?"}]
    done = rendered(tokenizer, [{"role": "user", "content": parts}], {})
    (turn,) = [piece for piece in done.pieces if piece.kind == "turn"]
    assert done.text[turn.begin : turn.end] == "One, two?"


def test_what_a_template_refuses_is_an_error_of_ours(tokenizer: Any) -> None:
    tokenizer.chat_template = TEMPLATES["refuses what has no user"]
    with pytest.raises(InputError, match="refuses this chat: No user query found"):
        rendered(tokenizer, [{"role": "system", "content": "x"}], {})


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
