"""Which step functions may be explained, and by what."""

from __future__ import annotations

from wherefrom.errors import UsageError
from wherefrom.step_functions.base import STEP_FUNCTIONS, StepFunction


def require_differentiable(function: StepFunction, *, method: str = "a gradient method") -> None:
    """Refuse a step function that has no useful gradient.

    Raises:
        UsageError: The function counts, ranks or samples; the message lists those that can be differentiated.
    """
    if not function.differentiable:
        raise UsageError(
            f"{function.identifier} cannot be differentiated, and {method} needs gradients. "
            f"Use one of {', '.join(differentiable_functions())} as attributed_fn, {_alternative(function)}."
        )


def require_explainable(function: StepFunction) -> None:
    """Refuse a step function that no method can explain, because it does not follow from a single pass.

    Raises:
        UsageError: The function needs stochastic passes.
    """
    if function.sampled:
        raise UsageError(
            f"{function.identifier} is read from stochastic passes and cannot be attributed to the inputs of one. "
            f"Ask for it with step_scores=[{function.identifier!r}], or explain another function, such as "
            "probability."
        )


def differentiable_functions() -> list[str]:
    """Identifiers of the registered functions that gradient methods can explain, sorted."""
    return [name for name in STEP_FUNCTIONS if STEP_FUNCTIONS.get(name).differentiable]


def _alternative(function: StepFunction) -> str:
    score = f"ask for it with step_scores=[{function.identifier!r}]"
    return score if function.sampled else f"take a perturbation method such as occlusion, or {score}"
