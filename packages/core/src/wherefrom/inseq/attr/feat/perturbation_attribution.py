"""Perturbation methods under inseq's class names."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from wherefrom.inseq.attr.feat.feature_attribution import FeatureAttribution
from wherefrom.inseq.data.attribution import over_width


class PerturbationAttributionRegistry(FeatureAttribution):
    """Base of perturbation methods."""


class OcclusionAttribution(PerturbationAttributionRegistry):
    """What changes when a token is replaced: its magnitude, as inseq gives it. `wherefrom` keeps the sign."""

    method_name = "occlusion"

    def changed(self, sequence: Any) -> Any:
        """Magnitudes."""
        return sequence.changed(
            source_attributions=_magnitude(sequence.source_attributions),
            target_attributions=_magnitude(sequence.target_attributions),
        )


def _magnitude(scores: Tensor | None) -> Tensor | None:
    return None if scores is None else scores.abs()


class LimeAttribution(PerturbationAttributionRegistry):
    """A linear model of which tokens are there."""

    method_name = "lime"

    def changed(self, sequence: Any) -> Any:
        """Scores over a width, as inseq has them: norms are shown by default."""
        return over_width(sequence)


class ReagentAttribution(PerturbationAttributionRegistry):
    """Importance by replacing words (ReAGent)."""

    method_name = "reagent"

    def changed(self, sequence: Any) -> Any:
        """Scores over a width, as inseq has them."""
        return over_width(sequence)


class ValueZeroingAttribution(PerturbationAttributionRegistry):
    """How much states change when a token's values are zero."""

    method_name = "value_zeroing"
