"""A chat as text: by a Jinja template that was given, or by the server's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen
from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from wherefrom.errors import InputError, SettingsError
from wherefrom.text import turns
from wherefrom.text.turns import REFUSALS, Rendered, Renders

MARK = "QxEndZj "
"""Stands behind an answer that has begun, so that what a template writes to close it can be taken off. Its space tells
whether the template trims."""


def rendered(render: Renders, messages: Sequence[Mapping[str, Any]]) -> Rendered:
    """See `wherefrom.text.turns.rendered`."""
    return turns.rendered(Continuing(render), messages, {})


@frozen
class Continuing:
    """Renders answers that have begun, for what can but close them."""

    render: Renders

    def __call__(self, chat: list[dict[str, Any]], options: Mapping[str, Any], /) -> str:
        """See `wherefrom.text.turns.Renders`."""
        if not options.get("continue_final_message"):
            return self.render(chat, options)
        last = {**chat[-1], "content": _marked(chat[-1]["content"])}
        written, mark, after = self.render([*chat[:-1], last], options).rpartition(MARK.strip())
        if not mark:
            raise InputError(
                f"The chat template does not write the answer that has begun, {chat[-1]['content']!r}, so it cannot be "
                "continued. Leave that message out, or give the prompt as one text."
            )
        return written if after.startswith(" ") else written.rstrip()


def _marked(content: Any) -> Any:
    """The content of a message with a mark behind its last text."""
    if isinstance(content, str):
        return content + MARK
    parts = list(content) if isinstance(content, list | tuple) else []
    for place in reversed(range(len(parts))):
        if isinstance(parts[place], Mapping) and isinstance(parts[place].get("text"), str):
            parts[place] = {**parts[place], "text": parts[place]["text"] + MARK}
            return parts
    raise InputError(f"An answer that has begun is a text; {content!r} holds none to continue.")


class Template:
    """A chat template in Jinja, with what templates of models use: ``raise_exception``, ``strftime_now``, ``tojson``
    that escapes nothing, ``break`` and ``continue``, ``generation`` blocks.

    Args:
        source: The template.
        names: What it may write besides messages: ``bos_token``, ``eos_token``.

    Raises:
        SettingsError: It is no Jinja.
    """

    def __init__(self, source: str, names: Mapping[str, str] | None = None) -> None:
        surroundings = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
        )
        surroundings.filters["tojson"] = _to_json
        surroundings.globals |= {"raise_exception": _refuse, "strftime_now": _now}
        self._names = dict(names or {})
        try:
            self._template = surroundings.from_string(source)
        except TemplateSyntaxError as error:
            raise SettingsError(
                f"chat_template is no Jinja template: line {error.lineno}: {error.message}. Mend it, or leave it out: "
                "the server's own is used then."
            ) from error

    def __call__(self, chat: list[dict[str, Any]], options: Mapping[str, Any], /) -> str:
        """See `wherefrom.text.turns.Renders`; answers that have begun are closed, see `Continuing`."""
        try:
            return self._template.render(messages=chat, **{**self._names, **options})
        except (TemplateError, *REFUSALS) as error:
            raise InputError(
                f"chat_template refuses this chat: {error}. Give messages in the form it wants."
            ) from error


class _Generation(Extension):
    """Blocks that mark what a model wrote; they write what is in them."""

    tags = {"generation"}  # noqa: RUF012  # Jinja's own name for it, never written to

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


def _to_json(value: Any, **options: Any) -> str:
    return json.dumps(value, **{"ensure_ascii": False, **options})


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().strftime(form)
