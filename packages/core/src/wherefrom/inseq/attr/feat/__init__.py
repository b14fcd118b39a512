"""Attribution methods under inseq's names."""

from __future__ import annotations

from wherefrom.inseq.attr.feat.attribution_utils import extract_args, join_token_ids
from wherefrom.inseq.attr.feat.feature_attribution import (
    DummyAttribution,
    FeatureAttribution,
    list_feature_attribution_methods,
)
from wherefrom.inseq.attr.feat.gradient_attribution import (
    DeepLiftAttribution,
    DiscretizedIntegratedGradientsAttribution,
    GradientAttributionRegistry,
    GradientShapAttribution,
    InputXGradientAttribution,
    IntegratedGradientsAttribution,
    LayerDeepLiftAttribution,
    LayerGradientXActivationAttribution,
    LayerIntegratedGradientsAttribution,
    SaliencyAttribution,
    SequentialIntegratedGradientsAttribution,
)
from wherefrom.inseq.attr.feat.internals_attribution import AttentionWeightsAttribution, InternalsAttributionRegistry
from wherefrom.inseq.attr.feat.perturbation_attribution import (
    LimeAttribution,
    OcclusionAttribution,
    PerturbationAttributionRegistry,
    ReagentAttribution,
    ValueZeroingAttribution,
)

ATTRIBUTIONS: dict[str, type[FeatureAttribution]] = {
    "": FeatureAttribution,
    **{
        cls.method_name: cls
        for cls in (
            AttentionWeightsAttribution,
            DeepLiftAttribution,
            DiscretizedIntegratedGradientsAttribution,
            DummyAttribution,
            GradientShapAttribution,
            InputXGradientAttribution,
            IntegratedGradientsAttribution,
            LayerDeepLiftAttribution,
            LayerGradientXActivationAttribution,
            LayerIntegratedGradientsAttribution,
            LimeAttribution,
            OcclusionAttribution,
            ReagentAttribution,
            SaliencyAttribution,
            SequentialIntegratedGradientsAttribution,
            ValueZeroingAttribution,
        )
    },
}
"""Identifier to class; the empty one stands for the library's other methods."""

__all__ = [
    "ATTRIBUTIONS",
    "AttentionWeightsAttribution",
    "DeepLiftAttribution",
    "DiscretizedIntegratedGradientsAttribution",
    "DummyAttribution",
    "FeatureAttribution",
    "GradientAttributionRegistry",
    "GradientShapAttribution",
    "InputXGradientAttribution",
    "IntegratedGradientsAttribution",
    "InternalsAttributionRegistry",
    "LayerDeepLiftAttribution",
    "LayerGradientXActivationAttribution",
    "LayerIntegratedGradientsAttribution",
    "LimeAttribution",
    "OcclusionAttribution",
    "PerturbationAttributionRegistry",
    "ReagentAttribution",
    "SaliencyAttribution",
    "SequentialIntegratedGradientsAttribution",
    "ValueZeroingAttribution",
    "extract_args",
    "join_token_ids",
    "list_feature_attribution_methods",
]
