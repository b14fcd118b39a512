"""What an attribution method is: frozen settings plus one verb."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from attrs import field, frozen

from wherefrom._registry import Registry
from wherefrom.arrays import Array, namespace
from wherefrom.methods.cost import Cost as Cost
from wherefrom.progress import Progress as Progress
from wherefrom.progress import counted as counted
from wherefrom.progress import no_progress as no_progress
from wherefrom.questions.question import Question as Question
from wherefrom.results.stages import Stage


@frozen(kw_only=True, eq=False)
class Scores:
    """What a method answers for one question, still in the model's own arrays."""

    source: Array | None = None
    """Shape ``(S, outputs, *dimensions)``."""
    target: Array | None = None
    """Shape ``(T, outputs, *dimensions)``; cells an output cannot see are ignored."""
    step_scores: Mapping[str, Array] = field(factory=dict)
    """What of the question's ``scores`` came from passes that were made anyway, and the method's own (``deltas``)."""
    sequence_scores: Mapping[str, Array] = field(factory=dict)
    details: Mapping[str, Any] = field(factory=dict)
    """What is worth telling of how it was done; JSON values."""
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Method(Protocol):
    """An attribution algorithm. Settings are declared attrs fields; nothing is hooked onto a model."""

    identifier: ClassVar[str]
    dimensions: ClassVar[tuple[str, ...]]
    """Names of the axes after input and step."""
    aggregation: ClassVar[tuple[Stage, ...]]
    """Default aggregation of its raw scores."""
    signed: ClassVar[bool]
    """Do raw scores carry a sign?"""
    needs: ClassVar[tuple[type, ...]]
    """Capability Protocols (`wherefrom.adapters`) the model must satisfy."""
    uses_target_function: ClassVar[bool]
    """Does the answer depend on the target function? False for attention and the like."""
    differentiates: ClassVar[bool]
    """Must the target function be differentiable?"""

    def cost(self, question: Question) -> Cost | None:
        """What `attribute` will ask of a model for this question alone; None: it cannot be known before."""
        ...

    def attribute(self, model: Any, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Answer the questions in order, lazily where possible."""
        ...


METHODS: Registry[type[Method]] = Registry(
    "attribution method",
    group="wherefrom.methods",
    families="wherefrom.method_families",
    builtins="wherefrom.methods.builtin",
)
"""Identifier to method; entry points ``wherefrom.method_families`` make those with a colon, such as ``captum:Lime``."""

M = TypeVar("M", bound="type[Method]")


def list_feature_attribution_methods() -> list[str]:
    """Identifiers of all attribution methods, sorted."""
    return list(METHODS)


def method(cls: M) -> M:
    """Register a frozen attrs class as a method under its ``identifier``."""
    METHODS.register(cls.identifier, cls)
    return cls


SUM_THEN_NORMALIZE = (Stage(name="reduce", settings={"aggregate_fn": "sum"}), Stage(name="normalize"))
"""The default of methods whose scores add up to a change of the target function: the sum over the width keeps both the
sign and the total; then as below."""
L2_THEN_NORMALIZE = (Stage(name="reduce", settings={"aggregate_fn": "vnorm"}), Stage(name="normalize"))
"""The default of bare gradients, which add up to nothing: L2 norm over the width, then each step's scores divided by
their sum of absolute values over source and target together."""


def inputs_first(gradients: Array | None) -> Array | None:
    """Gradients ``(outputs, inputs, width)`` as scores ``(inputs, outputs, width)``."""
    return None if gradients is None else namespace(gradients).permute_dims(gradients, (1, 0, 2))
