"""The same method once more, on a changed model: for metrics of the method rather than of its scores."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

from attrs import field, frozen

from wherefrom.adapters.check import in_words, unmet
from wherefrom.adapters.views import Tally, counting
from wherefrom.arrays import FloatArray
from wherefrom.errors import InputError, ModelCapabilityError, WherefromError
from wherefrom.evaluation.asking import compared_ids, judged_scores, question_of
from wherefrom.files.named import files_named
from wherefrom.methods.answered import answered
from wherefrom.methods.answers import attribution_of, example_of
from wherefrom.methods.contract import METHODS, AnyMethod
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.units import Units
from wherefrom.progress import Progress, no_progress
from wherefrom.questions.question import Question
from wherefrom.results.aggregation import build
from wherefrom.results.attribution import Attribution
from wherefrom.results.contrasts import is_contrast
from wherefrom.results.provenance import Provenance
from wherefrom.settings import from_mapping
from wherefrom.step_functions.base import STEP_FUNCTIONS, StepFunction

_UNCHANGED = "unchanged"


class AsksMethod:
    """A metric that asks the method again. It says nothing of orders that no method made.

    The scores it measures are those of the method asked once more of the model as it is (`Again.unchanged`), so that
    nothing but the change lies between them and the others.
    """

    def runs(self) -> int:
        """How many times the method is run for one example on changed models."""
        raise NotImplementedError


@frozen(kw_only=True, eq=False)
class Again:
    """A method and its question, to be asked of other models than the one that gave the scores."""

    model: Any
    """The adapter that gave the scores."""
    question: Question
    method: AnyMethod
    units: Units
    result: Attribution
    """What it gave."""
    seed: int = 0
    """For what is drawn to change the model: the example's, so that all its outputs are asked about one model."""
    _kept: dict[Hashable, FloatArray] = field(factory=dict, init=False)
    _ran: list[Tally] = field(factory=list, init=False)

    @property
    def forwards(self) -> int:
        """Passes that were run so far."""
        return sum(one.forward_rows for one in self._ran)

    def scores(self, key: Hashable, change: Change, *, progress: Progress = no_progress) -> FloatArray:
        """Scores of the units from a changed model, shape ``(units, steps)``.

        Args:
            key: What the change is; the same one is run once.
            change: From this to the changed adapter, for the time of a block.

        Raises:
            ModelCapabilityError: The changed model lacks what the method needs.
        """
        if key not in self._kept:
            with change(self) as changed:
                self._kept[key] = self._run(changed, progress)
        return self._kept[key]

    def unchanged(self, *, progress: Progress = no_progress) -> FloatArray:
        """Scores of the units from the model as it is, made as those of changed ones are. Shape ``(units, steps)``.

        What methods draw hangs on the steps that are asked about together, so the result's own scores may be others.
        """
        return self.scores(_UNCHANGED, lambda again: nullcontext(again.model), progress=progress)

    def cost(self) -> Cost | None:
        """What one run takes; None: not known before."""
        return self.method.cost_on(self.model, self.question)

    def _run(self, changed: Any, progress: Progress) -> FloatArray:
        if missing := unmet(changed, self.method.needs):
            raise ModelCapabilityError(
                f"{self.method.identifier} cannot be asked of the changed model: it needs one that "
                f"{in_words(missing[0])}. Leave this metric out."
            )
        metered, tally = counting(changed)
        self._ran.append(tally)
        (found,) = answered(self.method, metered, [self.question], progress)
        example = example_of(self.model, self.result)
        made = attribution_of(example, self.question, self.method, found, {}, {}, clean_special_chars=False)
        return judged_scores(self._reduced(made), self.units)

    def _reduced(self, made: Attribution) -> Attribution:
        """Aggregated as the result was."""
        for stage in self.result.aggregations:
            try:
                made = build(stage.name, stage.settings)(made)
            except WherefromError as error:
                raise InputError(
                    "This metric asks the method again, and what it gives then cannot be aggregated as the result was "
                    f"(by {stage.name!r}): {error} Give the raw result, or leave this metric out."
                ) from error
        return made


Change: TypeAlias = Callable[[Again], AbstractContextManager[Any]]


def again(model: Any, result: Attribution, units: Units, *, seed: int = 0) -> Again:
    """A result's method and question, from how the result was made (`Attribution.provenance`).

    Args:
        seed: For what is drawn to change the model.

    Raises:
        InputError: It is not said, or it was a contrast whose tokens are not told or are read in another context.
        UnknownNameError: The method or target function is not installed.
    """
    provenance = result.provenance
    if not provenance.method:
        raise InputError(
            "This metric asks the method again, and the result does not say how it was made. Pass what "
            "model.attribute(...) returned, or an example of it such as out[0]."
        )
    contrast_ids = compared_ids(result)
    if contrast_ids is None and is_contrast(result):
        raise InputError(
            "This metric asks the method again, which it can for a contrast whose tokens are read in the prediction "
            "that is explained: without contrast_force_inputs, and not from a file of 0.1.0. Leave this metric out."
        )
    method: Any = from_mapping(
        METHODS.get(provenance.method["name"]),
        provenance.method.get("settings", {}),
        where=f"method {provenance.method['name']!r}",
    )
    _require_same_files(provenance)
    question = question_of(
        model,
        result,
        keep_special=bool(provenance.arguments.get("keep_special", True)),
        include_eos_baseline=bool(provenance.arguments.get("include_eos_baseline", False)),
        function=_function(provenance),
        contrast_ids=contrast_ids,
        seed=provenance.seed or 0,
    )
    return Again(model=model, question=question, method=method, units=units, result=result, seed=seed)


def _require_same_files(provenance: Provenance) -> None:
    """Raise: InputError: A file that a setting of the method names (learned weights, say) holds something else now."""
    now = files_named(provenance.method.get("settings", {}))
    for name, then in provenance.method.get("files", {}).items():
        if now.get(name) != then:
            raise InputError(
                "This metric asks the method again, and the file that its setting "
                f"{name} = {provenance.method['settings'].get(name)!r} names is not what it was when the result was "
                "made. Put that file back, or leave this metric out."
            )


def _function(provenance: Provenance) -> StepFunction:
    name = provenance.attributed_fn["name"]
    made: StepFunction = from_mapping(
        STEP_FUNCTIONS.get(name), provenance.attributed_fn.get("settings", {}), where=f"step function {name!r}"
    )
    return made
