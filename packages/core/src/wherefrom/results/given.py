"""What is given for a result, and is none: one refusal for all that takes results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

from wherefrom.errors import InputError
from wherefrom.results.data import AttributionData, AttributionsData


def no_result(value: object) -> InputError:
    """The refusal, which says what would do: also of several examples in place of one, or one in place of several."""
    if isinstance(value, AttributionsData):
        return InputError(f"{value!r:.120} holds several examples, and one is expected. Give one of them: out[0].")
    if isinstance(value, AttributionData):
        return InputError(
            f"{value!r:.120} is one example, and what holds several is expected. Give what `attribute` returned."
        )
    said = f"{value!r:.120} is no result. Give what `attribute` returned, an example of it such as out[0], or a list."
    if isinstance(value, str | PathLike):
        said += " A file is read by wherefrom.load(path)."
    return InputError(said)


def several_results(value: Any) -> Iterable[Any]:
    """Something that holds several results, to go through.

    Raises:
        InputError: It is one example, a text, a mapping, or holds nothing.
    """
    if isinstance(value, AttributionData | str | bytes | Mapping) or not isinstance(value, Iterable):
        raise no_result(value)
    return value


def require_result(value: object, *, several: bool = False) -> None:
    """Refuse what is not one example, nor (with ``several``) several with their provenance.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, (AttributionData, AttributionsData) if several else AttributionData):
        raise no_result(value)
