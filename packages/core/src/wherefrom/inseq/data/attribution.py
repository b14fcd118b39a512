"""Results as inseq has them: records of torch tensors that are changed in place, NaN where a step could not look."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from msgspec.structs import replace as replace_unit
from torch import Tensor

from wherefrom.errors import InputError, SettingsError, UnknownNameError, WherefromError, nearest
from wherefrom.files import load as load_any
from wherefrom.files.wire.bytes import content_of, refuse_existing, without_mark, write_whole
from wherefrom.files.wire.inseq import COMPARED, OURS, beside, is_inseq, read_beside
from wherefrom.files.wire.limits import Budget
from wherefrom.inseq.data.aggregator import (
    AggregableMixin,
    AggregatorInput,
    SliceAggregator,
    without_what_was_measured,
)
from wherefrom.inseq.data.as_wherefrom import as_wherefrom
from wherefrom.inseq.data.data_utils import TensorWrapper
from wherefrom.inseq.utils.misc import pretty_dict
from wherefrom.inseq.utils.serialization import RECORDS, json_advanced_dumps, json_advanced_loads
from wherefrom.inseq.utils.typing import TokenWithId
from wherefrom.results.aggregators.slices import input_span
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.stages import Stage
from wherefrom.text.tokens import Token

FeatureAttributionInput: TypeAlias = Any
"""A text, texts, an encoding or a batch."""

ScoresDict = dict[str, dict[tuple[int, str], dict[Any, float]]]

DEFAULT_ATTRIBUTION_DIM_NAMES: dict[str, dict[int, str]] = {
    "source_attributions": {0: "Input Tokens", 1: "Generated Tokens"},
    "target_attributions": {0: "Input Tokens", 1: "Generated Tokens"},
}


@dataclass(eq=False, repr=False)
class FeatureAttributionSequenceOutput(TensorWrapper, AggregableMixin):
    """Scores of one example."""

    source: list[TokenWithId]
    target: list[TokenWithId]
    source_attributions: Tensor | None = None
    """Shape ``(len(source), steps, ...)``; None for decoder-only models."""
    target_attributions: Tensor | None = None
    """Shape ``(attr_pos_end, steps, ...)``, NaN at and after the step; None where the target was not attributed."""
    step_scores: dict[str, Tensor] | None = None
    sequence_scores: dict[str, Tensor] | None = None
    attr_pos_start: int = 0
    attr_pos_end: int | None = None
    _aggregator: Any = None
    _dict_aggregate_fn: dict[str, Any] | None = None
    _attribution_dim_names: dict[str, Any] | None = None
    _num_dimensions: int | None = None
    _origin: Any = field(default=None, repr=False)
    """The `wherefrom.Attribution` it was made from, for what this record does not hold."""
    _stages: tuple[Stage, ...] = field(default=(), repr=False)
    """What was applied to the scores, in order."""

    def __post_init__(self) -> None:
        self.step_scores = {} if self.step_scores is None else self.step_scores
        self.sequence_scores = {} if self.sequence_scores is None else self.sequence_scores
        if self.attr_pos_end is None:
            self.attr_pos_end = len(self.target)

    def __str__(self) -> str:
        return f"{type(self).__name__}({pretty_dict(self.to_dict())})"

    __repr__ = __str__

    def __getitem__(self, s: slice | int) -> Any:
        """Some of the inputs; all steps stay."""
        decoder_only = self.source_attributions is None
        span = input_span(s, self.attr_pos_start if decoder_only else len(self.source))
        return SliceAggregator.aggregate(self, **{"target_spans" if decoder_only else "source_spans": span})

    def __sub__(self, other: FeatureAttributionSequenceOutput) -> Any:
        """``other`` minus this one, as inseq computes ``a - b``. `wherefrom` gives a - b."""
        return self.aggregate("pair", paired_attr=other, do_post_aggregation_checks=False)

    def changed(self, **changes: Any) -> Any:
        """A copy with some fields changed; dimensions that are gone are not aggregated again by default."""
        done = replace(self, **changes)
        gone = self._inner_dimensions() - done._inner_dimensions()
        if gone > 0 and isinstance(done._aggregator, list):
            done._aggregator = done._aggregator[gone:]
        return done

    def _inner_dimensions(self) -> int:
        """Dimensions of what a cell holds; 0 where that is one number."""
        sides = (self.source_attributions, self.target_attributions)
        return max((scores.ndim - 2 for scores in sides if scores is not None), default=0)

    def _apart_from(self, other: FeatureAttributionSequenceOutput) -> Any:
        """A copy that shares no token and no tensor with another, so that changes in place stay its own."""
        theirs = {tensor.untyped_storage().data_ptr() for tensor in other._tensors()}

        def apart(value: Any) -> Any:
            if isinstance(value, Tensor):
                return value.clone() if value.untyped_storage().data_ptr() in theirs else value
            return [copy(token) for token in value]

        return self._mapped(apart)

    def _tensors(self) -> list[Tensor]:
        sides = (self.source_attributions, self.target_attributions)
        tables = (self.step_scores or {}, self.sequence_scores or {})
        return [one for one in (*sides, *(scores for table in tables for scores in table.values())) if one is not None]

    def _is_flat(self) -> bool:
        return self._inner_dimensions() <= 0

    @property
    def minimum(self) -> float:
        """Smallest score, at most 0."""
        return min([0.0, *(float(torch.nan_to_num(scores).min()) for scores in self._scores())])

    @property
    def maximum(self) -> float:
        """Largest score, at least 0."""
        return max([0.0, *(float(torch.nan_to_num(scores).max()) for scores in self._scores())])

    def _scores(self) -> list[Tensor]:
        sides = (self.source_attributions, self.target_attributions)
        return [scores for scores in sides if scores is not None and scores.numel()]

    def weight_attributions(self, step_fn_id: str) -> FeatureAttributionSequenceOutput:
        """Aggregate, and multiply each step's scores by its step score, in place."""
        if step_fn_id not in (self.step_scores or {}):
            known = list(self.step_scores or {})
            raise UnknownNameError(
                f"There is no step score {step_fn_id!r}.{nearest(step_fn_id, known)} There are: "
                f"{', '.join(known) or 'none'}. Ask for it with step_scores=[{step_fn_id!r}]."
            )
        done = self.aggregate()
        weights = done.step_scores[step_fn_id]
        for name in ("source_attributions", "target_attributions"):
            scores = getattr(done, name)
            setattr(self, name, None if scores is None else scores * weights)
        for name in ("source", "target", "attr_pos_start", "attr_pos_end", "sequence_scores"):
            setattr(self, name, getattr(done, name))
        for name, value in without_what_was_measured(done).items():
            setattr(self, name, value)
        self._stages = (*done._stages, Stage(name="weight", settings={"step_score": step_fn_id}))
        self._aggregator = []
        return self

    def decode_tokens(self, tokenizer: Any) -> FeatureAttributionSequenceOutput:
        """Readable text in place of vocabulary pieces, in place; tokens without an id keep theirs."""
        self.source = [_decoded(token, tokenizer) for token in self.source]
        self.target = [_decoded(token, tokenizer) for token in self.target]
        return self

    def get_scores_dicts(
        self, aggregator: AggregatorInput = None, do_aggregation: bool = True, **kwargs: Any
    ) -> ScoresDict:
        """Scores as nested dictionaries, each token as (index, spelling); NaN where a step could not look.

        Raises:
            InputError: A cell has more than one number.
        """
        done = self.aggregate(aggregator, **kwargs) if do_aggregation else self
        if not done._is_flat():
            inner = max((tuple(one.shape) for one in done._tensors()), key=len)
            raise InputError(
                f"There is more than one number per cell: the scores have the shape {inner}, and dictionaries take "
                "(inputs, steps). Aggregate first, as get_scores_dicts() does."
            )
        steps = [
            (done.attr_pos_start + i, str(t))
            for i, t in enumerate(done.target[done.attr_pos_start : done.attr_pos_end])
        ]
        result: ScoresDict = {"source_attributions": {}, "target_attributions": {}, "step_scores": {}}
        for name, tokens in (("source_attributions", done.source), ("target_attributions", done.target)):
            scores = getattr(done, name)
            if scores is not None:
                result[name] = {
                    step: {
                        (row, str(token)): float(scores[row, column]) for row, token in enumerate(tokens[: len(scores)])
                    }
                    for column, step in enumerate(steps)
                }
        result["step_scores"] = {
            step: {name: float(scores[column]) for name, scores in (done.step_scores or {}).items()}
            for column, step in enumerate(steps)
        }
        return result

    def show(
        self,
        min_val: float | None = None,
        max_val: float | None = None,
        max_show_size: int | None = None,
        show_dim: int | str | None = None,
        slice_dims: Mapping[int | str, tuple[int, int]] | None = None,
        display: bool = True,
        return_html: bool | None = False,
        return_figure: bool = False,
        aggregator: AggregatorInput = None,
        do_aggregation: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Show it: as a page in a notebook, as coloured text elsewhere."""
        return FeatureAttributionOutput([self]).show(
            min_val, max_val, max_show_size, show_dim, slice_dims, display, return_html, return_figure, aggregator,
            do_aggregation, **kwargs,
        )  # fmt: skip

    def show_granular(
        self,
        min_val: float | None = None,
        max_val: float | None = None,
        max_show_size: int | None = None,
        show_dim: int | str | None = None,
        slice_dims: Mapping[int | str, tuple[int, int]] | None = None,
        display: bool = True,
        return_html: bool | None = False,
        return_figure: bool = False,
    ) -> Any:
        """Show scores that are not aggregated yet, one matrix per entry of their dimensions."""
        return FeatureAttributionOutput([self]).show_granular(
            min_val, max_val, max_show_size, show_dim, slice_dims, display, return_html, return_figure
        )

    def show_tokens(
        self,
        min_val: float | None = None,
        max_val: float | None = None,
        display: bool = True,
        return_html: bool | None = False,
        return_figure: bool = False,
        replace_char: dict[str, str] | None = None,
        wrap_after: int | str | Sequence[str] | None = None,
        step_score_highlight: str | None = None,
        aggregator: AggregatorInput = None,
        do_aggregation: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Show the output as running text, each token with the inputs that made it."""
        return FeatureAttributionOutput([self]).show_tokens(
            min_val, max_val, display, return_html, return_figure, replace_char, wrap_after, step_score_highlight,
            aggregator, do_aggregation, **kwargs,
        )  # fmt: skip


def _decoded(token: TokenWithId, tokenizer: Any) -> TokenWithId:
    return token if token.id < 0 else TokenWithId(str(tokenizer.decode([token.id])), token.id)


@dataclass(eq=False, repr=False)
class GranularFeatureAttributionSequenceOutput(FeatureAttributionSequenceOutput):
    """Scores with one entry per embedding dimension, which are shown by their L2 norm."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._aggregator is None:
            self._aggregator = "vnorm"
        if self._dict_aggregate_fn is None:
            self._dict_aggregate_fn = {
                "source_attributions": {"scores": "vnorm"},
                "target_attributions": {"scores": "vnorm"},
            }


@dataclass(eq=False, repr=False)
class CoarseFeatureAttributionSequenceOutput(FeatureAttributionSequenceOutput):
    """One score per token, shown as it is."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._aggregator is None:
            self._aggregator = []


def over_width(one: FeatureAttributionSequenceOutput) -> GranularFeatureAttributionSequenceOutput:
    """A copy with one score per token as an embedding of width 1, for methods of which inseq has scores per dimension.

    The default aggregation, and any other, then does what it does with the scores of those.
    """
    fields = {**vars(one), "_aggregator": None, "_dict_aggregate_fn": None}
    for name in ("source_attributions", "target_attributions"):
        fields[name] = None if fields[name] is None else fields[name].unsqueeze(-1)
    return GranularFeatureAttributionSequenceOutput(**fields)


@dataclass(eq=False, repr=False)
class MultiDimensionalFeatureAttributionSequenceOutput(FeatureAttributionSequenceOutput):
    """Scores per layer, or per layer and head, which are shown by their mean."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._num_dimensions is None:
            self._num_dimensions = self._inner_dimensions()
        if self._aggregator is None:
            self._aggregator = ["mean"] * self._num_dimensions


@dataclass(eq=False)
class FeatureAttributionStepOutput(TensorWrapper):
    """Scores of one step of a batch. Shapes ``(rows, tokens, ...)``."""

    source_attributions: Tensor | None = None
    step_scores: dict[str, Tensor] | None = None
    target_attributions: Tensor | None = None
    sequence_scores: dict[str, Tensor] | None = None
    source: list[list[TokenWithId]] | None = None
    prefix: list[list[TokenWithId]] | None = None
    target: list[list[TokenWithId]] | None = None
    _num_dimensions: int | None = None
    _sequence_cls: type[FeatureAttributionSequenceOutput] = FeatureAttributionSequenceOutput

    def get_sequence_cls(self, **kwargs: Any) -> FeatureAttributionSequenceOutput:
        """A sequence of the class that belongs to this step."""
        return self._sequence_cls(**kwargs)


@dataclass(eq=False)
class GranularFeatureAttributionStepOutput(FeatureAttributionStepOutput):
    """Of scores with one entry per embedding dimension."""

    _sequence_cls: type[FeatureAttributionSequenceOutput] = GranularFeatureAttributionSequenceOutput


@dataclass(eq=False)
class CoarseFeatureAttributionStepOutput(FeatureAttributionStepOutput):
    """Of one score per token."""

    _sequence_cls: type[FeatureAttributionSequenceOutput] = CoarseFeatureAttributionSequenceOutput


@dataclass(eq=False)
class MultiDimensionalFeatureAttributionStepOutput(FeatureAttributionStepOutput):
    """Of scores per layer, or per layer and head."""

    _sequence_cls: type[FeatureAttributionSequenceOutput] = MultiDimensionalFeatureAttributionSequenceOutput


_MERGED_ALIKE = (
    "attribute_target",
    "attribution_method",
    "constrained_decoding",
    "include_eos_baseline",
    "model_class",
    "model_name",
    "step_scores",
    "tokenizer_class",
    "tokenizer_name",
)


@dataclass(eq=False, repr=False)
class FeatureAttributionOutput:
    """What `attribute` returns: sequences, steps where they were asked for, and how it was done."""

    sequence_attributions: list[FeatureAttributionSequenceOutput]
    step_attributions: list[FeatureAttributionStepOutput] | None = None
    info: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{type(self).__name__}({pretty_dict(vars(self))})"

    __repr__ = __str__

    def __len__(self) -> int:
        return len(self.sequence_attributions)

    def __iter__(self) -> Iterator[FeatureAttributionSequenceOutput]:
        return iter(self.sequence_attributions)

    def __getitem__(self, item: Any) -> Any:
        return self.sequence_attributions[item]

    def __eq__(self, other: object) -> bool:
        """The same sequences, within a tolerance, made alike."""
        if not isinstance(other, FeatureAttributionOutput):
            return False
        mine, theirs = ({k: v for k, v in one.info.items() if k != "exec_time"} for one in (self, other))
        return self.sequence_attributions == other.sequence_attributions and _plain(mine) == _plain(theirs)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: FeatureAttributionOutput) -> FeatureAttributionOutput:
        return merge_attributions([self, other])

    def __radd__(self, other: object) -> FeatureAttributionOutput:
        """So that ``sum`` works, which begins with 0."""
        return self if other == 0 else NotImplemented

    def aggregate(
        self, aggregator: AggregatorInput = None, paired_attr: Any = None, **kwargs: Any
    ) -> FeatureAttributionOutput:
        """Every sequence aggregated, in a copy.

        Args:
            paired_attr: For ``"pair"``: one sequence to compare all with, or an output with as many sequences.

        Raises:
            InputError: There are not as many.
        """
        others = [paired_attr] * len(self)
        if isinstance(paired_attr, FeatureAttributionOutput):
            others = paired_attr.sequence_attributions
            if len(others) != len(self):
                raise InputError(f"{len(self)} and {len(others)} sequences cannot be paired one by one.")
        pairs: list[dict[str, Any]] = [{} if other is None else {"paired_attr": other} for other in others]
        done = [
            one.aggregate(aggregator, **kwargs, **pair)
            for one, pair in zip(self.sequence_attributions, pairs, strict=True)
        ]
        return FeatureAttributionOutput(done, self.step_attributions, dict(self.info))

    def weight_attributions(self, step_score_id: str) -> None:
        """Every sequence weighted, in place."""
        for one in self.sequence_attributions:
            one.weight_attributions(step_score_id)

    def decode_tokens(self, tokenizer: Any) -> FeatureAttributionOutput:
        """Every sequence with readable text, in place."""
        for one in self.sequence_attributions:
            one.decode_tokens(tokenizer)
        return self

    def get_scores_dicts(
        self, aggregator: AggregatorInput = None, do_aggregation: bool = True, **kwargs: Any
    ) -> list[ScoresDict]:
        """Nested dictionaries of every sequence."""
        return [one.get_scores_dicts(aggregator, do_aggregation, **kwargs) for one in self.sequence_attributions]

    def save(
        self,
        path: Any,
        overwrite: bool = False,
        compress: bool = False,
        ndarray_compact: bool = True,
        use_primitives: bool = False,
        split_sequences: bool = False,
        scores_precision: Literal["float32", "float16", "float8"] = "float32",
        **unknown: Any,
    ) -> None:
        """Write a file of inseq's.

        Args:
            ndarray_compact: Accepted; scores are always packed.
            use_primitives: Plain dictionaries, without the names of classes.
            split_sequences: One file per sequence, ``NAME_0.json`` and so on.

        Raises:
            InputError: The file is there and ``overwrite`` is false.
            SettingsError: An option is unknown.
        """
        _refuse(unknown, "save", _SAVE_OPTIONS)
        path = Path(path)
        if split_sequences:
            stem = Path(path.name.removesuffix(".gz")).stem
            for index, one in enumerate(self.sequence_attributions):
                name = f"{stem}_{index}.json" + (".gz" if compress else "")
                FeatureAttributionOutput([one], None, self._info_of(index)).save(
                    path.with_name(name), overwrite, compress, ndarray_compact, use_primitives, False, scores_precision
                )
            return
        refuse_existing(path, overwrite)
        told = replace(self, info={**self.info, **_beside(self)})
        text = json_advanced_dumps(told, use_primitives=use_primitives, scores_precision=scores_precision)
        data = text.encode("utf-8", "surrogatepass")
        write_whole(path, [gzip.compress(data, 5) if compress else data], overwrite=overwrite)

    def _info_of(self, index: int) -> dict[str, Any]:
        info = dict(self.info)
        for name in ("input_texts", "generated_texts"):
            if index < len(info.get(name) or []):
                info[name] = [info[name][index]]
        return info

    @staticmethod
    def load(path: Any, decompress: bool = False, **unknown: Any) -> FeatureAttributionOutput:
        """What `save` wrote, or any other file of results that the library reads; compression is found out.

        Raises:
            SettingsError: An option is unknown.
            InputError: It is a folder.
        """
        _refuse(unknown, "load", ("decompress",))
        data = content_of(path)
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        data = without_mark(data)
        if is_inseq(data) and b'"__ndarray__"' not in data:
            loaded = json_advanced_loads(data.decode("utf-8", "surrogatepass"))
            if isinstance(loaded, FeatureAttributionOutput):
                return _with_beside(loaded, Budget(len(data)))
        return from_wherefrom(load_any(path))

    def show(
        self,
        min_val: float | None = None,
        max_val: float | None = None,
        max_show_size: int | None = None,
        show_dim: int | str | None = None,
        slice_dims: Mapping[int | str, tuple[int, int]] | None = None,
        display: bool = True,
        return_html: bool | None = False,
        return_figure: bool = False,
        aggregator: AggregatorInput = None,
        do_aggregation: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Show every sequence: a page in a notebook, coloured text elsewhere.

        Args:
            max_show_size: See `show_granular`, as for ``show_dim`` and ``slice_dims``.
            return_figure: Return something that a notebook shows.
        """
        done = self.aggregate(aggregator, do_post_aggregation_checks=False, **kwargs) if do_aggregation else self
        if not all(one._is_flat() for one in done.sequence_attributions) or show_dim is not None or slice_dims:
            return done.show_granular(
                min_val, max_val, max_show_size, show_dim, slice_dims, display, return_html, return_figure
            )
        return shown(as_wherefrom(done), "show", display, return_html, return_figure, min_val=min_val, max_val=max_val)

    def show_granular(
        self,
        min_val: float | None = None,
        max_val: float | None = None,
        max_show_size: int | None = None,
        show_dim: int | str | None = None,
        slice_dims: Mapping[int | str, tuple[int, int]] | None = None,
        display: bool = True,
        return_html: bool | None = False,
        return_figure: bool = False,
    ) -> Any:
        """Show scores with their inner dimensions: a slider for each on a page, one matrix after another elsewhere.

        Args:
            max_show_size: The first dimension of at most so many entries is laid out, one column per step and entry;
                None: 20 entries are the most that ``show_dim`` may lay out.
            show_dim: Dimension (index from 2, or name) to lay out.
            slice_dims: Dimension to the range that is shown.

        Raises:
            InputError: There is one number per cell, no such dimension, or too many entries to lay out.
        """
        ours = as_wherefrom(self)
        if all(not one.dimensions for one in ours):
            raise InputError("There is one number per cell: use show().")
        ranges = {_dimension(ours, name): span for name, span in (slice_dims or {}).items()}
        options: dict[str, Any] = {"slice_dims": ranges} if ranges else {}
        laid_out = _laid_out(ours, show_dim, max_show_size, ranges)
        if laid_out is not None:
            options["lay_out"] = laid_out
        options |= {name: value for name, value in (("min_val", min_val), ("max_val", max_val)) if value is not None}
        return shown(ours, "show_granular", display, return_html, return_figure, **options)

    def show_tokens(
        self,
        min_val: float | None = None,
        max_val: float | None = None,
        display: bool = True,
        return_html: bool | None = False,
        return_figure: bool = False,
        replace_char: dict[str, str] | None = None,
        wrap_after: int | str | Sequence[str] | None = None,
        step_score_highlight: str | None = None,
        aggregator: AggregatorInput = None,
        do_aggregation: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Show the output as running text, each token with the inputs that made it.

        Args:
            replace_char: Text to put in place of other text, in tokens.
            wrap_after: Lines end after so many tokens, or after these texts (``".!?"``).
            step_score_highlight: A step score that shades the output.

        Raises:
            UnknownNameError: The result has no such step score.
        """
        done = self.aggregate(aggregator, **kwargs) if do_aggregation else self
        for one in done.sequence_attributions:
            if step_score_highlight is not None and step_score_highlight not in (one.step_scores or {}):
                known = list(one.step_scores or {})
                raise UnknownNameError(
                    f"There is no step score {step_score_highlight!r}.{nearest(step_score_highlight, known)} There "
                    f"are: {', '.join(known) or 'none'}."
                )
        if replace_char:
            done = FeatureAttributionOutput([_replaced(one, replace_char) for one in done.sequence_attributions])
        told = {"wrap_after": wrap_after, "highlight": step_score_highlight}
        options = {name: value for name, value in told.items() if value is not None}
        return shown(
            as_wherefrom(done),
            "show_tokens",
            display,
            return_html,
            return_figure,
            min_val=min_val,
            max_val=max_val,
            **options,
        )


def _beside(output: FeatureAttributionOutput) -> dict[str, Any]:
    """What records do not hold, for ``info``; nothing where a script has changed them to what is no result."""
    try:
        return {OURS: beside(as_wherefrom(output))}
    except WherefromError:
        return {}


def _with_beside(loaded: FeatureAttributionOutput, budget: Budget) -> FeatureAttributionOutput:
    """What was read, with what its records do not hold, where the file says it of the same tokens, steps and scores."""
    told = read_beside(loaded.info, len(loaded), budget)
    loaded.info.pop(OURS, None)
    if not told:
        return loaded
    for one, more, now in zip(loaded, told, as_wherefrom(loaded), strict=True):
        if not more.is_of({name: getattr(now, name) for name in COMPARED}):
            continue
        ours = Attribution(**more.fields)
        target = _spelt(one.target, ours.target)
        if target is None:
            continue
        source = _spelt(one.source, ours.source) or _spelt(one.source, ours.target[: len(one.source)])
        one.source, one.target = one.source if source is None else source, target
        one._origin, one._stages = ours, ours.aggregations
    return loaded


def _spelt(tokens: Sequence[TokenWithId], units: Sequence[Token]) -> list[TokenWithId] | None:
    """Tokens with what the library knows of each; None where they are others."""
    if [(token.token, token.id) for token in tokens] != [(unit.piece, unit.id) for unit in units]:
        return None
    return [TokenWithId(unit.piece, unit.id, unit) for unit in units]


_SAVE_OPTIONS = (
    "overwrite",
    "compress",
    "ndarray_compact",
    "use_primitives",
    "split_sequences",
    "scores_precision",
)


def _refuse(unknown: Mapping[str, Any], verb: str, known: Sequence[str]) -> None:
    """An error for options that a verb does not have, with the nearest name."""
    for name in unknown:
        raise SettingsError(f"{verb} has no option {name!r}.{nearest(name, known)} It has: {', '.join(known)}.")


def _replaced(one: FeatureAttributionSequenceOutput, marks: Mapping[str, str]) -> FeatureAttributionSequenceOutput:
    def changed(token: TokenWithId) -> TokenWithId:
        text = token.token
        for old, new in marks.items():
            text = text.replace(old, new)
        return token if text == token.token else TokenWithId(text, token.id)

    return one.changed(source=[changed(t) for t in one.source], target=[changed(t) for t in one.target])  # type: ignore[no-any-return]


class Figure:
    """A page that a notebook shows."""

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        return self.html


def shown(ours: Any, verb: str, display: bool, return_html: bool | None, return_figure: bool, **options: Any) -> Any:
    """Draw with one of our verbs, and return what inseq's would."""
    page = getattr(ours, verb)(
        display=display and not return_figure, return_html=bool(return_html) or return_figure, **options
    )
    if return_figure:
        return Figure(page)
    return _with_bare_root(page) if return_html else page


def _with_bare_root(page: str) -> str:
    """A page whose root is spelt as inseq spells it, which scripts cut pages by; its body tells the language."""
    return page.replace('<html lang="en">', "<html>", 1).replace("<body ", '<body lang="en" ', 1)


_DIMENSIONS = {"Embedding Dimension": "width", "Model Layer": "layer", "Attention Head": "head"}


def _dimension(ours: Any, name: int | str) -> str:
    """Our name of a dimension that inseq names or counts, from 2."""
    dimensions = ours[0].dimensions if len(ours) else ()
    if isinstance(name, int):
        if not 0 <= name - 2 < len(dimensions):
            raise InputError(f"Dimension {name}: the scores have dimensions 2 to {1 + len(dimensions)} to choose from.")
        return str(dimensions[name - 2])
    found = _DIMENSIONS.get(name, name)
    if found not in dimensions:
        raise InputError(f"Dimension {name!r}: the scores have {', '.join(dimensions)}.")
    return found


MOST_LAID_OUT = 20
"""Entries of a dimension that are laid out at most unless more are asked for."""


def _laid_out(
    ours: Any, show_dim: int | str | None, max_show_size: int | None, ranges: Mapping[str, tuple[int, int]]
) -> str | None:
    """The dimension that is shown side by side: the one asked for, or the first that is small enough."""
    one = ours[0]
    scores = one.source_attributions if one.source_attributions is not None else one.target_attributions
    sizes = {
        name: len(range(size)[slice(*ranges.get(name, (0, size)))])
        for name, size in zip(one.dimensions, scores.shape[2:], strict=True)
    }
    limit = MOST_LAID_OUT if max_show_size is None else max_show_size
    if show_dim is None:
        return None if max_show_size is None else next((name for name in sizes if sizes[name] <= limit), None)
    name = _dimension(ours, show_dim)
    if sizes[name] > limit:
        raise InputError(
            f"show_dim={show_dim!r} has {sizes[name]} entries, and at most {limit} are laid out. Pass "
            f"slice_dims={{{show_dim!r}: (0, {limit})}}, or a larger max_show_size."
        )
    return name


def _plain(value: Any) -> Any:
    """Tuples as lists, as they come back from a file."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def merge_attributions(attributions: list[FeatureAttributionOutput]) -> FeatureAttributionOutput:
    """All sequences of several outputs that were made alike.

    Raises:
        InputError: There is nothing to merge, or a field of ``info`` differs.
    """
    if not attributions:
        raise InputError("There is nothing to merge. Give at least one output.")
    first = attributions[0]
    for other in attributions[1:]:
        for name in _MERGED_ALIKE:
            if first.info.get(name) != other.info.get(name):
                raise CannotMergeError(
                    f"Cannot merge: incompatible values for field {name}: {first.info.get(name)!r} and "
                    f"{other.info.get(name)!r}."
                )
    info = dict(first.info)
    for name in ("input_texts", "generated_texts"):
        if name in info:
            info[name] = [text for one in attributions for text in one.info.get(name, [])]
    ends = [one.info["attr_pos_end"] for one in attributions if one.info.get("attr_pos_end") is not None]
    if ends:
        info["attr_pos_end"] = max(ends)
    steps = [step for one in attributions for step in one.step_attributions or []]
    return FeatureAttributionOutput(
        [one for output in attributions for one in output.sequence_attributions], steps or None, info
    )


class CannotMergeError(InputError, AssertionError):
    """Outputs that were made in different ways."""


def get_batch_from_inputs(
    attribution_model: Any,
    inputs: Any,
    include_eos_baseline: bool = False,
    as_targets: bool = False,
    skip_special_tokens: bool = False,
) -> Any:
    """Texts, encodings or batches as a batch with embeddings."""
    return attribution_model.batch_of(inputs, include_eos_baseline, as_targets, skip_special_tokens)


_CLASSES: dict[tuple[str, ...], type[FeatureAttributionSequenceOutput]] = {
    (): CoarseFeatureAttributionSequenceOutput,
    ("width",): GranularFeatureAttributionSequenceOutput,
    ("layer",): MultiDimensionalFeatureAttributionSequenceOutput,
    ("layer", "head"): MultiDimensionalFeatureAttributionSequenceOutput,
}


def from_wherefrom(attributions: Attributions, info: Mapping[str, Any] | None = None) -> FeatureAttributionOutput:
    """A `wherefrom.Attributions` as inseq's output."""
    made = attributions.provenance
    told = (
        info
        if info is not None
        else {"attribution_method": made.method.get("name"), "model_name": made.model.get("name")}
    )
    return FeatureAttributionOutput([sequence_of(one) for one in attributions], None, dict(told))


def sequence_of(
    one: Attribution, *, contrasts: bool = True, decoder_only: bool | None = None
) -> FeatureAttributionSequenceOutput:
    """One example as inseq's record. Of a decoder-only model its source is all that stands before the first step.

    Args:
        contrasts: Label steps with what they were compared with?
        decoder_only: Is the source the beginning of the target? None: it is where the target alone has scores.
    """
    target = [TokenWithId(token.piece, token.id, token) for token in one.target]
    if contrasts:
        _label(target, one)
    if decoder_only is None:
        decoder_only = one.source_attributions is None and one.target_attributions is not None
    scores = one.target_attributions
    rows = None
    if scores is not None:
        visible = one.target_visible.reshape(*scores.shape[:2], *(1,) * (scores.ndim - 2))
        rows = torch.from_numpy(np.where(visible, scores, np.nan)[: one.attr_pos_end]).float()
    if one.source_attributions is None and scores is None:
        cls: type[FeatureAttributionSequenceOutput] = FeatureAttributionSequenceOutput
    else:
        cls = _CLASSES.get(one.dimensions, MultiDimensionalFeatureAttributionSequenceOutput)
    return cls(
        source=target[: one.attr_pos_start]
        if decoder_only
        else [TokenWithId(token.piece, token.id, token) for token in one.source],
        target=target,
        source_attributions=None
        if one.source_attributions is None
        else torch.from_numpy(np.array(one.source_attributions)).float(),
        target_attributions=rows,
        step_scores={name: torch.from_numpy(np.array(values)).float() for name, values in one.step_scores.items()},
        sequence_scores={
            name: torch.from_numpy(np.array(values)).float() for name, values in one.sequence_scores.items()
        },
        attr_pos_start=one.attr_pos_start,
        attr_pos_end=one.attr_pos_end,
        _origin=one,
        _stages=one.aggregations,
    )


def _label(target: list[TokenWithId], one: Attribution) -> None:
    """Each step that is explained and compared with another token as ``contrast → token``, with id -1."""
    pairs = one.details.get("contrast", {}).get("pairs", [])
    places = {token.position: index for index, token in enumerate(one.target) if token.size == 1}
    for pair in pairs:
        index = places.get(pair["step"], -1)  # not there where it was merged: a unit is compared with no single token
        if not one.attr_pos_start <= index < one.attr_pos_end:
            continue
        token, contrast = target[index], pair.get("contrast_piece") or pair["contrast"]
        if contrast in (token.token, str(token.unit)):
            continue
        label = f"{contrast} → {token.token}"
        unit = None if token.unit is None else replace_unit(token.unit, id=-1, piece=label, text=label)
        target[index] = TokenWithId(label, -1, unit)


RECORDS.update(
    (cls.__name__, cls)
    for cls in (
        TokenWithId,
        FeatureAttributionOutput,
        FeatureAttributionSequenceOutput,
        GranularFeatureAttributionSequenceOutput,
        CoarseFeatureAttributionSequenceOutput,
        MultiDimensionalFeatureAttributionSequenceOutput,
        FeatureAttributionStepOutput,
        GranularFeatureAttributionStepOutput,
        CoarseFeatureAttributionStepOutput,
        MultiDimensionalFeatureAttributionStepOutput,
    )
)
