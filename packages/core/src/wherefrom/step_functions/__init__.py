"""Step functions: scalars of a model's prediction at each step. One file each."""

from typing import TYPE_CHECKING

from wherefrom._late import late

if TYPE_CHECKING:
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

_LATE = {
    "ContrastLogits": "wherefrom.step_functions.contrast_logits",
    "ContrastLogitsDiff": "wherefrom.step_functions.contrast_logits_diff",
    "ContrastProb": "wherefrom.step_functions.contrast_prob",
    "ContrastProbDiff": "wherefrom.step_functions.contrast_prob_diff",
    "CrossEntropy": "wherefrom.step_functions.crossentropy",
    "Entropy": "wherefrom.step_functions.entropy",
    "InContextPVI": "wherefrom.step_functions.in_context_pvi",
    "KLDivergence": "wherefrom.step_functions.kl_divergence",
    "Logit": "wherefrom.step_functions.logit",
    "LogprobDiff": "wherefrom.step_functions.logprob_diff",
    "MCDropoutProbAvg": "wherefrom.step_functions.mc_dropout_prob_avg",
    "MCDropoutZScore": "wherefrom.step_functions.mc_dropout_zscore",
    "Margin": "wherefrom.step_functions.margin",
    "Perplexity": "wherefrom.step_functions.perplexity",
    "PointwiseCXMI": "wherefrom.step_functions.pcxmi",
    "Probability": "wherefrom.step_functions.probability",
    "Rank": "wherefrom.step_functions.rank",
    "STEP_FUNCTIONS": "wherefrom.step_functions.base",
    "Samples": "wherefrom.step_functions.sampling",
    "StepFunction": "wherefrom.step_functions.base",
    "StepPrediction": "wherefrom.step_functions.base",
    "SurprisalBits": "wherefrom.step_functions.surprisal_bits",
    "TopPSize": "wherefrom.step_functions.top_p_size",
    "differentiable_functions": "wherefrom.step_functions.differentiability",
    "list_step_functions": "wherefrom.step_functions.registration",
    "register_step_function": "wherefrom.step_functions.registration",
    "require_differentiable": "wherefrom.step_functions.differentiability",
    "require_explainable": "wherefrom.step_functions.differentiability",
    "step_function": "wherefrom.step_functions.base",
}
"""The contract is imported without every implementation of it."""

__getattr__ = late(__name__, _LATE)
