"""Step functions: scalars of a model's prediction at each step. One file each."""

from wherefrom.step_functions.base import STEP_FUNCTIONS, StepFunction, StepPrediction, step_function
from wherefrom.step_functions.crossentropy import CrossEntropy
from wherefrom.step_functions.entropy import Entropy
from wherefrom.step_functions.logit import Logit
from wherefrom.step_functions.perplexity import Perplexity
from wherefrom.step_functions.probability import Probability

__all__ = [
    "STEP_FUNCTIONS",
    "CrossEntropy",
    "Entropy",
    "Logit",
    "Perplexity",
    "Probability",
    "StepFunction",
    "StepPrediction",
    "step_function",
]
