"""How much one visitor may ask of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen, validators
from wherefrom.errors import InputError
from wherefrom.methods.cost import Cost

COUNTS = ("n_steps", "max_points", "n_samples", "n_bootstrap", "internal_batch_size", "perturbations_per_eval")
"""Settings of methods that multiply the passes or the memory of one question."""


@frozen(kw_only=True)
class Limits:
    """Checked before the model is asked."""

    characters: int = field(default=4000, validator=validators.ge(1))
    """Of all the texts of one question together."""
    new_tokens: int = field(default=64, validator=validators.ge(1))
    passes: int = field(default=512, validator=validators.ge(1))
    """Largest value of a setting that counts steps or samples."""
    methods: int = field(default=4, validator=validators.ge(1))
    """Methods of one comparison or evaluation."""
    evaluation_passes: int = field(default=20_000, validator=validators.ge(1))
    """Passes of one evaluation."""
    waiting: int = field(default=20, validator=validators.ge(1))
    """Questions in the queue."""

    def check_texts(self, *texts: str) -> None:
        """Refuse texts that are too long.

        Raises:
            InputError: They are.
        """
        length = sum(len(text) for text in texts)
        if length > self.characters:
            raise InputError(f"The texts have {length:,} characters; here at most {self.characters:,} are allowed.")

    def check_new_tokens(self, count: int) -> None:
        """Refuse to generate too much.

        Raises:
            InputError: It is too much, or nothing.
        """
        if not 1 <= count <= self.new_tokens:
            raise InputError(f"{count} new tokens; here 1 to {self.new_tokens} are allowed.")

    def check_methods(self, methods: Sequence[str], *, least: int) -> None:
        """Refuse too few methods, or too many.

        Raises:
            InputError: There are.
        """
        if not least <= len(methods) <= self.methods:
            raise InputError(f"Choose {least} to {self.methods} methods.")

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that take too long.

        Raises:
            InputError: One does.
        """
        for name in COUNTS:
            value = settings.get(name)
            if isinstance(value, int | float) and value > self.passes:
                raise InputError(f"{name} = {value}; here at most {self.passes} is allowed.")

    def check_evaluation(self, cost: Cost) -> None:
        """Refuse an evaluation that takes too many passes.

        Raises:
            InputError: It does.
        """
        passes = cost.forwards + cost.backwards
        if passes > self.evaluation_passes:
            raise InputError(
                f"This would take up to {passes:,} passes; here at most {self.evaluation_passes:,} are allowed. "
                "Choose a shorter text, fewer new tokens, larger units, fewer metrics or fewer removals."
            )
