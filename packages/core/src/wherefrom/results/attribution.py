"""The result: scores of every visible input for every step, with all that made them.

Data flows one way: ``text → tokens → question → scores → attribution → aggregated attribution → view``.
This module is the top floor: `Attribution` (one example) and `Attributions` (what `attribute` returns) are the nouns
of `wherefrom.results.data` with verbs, one line each, that delegate to the module that owns the subject. Those modules
know the nouns alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from wherefrom.errors import FileFormatError, InputError, SettingsError, ShapeError
from wherefrom.files.wire.documents import Document, parse, read, to_json, to_json_lines, to_msgpack, write, write_inseq
from wherefrom.results.aggregation import AggregatorLike, aggregate
from wherefrom.results.aggregators import AGGREGATION_FUNCTIONS, Pair
from wherefrom.results.aggregators.slices import select_steps, slice_inputs
from wherefrom.results.bridges import to_captum, to_shap
from wherefrom.results.card import Card, card_of
from wherefrom.results.comparison import Comparison, compare
from wherefrom.results.contributors import Contributor, top_contributors
from wherefrom.results.data import AttributionData, AttributionsData
from wherefrom.results.decoding import Decodes, decoded
from wherefrom.results.dictionaries import ScoresDict, scores_dict
from wherefrom.results.equality import same_attribution, same_attributions
from wherefrom.results.merging import merge_attributions
from wherefrom.results.pairs import UnitPair, top_pairs
from wherefrom.results.provenance import Provenance
from wherefrom.results.publishing import public
from wherefrom.results.rendering import Drawable
from wherefrom.results.step_views import StepAttribution, extremes, step_attributions
from wherefrom.results.tables import save_table, to_arrow, to_dataset, to_pandas, to_polars
from wherefrom.results.weighting import weighted
from wherefrom.text.places import Place
from wherefrom.text.tokens import Segment as Segment


class Attribution(Drawable, AttributionData, frozen=True, kw_only=True, eq=False, dict=True):
    """Scores of one example. Frozen; every operation returns a new one.

    Fields are those of `wherefrom.results.data.AttributionData`. Column ``j`` of a score array belongs to
    ``target[attr_pos_start + j]``. Cells a step could not see are absent: `target_visible` names them, and arrays hold
    0 there.
    """

    def aggregate(self, aggregator: AggregatorLike = None, aggregate_fn: Any = None, **settings: Any) -> Attribution:
        """A smaller attribution; see `wherefrom.results.aggregators` for names and settings.

        Without arguments the method's default aggregation is applied, once: a result with one number per cell that
        was aggregated already comes back as it is.
        """
        return aggregate(self, aggregator, aggregate_fn, AGGREGATION_FUNCTIONS, **settings)

    def __getitem__(self, index: int | slice) -> Attribution:
        """Some of the inputs, all steps: of the source, or of a decoder-only model's prompt."""
        return slice_inputs(self, index)

    def __iter__(self) -> NoReturn:
        """Refused: Python would go through `__getitem__`, and find results without most of their inputs."""
        raise InputError(
            "An attribution is one example, and holds no others. Put it in a list where several are expected; its "
            "tokens are .source and .target, its steps .step_attributions."
        )

    def select_steps(self, start: int | None = None, end: int | None = None) -> Attribution:
        """Some of the explained steps, all inputs; counted from the first, bounds may be open or negative."""
        return select_steps(self, start, end)

    def __sub__(self, other: Attribution) -> Attribution:
        """This minus the other, units aligned; see `wherefrom.aggregators.Pair`."""
        return Pair(paired_attr=other)(self)

    def __eq__(self, other: object) -> bool:
        """Same tokens and stages, and numbers that are close; see `allclose`."""
        return isinstance(other, Attribution) and same_attribution(self, other)

    def __ne__(self, other: object) -> bool:
        """The opposite of ``==``; msgspec's own compares identities."""
        return not self == other

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

    def top_pairs(self, k: int = 5, *, step: int | None = None) -> list[UnitPair]:
        """The ``k`` strongest pairs that `interactions` found; see `wherefrom.results.pairs.top_pairs`."""
        return top_pairs(self, k, step=step)

    def trace(self, span: Place | None = None, hops: int | None = None, **settings: Any) -> Attribution:
        """Where an answer comes from when its reasoning is followed back to the prompt; no model is asked.

        Args:
            span: The answer: a text, a regular expression, a turn or positions; None: the last sentence.
            hops: How often mass is passed on; None: until all has arrived.
            **settings: ``reasoning``, ``leave_out``, ``signed``; see `wherefrom.aggregators.Trace`.
        """
        return self.aggregate("trace", span=span, hops=hops, **settings)

    def weight_attributions(self, step_score: str) -> Attribution:
        """Aggregated, and every step's scores multiplied by its step score. This object stays as it is."""
        return weighted(self, step_score)

    def get_scores_dicts(
        self, aggregator: AggregatorLike = None, do_aggregation: bool = True, **settings: Any
    ) -> ScoresDict:
        """Scores as nested dictionaries, aggregated first by default."""
        return scores_dict(self.aggregate(aggregator, **settings) if do_aggregation else self)

    def public(self, without: Sequence[str] = ()) -> Attribution:
        """A copy without paths; see `wherefrom.results.publishing.public`."""
        return public(self, without)

    def decode_tokens(self, tokenizer: Decodes | None = None) -> Attribution:
        """Readable text in place of vocabulary pieces; None: the texts that are known already."""
        return decoded(self, tokenizer)

    @property
    def step_attributions(self) -> tuple[StepAttribution, ...]:
        """A view of each explained step."""
        return step_attributions(self)

    def card(self, provenance: Provenance | None = None) -> Card:
        """What a reader should know before believing the scores; see `wherefrom.results.card`."""
        return card_of(self, provenance)

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


class Attributions(Drawable, AttributionsData[Attribution], frozen=True, kw_only=True, eq=False):
    """What `attribute` returns: a sequence of `Attribution` and how they were made."""

    def __repr__(self) -> str:
        return f"<Attributions of {len(self)}: {', '.join(map(repr, self[:3]))}{', ...' if len(self) > 3 else ''}>"

    @property
    def info(self) -> Mapping[str, Any]:
        """The provenance as a plain dictionary. Every field of `Provenance` is a key, whatever its value."""
        told: dict[str, Any] = msgspec.to_builtins(self.provenance)
        return {name: told.get(name, getattr(self.provenance, name)) for name in self.provenance.__struct_fields__}

    def aggregate(self, aggregator: AggregatorLike = None, aggregate_fn: Any = None, **settings: Any) -> Attributions:
        """Every example aggregated; see `Attribution.aggregate`."""
        done = tuple(one.aggregate(aggregator, aggregate_fn, **settings) for one in self)
        return self.replace(sequence_attributions=done)

    def __eq__(self, other: object) -> bool:
        """Same examples with close numbers; see `allclose`."""
        return isinstance(other, Attributions) and same_attributions(self, other)

    def __ne__(self, other: object) -> bool:
        """The opposite of ``==``; msgspec's own compares identities."""
        return not self == other

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

    def trace(self, span: Place | None = None, hops: int | None = None, **settings: Any) -> Attributions:
        """Every example traced; see `Attribution.trace`."""
        return self.aggregate("trace", span=span, hops=hops, **settings)

    def weight_attributions(self, step_score: str) -> Attributions:
        """Every example weighted; see `Attribution.weight_attributions`."""
        return self.replace(sequence_attributions=tuple(one.weight_attributions(step_score) for one in self))

    def get_scores_dicts(
        self, aggregator: AggregatorLike = None, do_aggregation: bool = True, **settings: Any
    ) -> list[ScoresDict]:
        """Nested dictionaries of every example; see `Attribution.get_scores_dicts`."""
        return [one.get_scores_dicts(aggregator, do_aggregation, **settings) for one in self]

    def public(self, without: Sequence[str] = ()) -> Attributions:
        """A copy to give away, without paths and the time of day; see `wherefrom.results.publishing.public`."""
        return public(self, without)

    def decode_tokens(self, tokenizer: Decodes | None = None) -> Attributions:
        """Every example with readable text; see `Attribution.decode_tokens`."""
        return self.replace(sequence_attributions=tuple(one.decode_tokens(tokenizer) for one in self))

    @property
    def step_attributions(self) -> tuple[tuple[StepAttribution, ...], ...]:
        """Views of each example's explained steps."""
        return tuple(one.step_attributions for one in self)

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
            scores_precision: ``"float32"`` keeps every number; ``"float16"`` halves the file, with eleven binary digits
                of scores up to 10⁸ times smaller than the largest of their step. Step scores are kept.

        Raises:
            InputError: The file is there and ``overwrite`` is false, or a score does not fit the precision.
        """
        write(self, path, overwrite=overwrite, compressed=compress, scores_precision=scores_precision)

    def save_inseq(self, path: str | Path, overwrite: bool = False, compress: bool = False) -> None:
        """Write a file that inseq 0.7.1 loads and shows; see `wherefrom.save_inseq`."""
        write_inseq(self, path, overwrite=overwrite, compressed=compress)

    @staticmethod
    def load(path: str | Path, *, max_bytes: int | None = None) -> Attributions:
        """What `save` wrote: the same numbers, tokens and aggregations. Format and compression go by content.

        Args:
            max_bytes: How much memory the file may ask for; None: 256 MB and a hundred times its size.

        Raises:
            FileFormatError: It is damaged, foreign, or of a newer major version.
            InputError: It is a folder; `wherefrom.load` reads that of a run.
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
