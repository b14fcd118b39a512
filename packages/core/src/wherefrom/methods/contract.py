"""What an attribution method is: frozen settings plus one verb."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar, cast, overload, runtime_checkable

from attrs import field, frozen, has

from wherefrom._registry import Registry, fact, stated
from wherefrom.arrays import Array, namespace
from wherefrom.errors import SettingsError
from wherefrom.methods.cost import Cost as Cost
from wherefrom.progress import Progress as Progress
from wherefrom.progress import counted as counted
from wherefrom.progress import no_progress as no_progress
from wherefrom.questions.question import Question as Question
from wherefrom.results.stages import Stage

OWN_STEP_AGGREGATION = "sum"
"""Merges a method's own step scores over a span."""


@frozen(kw_only=True, eq=False)
class Scores:
    """What a method answers for one question, still in the model's own arrays."""

    source: Array | None = None
    """Shape ``(S, outputs, *dimensions)``."""
    target: Array | None = None
    """Shape ``(T, outputs, *dimensions)``; cells an output cannot see are ignored."""
    step_scores: Mapping[str, Array] = field(factory=dict)
    """What of the question's ``scores`` came from passes that were made anyway, and the method's own (``deltas``):
    amounts of what is explained, which are summed over a span (`OWN_STEP_AGGREGATION`)."""
    sequence_scores: Mapping[str, Array] = field(factory=dict)
    details: Mapping[str, Any] = field(factory=dict)
    """What is worth telling of how it was done; JSON values."""
    warnings: tuple[str, ...] = ()
    new: bool = False
    """Are ``source`` and ``target`` arrays of the host that nobody else has or will have? The result then takes them as
    they are, and what it writes into them is nobody's loss."""


Model = TypeVar("Model", contravariant=True)


@runtime_checkable
class Method(Protocol[Model]):
    """An attribution algorithm. Settings are declared attrs fields; nothing is hooked onto a model.

    The type in brackets is the Protocol that its model satisfies: ``class Saliency(Method[GivesGradients])``. The facts
    are given by the decorator `method`.
    """

    __slots__ = ()

    identifier: ClassVar[str] = fact()
    dimensions: ClassVar[tuple[str, ...]] = fact()
    """Names of the axes after input and step."""
    aggregation: ClassVar[tuple[Stage, ...]] = fact()
    """Default aggregation of its raw scores."""
    signed: ClassVar[bool] = fact()
    """Do raw scores carry a sign?"""
    needs: ClassVar[tuple[type, ...]] = fact()
    """Capability Protocols (`wherefrom.adapters`) the model must satisfy, checked before it is asked."""
    uses_target_function: ClassVar[bool] = fact()
    """Does the answer depend on the target function? False for attention and the like."""
    differentiates: ClassVar[bool] = fact()
    """Must the target function be differentiable?"""
    explains: ClassVar[str] = ""
    """What scores are of where that is not the target function: in words, or the name of another target function. Of a
    method that uses the target function: in the place of the library's default. Empty: the target function."""

    @abstractmethod
    def cost(self, question: Question) -> Cost | None:
        """What `attribute` will ask of a model for this question alone; None: it cannot be known before."""
        ...

    def cost_on(self, model: Model, question: Question) -> Cost | None:
        """The same of this model. More than `cost` where its memory takes some outputs at a time only."""
        return self.cost(question)

    @abstractmethod
    def attribute(self, model: Model, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Answer the questions in order, lazily where possible."""
        ...


AnyMethod: TypeAlias = "Method[Any]"
"""A method of any kind of model: what it ``needs`` is looked at when it is asked, not by the type checker."""

METHODS: Registry[type[AnyMethod]] = Registry(
    "attribution method",
    group="wherefrom.methods",
    families="wherefrom.method_families",
    builtins="wherefrom.methods.builtin",
)
"""Identifier to method; entry points ``wherefrom.method_families`` make those with a colon, such as ``captum:Lime``."""

M = TypeVar("M", bound="type[AnyMethod]")


def list_feature_attribution_methods() -> list[str]:
    """Identifiers of all attribution methods, sorted."""
    return list(METHODS)


def given_method(given: object, *, argument: str = "method") -> AnyMethod | type[AnyMethod]:
    """The method, or the class of methods, that is given by its identifier or as it is.

    Args:
        given: What was given.
        argument: As what, for messages.

    Raises:
        UnknownNameError: No method has that identifier.
        SettingsError: It is none of these.
    """
    found: Any = METHODS.get(given) if isinstance(given, str) else given
    if not isinstance(found, Method):  # a class has the facts of its objects
        raise SettingsError(f"{argument} must be an identifier, a method or its class, not {given!r}.")
    return cast("AnyMethod | type[AnyMethod]", found)


@overload
def method(cls: M, /) -> M: ...
@overload
def method(
    identifier: str,
    /,
    *,
    needs: tuple[type, ...],
    signed: bool,
    uses_target_function: bool,
    differentiates: bool,
    dimensions: tuple[str, ...] = (),
    aggregation: tuple[Stage, ...] = (),
    explains: str = "",
    aliases: tuple[str, ...] = (),
    register: bool = True,
) -> Callable[[M], M]: ...
def method(identifier: Any, /, *, aliases: tuple[str, ...] = (), register: bool = True, **facts: Any) -> Any:
    """Class decorator: give a frozen attrs class its facts, and register it as a method.

    Args:
        identifier: Its name. A class in its place states all facts itself, as class variables.
        needs: As the other facts, described at `Method`.
        signed: Do raw scores carry a sign?
        uses_target_function: Does the answer depend on the target function?
        differentiates: Must the target function be differentiable?
        dimensions: Names of the axes after input and step.
        aggregation: Default aggregation of its raw scores.
        explains: What scores are of where that is not the target function; see `Method.explains`.
        aliases: Further names.
        register: List it under its name? Else it only gets its facts.

    Raises:
        SettingsError: The name is taken, or the class is no attrs class.
    """
    if isinstance(identifier, type):
        _require_attrs(identifier)
        return METHODS.register(cast(Any, identifier).identifier, identifier)

    def give(cls: M) -> M:
        _require_attrs(cls)
        stated(cls, identifier=identifier, **{"dimensions": (), "aggregation": (), **facts})
        if register:
            METHODS.register(identifier, cls, aliases=aliases)
        return cls

    return give


def _require_attrs(cls: type) -> None:
    if not has(cls):
        raise SettingsError(
            f"{cls.__name__} is no attrs class, so its settings are not known. Write @frozen(kw_only=True) of attrs "
            "between @method(...) and the class."
        )


SUM_THEN_NORMALIZE = (Stage(name="reduce", settings={"aggregate_fn": "sum"}), Stage(name="normalize"))
"""The default of methods whose scores add up to a change of the target function: the sum over the width keeps both the
sign and the total; then as below."""
L2_THEN_NORMALIZE = (Stage(name="reduce", settings={"aggregate_fn": "vnorm"}), Stage(name="normalize"))
"""The default of bare gradients, which add up to nothing: L2 norm over the width, then each step's scores divided by
their sum of absolute values over source and target together."""


def inputs_first(gradients: Array | None) -> Array | None:
    """Gradients ``(outputs, inputs, width)`` as scores ``(inputs, outputs, width)``."""
    return None if gradients is None else namespace(gradients).permute_dims(gradients, (1, 0, 2))
