"""Step scores that need stochastic passes: the passes made once per example, for all such scores."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from wherefrom.adapters import Row, SequenceModel
from wherefrom.adapters.check import lacking
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.sampling import DEFAULT_PASSES, AsksForPasses, Samples


def with_samples(
    model: SequenceModel, row: Row, scores: Mapping[str, TargetFunction], *, seed: int
) -> dict[str, TargetFunction]:
    """The same target functions, those that need stochastic passes provided with them.

    The passes are shared: a function that asks for fewer takes the first ones.

    Args:
        row: The clean pass of the example, over the steps of the target functions.
        seed: Decides the dropout; the same seed gives the same scores.

    Raises:
        ModelCapabilityError: The adapter cannot make stochastic passes.
    """
    passes = passes_for(model, scores)
    if not passes or not isinstance(model, Samples):
        return dict(scores)
    plain = evolve(row, target_function=None, scores={})
    (samples,) = model.sample([plain], passes=passes, seed=seed)
    return {
        name: evolve(score, samples=samples[: passes_of(score)]) if score.function.sampled else score
        for name, score in scores.items()
    }


def passes_for(model: SequenceModel, scores: Mapping[str, TargetFunction]) -> int:
    """How many stochastic passes of an example these target functions take together.

    Raises:
        ModelCapabilityError: The adapter cannot make stochastic passes.
    """
    wanted = {name: passes_of(score) for name, score in scores.items() if score.function.sampled}
    if wanted and not isinstance(model, Samples):
        instead = "Load the model with an adapter that can, or leave the score out."
        raise lacking(model, Samples, ", ".join(sorted(wanted)), instead)
    return max(wanted.values(), default=0)


def passes_of(target_function: TargetFunction) -> int:
    """How many stochastic passes a target function's function asks for."""
    function = target_function.function
    return function.passes if isinstance(function, AsksForPasses) else DEFAULT_PASSES
