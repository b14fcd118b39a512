"""What an attribution method is: frozen settings plus one verb."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from attrs import evolve, field, frozen

from wherefrom._registry import Registry
from wherefrom.adapters import Row
from wherefrom.arrays import Array, IntArray, namespace
from wherefrom.questions.target_function import TargetFunction
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Segment, Token

Progress = Callable[[str, int, int], None]
"""Called with (phase, done, total) as work goes on."""


@frozen(kw_only=True, eq=False)
class Question:
    """One example as a method sees it: its ids, the steps to explain, and the target function at each.

    It is a method's only view of the example; texts and labels stay outside.
    """

    target_ids: IntArray
    """The decoder's sequence, shape ``(T,)``."""
    steps: IntArray
    """Target positions to explain, shape ``(G,)``, ascending."""
    target_function: TargetFunction
    source_ids: IntArray | None = None
    source_tokens: tuple[Token, ...] = ()
    target_tokens: tuple[Token, ...] = ()
    attribute_target: bool = True
    """Encoder-decoder: are scores of the target prefix wanted too? Always true for decoder-only models."""
    kept_source: IntArray = field(factory=lambda: np.zeros(0, np.int64))
    """Source positions that baselines and perturbations leave as they are: special tokens unless asked otherwise."""
    kept_target: IntArray = field(factory=lambda: np.zeros(0, np.int64))
    """Target positions likewise (BOS, EOS, template tokens, the decoder's start token)."""
    sink: IntArray = field(factory=lambda: np.zeros(0, np.int64))
    """The target position that attention rests on where a decoder-only model puts no special token in front: the
    first. Named baselines of paths leave it as it is; perturbations may remove it."""
    scores: Mapping[str, TargetFunction] = field(factory=dict)
    """Step scores wanted from the clean pass, if the method makes one."""
    segments: tuple[Segment, ...] = ()
    """Named stretches of either sequence (chat turns, documents), for methods that score such units."""
    seed: int = 0

    def row(self, *, scores: bool = False, **changes: Any) -> Row:
        """The clean pass of this example, with changes; ``scores`` asks for the step scores in the same pass."""
        row = Row(
            target_ids=self.target_ids,
            steps=self.steps,
            source_ids=self.source_ids,
            target_function=self.target_function,
            scores=self.scores if scores else {},
        )
        return evolve(row, **changes) if changes else row


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


def no_progress(phase: str, done: int, total: int) -> None:
    """Report to nobody."""


def counted(items: Iterable[Any], phase: str, total: int, progress: Progress) -> Iterator[Any]:
    """Hand items through, reporting each."""
    for done, item in enumerate(items, start=1):
        yield item
        progress(phase, done, total)
