"""Attribution methods, one file each; the contract is in `wherefrom.methods.base`."""

from wherefrom.methods.base import METHODS, Method, Question, Scores, method
from wherefrom.methods.input_x_gradient import InputXGradient
from wherefrom.methods.integrated_gradients import IntegratedGradients
from wherefrom.methods.saliency import Saliency

__all__ = [
    "METHODS",
    "InputXGradient",
    "IntegratedGradients",
    "Method",
    "Question",
    "Saliency",
    "Scores",
    "method",
]
