"""What wraps a model of a framework, and shows it."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class WrapsFramework(Protocol):
    """Can show the framework's own objects that it wraps."""

    @property
    def module(self) -> Any:
        """The model as the framework knows it (``transformers.PreTrainedModel``)."""
        ...

    @property
    def tokenizer(self) -> Any:
        """The tokenizer as the framework knows it."""
        ...
