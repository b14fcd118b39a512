"""Contexts that stand in the place of the real one in a permutation test: written as it is, by the same templates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wherefrom.context.chats import is_chat
from wherefrom.context.documents import Document, as_documents
from wherefrom.context.formatting import Texts
from wherefrom.errors import InputError, WherefromWarning
from wherefrom.questions.given import check_texts


def checked_nulls(given: Sequence[Any], texts: Texts) -> list[Any]:
    """Null contexts of the real one's kind: texts, or lists of documents where it is one.

    A bare text in the place of a document has that document's title and id.

    Raises:
        InputError: The real context is a chat, or one of them is none or of another kind; the message says which.
    """
    if is_chat(texts.context):
        raise InputError("Unrelated contexts are texts, and the context is a chat. Use 'shuffled'.")
    single = texts.context is None or isinstance(texts.context, str)
    real = [] if single else as_documents(texts.context)
    found = {
        name: _as_text(one, name) if single else _as_documents(one, name, real)
        for name, one in ((f"null_contexts[{place}]", one) for place, one in enumerate(given))
    }
    others = [] if single else [name for name, one in found.items() if len(one) != len(real)]
    if others and (texts.document_template != "{text}" or texts.document_placement == "chat_template"):
        warnings.warn(
            f"The context has {len(real)} document(s), and {', '.join(others[:3])}{' and others' * (len(others) > 3)} "
            "not as many, so that what is written around documents differs. Give lists of as many documents.",
            WherefromWarning,
            stacklevel=4,
        )
    return list(found.values())


def _as_text(one: Any, name: str) -> str:
    check_texts(name, one)
    if not isinstance(one, str):
        raise InputError(f"{name} must be a text, as the context is one, not {one!r:.80}.")
    if not one.strip():
        raise InputError(f"{name} is empty: {one!r}. Give a context that has nothing to say, or leave it out.")
    return one


def _as_documents(one: Any, name: str, real: Sequence[Document]) -> list[Document]:
    check_texts(name, one)
    listed = [one] if isinstance(one, str | Mapping | Document) else one
    try:
        documents = as_documents(listed)
    except InputError as error:
        raise InputError(f"{name}, in the place of a list of documents: {error}") from None
    return [
        msgspec.structs.replace(document, id=real[place].id, title=real[place].title)
        if isinstance(listed[place], str) and place < len(real)
        else document
        for place, document in enumerate(documents)
    ]
