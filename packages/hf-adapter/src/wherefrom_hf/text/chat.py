"""A chat as text, by the template of a tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase
from wherefrom.errors import InputError
from wherefrom.text import turns
from wherefrom.text.turns import REFUSALS, Rendered


def rendered(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> Rendered:
    """See `wherefrom.text.turns.rendered`."""
    return turns.rendered(partial(_applied, tokenizer), messages, options)


def _applied(tokenizer: PreTrainedTokenizerBase, chat: list[dict[str, Any]], options: Mapping[str, Any]) -> str:
    if not tokenizer.chat_template:
        raise InputError(
            f"The tokenizer {tokenizer.name_or_path!r} has no chat template, so a list of messages cannot be "
            "rendered. Give the prompt as one string, or set tokenizer.chat_template."
        )
    try:
        return str(tokenizer.apply_chat_template(chat, tokenize=False, **options))
    except (TemplateError, *REFUSALS) as error:
        raise InputError(
            f"The chat template of {tokenizer.name_or_path!r} refuses this chat: {error}. Give messages in the form it "
            f"wants; it was asked with {dict(options)!r}."
        ) from error
