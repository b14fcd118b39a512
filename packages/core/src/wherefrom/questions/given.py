"""What users give for a text: a text, a chat or token ids, made sure of before any work is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np

from wherefrom.arrays import IntArray, to_numpy
from wherefrom.errors import InputError
from wherefrom.settings import is_whole

Chat: TypeAlias = Sequence[Mapping[str, str]]
InputText: TypeAlias = "str | Chat | Sequence[int] | IntArray"
"""A text, a chat as a list of ``{"role": ..., "content": ...}`` messages, or the ids of a whole input, special tokens
included."""
Target: TypeAlias = "str | Sequence[int] | IntArray"
"""A forced target, as text or as the ids of the whole target."""
ContrastText: TypeAlias = "str | Chat | Sequence[int] | IntArray"
"""A text, a chat, or the ids of the whole contrastive target."""
Text: TypeAlias = "str | Chat | IntArray"
"""Any of these once it was made sure of: ids are an array."""


@runtime_checkable
class _HasColumns(Protocol):
    """A table of pandas or polars."""

    columns: Any
    """Their names."""


@runtime_checkable
class _NamesColumns(Protocol):
    """A table of pyarrow or `datasets`."""

    column_names: Any


def as_inputs(texts: Any) -> list[Text]:
    """One text, one chat, the ids of one input, or a list of these, as a list.

    Raises:
        InputError: Something else came, or nothing.
    """
    inputs = [as_text(text, "An input of input_texts") for text in _listed(texts, "input_texts")]
    if not inputs:
        raise InputError("There is no input: input_texts is empty. Give at least one text.")
    return inputs


def as_targets(targets: Any, count: int) -> list[str | IntArray] | None:
    """Forced targets as a list, one per input; None stays None.

    Raises:
        InputError: One is neither a text nor ids, or there are more or fewer targets than inputs.
    """
    if targets is None:
        return None
    wanted = [
        as_text(target, "A target of generated_texts", chats=False) for target in _listed(targets, "generated_texts")
    ]
    if len(wanted) != count:
        raise InputError(f"{len(wanted)} generated_texts came for {count} input_texts. Give one for each.")
    return cast("list[str | IntArray]", wanted)


def as_contrasts(texts: Any, name: str) -> Any:
    """Contrastive texts as they came, one or a list of them with None where an example has no contrast.

    Args:
        name: Of the argument, for messages.

    Raises:
        InputError: One is no text, chat or list of ids.
    """
    if texts is None:
        return None
    listed = [None if text is None else as_text(text, f"A text of {name}") for text in _listed(texts, name)]
    return listed[0] if is_one(texts) else listed


def in_json(texts: Any) -> Any:
    """Texts that were made sure of as JSON values: ids as lists."""
    if isinstance(texts, np.ndarray):
        return texts.tolist()
    return [in_json(text) for text in texts] if isinstance(texts, list) and not is_chat(texts) else texts


def as_text(value: Any, what: str, *, chats: bool = True) -> Text:
    """One text or chat as it is, or token ids as an array, shape ``(tokens,)``.

    Args:
        what: It is, for messages.
        chats: May it be a chat?

    Raises:
        InputError: It is none of these, a text has half a character, or ids are no whole numbers from 0.
    """
    return (
        as_ids(value, what) if is_ids(value) else as_words(value, what, chats=chats, instead=("a list of token ids",))
    )


def as_words(value: Any, what: str, *, chats: bool = True, instead: Sequence[str] = ()) -> str | Chat:
    """One text or chat as it is.

    Args:
        what: It is, for messages.
        chats: May it be a chat?
        instead: What else it may be, for messages.

    Raises:
        InputError: It is neither, or a text has half a character.
    """
    if not isinstance(value, str) and not (chats and is_chat(value)):
        kinds = ["a text", *["a chat (a list of role/content messages)"] * chats, *instead]
        raise InputError(f"{what} must be {' or '.join(kinds)}, not {value!r}.")
    check_texts(what, value)
    words: str | Chat = value
    return words


def as_ids(value: Any, what: str, *, least: int = 1) -> IntArray:
    """Token ids of one text as an array, shape ``(tokens,)``.

    Args:
        what: They are, for messages.
        least: How many there must be.

    Raises:
        InputError: They are no whole numbers from 0 to 2**63 - 1, or too few.
    """
    listed = list(value) if isinstance(value, list | tuple) else None
    ids = to_numpy(value) if hasattr(value, "shape") else np.array(listed, dtype=object)
    whole = ids.dtype.kind in "iu" or (ids.dtype.kind == "O" and all(map(is_whole, ids.flat)))
    if ids.ndim != 1 or len(ids) < least or not whole or any(not 0 <= int(one) < 2**63 for one in ids):
        raise InputError(
            f"{what}, given as token ids, must be a list of whole numbers from 0, at least {least}, not {value!r}."
        )
    return ids.astype(np.int64)


def is_one(value: Any) -> bool:
    """Is this one text, chat or list of ids, and no list of them?"""
    return isinstance(value, str) or is_chat(value) or is_ids(value)


def is_chat(value: Any) -> bool:
    """Is this a list of messages?"""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def is_ids(value: Any) -> bool:
    """Are these the token ids of one text: an array of numbers with one axis, or a list of whole numbers?

    Columns of texts have a shape as well, and are lists of texts.
    """
    if hasattr(value, "shape"):
        return len(value.shape) < 2 and to_numpy(value).dtype.kind not in "OSTU"
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, int | np.integer) for item in value)


def check_texts(what: str, value: Any) -> None:
    """Refuse half characters in a text, or anywhere in a list, a chat or a document.

    Raises:
        InputError: There is one.
    """
    for text in _texts_in(value):
        check_text(what, text)


def check_text(what: str, text: str) -> None:
    """Raise: InputError: The text holds half a character (a lone surrogate), which no tokenizer and no file takes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{what} has half a character ({text[error.start]!a}, a lone surrogate) at position {error.start}. "
            "It comes from reading bytes that are not UTF-8; read them with errors='replace', or remove it."
        ) from error


def _listed(values: Any, name: str) -> list[Any]:
    """Raise: InputError: It is neither one text nor a list, or a table, which is a list of its columns' names."""
    if isinstance(values, _NamesColumns | _HasColumns):
        columns = values.column_names if isinstance(values, _NamesColumns) else values.columns
        raise InputError(
            f"{name} is a table ({type(values).__name__}) with the columns {', '.join(map(str, columns))}. "
            "Give one column of it."
        )
    if is_one(values):
        return [values]
    if not isinstance(values, Iterable) or isinstance(values, Mapping | bytes):
        raise InputError(f"{name} must be a text, token ids or a list of these, not {values!r}.")
    return list(values)


def _texts_in(value: Any) -> Iterator[str]:
    """All texts of a chat, however deep in its messages; of a text, itself."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts_in(key)
            yield from _texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts_in(item)
