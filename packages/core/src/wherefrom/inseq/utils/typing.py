"""Small types of inseq's results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec.structs import replace
from torch import Tensor

from wherefrom.inseq._elsewhere import elsewhere
from wherefrom.text.tokens import Token

TextInput: TypeAlias = str | Sequence[str]
IndexSpan: TypeAlias = tuple[int, int] | Sequence[tuple[int, int]]
OneOrMoreIndices: TypeAlias = int | list[int] | tuple[int, int]
StepAttributionTensor: TypeAlias = Tensor
SequenceAttributionTensor: TypeAlias = Tensor
AttributionForwardInputs: TypeAlias = Tensor
AttributionForwardInputsPair: TypeAlias = tuple[Tensor, Tensor]
OneOrTwoAttributionForwardInputs: TypeAlias = Tensor | tuple[Tensor, Tensor]


@dataclass(eq=False)
class TokenWithId:
    """A token's spelling and its id; equal to a spelling, an id, or another token."""

    token: str
    id: int
    unit: Token | None = field(default=None, repr=False, compare=False)
    """The token as the rest of the library knows it, where it is known."""

    def unit_as(self, text: str) -> Token | None:
        """The unit, as this is spelt now: one that was spelt otherwise in place reads as ``text``."""
        unit = self.unit
        if unit is None or (unit.piece, unit.id) == (self.token, self.id):
            return unit
        return replace(unit, piece=self.token, id=self.id, text=text)

    def __str__(self) -> str:
        return self.token

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.token == other
        if isinstance(other, int):
            return self.id == other
        return isinstance(other, TokenWithId) and (self.token, self.id) == (other.token, other.id)

    __hash__ = None  # type: ignore[assignment]


@dataclass
class TextSequences:
    """Texts of a batch."""

    targets: TextInput
    sources: TextInput | None = None


InseqAttribution: Any = elsewhere(
    "InseqAttribution",
    "A method of your own is a frozen attrs class with attribute(model, questions, progress): see wherefrom.methods.",
)
