"""What costs money or patience can be asked for beforehand: the same work, with nothing sent."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from wherefrom.adapters.predicting import PredictsSteps
from wherefrom.adapters.sequence_model import SequenceModel


@runtime_checkable
class Rehearsal(SequenceModel, PredictsSteps, Protocol):
    """Stands in for a model and sends nothing: its predictions are even, and it counts what they would have taken."""

    @property
    def requests(self) -> int:
        """Requests that would have been sent so far, each once; those whose answers are kept are not counted."""
        ...

    @property
    def request_tokens(self) -> int:
        """Tokens in them."""
        ...


@runtime_checkable
class Rehearses(Protocol):
    """Can tell requests and tokens of any work before it is done."""

    def rehearsal(self) -> Rehearsal:
        """A stand-in for this model, its count at zero.

        A method whose passes do not hang on earlier answers takes just so many requests; one that looks at answers
        before it goes on may take others.
        """
        ...
