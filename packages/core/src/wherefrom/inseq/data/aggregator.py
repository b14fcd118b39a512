"""Aggregators: a result with fewer numbers or fewer tokens.

They follow inseq's rules, which differ from those of `wherefrom.aggregators` where the migration page says so: words
begin where a token has a mark, pairs are compared one by one, and ``paired - this`` is the difference.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import pairwise
from types import BuiltinFunctionType, FunctionType
from typing import Any, ClassVar, Literal, TypeAlias

from torch import Tensor

from wherefrom.errors import InputError, SettingsError, UnknownNameError, WherefromWarning, nearest
from wherefrom.inseq.data.aggregation_functions import (
    DEFAULT_ATTRIBUTION_AGGREGATE_DICT,
    AggregationFunction,
    aggregation_function,
    aggregation_functions,
)
from wherefrom.inseq.data.as_wherefrom import dimensions_of
from wherefrom.inseq.utils.misc import aggregate_token_pair, aggregate_token_sequence
from wherefrom.inseq.utils.registry import Registry
from wherefrom.inseq.utils.torch_utils import aggregate_contiguous, normalize, rescale, validate_indices
from wherefrom.inseq.utils.typing import OneOrMoreIndices, TokenWithId
from wherefrom.results.aggregators.merging import checked_spans
from wherefrom.results.aggregators.reduce import reduces_by_default
from wherefrom.results.aggregators.slices import cut_sequence_scores
from wherefrom.results.attribution import Attribution
from wherefrom.results.details import of_both
from wherefrom.results.measured import CHECKED, without_measures
from wherefrom.results.stages import Stage
from wherefrom.settings import is_whole

Spans: TypeAlias = "tuple[int, int] | Sequence[tuple[int, int]] | None"


class Aggregator(Registry):
    """Makes a smaller result of one."""

    registry_attr = "aggregator_name"
    aggregator_name: ClassVar[str] = ""
    aggregator_family: ClassVar[str] = ""
    default_fn: ClassVar[Any] = None
    merges_tokens: ClassVar[bool] = False
    """Does it make fewer tokens rather than fewer numbers per cell? Then inner dimensions may be left."""

    @classmethod
    def aggregate(cls, attr: Any, **kwargs: Any) -> Any:
        """A new result; ``attr`` stays as it is."""
        raise NotImplementedError


AggregatorInput: TypeAlias = "AggregatorPipeline | type[Aggregator] | str | list[Any] | None"


class AggregatorPipeline:
    """Aggregators in order, each with its function where one is wanted."""

    def __init__(self, aggregators: Sequence[Any], aggregate_fn: Sequence[Any] | None = None) -> None:
        if aggregate_fn is not None and len(aggregate_fn) != len(aggregators):
            raise SettingsError(
                f"{len(aggregate_fn)} aggregation functions for {len(aggregators)} aggregators. Give one for each."
            )
        self.aggregators = list(aggregators)
        self.aggregate_fn = None if aggregate_fn is None else list(aggregate_fn)

    def aggregate(self, attr: Any, **kwargs: Any) -> Any:
        """One after the other; settings go to all of them."""
        for cls, own in stages_of(self, None):
            attr = cls.aggregate(attr, **kwargs, **({} if own is None else {"aggregate_fn": own}))
        return attr


def stages_of(given: Any, fn: Any) -> list[tuple[type[Aggregator], Any]]:
    """Aggregator classes, each with its function or None.

    Raises:
        UnknownNameError: A name stands for neither aggregator nor function.
    """
    if isinstance(given, AggregatorPipeline):
        given, fn = given.aggregators, given.aggregate_fn if fn is None else fn
    items = list(given) if isinstance(given, list) else [given]
    functions = list(fn) if isinstance(fn, list | tuple) else [fn] * len(items)
    if len(functions) != len(items):
        raise SettingsError(f"{len(functions)} aggregation functions for {len(items)} aggregators. Give one for each.")
    stages = []
    for item, function in zip(items, functions, strict=True):
        if isinstance(item, tuple) and len(item) == 2:
            item, function = item
        stages.append(_stage(item, function))
    return stages


def _stage(item: Any, function: Any) -> tuple[type[Aggregator], Any]:
    if isinstance(item, Aggregator) and not isinstance(item, AggregableMixin):
        item = type(item)  # which has no state
    if isinstance(item, type) and issubclass(item, Aggregator):
        return item, function
    classes, functions = aggregators(), aggregation_functions()
    if isinstance(item, str) and item in classes:
        return classes[item], function
    if callable(item) or (isinstance(item, str) and item in functions):
        return SequenceAttributionAggregator, item
    known = sorted({*classes, *functions})
    raise UnknownNameError(
        f"No aggregator or aggregation function is called {item!r}.{nearest(str(item), known)} "
        f"There are: {', '.join(known)}."
    )


class AggregableMixin(Aggregator):
    """What results are that can be aggregated."""

    _aggregator: Any

    def aggregate(  # type: ignore[override]  # of a result, not of a class
        self,
        aggregator: AggregatorInput = None,
        aggregate_fn: Any = None,
        do_pre_aggregation_checks: bool = True,
        do_post_aggregation_checks: bool = True,
        **kwargs: Any,
    ) -> Any:
        """A smaller result, by the method's default aggregation unless asked otherwise; it shares nothing with this.

        Raises:
            RuntimeError: There is more than one number per cell left, and that was not allowed.
        """
        chosen = self._aggregator if aggregator is None else aggregator
        if aggregator is None and aggregate_fn is not None:
            chosen = "scores"
        done: Any = self
        merges_tokens = False
        if chosen is not None:
            is_done = aggregator is None and aggregate_fn is None and self._is_flat()  # of scores per dimension
            for cls, own in stages_of(chosen, aggregate_fn):
                if cls.merges_tokens or not is_done:
                    done = cls.aggregate(done, **kwargs, **({} if own is None else {"aggregate_fn": own}))
                    merges_tokens = cls.merges_tokens
        if do_post_aggregation_checks and not merges_tokens and not done._is_flat():
            raise TooManyDimensionsError(
                "There is more than one number per cell after aggregation. Add an aggregation function for each "
                "dimension, or pass do_post_aggregation_checks=False."
            )
        return done._apart_from(self)

    def _is_flat(self) -> bool:
        raise NotImplementedError

    def _apart_from(self, other: Any) -> Any:
        raise NotImplementedError


class TooManyDimensionsError(InputError, RuntimeError):
    """Numbers are left to aggregate."""


def _function_of(attr: Any, field: str, given: Any, kind: str) -> Any:
    """The function that is asked for, or the result's default for a field."""
    if given is not None:
        return aggregation_function(given)
    own = getattr(attr, "_dict_aggregate_fn", None) or {}
    named = own.get(field, {}).get(kind) or DEFAULT_ATTRIBUTION_AGGREGATE_DICT[field][kind]
    return aggregation_function(named)


def _sides(attr: Any) -> dict[str, Tensor]:
    return {
        name: value
        for name in ("source_attributions", "target_attributions")
        if (value := getattr(attr, name)) is not None
    }


class SequenceAttributionAggregator(Aggregator):
    """One dimension less: the last, by a function or by choosing from it; then scores of a step sum to 1."""

    aggregator_name = "scores"
    aggregator_family = "scores"

    @classmethod
    def aggregate(
        cls,
        attr: Any,
        aggregate_fn: Any = None,
        select_idx: OneOrMoreIndices | None = None,
        normalize: bool = True,
        rescale: bool = False,
        **kwargs: Any,
    ) -> Any:
        """A new result.

        Args:
            aggregate_fn: A name, or a function called as ``fn(scores, dim=-1)``.
            select_idx: A number picks that entry; a pair a range, a list its members, which are then combined.
            normalize: Divide each step by its sum of magnitudes, over source and target together?
            rescale: Divide everything by the largest magnitude?

        Raises:
            SettingsError: Both normalize and rescale are asked for.
        """
        if normalize and rescale:
            raise SettingsError("normalize and rescale exclude each other. Pass normalize=False to rescale.")
        sides, done = {}, []
        for name, scores in _sides(attr).items():
            if scores.ndim < 3:
                raise InputError("There is one number per cell already. Show it with do_aggregation=False.")
            function = _function_of(attr, name, aggregate_fn, "scores")
            done = [_reduction(attr, function, select_idx)]
            sides[name] = _without_last(scores, select_idx, function, kwargs)
        sequence = {
            name: _without_last(
                scores, select_idx, _function_of(attr, "sequence_scores", aggregate_fn, "scores"), kwargs
            )
            for name, scores in (attr.sequence_scores or {}).items()
            if scores.ndim > 2
        }
        others = {} if all(_by_default(attr, stage) for stage in done) else without_what_was_measured(attr)
        done += [Stage(name=name) for name, asked in (("normalize", normalize), ("rescale", rescale)) if asked]
        return attr.changed(
            **_scaled(sides, normalize, rescale),
            **others,
            sequence_scores=sequence,
            _stages=(*attr._stages, *done),
        )


def _by_default(attr: Any, reduction: Stage) -> bool:
    """Is the last dimension removed as the method that the result came from does by default?"""
    origin = attr._origin
    return origin is not None and reduces_by_default(
        reduction, origin.default_aggregation, attr._inner_dimensions() - 1
    )


def without_what_was_measured(attr: Any) -> dict[str, Any]:
    """What else changes where scores are others than those that something was measured of."""
    origin = attr._origin
    step_scores = {name: values for name, values in (attr.step_scores or {}).items() if name not in CHECKED}
    return {
        "step_scores": step_scores,
        "_origin": None if origin is None else origin.replace(**without_measures(origin, {})),
    }


def _reduction(attr: Any, function: Any, chosen: OneOrMoreIndices | None) -> Stage:
    """The record of one dimension less, the last."""
    settings: dict[str, Any] = {"dimension": dimensions_of(attr, attr._inner_dimensions())[-1]}
    if not isinstance(chosen, int):
        settings["aggregate_fn"] = _name_of(function)
    return Stage(name="reduce", settings=settings if chosen is None else {**settings, "select_idx": chosen})


def _name_of(function: Any) -> str:
    if isinstance(function, AggregationFunction):
        return function.aggregation_function_name
    return function.__name__ if isinstance(function, FunctionType | BuiltinFunctionType) else "a function"


def _scaled(sides: dict[str, Tensor], is_normalized: bool, is_rescaled: bool) -> dict[str, Tensor]:
    """Source and target scaled together."""
    if not sides or not (is_normalized or is_rescaled):
        return sides
    parts = tuple(sides.values())
    done = normalize(parts) if is_normalized else rescale(parts)
    return dict(zip(sides, done, strict=True))


def _without_last(scores: Tensor, chosen: OneOrMoreIndices | None, function: Any, kwargs: dict[str, Any]) -> Tensor:
    indices = validate_indices(scores, -1, chosen)
    if isinstance(indices, int):
        return scores[..., indices]
    some = scores if chosen is None else scores[..., indices]
    order = {"vnorm_ord": kwargs["vnorm_ord"]} if "vnorm_ord" in kwargs else {}
    reduced: Tensor = function(some, dim=-1, **order)
    return reduced


class ContiguousSpanAggregator(Aggregator):
    """Each span of tokens as one."""

    aggregator_name = "spans"
    aggregator_family = "spans"
    default_fn = "absmax"
    merges_tokens = True

    @classmethod
    def aggregate(
        cls, attr: Any, source_spans: Spans = None, target_spans: Spans = None, aggregate_fn: Any = None, **kwargs: Any
    ) -> Any:
        """A new result.

        Args:
            source_spans: ``(start, end)``, end exclusive, or a list of these, in order.
            target_spans: Likewise in the target, of which the source of a decoder-only model is the beginning.
            aggregate_fn: Merges scores and step scores; None: for each what its default is.

        Raises:
            InputError: A span is none, reaches outside or overlaps another; or a source without scores of its own is
                given spans, and the target none.
        """
        source = cls.validate_spans(attr.source, source_spans)
        target = cls.validate_spans(attr.target, target_spans)
        if source and not target and attr.source_attributions is None and attr.target_attributions is not None:
            raise InputError("The source has no scores of its own here: give the prompt's spans as target_spans.")
        return _merged(attr, source, target, aggregate_fn, cls.aggregator_name)

    @staticmethod
    def format_spans(spans: Spans) -> list[tuple[int, int]]:
        """One span or several as a list."""
        if spans is None or not len(spans):
            return []
        several: Any = [spans] if is_whole(spans[0]) else spans
        return [tuple(one) for one in several]

    @classmethod
    def validate_spans(cls, span_sequence: Sequence[TokenWithId], spans: Spans = None) -> list[tuple[int, int]]:
        """Spans of a token list, checked.

        Raises:
            InputError: One is none, reaches outside or overlaps another.
        """
        return checked_spans(cls.format_spans(spans), len(span_sequence), "spans")


def _merged(attr: Any, source: list[tuple[int, int]], target: list[tuple[int, int]], given: Any, kind: str) -> Any:
    """Rows and columns of spans of some kind merged, columns first."""
    start, end = attr.attr_pos_start, attr.attr_pos_end
    steps = [(max(a, start) - start, min(b, end) - start) for a, b in target if b > start and a < end]
    changes: dict[str, Any] = {}
    for name, scores in _sides(attr).items():
        function = _function_of(attr, name, given, "spans")
        changes["_stages"] = (*attr._stages, Stage(name=kind, settings={"aggregate_fn": _name_of(function)}))
        scores = aggregate_contiguous(scores, steps, function, 1)
        rows = source if name.startswith("source") else [(a, min(b, len(scores))) for a, b in target if a < len(scores)]
        changes[name] = aggregate_contiguous(scores, rows, function, 0)
    changes["step_scores"] = {
        name: aggregate_contiguous(
            scores, steps, aggregation_function(_step_function(attr, name) if given is None else given), 0
        )
        for name, scores in (attr.step_scores or {}).items()
    }
    changes["sequence_scores"] = {
        name: _merged_sequence(name, scores, source, target, _function_of(attr, "sequence_scores", given, "spans"))
        for name, scores in (attr.sequence_scores or {}).items()
    }
    changes["target"] = aggregate_token_sequence(attr.target, target)
    changes["attr_pos_start"] = start - sum(min(b, start + 1) - a - 1 for a, b in target if a < start)
    changes["attr_pos_end"] = end - sum(min(b, end) - a - 1 for a, b in target if a < end)
    if attr.source_attributions is None and attr.target_attributions is not None:
        changes["source"] = changes["target"][: changes["attr_pos_start"]]
    else:
        changes["source"] = aggregate_token_sequence(attr.source, source)
    return attr.changed(**changes)


def _step_function(attr: Any, name: str) -> str:
    own = (getattr(attr, "_dict_aggregate_fn", None) or {}).get("step_scores", {}).get("spans", {})
    default = DEFAULT_ATTRIBUTION_AGGREGATE_DICT["step_scores"]["spans"]
    return own.get(name) or default.get(name) or "absmax"


def _merged_sequence(
    name: str, scores: Tensor, source: list[tuple[int, int]], target: list[tuple[int, int]], function: Any
) -> Tensor:
    rows = target if name.startswith("decoder") else source
    columns = source if name.startswith("encoder") else target

    def inside(spans: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
        return [(a, min(b, size)) for a, b in spans if a < size]

    scores = aggregate_contiguous(scores, inside(columns, scores.shape[1]), function, 1)
    return aggregate_contiguous(scores, inside(rows, scores.shape[0]), function, 0)


class SubwordAggregator(ContiguousSpanAggregator):
    """Pieces of a word as one token; a word begins at a mark, or goes on at one."""

    aggregator_name = "subwords"

    @classmethod
    def aggregate(  # type: ignore[override]
        cls,
        attr: Any,
        aggregate_source: bool = True,
        aggregate_target: bool = True,
        special_chars: str | tuple[str, ...] = "▁",
        is_suffix_symbol: bool = False,
        aggregate_fn: Any = None,
        **kwargs: Any,
    ) -> Any:
        """A new result.

        Warns:
            WherefromWarning: No token has a mark, so that nothing is merged.
        """
        sides = [attr.source] * aggregate_source + [attr.target] * aggregate_target
        if sides and not any(_marked(token, special_chars) for tokens in sides for token in tokens):
            warnings.warn(
                f"No token begins with {special_chars!r}, so no subwords are merged. Pass the mark that this tokenizer "
                'puts in front of words as special_chars, such as "Ġ", or before what goes on, as "##" with '
                "is_suffix_symbol=True.",
                WherefromWarning,
                stacklevel=3,
            )
        source = cls.get_spans(attr.source, special_chars, is_suffix_symbol) if aggregate_source else []
        target = cls.get_spans(attr.target, special_chars, is_suffix_symbol) if aggregate_target else []
        return _merged(attr, source, target, aggregate_fn, cls.aggregator_name)

    @staticmethod
    def get_spans(
        tokens: Sequence[TokenWithId], special_chars: str | tuple[str, ...], is_suffix_symbol: bool
    ) -> list[tuple[int, int]]:
        """Words of more than one token. The last token stands alone, as it ends the sequence."""
        marked = [_marked(token, special_chars) for token in tokens]
        if not any(marked):
            return []
        last = len(tokens) - 1
        begins = [index for index, is_marked in enumerate(marked) if is_marked != is_suffix_symbol or index == 0]
        spans = zip(begins, [*begins[1:], len(tokens)], strict=True)
        return [(a, min(b, last)) for a, b in spans if min(b, last) - a > 1]


def _marked(token: TokenWithId, marks: str | tuple[str, ...]) -> bool:
    return token.token.startswith(marks if isinstance(marks, str) else tuple(marks))


class SplitStrategy(Enum):
    """What happens to the text that a pattern finds."""

    SINGLE = "single"
    START = "start"
    END = "end"


class StringSplitAggregator(ContiguousSpanAggregator):
    """Tokens between what a pattern finds as one."""

    aggregator_name = "split"
    SplitStrategy = SplitStrategy

    @classmethod
    def aggregate(  # type: ignore[override]
        cls,
        attr: Any,
        aggregate_source: bool = True,
        aggregate_target: bool = True,
        split_pattern: str | None = None,
        split_mode: Literal["single", "start", "end"] = "single",
        aggregate_fn: Any = None,
        **kwargs: Any,
    ) -> Any:
        """A new result.

        Raises:
            SettingsError: No pattern is given.
        """
        if not split_pattern:
            raise SettingsError('The aggregator "split" needs split_pattern, a regular expression.')
        source = cls.get_spans(attr.source, split_pattern, split_mode) if aggregate_source else []
        target = cls.get_spans(attr.target, split_pattern, split_mode) if aggregate_target else []
        return _merged(attr, source, target, aggregate_fn, cls.aggregator_name)

    @classmethod
    def get_spans(
        cls,
        tokens: Sequence[TokenWithId],
        split_pattern: str,
        split_mode: Literal["single", "start", "end"] = "single",
    ) -> list[tuple[int, int]]:
        """Spans of more than one token, cut at the tokens that what is found begins and ends in."""
        mode = SplitStrategy(split_mode)
        starts = [0]
        for token in tokens:
            starts.append(starts[-1] + len(token.token))

        def token_at(character: int) -> int:
            return next(index for index, start in enumerate(starts[1:]) if start > character)

        cuts = {0, len(tokens)}
        for match in re.finditer(split_pattern, "".join(token.token for token in tokens)):
            if match.end() > match.start():
                first, after = token_at(match.start()), token_at(match.end() - 1) + 1
                cuts |= (
                    {first, after}
                    if mode is SplitStrategy.SINGLE
                    else {first if mode is SplitStrategy.START else after}
                )
        edges = sorted(cuts)
        return [(a, b) for a, b in pairwise(edges) if b - a > 1]


class PairAggregator(SequenceAttributionAggregator):
    """Another result of the same shape minus this one, token by token."""

    aggregator_name = "pair"
    aggregator_family = "pair"

    @staticmethod
    def default_fn(x: Tensor, y: Tensor) -> Tensor:
        """The second minus the first."""
        return y - x

    @classmethod
    def aggregate(  # type: ignore[override]
        cls, attr: Any, paired_attr: Any = None, aggregate_fn: Callable[..., Tensor] | None = None, **kwargs: Any
    ) -> Any:
        """A new result.

        Args:
            paired_attr: The other result.
            aggregate_fn: Called as ``fn(this, other)``; None: ``other - this``.

        Raises:
            InputError: The other is missing or has another shape, or other steps.
            SettingsError: ``aggregate_fn`` is no function of two tensors.
        """
        if isinstance(aggregate_fn, str | type):
            raise SettingsError(
                f'The aggregator "pair" takes a function of two tensors, fn(this, other), and got {aggregate_fn!r}. '
                "Leave aggregate_fn out for other - this; in a list of aggregators give one for each, with None for "
                "the pair."
            )
        cls.validate_pair(attr, paired_attr)
        how = cls.default_fn if aggregate_fn is None else aggregate_fn
        changes: dict[str, Any] = {
            name: how(scores, getattr(paired_attr, name)) for name, scores in _sides(attr).items()
        }
        for name in ("step_scores", "sequence_scores"):
            others = getattr(paired_attr, name) or {}
            changes[name] = {
                key: how(value, others[key])
                for key, value in (getattr(attr, name) or {}).items()
                if key in others and key not in CHECKED
            }
        return attr.changed(
            **changes,
            source=aggregate_token_pair(attr.source, paired_attr.source),
            target=aggregate_token_pair(attr.target, paired_attr.target),
            _origin=_of_both(attr._origin, paired_attr._origin),
            _stages=(*attr._stages, Stage(name="pair")),
        )

    @classmethod
    def validate_pair(cls, attr: Any, paired_attr: Any) -> None:
        """Refuse what cannot be compared token by token."""
        if paired_attr is None:
            raise InputError('The aggregator "pair" needs paired_attr, the result to compare with.')
        for name, scores in _sides(attr).items():
            other = getattr(paired_attr, name)
            if other is None or other.shape != scores.shape:
                shape = None if other is None else tuple(other.shape)
                raise InputError(
                    f"{name} has shape {tuple(scores.shape)} and {shape}: pairs need results of one shape. Merge spans "
                    "first, or compare texts of different length with wherefrom.compare(a, b)."
                )
        steps = [(one.attr_pos_start, one.attr_pos_end) for one in (attr, paired_attr)]
        if steps[0] != steps[1]:
            raise InputError(
                "Pairs need results of the same steps, and these explain target positions "
                f"{' and '.join(f'{start} to {end}' for start, end in steps)} (exclusive). Ask for both with one "
                "attr_pos_start and attr_pos_end."
            )
        for name, values in (attr.step_scores or {}).items():
            other = (paired_attr.step_scores or {}).get(name)
            if other is not None and other.shape != values.shape:
                raise InputError(
                    f"The step score {name!r} has {len(values)} and {len(other)} values: pairs need one for each step."
                )


class SliceAggregator(ContiguousSpanAggregator):
    """Some of the input tokens; all steps stay."""

    aggregator_name = "slices"

    @classmethod
    def aggregate(  # type: ignore[override]
        cls, attr: Any, source_spans: Spans = None, target_spans: Spans = None, **kwargs: Any
    ) -> Any:
        """A new result.

        Raises:
            InputError: A span is none, or none is given.
        """
        decoder_only = attr.source_attributions is None
        if not cls.format_spans(target_spans) and (decoder_only or not cls.format_spans(source_spans)):
            need = "target_spans" if decoder_only else "source_spans"
            raise InputError(f'The aggregator "slices" needs {need}: the (start, end) of what stays.')
        changes: dict[str, Any] = {}
        sides: dict[str, list[int]] = {}
        if not decoder_only and cls.format_spans(source_spans):
            kept = sides["source"] = _indices(cls.validate_spans(attr.source, source_spans))
            changes["source"] = [attr.source[index] for index in kept]
            changes["source_attributions"] = attr.source_attributions[kept]
        if cls.format_spans(target_spans):
            start, end = attr.attr_pos_start, attr.attr_pos_end
            spans = cls.validate_spans(attr.target, target_spans)
            kept = [index for index in _indices(spans) if index < start]
            rows = sides["target"] = [*kept, *range(start, len(attr.target))]
            changes["target"] = [attr.target[index] for index in rows]
            changes["attr_pos_start"] = len(kept)
            changes["attr_pos_end"] = len(kept) + end - start
            if attr.target_attributions is not None:
                inside = [index for index in rows if index < len(attr.target_attributions)]
                changes["target_attributions"] = attr.target_attributions[inside]
            if decoder_only:
                changes["source"] = changes["target"][: len(kept)]
        changes["sequence_scores"] = cut_sequence_scores(
            attr.sequence_scores or {}, sides.get("source"), sides.get("target")
        )
        return attr.changed(**changes)


def _of_both(one: Attribution | None, other: Attribution | None) -> Attribution | None:
    """What a difference was made from, without what was measured of one of the two."""
    if one is None:
        return None
    return one.replace(details=of_both(one.details, {} if other is None else other.details))


def _indices(spans: list[tuple[int, int]]) -> list[int]:
    return [index for a, b in spans for index in range(a, b)]


AGGREGATORS: dict[str, type[Aggregator]] = {
    cls.aggregator_name: cls
    for cls in (
        SequenceAttributionAggregator,
        ContiguousSpanAggregator,
        SubwordAggregator,
        StringSplitAggregator,
        PairAggregator,
        SliceAggregator,
    )
}


def aggregators() -> dict[str, type[Aggregator]]:
    """Name to class, also of those that a script has derived."""
    return {**Aggregator.available_classes(), **AGGREGATORS}


def list_aggregators() -> list[str]:
    """Identifiers, sorted."""
    return sorted(aggregators())


class AggregableMixinClass(type):
    """Only a name: results are plain classes here."""


class DictWithDefault(dict[Any, Any]):
    """A dictionary that answers ``default`` for what it does not know."""

    def __init__(self, *args: Any, default: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default = default

    def __missing__(self, key: Any) -> Any:
        return self.default
