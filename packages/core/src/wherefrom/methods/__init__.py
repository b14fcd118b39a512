"""Attribution methods, one file each; the contract is in `wherefrom.methods.contract`."""

from typing import TYPE_CHECKING

from wherefrom._late import late

if TYPE_CHECKING:
    from wherefrom.methods.alti import Alti
    from wherefrom.methods.alti_logit import AltiLogit
    from wherefrom.methods.attention import Attention
    from wherefrom.methods.attention_flow import AttentionFlow
    from wherefrom.methods.attention_gradient_rollout import AttentionGradientRollout
    from wherefrom.methods.attention_rollout import AttentionRollout
    from wherefrom.methods.context_cite import ContextCite
    from wherefrom.methods.contract import METHODS, Method, Scores, method
    from wherefrom.methods.deeplift import DeepLift
    from wherefrom.methods.discretized_integrated_gradients import DiscretizedIntegratedGradients
    from wherefrom.methods.dummy import Dummy
    from wherefrom.methods.exact_shapley import ExactShapley
    from wherefrom.methods.feature_ablation import FeatureAblation
    from wherefrom.methods.flashtrace import FlashTrace
    from wherefrom.methods.gim import Gim
    from wherefrom.methods.gradient_shap import GradientShap
    from wherefrom.methods.information_flow_routes import InformationFlowRoutes
    from wherefrom.methods.input_x_gradient import InputXGradient
    from wherefrom.methods.integrated_gradients import IntegratedGradients
    from wherefrom.methods.interactions import Interactions
    from wherefrom.methods.kernel_shap import KernelShap
    from wherefrom.methods.layer_deeplift import LayerDeepLift
    from wherefrom.methods.layer_gradient_x_activation import LayerGradientXActivation
    from wherefrom.methods.layer_integrated_gradients import LayerIntegratedGradients
    from wherefrom.methods.learned_attention import LearnedAttention
    from wherefrom.methods.libra import Libra
    from wherefrom.methods.lime import Lime
    from wherefrom.methods.noise_tunnel import SmoothGrad, SquareGrad, VarGrad
    from wherefrom.methods.occlusion import Occlusion
    from wherefrom.methods.reagent import Reagent
    from wherefrom.methods.saliency import Saliency
    from wherefrom.methods.sequential_integrated_gradients import SequentialIntegratedGradients
    from wherefrom.methods.shapley_value_sampling import ShapleyValueSampling
    from wherefrom.methods.value_norms import ValueNorms
    from wherefrom.methods.value_zeroing import ValueZeroing
    from wherefrom.questions.question import Question

__all__ = [
    "METHODS",
    "Alti",
    "AltiLogit",
    "Attention",
    "AttentionFlow",
    "AttentionGradientRollout",
    "AttentionRollout",
    "ContextCite",
    "DeepLift",
    "DiscretizedIntegratedGradients",
    "Dummy",
    "ExactShapley",
    "FeatureAblation",
    "FlashTrace",
    "Gim",
    "GradientShap",
    "InformationFlowRoutes",
    "InputXGradient",
    "IntegratedGradients",
    "Interactions",
    "KernelShap",
    "LayerDeepLift",
    "LayerGradientXActivation",
    "LayerIntegratedGradients",
    "LearnedAttention",
    "Libra",
    "Lime",
    "Method",
    "Occlusion",
    "Question",
    "Reagent",
    "Saliency",
    "Scores",
    "SequentialIntegratedGradients",
    "ShapleyValueSampling",
    "SmoothGrad",
    "SquareGrad",
    "ValueNorms",
    "ValueZeroing",
    "VarGrad",
    "method",
]

_LATE = {
    "Alti": "wherefrom.methods.alti",
    "AltiLogit": "wherefrom.methods.alti_logit",
    "Attention": "wherefrom.methods.attention",
    "AttentionFlow": "wherefrom.methods.attention_flow",
    "AttentionGradientRollout": "wherefrom.methods.attention_gradient_rollout",
    "AttentionRollout": "wherefrom.methods.attention_rollout",
    "ContextCite": "wherefrom.methods.context_cite",
    "DeepLift": "wherefrom.methods.deeplift",
    "DiscretizedIntegratedGradients": "wherefrom.methods.discretized_integrated_gradients",
    "Dummy": "wherefrom.methods.dummy",
    "ExactShapley": "wherefrom.methods.exact_shapley",
    "FeatureAblation": "wherefrom.methods.feature_ablation",
    "FlashTrace": "wherefrom.methods.flashtrace",
    "Gim": "wherefrom.methods.gim",
    "GradientShap": "wherefrom.methods.gradient_shap",
    "InputXGradient": "wherefrom.methods.input_x_gradient",
    "InformationFlowRoutes": "wherefrom.methods.information_flow_routes",
    "IntegratedGradients": "wherefrom.methods.integrated_gradients",
    "Interactions": "wherefrom.methods.interactions",
    "KernelShap": "wherefrom.methods.kernel_shap",
    "LayerDeepLift": "wherefrom.methods.layer_deeplift",
    "LayerGradientXActivation": "wherefrom.methods.layer_gradient_x_activation",
    "LayerIntegratedGradients": "wherefrom.methods.layer_integrated_gradients",
    "LearnedAttention": "wherefrom.methods.learned_attention",
    "Libra": "wherefrom.methods.libra",
    "Lime": "wherefrom.methods.lime",
    "METHODS": "wherefrom.methods.contract",
    "Method": "wherefrom.methods.contract",
    "Occlusion": "wherefrom.methods.occlusion",
    "Question": "wherefrom.questions.question",
    "Reagent": "wherefrom.methods.reagent",
    "Saliency": "wherefrom.methods.saliency",
    "Scores": "wherefrom.methods.contract",
    "SequentialIntegratedGradients": "wherefrom.methods.sequential_integrated_gradients",
    "ShapleyValueSampling": "wherefrom.methods.shapley_value_sampling",
    "SmoothGrad": "wherefrom.methods.noise_tunnel",
    "SquareGrad": "wherefrom.methods.noise_tunnel",
    "ValueNorms": "wherefrom.methods.value_norms",
    "ValueZeroing": "wherefrom.methods.value_zeroing",
    "VarGrad": "wherefrom.methods.noise_tunnel",
    "method": "wherefrom.methods.contract",
}
"""The contract is imported without every implementation of it."""

__getattr__ = late(__name__, _LATE)
