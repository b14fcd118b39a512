"""Does a model give what somebody needs?"""

from __future__ import annotations

from collections.abc import Sequence


def unmet(model: object, needs: Sequence[type]) -> list[type]:
    """Those of the Protocols in ``needs`` that the model does not satisfy."""
    return [need for need in needs if not isinstance(model, need)]


def in_words(need: type) -> str:
    """The first line of a Protocol's docstring, as a clause."""
    first = (need.__doc__ or need.__name__).strip().splitlines()[0].split(".")[0]
    return first[:1].lower() + first[1:]
