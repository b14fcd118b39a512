"""The card of an explanation: what was explained of which model, against what, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from wherefrom.results.data import AttributionData
from wherefrom.results.provenance import Provenance

FIT, CHANCE, STABILITY = "check_fit", "check_chance", "check_stability"
"""Step scores that a check adds: rank correlation with what the model does; probability that scores in a random order
do as well; rank correlation with the scores under another seed, for methods that draw."""
LEVEL = 0.05
"""With a probability of chance below this, a step's scores are told from chance."""


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a reader should know before believing scores. None: not known, or does not apply."""

    model: str = ""
    method: str = ""
    settings: dict[str, Any] = {}
    """Those that differ from their defaults."""
    target: str = ""
    """The target function."""
    steps: int = 0
    """Explained steps."""
    reference: str | int | None = None
    """What stands for absent inputs: a baseline's or a removal's name, or a token's id."""
    seed: int | None = None
    """The method's own, or that of the call."""
    completeness_gap: float | None = None
    """Largest part of the change of the target function that the scores of a step miss; NaN where a step's is none."""
    standard_error: float | None = None
    """Largest standard error of a score, as a part of the largest score of its step; worst step. NaN where one is
    none, infinity where a single draw tells nothing of it."""
    stability: float | None = None
    """Mean rank correlation with the scores under another seed."""
    fit: float | None = None
    """Mean rank correlation of what the scores predict with what the model does without random halves of its input."""
    checked_steps: int = 0
    """Steps that were held against the model."""
    told_from_chance: int = 0
    """Those of them whose scores do better than the same scores in a random order."""
    check: dict[str, Any] = {}
    """How they were held against it: removal, samples, permutations."""

    def brief(self) -> str:
        """How far the scores can be trusted, in one line; nothing where nothing is known."""
        known = [
            "" if self.completeness_gap is None else f"completeness gap {_part(self.completeness_gap, 'the change')}",
            "" if self.standard_error is None else f"standard error {_part(self.standard_error, 'the largest score')}",
            "" if self.stability is None else f"under another seed rank correlation {self.stability:.2f}",
            self._checked() if self.checked_steps else "",
        ]
        known = [one for one in known if one]
        if not known:
            return ""
        made = [
            f"from {self.reference}" if self.reference is not None else "",
            f"seed {self.seed}" if self.seed is not None else "",
        ]
        faded = self.checked_steps > self.told_from_chance
        return "; ".join([*(one for one in made if one), *known, *(["the others are pale"] if faded else [])])

    def lines(self) -> list[str]:
        """The card in words, a line per subject."""
        made = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        found = [
            f"model: {self.model}" if self.model else "",
            f"explained: {self.target} of {self.steps} step{'s' * (self.steps != 1)}" if self.target else "",
            f"method: {self.method}{f' ({made})' if made else ''}" if self.method else "",
            f"absent inputs: {self.reference}" if self.reference is not None else "",
            f"seed: {self.seed}" if self.seed is not None else "",
            "" if self.completeness_gap is None else f"completeness gap: {_part(self.completeness_gap, 'the change')}",
            "" if self.standard_error is None else f"standard error: {_part(self.standard_error, 'the largest score')}",
            "" if self.stability is None else f"under another seed: rank correlation {self.stability:.2f}",
            self._checked(),
        ]
        return [line for line in found if line]

    def _checked(self) -> str:
        if not self.checked_steps and self.check:
            return "held against the model, where nothing that was asked for changed"
        if not self.checked_steps:
            return "not held against the model (check=True does)"
        by = f"{self.check.get('samples', '')} random halves ({self.check.get('removal', '')})".strip()
        fit = "" if self.fit is None else f"rank correlation {self.fit:.2f}; "
        return f"held against {by}: {fit}{self.told_from_chance} of {self.checked_steps} steps told from chance"


def card_of(attribution: AttributionData, provenance: Provenance | None = None) -> Card:
    """The card of one example.

    Args:
        provenance: How the results were made; None: what the example knows of it.
    """
    made = provenance or attribution.provenance
    details = attribution.details
    settings = made.method.get("settings", {})
    fit, chance, stable = (_known(attribution, name) for name in (FIT, CHANCE, STABILITY))
    return Card(
        model=str(made.model.get("name", "")),
        method=attribution.method or str(made.method.get("name", "")),
        settings={name: value for name, value in settings.items() if _short(value)},
        target=str(made.attributed_fn.get("name", "")),
        steps=attribution.attr_pos_end - attribution.attr_pos_start,
        reference=details.get("baseline"),
        seed=made.seed if settings.get("seed") is None else settings["seed"],
        completeness_gap=_largest(details.get("completeness_gap")),
        standard_error=_relative_error(attribution),
        stability=None if not len(stable) else float(stable.mean()),
        fit=None if not len(fit) else float(fit.mean()),
        checked_steps=len(chance),
        told_from_chance=int((chance < LEVEL).sum()),
        check=details.get("check", {}),
    )


def doubtful(chance: Any, steps: int) -> list[bool]:
    """Which steps' scores were held against the model and not told from chance; all False where none was.

    Args:
        chance: The step score `CHANCE`; None: there is none.
    """
    if chance is None:
        return [False] * steps
    return [not value < LEVEL for value in np.asarray(chance, dtype=np.float64).tolist()]


def _known(attribution: AttributionData, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = np.asarray(attribution.step_scores.get(name, []), dtype=np.float64)
    return values[np.isfinite(values)]


def _short(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and len(str(value)) <= 40


def _part(value: float, whole: str) -> str:
    return f"{value:.2g} of {whole}" if np.isfinite(value) else "not a finite number"


def _largest(values: Any) -> float | None:
    """The largest of a list, NaN where one is no number (None in JSON); None of none."""
    return float(np.max(np.asarray(values, dtype=np.float64))) if values else None


def _relative_error(attribution: AttributionData) -> float | None:
    """From the details of a method that draws: standard errors of units, or of tokens by side, and each step's largest
    score; in files of 0.1.0 that is taken from the middle of the intervals."""
    error, interval = attribution.details.get("standard_error"), attribution.details.get("confidence")
    scores = attribution.details.get("largest_score")
    if not error:
        return None
    if isinstance(error, Mapping):
        errors = np.concatenate([np.asarray(rows, dtype=np.float64) for rows in error.values()])
    else:
        errors = np.asarray(error, dtype=np.float64)
    if scores:
        largest = np.asarray(scores, dtype=np.float64)
    elif interval:
        middle = (np.asarray(interval["low"], np.float64) + np.asarray(interval["high"], np.float64)) / 2
        largest = np.abs(middle).max(axis=0)
    else:
        return None
    told = largest != 0
    return float((errors.max(axis=0)[told] / largest[told]).max()) if told.any() else None
