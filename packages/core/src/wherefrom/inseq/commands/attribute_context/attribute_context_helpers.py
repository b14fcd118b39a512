"""What ``attribute-context`` returns, and small helpers."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class CCIOutput:
    """One context-sensitive token, and how much each token of the contexts made it so."""

    cti_idx: int
    cti_token: str
    cti_score: float
    contextual_output: str
    contrast_token: str | None = None
    contextless_output: str | None = None
    input_context_scores: list[float] | None = None
    output_context_scores: list[float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return dataclasses.asdict(self)

    @property
    def all_scores(self) -> list[float]:
        """Of both contexts."""
        return [*(self.input_context_scores or []), *(self.output_context_scores or [])]

    @property
    def minimum(self) -> float:
        """The smallest."""
        return min(self.all_scores, default=0.0)

    @property
    def maximum(self) -> float:
        """The largest."""
        return max(self.all_scores, default=0.0)


@dataclass
class AttributeContextOutput:
    """Tokens of an output that depend on the context, and on what of it."""

    input_context: str | None = None
    input_context_tokens: list[str] | None = None
    output_context: str | None = None
    output_context_tokens: list[str] | None = None
    output_current: str | None = None
    output_current_tokens: list[str] | None = None
    cti_scores: list[float] | None = None
    cci_scores: list[CCIOutput] = field(default_factory=list)
    info: Any = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, without ``info`` where there is none."""
        told = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        told["cci_scores"] = [one.to_dict() for one in self.cci_scores]
        info = told.pop("info")
        if info is None:
            return told
        return {**told, "info": info.to_dict() if hasattr(info, "to_dict") else info}

    @classmethod
    def from_dict(cls, out_dict: dict[str, Any]) -> AttributeContextOutput:
        """From JSON values."""
        known = {one.name for one in dataclasses.fields(cls)}
        parts = {one.name for one in dataclasses.fields(CCIOutput)}
        found = {name: value for name, value in out_dict.items() if name in known}
        found["cci_scores"] = [
            CCIOutput(**{name: value for name, value in one.items() if name in parts})
            for one in out_dict.get("cci_scores") or []
        ]
        return cls(**found)

    @property
    def min_cti(self) -> float:
        """Smallest sensitivity."""
        return min(self.cti_scores or [0.0])

    @property
    def max_cti(self) -> float:
        """Largest sensitivity."""
        return max(self.cti_scores or [0.0])

    @property
    def mean_cti(self) -> float:
        """Mean sensitivity."""
        return statistics.fmean(self.cti_scores or [0.0])

    @property
    def std_cti(self) -> float:
        """Its standard deviation."""
        scores = self.cti_scores or []
        return statistics.stdev(scores) if len(scores) > 1 else 0.0

    @property
    def cci_all_scores(self) -> list[float]:
        """Scores of all cues."""
        return [score for one in self.cci_scores for score in one.all_scores]

    @property
    def min_cci(self) -> float:
        """Smallest cue."""
        return min(self.cci_all_scores, default=0.0)

    @property
    def max_cci(self) -> float:
        """Largest cue."""
        return max(self.cci_all_scores, default=0.0)

    @property
    def mean_cci(self) -> float:
        """Mean cue."""
        return statistics.fmean(self.cci_all_scores or [0.0])

    @property
    def std_cci(self) -> float:
        """Its standard deviation."""
        return statistics.stdev(self.cci_all_scores) if len(self.cci_all_scores) > 1 else 0.0

    @property
    def input_context_scores(self) -> list[list[float]]:
        """Scores of the input context for each selected token."""
        return [one.input_context_scores or [] for one in self.cci_scores]

    @property
    def output_context_scores(self) -> list[list[float]]:
        """Scores of the output context for each selected token."""
        return [one.output_context_scores or [] for one in self.cci_scores]


def concat_with_sep(s1: str, s2: str, sep: str) -> bool:
    """Is a separator needed between two texts?"""
    return not s1.endswith(sep) and not s2.startswith(sep)


def format_template(template: str, current: str, context: str | None = None) -> str:
    """A template filled in."""
    return template.replace("{context}", context or "").replace("{current}", current)


def get_filtered_tokens(
    text: str,
    model: Any,
    special_tokens_to_keep: Sequence[str] = (),
    replace_special_characters: bool = False,
    is_target: bool = False,
) -> list[str]:
    """Tokens of a text without special ones."""
    encoding = model.encode(text, as_targets=is_target and model.is_encoder_decoder)
    tokens = [
        token
        for token in (encoding.input_tokens or [[]])[0]
        if token not in model.special_tokens or token in special_tokens_to_keep
    ]
    return model.clean_tokens([tokens])[0] if replace_special_characters else tokens


def get_scores_threshold(scores: Sequence[float], std_weight: float | None) -> float:
    """The mean and so many standard deviations."""
    mean = statistics.fmean(scores) if scores else 0.0
    spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
    return mean + (std_weight or 0.0) * spread


def filter_rank_tokens(
    tokens: Sequence[str], scores: Sequence[float], std_threshold: float | None = None, topk: int | None = None
) -> tuple[list[tuple[int, float, str]], float]:
    """Tokens (index, score, token) at or above the threshold, largest magnitude first, and the threshold."""
    threshold = get_scores_threshold(scores, std_threshold)
    found = [
        (i, score, token)
        for i, (score, token) in enumerate(zip(scores, tokens, strict=True))
        if abs(score) >= threshold
    ]
    found.sort(key=lambda one: -abs(one[1]))
    return found[:topk], threshold
