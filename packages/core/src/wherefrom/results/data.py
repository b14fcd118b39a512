"""The result as a value: scores of every visible input for every step, with all that made them.

`AttributionData` (one example) and `AttributionsData` (several, and their provenance) hold fields, check that they fit
together, and make changed copies. They have no verbs: what can be computed from a result stands in modules of its own
that import these nouns, and `wherefrom.results.attribution` puts a face on top that offers all of it as methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, Self, TypeVar, overload

import msgspec
import numpy.typing as npt

from wherefrom.arrays import BoolArray
from wherefrom.errors import ShapeError
from wherefrom.results.provenance import Provenance, of_examples
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Segment, Token, visible_to_steps


class AttributionData(msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """Scores of one example. Frozen; every operation returns a new one.

    Column ``j`` of a score array belongs to ``target[attr_pos_start + j]``. Cells a step could not see
    are absent: `target_visible` names them, and arrays hold 0 there.
    """

    source: tuple[Token, ...]
    """Encoder-decoder: what the encoder reads. Decoder-only: the prompt, again (no scores of its own)."""
    target: tuple[Token, ...]
    """The decoder's sequence. Decoder-only: prompt and continuation. Encoder-decoder: start token and output."""
    attr_pos_start: int
    """Index in ``target`` of the first explained step."""
    attr_pos_end: int
    """Index in ``target`` after the last explained step."""
    source_attributions: npt.NDArray[Any] | None = None
    """Shape ``(len(source), steps, *dimensions)``; None for decoder-only models."""
    target_attributions: npt.NDArray[Any] | None = None
    """Shape ``(len(target), steps, *dimensions)``; None if the target was not attributed."""
    step_scores: dict[str, npt.NDArray[Any]] = {}
    """Name to scores of shape ``(steps,)``."""
    sequence_scores: dict[str, npt.NDArray[Any]] = {}
    """Name to an array over pairs of inputs: ``encoder*`` is ``(S, S, ...)``, ``decoder*`` ``(T, T, ...)``, others
    ``(S, T, ...)``."""
    dimensions: tuple[str, ...] = ()
    """Names of the axes after input and step: ``("width",)``, ``("layer", "head")``, ..."""
    method: str = ""
    """Identifier of the method that made the scores."""
    signed: bool = True
    """Do scores carry a sign (raises / lowers)? Views choose the colour scale from it."""
    default_aggregation: tuple[Stage, ...] = ()
    """What `aggregate` without arguments, and every view, applies to raw scores."""
    aggregations: tuple[Stage, ...] = ()
    """What was applied already, in order."""
    step_aggregation: dict[str, str] = {}
    """Step score to the function that merges it over spans, where it is not the default; ``"none"``: it is left out
    where steps are merged."""
    segments: tuple[Segment, ...] = ()
    """Chat turns, documents, template slots."""
    id: str | None = None
    """The example's own name, if its data set has one."""
    details: dict[str, Any] = {}
    """What the method tells of its work: quadrature points per step, seeds, intervals."""
    annotations: dict[str, Any] = {}
    """What its data set or its readers say of it, name to value: tags, labels, scores of other tools."""
    extra: dict[str, Any] = {}
    """Fields of later file versions, kept as they came."""

    def __post_init__(self) -> None:
        steps = self.attr_pos_end - self.attr_pos_start
        if not 0 <= self.attr_pos_start <= self.attr_pos_end <= len(self.target):
            raise ShapeError(
                f"Steps {self.attr_pos_start}..{self.attr_pos_end} lie outside of a target of "
                f"{len(self.target)} tokens."
            )
        for side, tokens, scores in (
            ("source", self.source, self.source_attributions),
            ("target", self.target, self.target_attributions),
        ):
            if scores is None:
                continue
            expected = (len(tokens), steps)
            if scores.shape[:2] != expected or scores.ndim != 2 + len(self.dimensions):
                raise ShapeError(
                    f"{side}_attributions has shape {scores.shape}; {len(tokens)} {side} tokens, {steps} steps and "
                    f"dimensions {self.dimensions!r} need {expected} and {len(self.dimensions)} more axes."
                )
        for name, values in self.step_scores.items():
            if values.shape != (steps,):
                raise ShapeError(f"Step score {name!r} has shape {values.shape}; {steps} steps need ({steps},).")

    def __repr__(self) -> str:
        shapes = [
            f"{side} {scores.shape}"
            for side, scores in (("source", self.source_attributions), ("target", self.target_attributions))
            if scores is not None
        ]
        name = "" if self.id is None else f" {self.id!r}"
        output = "".join(token.text for token in self.steps)
        made = self.method or "no method"
        return f"<Attribution{name} by {made}: {output!r} explained, {' and '.join(shapes) or 'step scores alone'}>"

    @property
    def steps(self) -> tuple[Token, ...]:
        """The explained tokens, as columns of the scores."""
        return self.target[self.attr_pos_start : self.attr_pos_end]

    @property
    def scored_sides(self) -> tuple[str, ...]:
        """The sides whose inputs have scores: ``"source"``, ``"target"`` or both."""
        both = (("source", self.source_attributions), ("target", self.target_attributions))
        return tuple(side for side, scores in both if scores is not None)

    @property
    def cells(self) -> int:
        """How many pairs of an input and a step have scores, those included that the step could not see; each counts
        once, whatever inner dimensions there are."""
        return sum(len(getattr(self, side)) for side in self.scored_sides) * len(self.steps)

    @property
    def encoded(self) -> bool:
        """Is the source what an encoder read, rather than a decoder-only model's prompt again? Also without scores."""
        return self.source_attributions is not None or not self.repeats_prompt

    @property
    def source_apart(self) -> bool:
        """Is the source anything but the first tokens of the target?"""
        return self.source != self.target[: len(self.source)]

    @property
    def repeats_prompt(self) -> bool:
        """Does the target begin with the source, as a decoder-only model's does with its prompt? Also where its last
        unit goes on behind the prompt, and where a trace ends within it."""
        if not self.source_apart:
            return True
        source, begins = self.source, self.target[: len(self.source)]
        if TRACE in self.details and self.attr_pos_start < len(source):
            shown = self.target[: self.attr_pos_start]
            return shown == source[: len(shown)]
        inside = len(begins) == len(source) and source[:-1] == begins[:-1]
        return inside and source[-1].position == begins[-1].position and source[-1].size < begins[-1].size

    @property
    def inputs(self) -> tuple[Token, ...]:
        """What lists of examples show as the input: what an encoder read, or what stands before a decoder's first
        explained step; a prompt that the target does not repeat as it is."""
        return self.source if self.source_apart else self.target[: self.attr_pos_start] or self.source

    @property
    def prompt_end(self) -> int | None:
        """Position behind a decoder-only model's prompt; None where there is none, or it is not told."""
        if self.encoded or not self.source:
            return None
        return self.source[-1].position + self.source[-1].size

    @property
    def generated_from(self) -> int:
        """Position of the first explained token: of a trace, of the result that was traced."""
        if TRACE in self.details:
            return int(self.details[TRACE]["generated_from"])
        if self.attr_pos_start < len(self.target):
            return self.target[self.attr_pos_start].position
        return self.target[-1].position + self.target[-1].size if self.target else 0

    @property
    def answered_from(self) -> int:
        """Position of the first token that was answered rather than given, as far as the result says: behind a
        decoder-only model's prompt, else `generated_from`."""
        end = self.prompt_end
        return self.generated_from if end is None else end

    @property
    def answer_start(self) -> int:
        """Index in ``target`` of the first token from `answered_from` on; the columns of a trace are none. A unit of
        prompt and answer is given."""
        tokens = self.target[: self.attr_pos_start] if TRACE in self.details else self.target
        answered = self.answered_from
        return sum(token.position < answered for token in tokens)

    @property
    def target_visible(self) -> BoolArray:
        """Which target rows each step could see. Shape ``(len(target), steps)``."""
        return visible_to_steps(self.target, self.steps)

    @property
    def is_aggregated(self) -> bool:
        """Is there one number per cell, so that it can be shown as a matrix?"""
        return not self.dimensions

    @property
    def provenance(self) -> Provenance:
        """How it was made, as the result says that it was taken from; empty where it stands alone."""
        made: Provenance = self.__dict__.get(_MADE, Provenance())
        return made

    def made_as(self, provenance: Provenance) -> Self:
        """A copy that knows how it was made. No field: files keep provenance once for all their examples."""
        copy = msgspec.structs.replace(self)
        vars(copy)[_MADE] = provenance
        return copy

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        changed = msgspec.structs.replace(self, **changes)
        if _MADE in self.__dict__:
            vars(changed)[_MADE] = self.__dict__[_MADE]
        return changed


TRACE = "trace"
"""Detail of a result that shows a walk: its facts, by positions (`wherefrom.results.tracing`)."""

_MADE = "_provenance"

AnyAttribution = TypeVar("AnyAttribution", bound=AttributionData)
"""What a function returns that changes an attribution: the class it was given."""


class AttributionsData(msgspec.Struct, Generic[AnyAttribution], frozen=True, kw_only=True, eq=False):
    """Results of several examples, and how they were made. `wherefrom.Attributions` adds the verbs."""

    sequence_attributions: tuple[AnyAttribution, ...]
    provenance: Provenance = Provenance()
    extra: dict[str, Any] = {}
    """Fields of later file versions, kept as they came."""

    def __len__(self) -> int:
        return len(self.sequence_attributions)

    def __iter__(self) -> Iterator[AnyAttribution]:
        return (self._known(place) for place in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> AnyAttribution: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> AnyAttribution | Self:
        if isinstance(index, slice):
            return self.at(range(*index.indices(len(self))))
        return self._known(range(len(self))[index])

    def at(self, places: Sequence[int]) -> Self:
        """The examples at some places, not negative, in that order, and how these were made."""
        return self.replace(
            sequence_attributions=tuple(self.sequence_attributions[place] for place in places),
            provenance=of_examples(self.provenance, places, len(self)),
        )

    def _known(self, place: int) -> AnyAttribution:
        """The example, with how it was made."""
        one = self.sequence_attributions[place]
        if self.provenance == _NOT_KNOWN:
            return one
        return one.made_as(of_examples(self.provenance, [place], len(self)))

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)


_NOT_KNOWN = Provenance()

AnyAttributions = TypeVar("AnyAttributions", bound=AttributionsData[Any])
"""Likewise for several examples."""
