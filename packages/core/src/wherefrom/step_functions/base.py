"""What a step function is: one scalar per step, from the model's prediction there.

A step function is written once, with array-API operations, and means the same thing as a step score and as
the target that is differentiated or perturbed (`attributed_fn`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar, runtime_checkable

from attrs import frozen

from wherefrom._registry import Registry, fact, stated
from wherefrom.adapters.card import ModelCard
from wherefrom.adapters.encoding import Side
from wherefrom.adapters.inside import Inside
from wherefrom.arrays import Array, IntArray, at_least_single, namespace
from wherefrom.errors import ModelCapabilityError, SettingsError, UsageError
from wherefrom.settings import accepted_names, from_mapping
from wherefrom.step_functions.inseq_style import ForwardOutput, LogitsReader


class LogitsOnlyError(ModelCapabilityError):
    """A step function asked for more than logits where there is nothing more."""


@frozen(kw_only=True, eq=False)
class StepPrediction:
    """What the model said at each step, and about which token it is asked.

    Arrays are of the model's own framework, on its device; `xp` is their array-API namespace.
    """

    logits: Array
    """Shape ``(steps, vocabulary)``."""
    target_ids: Array
    """Token in question at each step, integers, shape ``(steps,)``."""
    contrast: StepPrediction | None = None
    """The contrastive prediction, steps aligned; None where no contrast was given."""
    samples: Array | None = None
    """Logits of stochastic passes, shape ``(passes, steps, vocabulary)``, where the function asked for
    them."""
    inside: Inside | None = None
    """The pass that the logits are from, for functions that look at more; the methods below read it."""
    card: ModelCard | None = None
    """Who was asked: names, kind, special ids, number of layers."""

    @property
    def xp(self) -> Any:
        """The array-API namespace of the logits."""
        return namespace(self.logits)

    def log_probabilities(self) -> Array:
        """Log-softmax of the logits, in nats, shape ``(steps, vocabulary)``.

        Half-precision logits are widened to float32 first: a sum over a vocabulary is beyond their digits.
        """
        return log_softmax(self.logits)

    def log_probability(self) -> Array:
        """Log-probability of each step's target token, in nats, shape ``(steps,)``.

        The same numbers as ``at_target(log_probabilities())``, without an array of all of them.
        """
        xp = self.xp
        shifted = at_least_single(self.logits)
        shifted = shifted - xp.max(shifted, axis=-1, keepdims=True)
        return self.at_target(shifted) - xp.log(xp.sum(xp.exp(shifted), axis=-1))

    def at_target(self, values: Array) -> Array:
        """The entry of each step's target token. ``(steps, vocabulary)`` to ``(steps,)``."""
        return self.xp.take_along_axis(values, self.target_ids[:, None], axis=-1)[:, 0]

    def compared_log_probabilities(self) -> tuple[Array, Array]:
        """Log-probabilities of the token and of its contrast, in nats, shape ``(steps,)`` each.

        Where both are read from the same logits they come from one log-softmax, so that equal tokens cancel to the
        last bit, in values and in gradients. Without a contrast both are the token's.
        """
        log_probabilities = self.log_probabilities()
        target, other = self.at_target(log_probabilities), self.contrast
        if other is None:
            return target, target
        same = other.logits is self.logits
        return target, other.at_target(log_probabilities if same else other.log_probabilities())

    @property
    def steps(self) -> IntArray:
        """Target positions that are predicted, shape ``(steps,)``; each is predicted at the position before it."""
        return self._pass("the positions of its steps").steps

    def input_ids(self, side: Side = "target") -> Array:
        """Ids that the model read, shape ``(positions,)``; step ``t`` saw the target's first ``t`` of them."""
        return self._pass("input ids").input_ids(side)

    def attention_mask(self, side: Side = "target") -> Array:
        """1 where a position may be attended to, 0 where it is hidden, shape ``(positions,)``."""
        return self._pass("an attention mask").attention_mask(side)

    def input_embeddings(self, side: Side = "target") -> Array:
        """Embeddings of those ids as the model reads them, shape ``(positions, width)``.

        In a target function values made of them have gradients.
        """
        return self._pass("input embeddings").input_embeddings(side)

    def hidden_states(self, layer: int | str, side: Side = "target") -> Array:
        """What a layer answered at every position, shape ``(positions, width of the layer)``; with gradients, too.

        Args:
            layer: A number as transformers counts hidden states (0: the first block's input, -1: what the output
                layer reads), or the name of a part of the model (``"model.layers.3.mlp"``).
        """
        return self._pass("hidden states").hidden_states(layer, side)

    def states_at_steps(self, layer: int | str) -> Array:
        """`hidden_states` of the target where each step is predicted, shape ``(steps, width of the layer)``."""
        states = self.hidden_states(layer)
        return self.xp.stack([states[int(step) - 1] for step in self.steps])

    def _pass(self, what: str) -> Inside:
        if self.inside is None:
            raise LogitsOnlyError(
                f"The step function asks for {what}, and here there is nothing but logits: a contrastive prediction, "
                "a method that reads logits alone (deeplift, layer_deeplift, libra, gim, attention_gradient_rollout, "
                "layer methods on inner layers), or an adapter that shows no more. Take another method, such as "
                "input_x_gradient or occlusion, or a function of logits and target_ids."
            )
        return self.inside

    @property
    def forward_output(self) -> ForwardOutput:
        """The logits, where functions written for inseq look for them."""
        return ForwardOutput(logits=self.logits[:, None, :])

    @property
    def attribution_model(self) -> LogitsReader:
        """Has ``output2logits``, for functions written for inseq."""
        return LogitsReader()


def log_softmax(logits: Array) -> Array:
    """Log of the softmax over the last axis, in nats, widened to float32 at least; finite for finite
    logits."""
    xp = namespace(logits)
    logits = at_least_single(logits)
    # subtracting the largest logit changes nothing but keeps every exponential within 0 and 1
    shifted = logits - xp.max(logits, axis=-1, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))


@runtime_checkable
class StepFunction(Protocol):
    """A frozen settings object with one verb. Built-in ones are frozen attrs classes, one per file; the facts are given
    by the decorator `step_function`."""

    __slots__ = ()

    identifier: ClassVar[str] = fact()

    @property
    def span_aggregation(self) -> str:
        """Aggregation function that merges its scores over spans: ``"prod"``, ``"sum"``, ``"absmax"``, ...

        Read it from the instance, as it may depend on settings (probabilities multiply, their logarithms add).
        """
        raise AttributeError(f"{type(self).__name__} does not state its span_aggregation.")

    differentiable: ClassVar[bool] = fact()
    """Can it be the target of a gradient method?"""
    contrastive: ClassVar[bool] = fact()
    """Does it compare with ``prediction.contrast``?"""
    sampled: ClassVar[bool] = fact()
    """Does it need stochastic passes?"""

    @abstractmethod
    def __call__(self, prediction: StepPrediction, /) -> Array:
        """One value per step, shape ``(steps,)``; each depends on its own step's logits alone, and on what it asks
        of the pass."""
        ...


@runtime_checkable
class ComparesDistributions(Protocol):
    """A contrastive step function may say that it compares whole predictions, not what they say of two tokens."""

    compares_distributions: ClassVar[bool]


def compares_distributions(function: StepFunction) -> bool:
    """Does it compare whole predictions?"""
    return isinstance(function, ComparesDistributions) and function.compares_distributions


@runtime_checkable
class ReadsContrastAlone(Protocol):
    """A contrastive step function may say that it reads the contrastive prediction and nothing of the other."""

    reads_contrast_alone: ClassVar[bool]


def reads_contrast_alone(function: StepFunction) -> bool:
    """Does it look at nothing but the contrastive prediction, where there is one?"""
    return isinstance(function, ReadsContrastAlone) and function.reads_contrast_alone


@runtime_checkable
class FallsWithProbability(Protocol):
    """A step function may say that it falls where the model becomes surer of the token, or of what it says."""

    falls_with_probability: ClassVar[bool]


def falls_with_probability(function: StepFunction, *, contrasted: bool) -> bool:
    """Does it fall where the model becomes surer of the token in question, or of what it says at all?

    Args:
        contrasted: Is there something to compare with? Without it contrastive functions are plain values, which rise.
    """
    falls = isinstance(function, FallsWithProbability) and function.falls_with_probability
    return falls and (contrasted or not function.contrastive)


@runtime_checkable
class PlainWithoutContrast(Protocol):
    """A contrastive step function may say that without a contrast it is a plain value of the token in question."""

    plain_without_contrast: ClassVar[bool]


def plain_without_contrast(function: StepFunction) -> bool:
    """Does it say something of the token where there is nothing to compare with?

    Contrastive functions that do not say so are constants there, or refuse.
    """
    return not function.contrastive or (isinstance(function, PlainWithoutContrast) and function.plain_without_contrast)


@runtime_checkable
class HasLogarithm(Protocol):
    """A step function whose values multiply over a span may name one that gives their logarithms, which add up."""

    @property
    def logarithm(self) -> StepFunction: ...


DEFAULT_FUNCTION = "probability"
"""The target function, where none is named."""

STEP_FUNCTIONS: Registry[type[StepFunction]] = Registry(
    "step function", group="wherefrom.step_functions", builtins="wherefrom.step_functions.builtin"
)


def declared_alone(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings of several step functions that one declares; all of them, where its name is not known."""
    if name not in STEP_FUNCTIONS:
        return dict(settings)
    accepted = accepted_names(STEP_FUNCTIONS.get(name))
    return {setting: value for setting, value in settings.items() if setting in accepted}


def usual_span_aggregation(name: str, settings: Mapping[str, Any] | None = None) -> str | None:
    """What merges scores of a registered step function over spans; None where none is called so, or cannot be had with
    its settings.

    Args:
        settings: They count as far as the function declares them; what is left out is as it is by default.
    """
    if name not in STEP_FUNCTIONS:
        return None
    kind: Any = STEP_FUNCTIONS.get(name)
    try:
        made: StepFunction = from_mapping(kind, declared_alone(name, settings or {}), where=f"step function {name!r}")
    except UsageError:
        return None
    return str(made.span_aggregation)


StepFunctionLike: TypeAlias = "str | StepFunction | type[StepFunction] | Callable[..., Any]"
"""A registered name, a step function with its settings or its class, or a plain function of the prediction."""

F = TypeVar("F", bound="type[StepFunction]")


def step_function(
    *names: str,
    differentiable: bool | None = None,
    span_aggregation: str | None = None,
    contrastive: bool = False,
    sampled: bool = False,
    compares_distributions: bool = False,
    reads_contrast_alone: bool = False,
    falls_with_probability: bool = False,
    plain_without_contrast: bool = False,
    aliases: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Class decorator: give a frozen attrs class its facts, and register it as a step function.

    Args:
        names: Its identifier. Where ``differentiable`` is left out, the class states all facts itself, as class
            variables, and these are aliases.
        differentiable: Can it be the target of a gradient method?
        span_aggregation: What merges its scores over spans; None: the class has a property for it.
        contrastive: Does it compare with ``prediction.contrast``?
        sampled: Does it need stochastic passes?
        compares_distributions: Does it compare whole predictions, see `ComparesDistributions`?
        reads_contrast_alone: Does it read the contrastive prediction alone, see `ReadsContrastAlone`?
        falls_with_probability: Does it fall where the model becomes surer, see `FallsWithProbability`?
        plain_without_contrast: Is it a plain value without a contrast, see `PlainWithoutContrast`?
        aliases: Further names.

    Raises:
        SettingsError: A name is taken, or there is not one identifier.
    """

    def give(cls: F) -> F:
        if differentiable is None:
            STEP_FUNCTIONS.register(cls.identifier, cls, aliases=(*names, *aliases))
            return cls
        if len(names) != 1:
            raise SettingsError(f"step_function takes one identifier and its aliases apart, and got {names!r}.")
        facts: dict[str, object] = {"contrastive": contrastive, "sampled": sampled, "differentiable": differentiable}
        if span_aggregation is not None:
            facts["span_aggregation"] = span_aggregation
        if compares_distributions:
            facts["compares_distributions"] = True
        if reads_contrast_alone:
            facts["reads_contrast_alone"] = True
        if falls_with_probability:
            facts["falls_with_probability"] = True
        if plain_without_contrast:
            facts["plain_without_contrast"] = True
        stated(cls, identifier=names[0], **facts)
        STEP_FUNCTIONS.register(names[0], cls, aliases=aliases)
        return cls

    return give
