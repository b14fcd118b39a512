"""What follows a chat, as a text: the answer alone, or the chat once more with the answer behind it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from wherefrom.adapters import Encoding, SequenceModel
from wherefrom.errors import InputError
from wherefrom.text.places import joined_text
from wherefrom.text.tokens import Token


def has_turns(prompt: Encoding | None) -> bool:
    """Is it a chat that was rendered?"""
    return prompt is not None and any(part.kind == "turn" for part in prompt.segments)


def after_chat(model: SequenceModel, prompt: Encoding, text: str, what: str, *, another: bool = False) -> str:
    """A chat and its answer as one text, as the chat's template writes it.

    Args:
        prompt: The chat, rendered.
        text: The answer alone, which gets the prompt in front; or the prompt and the answer, the prompt as it was
            rendered, without its first special tokens, or without any, as `AttributionModel.generate` gives it. An
            answer that has begun is part of the prompt.
        what: The text is, for messages.
        another: May it begin with another chat of the same template? It then stays as it is, but for spaces that only
            decoding writes behind special tokens.

    Raises:
        InputError: It begins with another chat, and may not, or with one that lacks its special tokens; or nobody can
            tell whether it begins with the prompt, or repeats the answer that has begun.
    """
    for spelt in _spellings(model, prompt):
        if text.startswith(spelt):
            _require_clear(prompt, spelt, what)
            return prompt.text + text.removeprefix(spelt)
    marks = _first_marks(prompt)
    for place, mark in enumerate(marks):
        if text.startswith("".join(one.text for one in marks[place:])):
            if another:
                return prompt.text[: mark.start] + _as_rendered(model, prompt, text)
            raise InputError(_of_another_chat(prompt, text, what))
    words = _first_words(prompt)
    if not words.strip() or not text.startswith(words):
        _refuse_repeated(prompt, text, what)
        return prompt.text + text
    if not another:
        raise InputError(_of_another_chat(prompt, text, what))
    later = [token for token in prompt.tokens[len(marks) :] if token.special]
    if later and not any(token.text in text for token in later):
        raise InputError(
            f"The {what} begins like a chat whose special tokens were left out: {text!r}. Give the answer alone, a "
            "list of messages, or the text with its special tokens (generate with skip_special_tokens=False)."
        )
    return "".join(mark.text for mark in marks) + text


def _as_rendered(model: SequenceModel, prompt: Encoding, text: str) -> str:
    """A text of the prompt's template without the spaces that decoding, and not the template, puts behind its marks."""
    decoded = model.decode(prompt.ids, skip_special_tokens=False)
    for mark in dict.fromkeys(token.text for token in prompt.tokens if token.special and token.text):
        if f"{mark} " in decoded and f"{mark} " not in prompt.text:
            text = text.replace(f"{mark} ", mark)
    return text


def _of_another_chat(prompt: Encoding, text: str, what: str) -> str:
    return (
        f"The {what} begins like a chat, but with another than its prompt. The prompt is {prompt.text!r}; the {what} "
        f"is {text!r}. Give the answer alone, or repeat the prompt, to the letter."
    )


def _spellings(model: SequenceModel, prompt: Encoding) -> Iterator[str]:
    """The ways to write the prompt: as it was rendered, and with special tokens left out."""
    yield prompt.text
    yield from (prompt.text[mark.end :] for mark in _first_marks(prompt))
    for skipped in (False, True):
        if decoded := model.decode(prompt.ids, skip_special_tokens=skipped):
            yield decoded


def _require_clear(prompt: Encoding, spelt: str, what: str) -> None:
    """Refuse a prompt that is spelt as nothing but its messages: an answer may well begin with these.

    Raises:
        InputError: It is.
    """
    if spelt == prompt.text or any(token.special and token.text in spelt for token in prompt.tokens):
        return
    template = (one for one in prompt.segments if one.kind == "template")
    if any(joined_text(prompt.tokens[one.start : one.end])[0].strip() for one in template):
        return
    raise InputError(
        f"The {what} begins with {spelt!r}. This is the prompt without its special tokens, but an answer may begin so, "
        f"too. Give the answer alone as {prompt.text!r} with the answer behind it, or generate with "
        "skip_special_tokens=False."
    )


def _refuse_repeated(prompt: Encoding, text: str, what: str) -> None:
    """Refuse a text alone that begins as the answer that has begun: it would be said twice.

    Raises:
        InputError: It does.
    """
    last = prompt.segments[-1] if prompt.segments else None
    if last is None or (last.kind, last.label, last.end) != ("turn", "assistant", len(prompt.tokens)):
        return
    begun = joined_text(prompt.tokens[last.start :])[0].strip()
    if begun and text.startswith(begun):
        raise InputError(
            f"The {what} repeats the answer that has begun, {begun!r}, which is part of the chat: it would be said "
            f"twice. Give what follows it, {text.removeprefix(begun)!r}; if it is meant twice, the rendered chat with "
            "the text behind it."
        )


def _first_marks(prompt: Encoding) -> list[Token]:
    """The special tokens that a chat begins with."""
    return list(takewhile(lambda token: token.special and token.text, prompt.tokens))


def _first_words(prompt: Encoding) -> str:
    """What its template writes in front of the first message besides special tokens, to the end of the line."""
    first = prompt.segments[0] if prompt.segments else None
    if first is None or first.kind != "template":
        return ""
    line, end, _ = joined_text(prompt.tokens[: first.end])[0].partition("\n")
    return line + end
