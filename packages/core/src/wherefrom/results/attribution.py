"""The result: scores of every visible input for every step, with all that made them.

Data flows one way: ``text → tokens → question → scores → attribution → aggregated attribution → view``.
This module holds the nouns `Attribution` (one example) and `Attributions` (what `attribute` returns). Their verbs
are one line each and delegate to the module that owns the subject; those modules know these classes by type only, so
that no import runs in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import msgspec
import numpy as np
import numpy.typing as npt

from wherefrom.arrays import BoolArray
from wherefrom.errors import FileFormatError, SettingsError, ShapeError
from wherefrom.files.wire.documents import Document, parse, read, to_json, to_json_lines, to_msgpack, write
from wherefrom.results.aggregation import AggregatorLike, Stage, aggregate
from wherefrom.results.aggregators import AGGREGATION_FUNCTIONS, Pair
from wherefrom.results.aggregators.slices import select_steps, slice_inputs
from wherefrom.results.bridges import to_captum, to_shap
from wherefrom.results.comparison import Comparison, compare
from wherefrom.results.contributors import Contributor, top_contributors
from wherefrom.results.decoding import Decodes, decoded
from wherefrom.results.dictionaries import ScoresDict, scores_dict
from wherefrom.results.equality import same_attribution, same_attributions
from wherefrom.results.merging import merge_attributions
from wherefrom.results.provenance import Provenance
from wherefrom.results.rendering import Drawable
from wherefrom.results.step_views import StepAttribution, extremes, step_attributions
from wherefrom.results.tables import save_table, to_arrow, to_dataset, to_pandas, to_polars
from wherefrom.results.weighting import weighted
from wherefrom.text.tokens import Segment as Segment
from wherefrom.text.tokens import Token, visible_to_steps


class Attribution(Drawable, msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True):
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
    """Step score to the function that merges it over spans, where it is not the default."""
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
    def target_visible(self) -> BoolArray:
        """Which target rows each step could see. Shape ``(len(target), steps)``."""
        return visible_to_steps(self.target, self.steps)

    @property
    def is_aggregated(self) -> bool:
        """Is there one number per cell, so that it can be shown as a matrix?"""
        return not self.dimensions

    def aggregate(self, aggregator: AggregatorLike = None, aggregate_fn: Any = None, **settings: Any) -> Attribution:
        """A smaller attribution; see `wherefrom.results.aggregators` for names and settings.

        Without arguments the method's default aggregation is applied, once: a result with one number per cell that
        was aggregated already comes back as it is.
        """
        return aggregate(self, aggregator, aggregate_fn, AGGREGATION_FUNCTIONS, **settings)

    def __getitem__(self, index: int | slice) -> Attribution:
        """Some of the inputs, all steps: of the source, or of a decoder-only model's prompt."""
        return slice_inputs(self, index)

    def select_steps(self, start: int | None = None, end: int | None = None) -> Attribution:
        """Some of the explained steps, all inputs; counted from the first, bounds may be open or negative."""
        return select_steps(self, start, end)

    def __sub__(self, other: Attribution) -> Attribution:
        """This minus the other, units aligned; see `wherefrom.aggregators.Pair`."""
        return Pair(paired_attr=other)(self)

    def __eq__(self, other: object) -> bool:
        """Same tokens and stages, and numbers that are close; see `allclose`."""
        return isinstance(other, Attribution) and same_attribution(self, other)

    __hash__ = None  # type: ignore[assignment]  # equality has a tolerance

    def allclose(self, other: Attribution, *, atol: float = 1e-5, rtol: float = 1e-5) -> bool:
        """Same tokens, steps, stages and method, and every number within the tolerance?"""
        return same_attribution(self, other, atol=atol, rtol=rtol)

    def compare(self, other: Attribution, *, k: int = 5) -> Comparison:
        """Difference and agreement with another attribution; see `wherefrom.results.Comparison`."""
        return compare(self, other, k=k)

    def top_contributors(self, k: int = 5) -> list[list[Contributor]]:
        """For each step its ``k`` inputs of largest absolute score, after the default aggregation."""
        return top_contributors(self.aggregate(), k)

    def weight_attributions(self, step_score: str) -> Attribution:
        """Aggregated, and every step's scores multiplied by its step score. This object stays as it is."""
        return weighted(self, step_score)

    def get_scores_dicts(
        self, aggregator: AggregatorLike = None, do_aggregation: bool = True, **settings: Any
    ) -> ScoresDict:
        """Scores as nested dictionaries, aggregated first by default."""
        return scores_dict(self.aggregate(aggregator, **settings) if do_aggregation else self)

    def decode_tokens(self, tokenizer: Decodes | None = None) -> Attribution:
        """Readable text in place of vocabulary pieces; None: the texts that are known already."""
        return decoded(self, tokenizer)

    @property
    def step_attributions(self) -> tuple[StepAttribution, ...]:
        """A view of each explained step."""
        return step_attributions(self)

    def to_captum(self) -> Any:
        """captum's ``LLMAttributionResult``, aggregated; see `wherefrom.results.bridges`."""
        return to_captum(self)

    def to_shap(self, base_values: Any = None) -> Any:
        """shap's ``Explanation``, aggregated; see `wherefrom.results.bridges`."""
        return to_shap(self, base_values)

    @property
    def minimum(self) -> float:
        """Smallest score, at most 0."""
        return extremes(self)[0]

    @property
    def maximum(self) -> float:
        """Largest score, at least 0."""
        return extremes(self)[1]

    def replace(self, **changes: Any) -> Attribution:
        """A copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)


class Attributions(Drawable, msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What `attribute` returns: a sequence of `Attribution` and how they were made."""

    sequence_attributions: tuple[Attribution, ...]
    provenance: Provenance = Provenance()
    extra: dict[str, Any] = {}
    """Fields of later file versions, kept as they came."""

    def __repr__(self) -> str:
        return f"<Attributions of {len(self)}: {', '.join(map(repr, self[:3]))}{', ...' if len(self) > 3 else ''}>"

    def __len__(self) -> int:
        return len(self.sequence_attributions)

    def __iter__(self) -> Iterator[Attribution]:
        return iter(self.sequence_attributions)

    @overload
    def __getitem__(self, index: int) -> Attribution: ...
    @overload
    def __getitem__(self, index: slice) -> Attributions: ...
    def __getitem__(self, index: int | slice) -> Attribution | Attributions:
        if isinstance(index, slice):
            return self.replace(sequence_attributions=self.sequence_attributions[index])
        return self.sequence_attributions[index]

    @property
    def info(self) -> Mapping[str, Any]:
        """The provenance as a plain dictionary."""
        return dict(msgspec.to_builtins(self.provenance))

    def aggregate(self, aggregator: AggregatorLike = None, aggregate_fn: Any = None, **settings: Any) -> Attributions:
        """Every example aggregated; see `Attribution.aggregate`."""
        done = tuple(one.aggregate(aggregator, aggregate_fn, **settings) for one in self)
        return self.replace(sequence_attributions=done)

    def __eq__(self, other: object) -> bool:
        """Same examples with close numbers; see `allclose`."""
        return isinstance(other, Attributions) and same_attributions(self, other)

    __hash__ = None  # type: ignore[assignment]  # equality has a tolerance

    def allclose(self, other: Attributions, *, atol: float = 1e-5, rtol: float = 1e-5) -> bool:
        """Same examples in the same order, every number within the tolerance?"""
        return same_attributions(self, other, atol=atol, rtol=rtol)

    def __add__(self, other: Attributions) -> Attributions:
        """The examples of both; see `wherefrom.merge_attributions`."""
        return merge_attributions([self, other]) if isinstance(other, Attributions) else NotImplemented

    def __radd__(self, other: object) -> Attributions:
        """So that ``sum([a, b])`` works, which begins with 0."""
        return self if other == 0 else NotImplemented

    def weight_attributions(self, step_score: str) -> Attributions:
        """Every example weighted; see `Attribution.weight_attributions`."""
        return self.replace(sequence_attributions=tuple(one.weight_attributions(step_score) for one in self))

    def get_scores_dicts(
        self, aggregator: AggregatorLike = None, do_aggregation: bool = True, **settings: Any
    ) -> list[ScoresDict]:
        """Nested dictionaries of every example; see `Attribution.get_scores_dicts`."""
        return [one.get_scores_dicts(aggregator, do_aggregation, **settings) for one in self]

    def decode_tokens(self, tokenizer: Decodes | None = None) -> Attributions:
        """Every example with readable text; see `Attribution.decode_tokens`."""
        return self.replace(sequence_attributions=tuple(one.decode_tokens(tokenizer) for one in self))

    @property
    def step_attributions(self) -> tuple[tuple[StepAttribution, ...], ...]:
        """Views of each example's explained steps."""
        return tuple(one.step_attributions for one in self)

    def replace(self, **changes: Any) -> Attributions:
        """A copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    def save(
        self,
        path: str | Path,
        overwrite: bool = False,
        compress: bool = False,
        *,
        scores_precision: str = "float32",
    ) -> None:
        """Write a file: ``.json``, ``.jsonl`` or ``.msgpack``, and ``.gz`` or ``.zst`` after it; other names get JSON.

        Args:
            overwrite: Replace a file that is there?
            compress: Compress with gzip whatever the name says?
            scores_precision: ``"float32"`` keeps every number; ``"float16"`` halves the file. Step scores are kept.

        Raises:
            InputError: The file is there and ``overwrite`` is false, or a score does not fit the precision.
        """
        write(self, path, overwrite=overwrite, compressed=compress, scores_precision=scores_precision)

    @staticmethod
    def load(path: str | Path, *, max_bytes: int | None = None) -> Attributions:
        """What `save` wrote: the same numbers, tokens and aggregations. Format and compression go by content.

        Args:
            max_bytes: How much memory the file may ask for; None: 256 MB and a hundred times its size.

        Raises:
            FileFormatError: It is damaged, foreign, or of a newer major version.
        """
        return from_document(read(path, max_bytes=max_bytes), str(path))

    def to_pandas(self, *, steps: bool = False) -> Any:
        """A pandas ``DataFrame`` with a row per visible score; ``steps``: per explained token, with its step scores."""
        return to_pandas(self, steps=steps)

    def to_polars(self, *, steps: bool = False) -> Any:
        """A polars ``DataFrame``; see `to_pandas`."""
        return to_polars(self, steps=steps)

    def to_arrow(self, *, steps: bool = False) -> Any:
        """An Arrow ``Table``; see `to_pandas`."""
        return to_arrow(self, steps=steps)

    def to_dataset(self, *, steps: bool = False) -> Any:
        """A Hugging Face ``Dataset`` with a card; see `to_pandas`."""
        return to_dataset(self, steps=steps)

    def save_table(self, path: str | Path, overwrite: bool = False, *, steps: bool = False) -> None:
        """Write the table of `to_pandas` to a ``.csv``, ``.tsv`` or ``.parquet`` file."""
        save_table(self, path, overwrite=overwrite, steps=steps)

    def to_json(self) -> str:
        """The content of a ``.json`` file."""
        return b"".join(to_json(self)).decode()

    def to_bytes(self, format: str = "json") -> bytes:
        """The content of a file in ``"json"``, ``"jsonl"`` or ``"msgpack"``."""
        writers = {"json": to_json, "jsonl": to_json_lines, "msgpack": to_msgpack}
        if format not in writers:
            raise SettingsError(f"format = {format!r}. Choose one of {', '.join(writers)}.")
        return b"".join(writers[format](self))

    @staticmethod
    def from_bytes(data: bytes, *, name: str = "<bytes>", max_bytes: int | None = None) -> Attributions:
        """What `to_bytes` gave, or the content of any file that `load` reads."""
        return from_document(parse(data, name=name, max_bytes=max_bytes), name)


def from_document(document: Document, name: str) -> Attributions:
    """The attributions that a file holds.

    Raises:
        FileFormatError: Its arrays do not fit its tokens.
    """
    return Attributions(
        sequence_attributions=tuple(
            from_fields(fields, f"{name}: $.examples[{index}]") for index, fields in enumerate(document.examples)
        ),
        provenance=document.provenance,
        extra=document.extra,
    )


def from_fields(fields: Mapping[str, Any], where: str) -> Attribution:
    """The attribution that was read as ``fields``.

    Raises:
        FileFormatError: Arrays do not fit tokens.
    """
    try:
        return Attribution(**fields)
    except ShapeError as error:
        raise FileFormatError(f"{where}: {error}") from error


def joint_scores(attribution: Attribution) -> npt.NDArray[Any]:
    """Source rows, then target rows, as one array. Shape ``(inputs, steps, *dimensions)``."""
    parts: Sequence[npt.NDArray[Any]] = [
        scores for scores in (attribution.source_attributions, attribution.target_attributions) if scores is not None
    ]
    if not parts:
        return np.zeros((0, attribution.attr_pos_end - attribution.attr_pos_start))
    return np.concatenate(parts, axis=0)
