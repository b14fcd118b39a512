"""Gradient methods under inseq's class names."""

from __future__ import annotations

from wherefrom.inseq.attr.feat.feature_attribution import FeatureAttribution


class GradientAttributionRegistry(FeatureAttribution):
    """Base of gradient methods."""


class DeepLiftAttribution(GradientAttributionRegistry):
    """DeepLIFT with the rescale rule at every non-linearity."""

    method_name = "deeplift"


class GradientShapAttribution(GradientAttributionRegistry):
    """Expected gradients."""

    method_name = "gradient_shap"


class DiscretizedIntegratedGradientsAttribution(GradientAttributionRegistry):
    """Integrated gradients over words."""

    method_name = "discretized_integrated_gradients"


class IntegratedGradientsAttribution(GradientAttributionRegistry):
    """Integrated gradients."""

    method_name = "integrated_gradients"


class InputXGradientAttribution(GradientAttributionRegistry):
    """Input times gradient."""

    method_name = "input_x_gradient"


class SaliencyAttribution(GradientAttributionRegistry):
    """Magnitudes of gradients."""

    method_name = "saliency"


class SequentialIntegratedGradientsAttribution(GradientAttributionRegistry):
    """Integrated gradients, one token moving at a time."""

    method_name = "sequential_integrated_gradients"


class LayerIntegratedGradientsAttribution(GradientAttributionRegistry):
    """Integrated gradients of a layer."""

    method_name = "layer_integrated_gradients"


class LayerGradientXActivationAttribution(GradientAttributionRegistry):
    """Activation times gradient of a layer."""

    method_name = "layer_gradient_x_activation"


class LayerDeepLiftAttribution(GradientAttributionRegistry):
    """DeepLIFT of a layer."""

    method_name = "layer_deeplift"
