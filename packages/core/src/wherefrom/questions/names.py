"""Names of examples, as users give them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wherefrom.errors import InputError
from wherefrom.questions.given import check_text


def as_names(ids: Any, inputs: int, answers_each: int) -> list[str | None] | None:
    """Names as a list, one per input or one per answer; None stays None.

    Args:
        inputs: How many inputs there are.
        answers_each: How many answers to each.

    Raises:
        InputError: They are no texts, or more or fewer.
    """
    if ids is None:
        return None
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise InputError(f"ids must be a list of names, one per input, not {ids!r}.")
    names = list(ids)
    for one in names:
        if one is not None and not isinstance(one, str):
            raise InputError(f"The name of an example must be a text or None, not {one!r}. Write ids=[str(name), ...].")
        check_text("A name of ids", one or "")
    if len(names) not in (inputs, inputs * answers_each):
        raise InputError(f"{len(names)} ids came for {inputs} input_texts. Give one for each, in the same order.")
    return names
