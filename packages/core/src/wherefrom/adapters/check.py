"""Does a model give what somebody needs?"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from wherefrom.adapters.sequence_model import SequenceModel
from wherefrom.errors import ModelCapabilityError


def unmet(model: object, needs: Sequence[type]) -> list[type]:
    """Those of the Protocols in ``needs`` that the model does not satisfy."""
    return [need for need in needs if not isinstance(model, need)]


def lacking(model: SequenceModel, need: type, who: str, instead: str = "") -> ModelCapabilityError:
    """The error for a model that does not satisfy a Protocol.

    Args:
        who: Who needs it, as the subject of a sentence.
        instead: What to do, in sentences.
    """
    wanted = in_words(need)
    said = "cannot" if wanted.startswith("can ") else "does not"
    told = f"{who} needs a model that {wanted}, and the adapter of {model.card.name!r} ({type(model).__name__}) {said}."
    return ModelCapabilityError(f"{told} {instead}".rstrip())


def in_words(need: type) -> str:
    """The first line of a Protocol's docstring, as a clause."""
    first = (need.__doc__ or need.__name__).strip().splitlines()[0].split(".")[0]
    return first[:1].lower() + first[1:]


def members(need: type) -> frozenset[str]:
    """Names of what a Protocol asks for."""
    return frozenset(name for name in dir(need) if not name.startswith("_"))


def missing_members(model: object, needs: Sequence[type]) -> list[str]:
    """What the Protocols in ``needs`` ask for and ``model`` lacks, or has as None, sorted."""
    wanted = {name for need in needs if not isinstance(model, need) for name in members(need)}
    return sorted(name for name in wanted if inspect.getattr_static(model, name, None) is None)
