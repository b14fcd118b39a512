"""A chat that ends in a question, and where its context stands in it: earlier turns, or documents.

Documents are placed either in the last message of the user, by an input template, or beside the messages, by the chat
template's own rule for documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import field, frozen

from wherefrom.adapters import Encoding, PlacesDocuments, SequenceModel
from wherefrom.context.documents import Document
from wherefrom.context.templates import Span
from wherefrom.errors import InputError, ModelCapabilityError
from wherefrom.questions import given
from wherefrom.text.tokens import Segment

Messages = Sequence[Mapping[str, Any]]

Placement = Literal["message", "chat_template"]
PLACEMENTS: tuple[Placement, ...] = ("message", "chat_template")
"""Where documents of a chat's question go: into its last message, or where the chat template puts documents."""


@frozen(kw_only=True, eq=False)
class Chat:
    """Messages, and the documents that the chat template places."""

    messages: Messages
    documents: tuple[Document, ...] = ()
    _encoded: dict[int, tuple[SequenceModel, Encoding]] = field(factory=dict, init=False, repr=False)
    """By the identity of the model, which is held so that no other one gets it."""

    def encoded(self, model: SequenceModel) -> Encoding:
        """As the model reads it: written out once, however often it is asked for.

        Raises:
            ModelCapabilityError: There are documents, and the adapter hands none to a chat template.
        """
        if id(model) not in self._encoded:
            self._encoded[id(model)] = (model, self._written(model))
        return self._encoded[id(model)][1]

    def _written(self, model: SequenceModel) -> Encoding:
        if not self.documents:
            return model.encode(list(self.messages), side="target")
        if not isinstance(model, PlacesDocuments):
            raise ModelCapabilityError(
                f"The adapter of {model.card.name!r} hands no documents to a chat template. Leave document_placement "
                "at 'message': they are then written into the last message."
            )
        documents = [{"text": one.text, "title": one.title} for one in self.documents]
        return model.encode_with_documents(list(self.messages), documents)


def is_chat(value: Any) -> bool:
    """Is it a list of messages with roles? Documents may be mappings, too."""
    return given.is_chat(value) and all("role" in item for item in value)


_AN_ANSWER = "Qx0000Zj"


def gap_before_answer(model: SequenceModel, messages: Messages) -> str:
    """What the chat template writes between the beginning of an answer and the answer: a space after ``[/INST]`` in
    some, nothing after ``assistant`` and a line break in others.

    Nothing where the template rewrites an answer that is put in. The answer must not have begun.
    """
    prompt = model.encode(list(messages), side="target").text
    try:
        answered = model.encode([*messages, {"role": "assistant", "content": _AN_ANSWER}], side="target").text
    except InputError:
        return ""  # it wants no answer here
    gap = answered.partition(_AN_ANSWER)[0].removeprefix(prompt)
    return gap if answered.startswith(prompt) and not gap.strip() else ""


def question_of(messages: Messages) -> tuple[int, str]:
    """Index and text of the user's last message.

    Raises:
        InputError: There is none, or its content is not one text.
    """
    for index in range(len(messages) - 1, -1, -1):
        if messages[index]["role"] == "user":
            content = messages[index].get("content")
            if not isinstance(content, str) or not content.strip():
                raise InputError(
                    f"The user's last message must have a text for its content, not {content!r}: documents are placed "
                    "beside it."
                )
            return index, content
    raise InputError(
        f"The chat has no message of the user (roles: {[str(one['role']) for one in messages]}), so there is no "
        "question to place documents beside."
    )


def with_content(messages: Messages, index: int, content: str) -> list[Mapping[str, Any]]:
    """The messages with another content of one."""
    return [*messages[:index], {**messages[index], "content": content}, *messages[index + 1 :]]


def turns_of(encoding: Encoding, messages: Messages) -> list[Segment]:
    """The stretch of each message.

    Raises:
        InputError: The template leaves some out, or cuts them up.
    """
    turns = [segment for segment in encoding.segments if segment.kind == "turn"]
    if len(turns) != len(messages):
        raise InputError(
            f"The chat template shows {len(turns)} of {len(messages)} messages, so turns cannot be told apart. Give "
            "the context as documents."
        )
    return turns


def found_in(encoding: Encoding, text: str, near: Segment) -> Span:
    """The characters of a message's text in a rendered chat, where the template writes it as it is.

    Args:
        near: The message's turn: where the text occurs more than once, the place nearest to its beginning is meant.

    Raises:
        InputError: The template writes it otherwise.
    """
    plain = text.strip()
    begin = characters(encoding, near)[0]
    places = []
    place = encoding.text.find(plain)
    while place >= 0:
        places.append(place)
        place = encoding.text.find(plain, place + 1)
    if not places:
        raise InputError(
            "The chat template rewrites the message with the documents, so they cannot be found in it. Use "
            "document_placement='chat_template', if the template knows documents, or give the prompt as one text."
        )
    first = min(places, key=lambda one: abs(one - begin)) - (len(text) - len(text.lstrip()))
    return first, first + len(text)


def characters(encoding: Encoding, segment: Segment) -> Span:
    """First and last characters of a segment's tokens."""
    inside = [token for token in encoding.tokens[segment.start : segment.end] if token.end]
    return min(token.start or 0 for token in inside), max(token.end or 0 for token in inside)
