"""Names of examples, as users give them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wherefrom.errors import InputError
from wherefrom.questions.given import check_text


def as_names(ids: Any, inputs: int) -> list[str | None] | None:
    """Names as a list, the same number for each input; None stays None. How many answers there are, nobody knows before
    they are generated: see `check_names`.

    Args:
        inputs: How many inputs there are.

    Raises:
        InputError: They are no texts, or not as many for each input.
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
    if not names or len(names) % inputs:
        raise _wrong_number(len(names), inputs)
    return names


def check_names(names: Sequence[str | None] | None, inputs: int, answers: int) -> None:
    """Refuse names that are neither one per input nor one per answer.

    Raises:
        InputError: They are more or fewer.
    """
    if names is not None and len(names) not in (inputs, answers):
        raise _wrong_number(len(names), inputs)


def _wrong_number(names: int, inputs: int) -> InputError:
    return InputError(f"{names} ids came for {inputs} input_texts. Give one for each, in the same order.")
