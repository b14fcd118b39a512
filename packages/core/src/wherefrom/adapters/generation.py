"""How a text is continued, for adapters that do it step by step or hand it on; names as transformers has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import frozen

from wherefrom.errors import SettingsError
from wherefrom.settings import from_mapping, nth_seed

How = TypeVar("How", bound="Generation")


@frozen(kw_only=True)
class Generation:
    """How a text is continued.

    Raises:
        SettingsError: A value is out of range.
    """

    max_new_tokens: int = 20
    do_sample: bool = False
    temperature: float = 1.0
    top_p: float = 1.0
    num_return_sequences: int = 1

    def __attrs_post_init__(self) -> None:
        for name in ("max_new_tokens", "num_return_sequences"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} = {getattr(self, name)!r} must be at least 1.")
        if not self.temperature > 0:
            raise SettingsError(f"temperature = {self.temperature!r} must be above 0. do_sample=False is greedy.")
        if not 0 < self.top_p <= 1:
            raise SettingsError(f"top_p = {self.top_p!r} must be above 0, and at most 1.")

    @classmethod
    def of(cls: type[How], given: Mapping[str, Any], framework: str) -> How:
        """From names and values.

        Raises:
            SettingsError: One is unknown or out of range.
        """
        return from_mapping(cls, dict(given), where=f"generation by framework {framework!r}")

    def seeds(self, seed: int | None, place: int) -> list[int | None]:
        """The seed of each answer to one of several prompts, of which no two have a draw in common.

        Args:
            seed: Of them all: the first answer's own; None: nothing is fixed.
            place: Of the prompt among those of the call.
        """
        first = place * self.num_return_sequences
        return [None if seed is None else nth_seed(seed, first + copy) for copy in range(self.num_return_sequences)]
