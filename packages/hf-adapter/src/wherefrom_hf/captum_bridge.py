"""Any class of captum that needs only a forward function, as a method: ``captum:ShapleyValueSampling``.

*Gradient classes* are given the input embeddings. The forward function they differentiate is the model's own set of
gradients: each row that captum makes is one `wherefrom.adapters.Row` with these embeddings, asked for one output, so
that all outputs of a question are one batch of a single call. *Perturbation classes* are given a vector with one entry
per unit that the output can see, 1 where the unit is there and 0 where the baseline stands in its place. Captum is run
for one output after the other, but a coalition is run through the model once for all of them.

This is a bridge, not a shortcut: rows differ only in what captum decides, and neither common prefixes of gradients nor
shared sampling plans are exploited. Where this library has the method itself, its own version costs less.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

import captum
import captum.attr
import numpy as np
import torch
from attrs import evolve, field, frozen
from captum.attr import GradientAttribution, LayerAttribution, NeuronAttribution, PerturbationAttribution
from torch import Tensor
from wherefrom.adapters import GivesGradients, PredictsSteps, ScoringModel
from wherefrom.arrays import FloatArray
from wherefrom.errors import MissingDependencyError, SettingsError, UnknownNameError, nearest
from wherefrom.methods.contract import L2_THEN_NORMALIZE, Method, Scores, inputs_first, method
from wherefrom.methods.paths.baselines import endpoints
from wherefrom.methods.perturbation.ablation import quantities
from wherefrom.methods.perturbation.growing import GrowingTable
from wherefrom.methods.perturbation.removal import as_baseline, check_baseline
from wherefrom.methods.perturbation.units import UnitsSetting, as_units, last_steps, units_of
from wherefrom.progress import Progress, counted
from wherefrom.questions.question import Question
from wherefrom.settings import a_seed, unknown_setting

PREFIX = "captum"
AT_ONCE = 32
"""Coalitions that captum hands over together unless ``perturbations_per_eval`` is set; changes no number."""
WINDOWS = ("sliding_window_shapes", "strides")
"""Arguments that captum wants as tuples, one number per axis; there is one axis here."""

FILLED_HERE: Mapping[str, str] = {
    "inputs": "the texts",
    "target": "the target function",
    "additional_forward_args": "the bridge",
    "baselines": "the setting baseline",
    "feature_mask": "the setting units",
    "forward_func": "the model",
    "return_convergence_delta": "nothing: compare sums of scores with the step scores",
    "return_input_shape": "the bridge",
    "show_progress": "show_progress of attribute",
    "draw_baseline_from_distrib": "nothing: there is one baseline",
    "kwargs": "nothing",
    "self": "nothing",
}
"""Arguments of captum that users cannot set, and what decides them instead."""

WHY_NOT: Mapping[str, str] = {
    "FeaturePermutation": "it exchanges features between the examples of a batch, and each text is explained alone",
}
"""Classes that take a forward function and still cannot answer."""


def captum_method(name: str) -> type[CaptumGradient] | type[CaptumPerturbation]:
    """The method ``captum:name``, made on demand; the same class for the same name.

    Raises:
        UnknownNameError: Captum has no such class, or it needs more than a forward function. The message lists those
            that work.
    """
    cls = getattr(captum.attr, name, None)
    reason = _obstacle(name, cls)
    if reason is not None:
        usable = usable_classes()
        raise UnknownNameError(
            f"captum:{name} cannot be used: {reason}.{nearest(name, usable)} "
            f"Usable: {', '.join(f'{PREFIX}:{one}' for one in usable)}."
        )
    return _made(name)


@cache
def usable_classes() -> tuple[str, ...]:
    """Names of the classes of this captum that need only a forward function."""
    return tuple(name for name in sorted(captum.attr.__all__) if _obstacle(name, getattr(captum.attr, name)) is None)


def _obstacle(name: str, cls: Any) -> str | None:
    """Why a class cannot be used, as a clause; None if it can."""
    if not isinstance(cls, type):
        return f"captum {captum.__version__} has no class of that name"
    if not issubclass(cls, GradientAttribution | PerturbationAttribution):
        return "it is no gradient or perturbation class"
    if cls in (GradientAttribution, PerturbationAttribution):
        return "it is what such classes have in common and computes nothing"
    if issubclass(cls, LayerAttribution | NeuronAttribution):
        return "it looks inside a module, where this library has its layer_* methods"
    if name in WHY_NOT:
        return WHY_NOT[name]
    first, *others = inspect.signature(cls).parameters.values()
    if first.name != "forward_func":
        return f"it takes {first.name} instead of a forward function"
    required = [one.name for one in others if one.default is one.empty]
    if required:
        return f"it needs {', '.join(required)} besides a forward function"
    return None


@cache
def _made(name: str) -> type[CaptumGradient] | type[CaptumPerturbation]:
    cls = getattr(captum.attr, name)
    parent: Any = CaptumGradient if issubclass(cls, GradientAttribution) else CaptumPerturbation
    made = type(
        f"Captum{name}",
        (parent,),
        {
            "__doc__": f"``{name}`` of captum. {parent.__doc__}",
            "__module__": __name__,
            "wrapped": cls,
        },
    )
    facts = GRADIENT if parent is CaptumGradient else PERTURBATION
    given = method(f"{PREFIX}:{name}", **facts, signed=name != "Saliency", uses_target_function=True, register=False)
    answer: type[CaptumGradient] | type[CaptumPerturbation] = given(frozen(kw_only=True)(made))
    return answer


GRADIENT: dict[str, Any] = {
    "needs": (GivesGradients,),
    "differentiates": True,
    "dimensions": ("width",),
    "aggregation": L2_THEN_NORMALIZE,
}
PERTURBATION: dict[str, Any] = {"needs": (PredictsSteps,), "differentiates": False}
"""Facts of the methods of either kind."""


@frozen(kw_only=True)
class _CaptumSettings:
    """What every method of captum takes here."""

    identifier: ClassVar[str]
    wrapped: ClassVar[type] = object
    """Captum's class."""

    settings: Any = field(factory=dict)
    """Arguments of captum's class and of its ``attribute``, a mapping by name: ``{"n_samples": 50}``. Lists, as they
    come from JSON, become tuples."""
    seed: int | None = field(default=None, validator=a_seed)
    """Seed for whatever captum draws; None: the one of the whole call."""

    @settings.validator
    def _check_settings(self, _: Any, value: Mapping[str, Any]) -> None:
        if not isinstance(value, Mapping):
            raise SettingsError(f"{self.identifier}: settings is a mapping from name to value, not {value!r}.")
        taken = {**self._parameters("attribute"), **self._parameters("__init__")}
        for name in value:
            if name in FILLED_HERE and name in taken:
                raise SettingsError(f"{self.identifier}: {name} is not set here. It is decided by {FILLED_HERE[name]}.")
            if name not in taken:
                raise unknown_setting(name, set(taken) - set(FILLED_HERE), f"settings of {self.identifier!r}")

    def cost(self, question: Question) -> None:
        """Captum decides what it runs; the result says how much it was."""

    def _parameters(self, function: str) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(getattr(self.wrapped, function)).parameters

    def _given(self, function: str) -> dict[str, Any]:
        """The user's settings that ``function`` of captum's class takes."""
        known = self._parameters(function)
        given = {name: _tuples(value) for name, value in self.settings.items() if name in known}
        return {
            name: (value,) if name in WINDOWS and isinstance(value, int) else value for name, value in given.items()
        }

    def _takes(self, name: str) -> bool:
        return name in self._parameters("attribute")

    def _run(self, forward: Callable[..., Tensor], inputs: Any, question: Question, **more: Any) -> Any:
        """Captum's answer, with its random draws seeded."""
        with _seeded(question.seed if self.seed is None else self.seed):
            try:
                made: Any = self.wrapped(forward, **self._given("__init__"))
                return made.attribute(inputs, **{**more, **self._given("attribute")})
            except ImportError as error:
                raise MissingDependencyError(f"{self.identifier} needs a package that is missing: {error}") from error
            except AssertionError as error:  # how captum refuses arguments
                raise SettingsError(
                    f"{self.identifier} with settings {dict(self.settings)!r} was refused by captum: {error}"
                ) from error


@frozen(kw_only=True)
class CaptumGradient(_CaptumSettings, Method[GivesGradients]):
    """Captum differentiates; the gradients are the model's own.

    Shapes: source ``(S, outputs, width)``, target ``(T, outputs, width)``, as captum's class defines them. Cost: a
    forward and a backward pass of each row that captum makes, for each output apart: `integrated_gradients` with
    ``n_steps=50`` runs 50 rows per output.

    Source: https://captum.ai
    """

    baseline: Any = "unk"
    """Where classes with a baseline begin: a name, ids or embeddings; see `wherefrom.methods.paths.baselines`."""

    @property
    def abs(self) -> bool | None:
        """Are scores made positive? None for classes without that choice."""
        parameter = self._parameters("attribute").get("abs")
        return None if parameter is None else bool(self.settings.get("abs", parameter.default))

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """All outputs of a question are one batch of a single call of captum."""
        yield from counted(
            (self._answer(model, question) for question in questions), "attribute", len(questions), progress
        )

    def _answer(self, model: GivesGradients, question: Question) -> Scores:
        source = endpoints(model, question, "source", self.baseline)
        target = endpoints(model, question, "target", self.baseline) if question.attribute_target else None
        sides = [side for side in (source, target) if side is not None]
        asking = _Asking(model, question, source is not None, target is not None)
        outputs = question.target_function.outputs

        def forward(*given: Tensor) -> Tensor:
            *embeddings, which = given
            values: Tensor = _Differentiable.apply(asking, which, *embeddings)
            return values

        more: dict[str, Any] = {"additional_forward_args": (torch.arange(outputs),)}
        if self._takes("baselines"):
            more["baselines"] = tuple(_repeated(side.baseline, outputs) for side in sides)
        inputs = tuple(_repeated(side.input, outputs).requires_grad_() for side in sides)
        parts = iter(self._run(forward, inputs, question, **more))
        return Scores(
            source=None if source is None else inputs_first(next(parts).detach()),
            target=None if target is None else inputs_first(next(parts).detach()),
            details={"captum": captum.__version__, "rows": asking.rows},
        )


class _Asking:
    """Values and gradients of rows with given embeddings, one output each."""

    def __init__(self, model: GivesGradients, question: Question, source: bool, target: bool) -> None:
        self._model = model
        self._question = question
        self._sides = [name for name, there in (("source", source), ("target", target)) if there]
        self.rows = 0
        """Rows that were run."""

    def __call__(self, which: Tensor, embeddings: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Values, shape ``(rows,)``, and their gradients, shaped as ``embeddings``.

        Args:
            which: The output that each row is asked for, shape ``(rows,)``.
            embeddings: One per attributed side, shape ``(rows, length, width)``.
        """
        rows = []
        for number, output in enumerate(which.tolist()):
            changes: dict[str, Any] = {
                f"{side}_embeds": part[number] for side, part in zip(self._sides, embeddings, strict=True)
            }
            rows.append(self._question.row(**changes).select(np.array([output])))
        self.rows += len(rows)
        answers = list(self._model.gradients(rows, source="source" in self._sides, target="target" in self._sides))
        values = torch.cat([answer.values for answer in answers])
        gradients = [torch.cat([getattr(answer, side) for answer in answers]) for side in self._sides]
        return values, gradients


class _Differentiable(torch.autograd.Function):
    """The values of rows as a function that autograd can differentiate once, by the gradients the model gave."""

    @staticmethod
    def forward(ctx: Any, asking: _Asking, which: Tensor, *embeddings: Tensor) -> Tensor:
        values, gradients = asking(which, [part.detach() for part in embeddings])
        ctx.save_for_backward(*gradients)
        return values.detach()

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        (output_gradient,) = given
        return (None, None, *(output_gradient[:, None, None].to(part.dtype) * part for part in ctx.saved_tensors))


@frozen(kw_only=True)
class CaptumPerturbation(_CaptumSettings, Method[ScoringModel]):
    """Captum chooses coalitions of units and turns what they are worth into scores.

    A causal step has only the units before it as units. With captum's windows (``Occlusion``) units stand in a row,
    those of the source first; a window is ``{"sliding_window_shapes": 2}``, 1 by default, and no wider than what an
    output sees.

    Shapes: source ``(S, outputs)``, target ``(T, outputs)``, in units of the target function. Cost: one forward for
    each coalition that no output asked for before.

    Source: https://captum.ai
    """

    units: UnitsSetting = field(default="token", converter=as_units)
    """What is removed and scored as one; see `wherefrom.methods.perturbation.units`."""
    baseline: str | int = field(default="unk", converter=as_baseline)
    """How a unit is removed; see `wherefrom.methods.perturbation.removal`."""

    def attribute(self, model: ScoringModel, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """One call of captum per output; coalitions are shared between them."""
        check_baseline(self.baseline, model, self.identifier)
        yield from counted(
            (self._answer(model, question) for question in questions), "attribute", len(questions), progress
        )

    def _answer(self, model: ScoringModel, question: Question) -> Scores:
        units = units_of(question, self.units)
        last = last_steps(question.target_function, question.steps)
        visible = units.visible(last)
        wanted = quantities(question, log_probabilities=False)
        growing = GrowingTable(model, question, units, self.baseline, wanted=wanted)
        scores = np.zeros(visible.shape)
        for output in range(visible.shape[1]):
            there = np.flatnonzero(visible[:, output])
            if len(there):
                scores[there, output] = self._solved(growing, question, there, output)
        source, target = units.spread(scores, last)
        return Scores(
            source=source,
            target=target if question.source_ids is None or question.attribute_target else None,
            step_scores={} if growing.table is None else growing.table.step_scores,
            details={
                "captum": captum.__version__,
                "units": units.described(),
                "baseline": self.baseline,
                "forwards": growing.forwards,
            },
        )

    def _windows(self, units: int) -> dict[str, Any]:
        """Windows and strides as they are given, but no wider than so many units."""
        given = self._given("attribute")
        return {
            name: tuple(min(width, units) if isinstance(width, int) else width for width in given[name])
            for name in WINDOWS
            if isinstance(given.get(name), tuple)
        }

    def _solved(self, growing: GrowingTable, question: Question, there: np.ndarray, output: int) -> FloatArray:
        """Scores of the units that an output can see, shape ``(len(there),)``."""

        def forward(presence: Tensor) -> Tensor:
            masks = np.ones((len(presence), len(growing.units)), bool)
            masks[:, there] = presence.numpy() > 0.5
            return torch.from_numpy(growing.worth(masks)[:, output])

        if len(there) == 1:  # captum's regressions need two; what one unit alone is worth is no matter of weighting
            return forward(torch.tensor([[1.0], [0.0]])).diff().neg().numpy()
        more: dict[str, Any] = {"baselines": 0.0}
        if self._takes("perturbations_per_eval"):
            more["perturbations_per_eval"] = AT_ONCE
        if self._takes("sliding_window_shapes"):
            more["sliding_window_shapes"] = (1,)
        cut = evolve(self, settings={**self.settings, **self._windows(len(there))})
        inputs = torch.ones((1, len(there)), dtype=torch.float64)
        answer = cut._run(forward, inputs, question, **more)
        return answer.detach().numpy().reshape(-1).astype(np.float64)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Within the block, torch and NumPy draw from ``seed``; afterwards they go on as if nothing had been drawn."""
    state = np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(state)


def _repeated(embeddings: Any, times: int) -> Tensor:
    """One copy per output, shape ``(outputs, length, width)``."""
    tensor: Tensor = embeddings.detach()
    return tensor.expand(times, *tensor.shape).clone()


def _tuples(value: Any) -> Any:
    """Lists, as they come from JSON, as tuples."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
