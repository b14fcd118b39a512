"""No score that is not a number passes without a word: one check behind every method."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from wherefrom.adapters import FindsBadWeights, PredictsSteps, SequenceModel
from wherefrom.arrays import BoolArray, to_numpy
from wherefrom.errors import ModelCapabilityError
from wherefrom.questions.question import Question
from wherefrom.results.attribution import Attribution


def not_finite_note(model: SequenceModel, question: Question, made: Attribution) -> str | None:
    """A remark that names the first explained token whose scores or step scores are NaN or infinite, and the likely
    cause; None where every visible number is finite."""
    bad = bad_steps(made)
    if not bad.any():
        return None
    first = int(np.flatnonzero(bad)[0])
    return (
        f"{made.method}: the numbers of {question.step_named(first)} are not finite, and those of "
        f"{int(bad.sum())} of {len(bad)} steps. {_cause(model, question, made)}"
    )


@contextmanager
def weights_named(model: SequenceModel) -> Iterator[None]:
    """Within the block, a refusal of a model whose weights hold NaN or infinity names these: how a model is built is
    found by comparing numbers, and with such weights they do not compare.

    Raises:
        ModelCapabilityError: As it says.
    """
    try:
        yield
    except ModelCapabilityError as refusal:
        if (said := _bad_weights(model)) is None:
            raise
        raise ModelCapabilityError(f"{said} With these: {refusal}") from refusal


def bad_steps(made: Attribution) -> BoolArray:
    """For each explained step: is any visible score or any step score of it NaN or infinite? Shape ``(steps,)``."""
    bad = _bad_scores(made)
    for values in made.step_scores.values():
        bad |= ~np.isfinite(values)
    return bad


def _bad_scores(made: Attribution) -> BoolArray:
    bad: BoolArray = np.zeros(len(made.steps), dtype=bool)
    source, target, visible = made.source_attributions, made.target_attributions, made.target_visible
    for step in range(len(bad)):  # one by one: of long inputs a copy of all is large
        if source is not None:
            bad[step] |= not np.isfinite(source[:, step]).all()
        if target is not None:
            bad[step] |= not np.isfinite(target[visible[:, step], step]).all()
    return bad


def _cause(model: SequenceModel, question: Question, made: Attribution) -> str:
    """What is to blame, as far as it can be seen from outside: weights, the clean pass, a function of it, or the
    method's own passes."""
    if (said := _bad_weights(model)) is not None:
        return said
    if isinstance(model, PredictsSteps):
        (clean,) = model.predict([question.row()])
        if not _all_finite(clean.logits):
            dtype = model.card.dtype
            return f"The model's own predictions are not finite there, in {dtype}: load it in a wider precision."
        asked = question.target_function
        if not _all_finite(asked.step_values(clean.logits, clean.inside)):
            return (
                f"The model's predictions are finite, but the target function {asked.function.identifier!r} of them is "
                "not, whatever the method: give it a value there (a logarithm of 0, or 0 / 0, has none), or choose "
                "another attributed_fn."
            )
    lacking = [name for name in question.scores if not _all_finite(made.step_scores.get(name, np.zeros(0)))]
    if lacking and not _bad_scores(made).any():
        return f"The attributions are finite; step scores are not, whatever the method: {', '.join(lacking)}."
    return "The model's predictions are finite, so it is the method's own passes: choose another baseline or method."


def _bad_weights(model: SequenceModel) -> str | None:
    """The weights that hold NaN or infinity, as far as it can be seen that some do."""
    if not isinstance(model, FindsBadWeights) or not (names := model.bad_weights()):
        return None
    first, *others = names
    more = f" and {len(others)} more" if others else ""
    return f"The model's weights hold NaN or infinity: {first}{more}. Load weights that are whole."


def _all_finite(values: Any) -> bool:
    return bool(np.isfinite(to_numpy(values)).all())
