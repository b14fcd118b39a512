"""Keep some of the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import field, frozen

from wherefrom.arrays import is_listed
from wherefrom.errors import InputError
from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators._record import recorded
from wherefrom.results.aggregators.merging import checked_spans, source_spans_of
from wherefrom.results.aggregators.spans import as_pairs
from wherefrom.results.data import AnyAttribution, AttributionData
from wherefrom.results.details import of_inputs, of_steps
from wherefrom.settings import check_call, is_whole
from wherefrom.text.merging import Span


@aggregator("slices")
@frozen(kw_only=True)
class Slices(Aggregator):
    """Inputs outside of the spans are left out; all explained steps stay.

    Decoder-only: spans of the prompt; the explained tokens stay as inputs of one another. Encoder-decoder: spans of
    the source, of the target prefix, or both; a side without spans stays whole.
    """

    source_spans: Any = field(default=None, converter=as_pairs)
    target_spans: Any = field(default=None, converter=as_pairs)

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        for name in ("source_spans", "target_spans"):
            if is_listed(spans := getattr(self, name)) and not len(spans):
                raise InputError(f"{name} = [] keeps nothing. Give a span, or leave {name} out to keep the whole side.")
        if self.source_spans is None and self.target_spans is None:
            raise InputError("slices keeps nothing without spans. Give source_spans or target_spans.")
        changes: dict[str, Any] = {}
        sides: dict[str, list[int]] = {}
        if self.source_spans is not None:
            kept = _indices(source_spans_of(attribution, self.source_spans))
            sides["source"] = kept
            changes["source"] = tuple(attribution.source[index] for index in kept)
            if attribution.source_attributions is not None:
                changes["source_attributions"] = attribution.source_attributions[kept]
        if self.target_spans is not None:
            first = attribution.attr_pos_start
            before = _indices(checked_spans(self.target_spans, len(attribution.target), "target_spans"))
            before = [index for index in before if index < first]
            kept = sides["target"] = [*before, *range(first, len(attribution.target))]
            changes["target"] = tuple(attribution.target[index] for index in kept)
            changes["attr_pos_start"] = len(before)
            changes["attr_pos_end"] = attribution.attr_pos_end - first + len(before)
            if not attribution.encoded:
                there = {attribution.target[index].position for index in kept}
                changes["source"] = tuple(token for token in attribution.source if token.position in there)
            if attribution.target_attributions is not None:
                changes["target_attributions"] = attribution.target_attributions[kept]
        sequence = cut_sequence_scores(attribution.sequence_scores, sides.get("source"), sides.get("target"))
        details = _of_kept(attribution, sides)
        return recorded(attribution, self, **changes, sequence_scores=sequence, details=details)


def slice_inputs(attribution: AnyAttribution, index: int | slice) -> AnyAttribution:
    """``attribution[index]``: the inputs before the first explained step (decoder-only), or of the source.

    Raises:
        InputError: Nothing is left, or a step was given.
    """
    encoded = attribution.encoded
    spans = (input_span(index, len(attribution.source) if encoded else attribution.attr_pos_start),)
    return (Slices(source_spans=spans) if encoded else Slices(target_spans=spans))(attribution)


def input_span(index: int | slice, count: int) -> Span:
    """The span of some of ``count`` inputs; negative indices count from the end.

    Raises:
        InputError: It is neither an index nor a slice, nothing is left, or there would be gaps.
        IndexError: There is no such input.
    """
    bounds = (index.start, index.stop, index.step) if isinstance(index, slice) else (index,)
    if not all(is_whole(bound) or (bound is None and isinstance(index, slice)) for bound in bounds):
        raise InputError(f"{index!r} is no place among {count} inputs. Give an index, or a slice such as [2:5].")
    if isinstance(index, slice):
        if index.step not in (None, 1):
            raise InputError(f"Inputs are cut without gaps: leave out the step {index.step!r}.")
        start, end, _ = index.indices(count)
    else:
        if not -count <= index < count:
            raise IndexError(f"Index {index} is outside of {count} inputs.")
        start, end = index % count, index % count + 1
    if start >= end:
        raise InputError(f"No input is left of {count} between {start} and {end}.")
    return start, end


def cut_sequence_scores(
    sequence: Mapping[str, Any], source: list[int] | None, target: list[int] | None
) -> dict[str, Any]:
    """Scores between the tokens of a result of which those at some indices stay; None: all of a side.

    Args:
        sequence: Name to scores, attended to before attending: of the target for itself (``decoder...``), of the source
            for itself (``encoder...``), of the source for the target.
    """

    def part(scores: Any, kept: list[int] | None, axis: int) -> Any:
        if kept is None:
            return scores
        inside = [index for index in kept if index < scores.shape[axis]]
        return scores[inside] if axis == 0 else scores[:, inside]

    return {
        name: part(
            part(scores, target if name.startswith("decoder") else source, 0),
            source if name.startswith("encoder") else target,
            1,
        )
        for name, scores in sequence.items()
    }


def select_steps(attribution: AnyAttribution, start: int | None, end: int | None) -> AnyAttribution:
    """Some of the explained steps, counted from the first; bounds may be open or negative.

    Raises:
        InputError: No step is left.
        SettingsError: A bound is no whole number.
    """
    check_call(select_steps, locals())
    count = attribution.attr_pos_end - attribution.attr_pos_start
    first, last, _ = slice(start, end).indices(count)
    if first >= last:
        raise InputError(f"No step is left of {count} between {first} and {last}.")
    chosen = slice(first, last)
    changes: dict[str, Any] = {
        name: scores[:, chosen]
        for name, scores in (
            ("source_attributions", attribution.source_attributions),
            ("target_attributions", attribution.target_attributions),
        )
        if scores is not None
    }
    return attribution.replace(
        attr_pos_start=attribution.attr_pos_start + first,
        attr_pos_end=attribution.attr_pos_start + last,
        step_scores={name: scores[chosen] for name, scores in attribution.step_scores.items()},
        details=of_steps(attribution.details, count, [(index, index + 1) for index in range(first, last)], np.asarray),
        **changes,
    )


def _of_kept(attribution: AttributionData, sides: dict[str, list[int]]) -> dict[str, Any]:
    """The details of a result of which the tokens at these indices stay, and all of sides that are not named."""
    tokens = {"source": attribution.source, "target": attribution.target}
    kept = {side: sides.get(side, list(range(len(some)))) for side, some in tokens.items()}
    gone = {
        side: np.array(
            [
                place
                for token in (tokens[side][index] for index in sorted(set(range(len(tokens[side]))) - set(indices)))
                for place in range(token.position, token.position + token.size)
            ],
            dtype=np.int64,
        )
        for side, indices in sides.items()
    }

    def stays(side: str, start: int, end: int) -> bool:
        return side not in gone or not ((gone[side] >= start) & (gone[side] < end)).any()

    return of_inputs(attribution.details, kept, stays)


def _indices(spans: list[Span]) -> list[int]:
    return [index for start, end in spans for index in range(start, end)]
