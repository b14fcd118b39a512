"""Step functions: scalars of a model's prediction at each step. One file each."""

from wherefrom.step_functions.base import STEP_FUNCTIONS, StepFunction, StepPrediction, step_function
from wherefrom.step_functions.contrast_logits import ContrastLogits
from wherefrom.step_functions.contrast_logits_diff import ContrastLogitsDiff
from wherefrom.step_functions.contrast_prob import ContrastProb
from wherefrom.step_functions.contrast_prob_diff import ContrastProbDiff
from wherefrom.step_functions.crossentropy import CrossEntropy
from wherefrom.step_functions.differentiability import (
    differentiable_functions,
    require_differentiable,
    require_explainable,
)
from wherefrom.step_functions.entropy import Entropy
from wherefrom.step_functions.in_context_pvi import InContextPVI
from wherefrom.step_functions.kl_divergence import KLDivergence
from wherefrom.step_functions.logit import Logit
from wherefrom.step_functions.logprob_diff import LogprobDiff
from wherefrom.step_functions.margin import Margin
from wherefrom.step_functions.mc_dropout_prob_avg import MCDropoutProbAvg
from wherefrom.step_functions.mc_dropout_zscore import MCDropoutZScore
from wherefrom.step_functions.pcxmi import PointwiseCXMI
from wherefrom.step_functions.perplexity import Perplexity
from wherefrom.step_functions.probability import Probability
from wherefrom.step_functions.rank import Rank
from wherefrom.step_functions.registration import list_step_functions, register_step_function
from wherefrom.step_functions.sampling import Samples
from wherefrom.step_functions.surprisal_bits import SurprisalBits
from wherefrom.step_functions.top_p_size import TopPSize

__all__ = [
    "STEP_FUNCTIONS",
    "ContrastLogits",
    "ContrastLogitsDiff",
    "ContrastProb",
    "ContrastProbDiff",
    "CrossEntropy",
    "Entropy",
    "InContextPVI",
    "KLDivergence",
    "Logit",
    "LogprobDiff",
    "MCDropoutProbAvg",
    "MCDropoutZScore",
    "Margin",
    "Perplexity",
    "PointwiseCXMI",
    "Probability",
    "Rank",
    "Samples",
    "StepFunction",
    "StepPrediction",
    "SurprisalBits",
    "TopPSize",
    "differentiable_functions",
    "list_step_functions",
    "register_step_function",
    "require_differentiable",
    "require_explainable",
    "step_function",
]
