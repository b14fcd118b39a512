"""Attention weights under inseq's class name."""

from __future__ import annotations

from wherefrom.inseq.attr.feat.feature_attribution import FeatureAttribution


class InternalsAttributionRegistry(FeatureAttribution):
    """Base of methods that read a model's inside."""


class AttentionWeightsAttribution(InternalsAttributionRegistry):
    """Attention weights per layer and head."""

    method_name = "attention"
