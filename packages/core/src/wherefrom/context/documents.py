"""A context of several parts: documents, few-shot examples, turns of a chat, or the sentences of one text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from attrs import evolve, frozen

from wherefrom.context.templates import Span
from wherefrom.errors import InputError, SettingsError, WherefromWarning
from wherefrom.text.sentences import sentences
from wherefrom.text.turns import first_given


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of several texts that make up a context."""

    text: str
    id: str = ""
    title: str = ""


Context: TypeAlias = str | Sequence[str | Document | Mapping[str, Any]]
"""A text; documents (texts, `Document` objects, or mappings with ``text``, ``id`` and ``title``); or the earlier
messages of a chat (mappings with ``role`` and ``content``)."""


@frozen(kw_only=True)
class Part:
    """A stretch of the context that can support something: a document, a turn or a sentence."""

    span: Span
    """Characters of the context's text."""
    text: str
    id: str = ""
    title: str = ""
    kind: str = "document"
    own: Span | None = None
    """Characters of its text alone, without what a template writes around it; None: all of them."""

    @property
    def text_span(self) -> Span:
        """Where its own text stands."""
        return self.span if self.own is None else self.own

    def moved(self, by: int) -> Part:
        """The same in a text that has so many characters in front."""
        own = None if self.own is None else (self.own[0] + by, self.own[1] + by)
        return evolve(self, span=(self.span[0] + by, self.span[1] + by), own=own)


@frozen(kw_only=True)
class ContextText:
    """A context as one text, with its parts."""

    text: str
    parts: tuple[Part, ...] = ()
    """The documents, where several were given."""


def context_text(context: Context, *, template: str = "{text}", separator: str = " ") -> ContextText:
    """Documents written one after the other; a single text as it is.

    Args:
        context: A text or documents.
        template: How a document is written: ``{text}``, and ``{n}`` (counted from 1), ``{title}``, ``{id}``.
        separator: What stands between documents.

    Raises:
        InputError: There is no document, or one has no text.
        SettingsError: The template has no ``{text}``.
    """
    if isinstance(context, str):
        return ContextText(text=context)
    documents = as_documents(context)
    if template.count("{text}") != 1:
        raise SettingsError(f"document_template={template!r} must have '{{text}}' once.")
    written, parts = "", []
    for number, (document, name) in enumerate(zip(documents, names_of(documents), strict=True), start=1):
        if written:
            written += separator
        values = {"{n}": str(number), "{title}": document.title, "{id}": document.id}
        before, after = (_filled(part, values) for part in template.split("{text}"))
        begin = len(written)
        written += before + document.text + after
        first = begin + len(before) + len(document.text) - len(document.text.lstrip())
        own = (first, first + len(document.text.strip()))
        parts.append(Part(span=(begin, len(written)), text=document.text, id=name, title=document.title, own=own))
    return ContextText(text=written, parts=tuple(parts))


def _filled(template: str, values: Mapping[str, str]) -> str:
    """A template with values in its places; what a value says is no place."""
    return re.sub("|".join(map(re.escape, values)), lambda place: values[place.group()], template)


def as_documents(items: Any) -> list[Document]:
    """Documents from whatever may stand for one.

    Raises:
        InputError: There is none, or one is no document or empty.
    """
    if isinstance(items, Mapping) or not isinstance(items, Sequence):
        raise InputError(f"A context is a text, a list of documents or a chat, not {items!r}.")
    documents = [_document(item, number) for number, item in enumerate(items, start=1)]
    if not documents:
        raise InputError("The list of documents is empty. Give at least one, or leave the context out.")
    return documents


def names_of(documents: Sequence[Document]) -> list[str]:
    """What each document is cited by: its id, else its number, counted from 1. Two that are cited alike are told:
    passages of one document may be meant so."""
    names = [first_given(document.id, number) for number, document in enumerate(documents, start=1)]
    places: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if (other := places.setdefault(name, number)) != number:
            warnings.warn(
                f"Documents {other} and {number} are both cited as {name!r}, so citations do not tell them apart. Give "
                "each an id of its own; one without is cited by its number, counted from 1.",
                WherefromWarning,
                stacklevel=2,
            )
    return names


def own_span(written: str, span: Span, text: str) -> Span | None:
    """Where a text stands in the stretch that a chat template wrote of it; None where it is not written as it is."""
    place = written.rfind(text.strip(), *span)
    return (place, place + len(text.strip())) if text.strip() and place >= 0 else None


def sentence_parts(text: str) -> tuple[Part, ...]:
    """The sentences of a text."""
    return tuple(
        Part(span=(begin, end), text=text[begin:end], id=str(number), kind="sentence")
        for number, (begin, end) in enumerate(sentences(text), start=1)
    )


def _document(item: Any, number: int) -> Document:
    if isinstance(item, str):
        item = Document(text=item)
    elif isinstance(item, Mapping):
        text = item.get("text")
        if not isinstance(text, str):
            raise InputError(
                f"Document {number} has no 'text': {dict(item)!r}. Expected {{'text': ..., 'id': ..., 'title': ...}}, "
                "the last two optional."
            )
        item = Document(text=text, id=first_given(item.get("id")), title=first_given(item.get("title")))
    if not isinstance(item, Document):
        raise InputError(f"Document {number} must be a text or have one, not {item!r}.")
    if not item.text.strip():
        raise InputError(f"Document {number} is empty. Leave it out.")
    return item
