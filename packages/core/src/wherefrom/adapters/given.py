"""What is given for a model, and is none: one refusal for all that takes models."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from wherefrom.adapters.sequence_model import SequenceModel
from wherefrom.errors import InputError


@runtime_checkable
class Loaded(Protocol):
    """A model with its adapter: `wherefrom.AttributionModel`."""

    @property
    def adapter(self) -> SequenceModel: ...


def adapter_of(model: Any, *, alone: bool = False) -> SequenceModel:
    """The adapter of a loaded model.

    Args:
        model: What `load_model` returned.
        alone: May it be an adapter by itself?

    Raises:
        InputError: It is neither.
    """
    adapter = model.adapter if isinstance(model, Loaded) else model
    if not isinstance(adapter, SequenceModel) or (adapter is model and not alone):
        way = "what `load_model` returned, or an adapter" if alone else "what `load_model` returned"
        raise InputError(f"model = {model!r:.120} is no model. Give {way}.")
    return adapter
