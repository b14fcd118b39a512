"""What tells a model from every other one, so that numbers of one are never taken for those of another."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class GivesFingerprint(Protocol):
    """Can tell what it computes with.

    Numbers that are kept on disk (ablation tables, the file of a bench, weights of attention heads) are taken for a
    model's own where fingerprints are equal. Of models without this capability no ablation tables are kept.
    """

    def fingerprint(self) -> str | None:
        """A text that is equal for two models, or for one at two times, only if they say the same of every input.

        Every value of every weight counts, and what is done with them; where the model lives does not. None: it cannot
        be told, because code was hung into the model that may do anything.
        """
        ...


def model_fingerprint(model: object) -> str | None:
    """A model's fingerprint; None: it cannot be told."""
    return model.fingerprint() if isinstance(model, GivesFingerprint) else None
