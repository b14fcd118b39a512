"""One description of an attribution, which every view draws.

`describe` turns a result into a `Description`: the tokens as they are shown, one matrix of scores with what each step
could see, the step scores, the scale, and in words how the numbers came about and what their sign means. Console, HTML,
figures and the terminal browser read only this, so they cannot disagree.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from attrs import evolve, field, frozen
from wherefrom.arrays import BoolArray
from wherefrom.errors import InputError
from wherefrom.methods.contract import METHODS
from wherefrom.results.aggregators.merging import step_rule
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.results.breaks import boundaries_of, columns_begin
from wherefrom.results.card import CHANCE, card_of, doubtful
from wherefrom.results.details import pieces_of
from wherefrom.results.given import require_result, several_results
from wherefrom.results.pairs import pair_table
from wherefrom.results.provenance import Provenance
from wherefrom.results.publishing import model_named
from wherefrom.results.shares import finite_or_zero
from wherefrom.results.stages import Stage
from wherefrom.step_functions.base import DEFAULT_FUNCTION
from wherefrom.text.tokens import Segment, Token
from wherefrom.text.turns import template_parts

from wherefrom_viz.describe import text_marks, units
from wherefrom_viz.describe.laid_out import LAID_OUT
from wherefrom_viz.describe.numbers import NumberStyle, number_style
from wherefrom_viz.describe.options import check_name, check_options
from wherefrom_viz.describe.spans import Spans, check_places, span_names, with_spans
from wherefrom_viz.describe.trace import TraceDescription, describe_trace
from wherefrom_viz.describe.units import Level, Merge

Normalization: TypeAlias = Literal["none", "step", "sequence"]
FADED = 0.2
"""How much of a colour is left in columns whose scores were not told from chance."""
NORMALIZATIONS: tuple[Normalization, ...] = ("none", "step", "sequence")
NORMALIZATION_WORDS = {"step": "share of each step's total", "sequence": "share of the largest score"}


NOT_FINITE = "Some scores are not finite (NaN or infinite); they are shown as 0."
"""Said where they are shown; see `Description.unshown`."""
LEFT_OUT = "special and template tokens left out of colours and strongest inputs"
"""Said where that changes one of them; see `Description.omits_special`."""
PALE = "pale: scores not told from chance"
"""Said where columns are `FADED`."""


@frozen
class Unit:
    """A token, or several merged ones, as it is shown."""

    token: Token
    """The token itself; its ``text`` is raw and never printed."""
    label: str
    """Name for a row or column: marks for what cannot be seen, no leading space. Views elide it."""
    text: str
    """The same inside running text."""
    space_before: bool
    """Does running text have a space before it?"""
    template: bool = False
    """Is it nothing that anybody said: special tokens, or what a chat template writes? It takes no part in colour
    range and top inputs."""


@frozen
class Side:
    """One block of inputs: the encoder's source, or the decoder's own sequence."""

    name: Literal["source", "target"]
    title: str
    """Word for the reader: "Source", "Prompt", "Output"."""
    start: int
    """First row in the description's inputs."""
    end: int
    """Row after the last, exclusive."""


@frozen(kw_only=True)
class SignWords:
    """What a positive and a negative score mean, in words."""

    raises: str
    lowers: str
    of: str
    """What is raised or lowered ("the probability of the token")."""
    signed: bool

    @property
    def sentence(self) -> str:
        """The legend in one sentence."""
        if self.signed:
            return f"+ {self.raises}, - {self.lowers} {self.of}".rstrip()
        return f"larger: more influence on {self.of}; no sign"


@frozen(kw_only=True)
class Scale:
    """The range that colours span, always symmetric around 0 for signed scores."""

    bound: float
    """Score that gets the strongest colour; > 0."""
    low: float
    """Smallest score shown."""
    high: float
    """Largest score shown."""
    given: tuple[float | None, float | None] = (None, None)
    """Its ends as they were asked for; None follows the scores, those of outputs together as well."""

    def strength(self, value: float) -> float:
        """``value`` as a share of the bound, in [-1, 1]."""
        return share_of(value, self.bound)


def share_of(score: float, bound: float) -> float:
    """A score as a share of ``bound``, which has the strongest colour, in [-1, 1]: for the colours of every view."""
    return float(min(1.0, max(-1.0, score / bound)))


def shares_of(scores: npt.NDArray[np.floating[Any]], bound: float) -> npt.NDArray[np.float64]:
    """The same of many scores."""
    return np.clip(scores.astype(np.float64) / bound, -1.0, 1.0)


def bound_for(scores: npt.NDArray[np.floating[Any]], low: float | None = None, high: float | None = None) -> float:
    """A bound that these scores just fill, or ends of their range that take the place of theirs; > 0."""
    ends = (scores.min(initial=0.0) if low is None else low, scores.max(initial=0.0) if high is None else high)
    return float(max(map(abs, ends))) or 1.0


def scale_of(shown: npt.NDArray[np.float64], low: float | None = None, high: float | None = None) -> Scale:
    """The scale of these scores, or one with these ends."""
    smallest = float(shown.min(initial=0.0)) if low is None else low
    largest = float(shown.max(initial=0.0)) if high is None else high
    return Scale(bound=bound_for(shown, low, high), low=smallest, high=largest, given=(low, high))


@frozen(kw_only=True, eq=False)
class Description:
    """What there is to draw of one example."""

    title: str
    """The example's id, or its place in the file."""
    subtitle: str
    """Method, model and target function, as far as known."""
    inputs: tuple[Unit, ...]
    """Rows: source units, then target units."""
    steps: tuple[Unit, ...]
    """Columns: the explained units of the target."""
    sides: tuple[Side, ...]
    scores: npt.NDArray[np.float64]
    """Shape ``(inputs, steps)``; 0 where not `visible`."""
    visible: BoolArray
    """Which inputs each step could see. Shape ``(inputs, steps)``."""
    finite: BoolArray
    """Which cells are of finite scores alone: others are shown as 0, and take no rank. Shape ``(inputs, steps)``."""
    step_scores: Mapping[str, npt.NDArray[Any]]
    """Name to shape ``(steps,)``."""
    segments: tuple[Segment, ...]
    """Named spans, in tokens, as they came."""
    scale: Scale
    words: SignWords
    pipeline: tuple[str, ...]
    """How raw scores became these, in words and order ("L2 norm over width", "sum over words")."""
    notes: tuple[str, ...] = ()
    """What a reader should know: warnings of the run, scores that could not be shown."""
    context: tuple[Unit, ...] = ()
    """Text that was read but has no scores (the source, when only the target was attributed)."""
    prompt_rows: tuple[int, ...] = ()
    """Target rows before the first step; of a trace, before the first generated token."""
    pair_labels: tuple[tuple[str, str], ...] = ()
    """Pairs of units that interact, as they are shown; see `wherefrom.methods.interactions`."""
    pair_scores: npt.NDArray[np.float64] = field(factory=lambda: np.zeros((0, 0)))
    """What each pair is worth beyond its members, in the unit of the scores. Shape ``(pairs, steps)``."""
    doubtful: tuple[bool, ...] = ()
    """Columns whose scores were not told from chance; empty where nothing was held against the model."""
    trace: TraceDescription | None = None
    """Tables of a traced answer; None for other results."""

    def strength(self, value: float, column: int) -> float:
        """``value`` as a share of the strongest colour, in [-1, 1]; pale in a doubtful column."""
        return self.scale.strength(value) * self.fading(column)

    def strengths(self, columns: Sequence[int]) -> npt.NDArray[np.float64]:
        """The scores of these columns together as shares of the strongest colour, in [-1, 1]; pale where all of them
        are doubtful. Shape ``(inputs,)``."""
        scores = self.scores[:, list(columns)].sum(axis=1)
        return shares_of(scores, self.bound_of(columns)) * self.fading(*columns)

    def fading(self, *columns: int) -> float:
        """What the colours of some columns together are multiplied with: pale where none of them was told from
        chance."""
        return FADED if self.doubtful and columns and all(self.doubtful[column] for column in columns) else 1.0

    @property
    def unshown(self) -> str:
        """What is said where scores are shown as 0 that are none; nothing where there are none such."""
        return "" if self.finite.all() else NOT_FINITE

    def remarks(self, columns: Sequence[int] | None = None) -> list[str]:
        """What is said of colours in a figure or table: what they leave out, where they are pale, what is no number.

        Args:
            columns: Outputs that are shown as one; None: each alone.
        """
        pale = any(self.doubtful) if columns is None else self.fading(*columns) < 1
        said = {LEFT_OUT: self.omits_special(columns), PALE: pale, self.unshown: True}
        return [words for words, true in said.items() if words and true]

    @property
    def pipeline_words(self) -> str:
        """The pipeline as one line."""
        return " → ".join(self.pipeline) if self.pipeline else "scores as the method gave them"

    @property
    def output_rows(self) -> dict[int, int]:
        """Column to the row of the same unit, where an output is an input of later steps."""
        rows = {
            self.inputs[row].token.position: row
            for side in self.sides
            if side.name == "target"
            for row in range(side.start, side.end)
        }
        places = (step.token.position for step in self.steps)
        return {column: rows[place] for column, place in enumerate(places) if place in rows}

    def with_steps(self, columns: Sequence[int]) -> Description:
        """The same with these outputs alone, on the same colour scale."""
        kept = list(columns)
        return evolve(
            self,
            steps=tuple(self.steps[column] for column in kept),
            scores=self.scores[:, kept],
            visible=self.visible[:, kept],
            finite=self.finite[:, kept],
            step_scores={name: values[kept] for name, values in self.step_scores.items()},
            pair_scores=self.pair_scores[:, kept] if self.pair_labels else self.pair_scores,
            doubtful=tuple(self.doubtful[column] for column in kept) if self.doubtful else (),
        )

    def seen_rows(self) -> list[int]:
        """Rows that at least one step could see."""
        return [int(row) for row in np.flatnonzero(self.visible.any(axis=1))]

    def sections(self) -> list[tuple[str, list[int]]]:
        """The rows some step saw, in blocks with a title: source, prompt, output so far."""
        seen, prompt = set(self.seen_rows()), set(self.prompt_rows)
        blocks: list[tuple[str, list[int]]] = []
        for side in self.sides:
            rows = [row for row in range(side.start, side.end) if row in seen]
            if side.name == "source" or len(self.sides) > 1:
                blocks.append((side.title, rows))
            else:
                blocks.append(("Prompt", [row for row in rows if row in prompt]))
                blocks.append(("Output so far", [row for row in rows if row not in prompt]))
        return [(title, rows) for title, rows in blocks if rows]

    def bound_of(self, columns: Sequence[int]) -> float:
        """The score of the strongest colour where these outputs are shown as one; > 0. For colours and legend alike.

        Special tokens and template parts are left out, unless all inputs are such.
        """
        if len(columns) == 1:
            return self.scale.bound
        return self.bound_among(self.scores[:, list(columns)].sum(axis=1))

    def bound_among(self, scores: npt.NDArray[np.float64]) -> float:
        """A bound that scores ``(inputs, ...)`` just fill, those of special tokens and template parts left out; > 0."""
        return bound_for(scores[counted(self.inputs)], *self.scale.given)

    def omits_special(self, columns: Sequence[int] | None = None) -> bool:
        """Would special tokens and template parts, which are left out, be the strongest inputs and widen the colours?

        Args:
            columns: Outputs that are shown as one; None: each alone.
        """
        said = counted(self.inputs)
        if said.all():
            return False
        scores = self.scores if columns is None else self.scores[:, list(columns)].sum(axis=1, keepdims=True)
        sizes = np.abs(scores)
        return bool((sizes[~said].max(axis=0, initial=0.0) > sizes[said].max(axis=0, initial=0.0)).any())

    def top(self, columns: Sequence[int], count: int = 5) -> list[tuple[int, float]]:
        """The strongest inputs of the given columns (summed), in order, as (row, score); scores of 0 are none.

        Special tokens and template parts are left out, unless all inputs are such: there may be none.
        """
        column = self.scores[:, list(columns)].sum(axis=1)
        seen = self.visible[:, list(columns)].any(axis=1) & counted(self.inputs)
        rows = np.flatnonzero(seen & (column != 0))
        order = sorted(rows, key=lambda row: (-abs(column[row]), row))
        return [(int(row), float(column[row])) for row in order[:count]]

    def top_pairs(self, columns: Sequence[int], count: int = 5) -> list[tuple[str, str, float]]:
        """The strongest pairs of the given columns (summed), in order, as (label, label, score)."""
        if not self.pair_labels:
            return []
        column = self.pair_scores[:, list(columns)].sum(axis=1)
        order = sorted(np.flatnonzero(column), key=lambda row: (-abs(column[row]), row))
        return [(*self.pair_labels[row], float(column[row])) for row in order[:count]]


def describe(
    attribution: Attribution,
    provenance: Provenance | None = None,
    *,
    granularity: Level = "token",
    merge: Merge = "sum",
    normalize: Normalization = "none",
    min_val: float | None = None,
    max_val: float | None = None,
    title: str | None = None,
    spans: Spans = (),
    place: int = 0,
) -> Description:
    """Describe one example for drawing.

    Raw scores are aggregated first, by the method's default aggregation. Dimensions it leaves are averaged
    (``width`` is summed), and the pipeline says so.

    Args:
        attribution: The result.
        provenance: How it was made, for the subtitle, the sign words and notes.
        granularity: Unit of rows and columns.
        merge: How scores of a unit's tokens are merged, over rows and columns.
        normalize: ``"step"`` divides each column by the sum of its magnitudes, ``"sequence"`` all by the largest.
        min_val: Lower end of the colour range; None follows the scores.
        max_val: Upper end of the colour range.
        title: Replaces the example's id.
        spans: Units of ``granularity="span"``, instead of those the result came with; see
            `wherefrom_viz.describe.spans`.
        place: Place of the example among those shown, by which ``spans`` may know it.

    Raises:
        InputError: A span that is none.
        SettingsError: An unknown granularity, merge or normalization, or an end of the range that is no finite number.
    """
    require_result(attribution)
    check_name("granularity", granularity, get_args(Level))
    check_name("merge", merge, units.MERGES)
    check_name("normalization", normalize, NORMALIZATIONS)
    check_options(describe, locals())
    provenance = provenance or Provenance()
    attribution, pipeline = aggregated(with_spans(attribution, spans, place))
    card = card_of(attribution, provenance).brief()
    scores, visible, sides, tokens = score_rows(attribution)
    notes = [*([card] if card else []), *provenance.warnings]
    words = sign_words(attribution, provenance)
    lost = visible & ~np.isfinite(scores)
    scores = np.where(visible & ~lost, scores, 0.0)

    pair_labels, pair_scores = _pairs(attribution)
    template = template_rows(attribution, sides)
    steps: Sequence[Token] = attribution.steps
    step_scores = {name: np.asarray(values) for name, values in attribution.step_scores.items()}
    if granularity != "token":
        cut = partition_of(attribution, granularity)
        with np.errstate(over="ignore", invalid="ignore"):  # of scores near the largest number there is
            scores = cut.merged(scores, visible, merge)
        visible, lost = (cut.any(cells) for cells in (visible, lost))
        lost |= ~np.isfinite(scores)
        scores = np.where(np.isfinite(scores), scores, 0.0)
        tokens, sides = cut.tokens(tokens, sides)
        template = [all(template[a:b]) for a, b in itertools.pairwise((*cut.rows, len(template)))]
        step_scores = {
            name: units.merge_step_scores(values, cut.columns, step_rule(attribution, name))
            for name, values in step_scores.items()
        }
        if pair_labels:
            seen = np.ones(pair_scores.shape, dtype=bool)
            pair_scores = units.merged_block(pair_scores, seen, range(len(pair_scores)), cut.columns, merge)
        steps = units.merged_tokens(steps, cut.columns)
        pipeline.append(f"{units.MERGE_WORDS[merge]} over {granularity}s")
        words = evolve(words, signed=words.signed and merge not in units.UNSIGNED)
    if lost.any():
        notes.append(NOT_FINITE)
    if normalize != "none":
        divisors = divisors_of(scores, normalize)
        scores = scores / divisors
        pair_scores = pair_scores / divisors if pair_labels else pair_scores

    shown_steps = tuple(unit_of(token, before) for token, before in with_before(steps))
    shown_inputs = tuple(
        evolve(unit_of(token, before), template=hidden)
        for (token, before), hidden in zip(with_before(tokens), template, strict=True)
    )
    if granularity in ("token", "span"):  # others cut through no letter
        shown_steps = _in_parts(shown_steps, attribution, "target")
        shown_inputs = tuple(
            unit for side in sides for unit in _in_parts(shown_inputs[side.start : side.end], attribution, side.name)
        )
    trace = describe_trace(attribution)
    if granularity == "token" and trace is None:  # the columns of a trace are hops, of which none was compared
        before = before_labels(attribution, steps)
        shown_steps = tuple(evolve(unit, label=before.get(k, "") + unit.label) for k, unit in enumerate(shown_steps))
    if granularity == "span":
        shown_steps = _named(shown_steps, span_names(attribution, "target"))
        shown_inputs = tuple(
            unit
            for side in sides
            for unit in _named(shown_inputs[side.start : side.end], span_names(attribution, side.name))
        )
    target_side = next((side for side in sides if side.name == "target"), None)
    generated = attribution.generated_from
    return Description(
        title=title if title is not None else title_of(attribution, 0, 1),
        subtitle=subtitle_of(attribution, provenance),
        inputs=shown_inputs,
        steps=shown_steps,
        sides=tuple(sides),
        scores=scores,
        visible=visible,
        finite=~lost,
        step_scores=step_scores,
        segments=attribution.segments,
        scale=scale_of(scores[visible & counted(shown_inputs)[:, None]], min_val, max_val),
        words=words,
        pipeline=and_normalized(pipeline, normalize),
        notes=tuple(notes),
        context=_context(attribution, target_side),
        doubtful=tuple(doubtful(step_scores[CHANCE], len(steps))) if CHANCE in step_scores else (),
        prompt_rows=() if target_side is None else _prompt_rows(tokens, target_side, steps, generated),
        pair_labels=pair_labels,
        pair_scores=pair_scores,
        trace=trace,
    )


def _pairs(attribution: Attribution) -> tuple[tuple[tuple[str, str], ...], npt.NDArray[np.float64]]:
    """Labels and scores ``(pairs, steps)`` of what interacts; none where the steps are no longer those of the pairs."""
    table = pair_table(attribution)
    if table is None or not table.pairs or len(table.scores[0]) != len(attribution.steps):
        return (), np.zeros((0, 0))
    labels = [text_marks.visible(unit.text).strip() for unit in table.units]
    return tuple((labels[first], labels[second]) for first, second in table.pairs), np.array(table.scores)


Shown: TypeAlias = Attribution | Attributions | Sequence["Attribution | Attributions"]
"""What views accept: one example, one run, or several of either."""


def describe_all(attributions: Shown, *, spans: Spans = (), **options: Any) -> list[Description]:
    """Describe one or many examples; several get their place in the sequence as title."""
    examples = examples_of(attributions)
    check_places(spans, len(examples))
    return [describe_one_of(examples, index, spans=spans, **options) for index in range(len(examples))]


def describe_one_of(
    examples: Sequence[tuple[Attribution, Provenance]],
    index: int,
    *,
    granularity: Level = "token",
    merge: Merge = "sum",
    normalize: Normalization = "none",
    min_val: float | None = None,
    max_val: float | None = None,
    spans: Spans = (),
    title: str | None = None,
) -> Description:
    """Describe one of several examples, called by its id or its place among them, or by a title; see `describe`."""
    one, made = examples[index]
    return describe(
        one,
        made,
        granularity=granularity,
        merge=merge,
        normalize=normalize,
        min_val=min_val,
        max_val=max_val,
        title=title_of(one, index, len(examples)) if title is None else title,
        spans=spans,
        place=index,
    )


def title_of(attribution: Attribution, index: int, count: int) -> str:
    """The example's id, else its place if there are several."""
    if attribution.id:
        return text_marks.visible(attribution.id)
    return f"example {index + 1} of {count}" if count > 1 else ""


def examples_of(attributions: Shown) -> list[tuple[Attribution, Provenance]]:
    """The examples of whatever a view was given, each with how it was made."""
    if isinstance(attributions, Attribution):
        return [(attributions, attributions.provenance)]
    if isinstance(attributions, Attributions):
        return [(one, attributions.provenance) for one in attributions.sequence_attributions]
    return [pair for item in several_results(attributions) for pair in examples_of(item)]


def first_of(attributions: Shown) -> tuple[Attribution, Provenance]:
    """The first of `examples_of`.

    Raises:
        InputError: There is none.
    """
    examples = examples_of(attributions)
    if not examples:
        raise InputError("There are no examples to draw.")
    return examples[0]


_ALIKE = 1e-6
"""Share of the largest L2 norm by which two differ without a reason: scores are single precision."""


def strongest_first(slices: Sequence[Attribution]) -> list[int]:
    """Places of the slices of one result, those with the largest L2 norm of their scores first, equal ones by place.

    Large scores count for more than many small ones, since sums are alike where each step's scores are shares (of
    attention). Special tokens and template parts are left out, unless there is nothing else; so is what is not finite.
    """
    if not slices:
        return []
    rows = counted_rows(template_rows(slices[0], score_rows(slices[0])[2]))
    sizes = [float(np.linalg.norm(finite_or_zero(score_rows(one)[0])[rows])) for one in slices]
    alike = _ALIKE * max(sizes)
    found: list[int] = []
    equal: list[int] = []
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        if equal and sizes[place] < sizes[equal[0]] - alike:
            found, equal = found + sorted(equal), []
        equal.append(place)
    return found + sorted(equal)


def style_of(*descriptions: Description, columns: Sequence[int] | None = None) -> NumberStyle:
    """How views write scores: for the largest that counts, or that of the strongest colour if it is less, so that a
    wide range of colours takes no digits from them.

    Args:
        descriptions: What is shown; all of it with one power of ten.
        columns: Outputs that are shown as one; None: each alone.
    """

    def largest(one: Description) -> float:
        if columns is None or len(columns) == 1:
            scores, bound = one.scores, one.scale.bound
        else:
            scores, bound = one.scores[:, list(columns)].sum(axis=1), one.bound_of(columns)
        return min(bound_for(scores[counted(one.inputs)]), bound)

    return number_style(max(map(largest, descriptions)))


def sentences(*parts: str) -> str:
    """Remarks as sentences behind each other; empty ones are left out."""
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts if part)


def told(description: Description, style: NumberStyle, remarks: Sequence[str]) -> str:
    """What stands below a table of numbers: what signs and numbers mean, how they came about, and some remarks."""
    unit = style.note and f"Numbers {style.note}"
    return sentences(description.words.sentence, unit, description.pipeline_words, *remarks)


def rescaled(descriptions: Sequence[Description]) -> list[Description]:
    """The same descriptions on one shared colour scale."""
    bound = max((one.scale.bound for one in descriptions), default=1.0)
    return [evolve(one, scale=evolve(one.scale, bound=bound)) for one in descriptions]


def aggregated(attribution: Attribution) -> tuple[Attribution, list[str]]:
    """The attribution as views show it, by its method's default aggregation, and in words what was applied."""
    known = list(attribution.dimensions) if not attribution.aggregations else []
    if attribution.dimensions or not attribution.aggregations:
        attribution = attribution.aggregate()
    words = []
    for stage in attribution.aggregations:
        if stage.name == "reduce" and known:  # without a name, the last dimension is meant
            name = stage.settings.get("dimension") or known[-1]
            known.remove(name)
            stage = Stage(name=stage.name, settings={**stage.settings, "dimension": name})
        words.append(stage_words(stage))
    for name in reversed(attribution.dimensions):
        attribution = folded(attribution, name)
        words.append(stage_words(attribution.aggregations[-1]))
    return attribution, words


def folded(attribution: Attribution, name: str, entries: range | None = None) -> Attribution:
    """One inner dimension less where nobody says how: width is added up, others are averaged. The record tells it.

    Args:
        attribution: Scores that have the dimension.
        name: Of the dimension.
        entries: Those of it that count; None: all.
    """
    chosen = None if entries is None else f"{entries.start}:{entries.stop}"
    how = "sum" if name == "width" else "mean"
    with np.errstate(invalid="ignore"):  # of what is not finite comes what is not finite, which views tell
        done = attribution.aggregate("reduce", aggregate_fn=how, dimension=name, select_idx=chosen)
    return done.replace(default_aggregation=())


def and_normalized(pipeline: Sequence[str], normalize: Normalization) -> tuple[str, ...]:
    """The words of a pipeline whose scores are normalised at its end, said once: shares of shares are the shares."""
    words = () if normalize == "none" else (NORMALIZATION_WORDS[normalize],)
    return (*pipeline,) if words == (*pipeline[-1:],) else (*pipeline, *words)


def stage_words(stage: Stage) -> str:
    """An aggregation in words ("L2 norm over width", "share of each step's total", "words by largest magnitude")."""
    if stage.name in _STAGE_WORDS:
        return _STAGE_WORDS[stage.name]
    settings = dict(stage.settings)
    function = settings.pop("aggregate_fn", None)
    how = _FUNCTION_WORDS.get(str(function), str(function)) if function else ""
    if stage.name == "reduce":
        over = settings.pop("dimension", None) or "the inner dimension"
        chosen = settings.pop("select_idx", None)
        part = "" if chosen is None else f" {chosen}"
        words = f"{how} over {over}{part}" if how else f"{over}{part}"
    elif stage.name == LAID_OUT:
        words = f"each {settings.pop('dimension')} beside the others, 0 for inputs that an output could not see"
    elif stage.name == "weight":
        words = f"multiplied by each step's {settings.pop('step_score', 'score')}"
    else:
        words = f"{stage.name} by {how}" if how else stage.name
    details = ", ".join(f"{key}={value}" for key, value in settings.items())
    return text_marks.visible(f"{words} ({details})" if details else words)


_STAGE_WORDS = {"normalize": NORMALIZATION_WORDS["step"], "rescale": NORMALIZATION_WORDS["sequence"]}
_FUNCTION_WORDS = {"vnorm": "L2 norm", "absmax": "largest magnitude", "prod": "product", "max": "maximum"}


def sign_words(attribution: Attribution, provenance: Provenance) -> SignWords:
    """What the sign of the scores says, from the target function's name, or from what the method explains instead."""
    name = explained(attribution, provenance)
    if " " in name:
        return SignWords(raises="raises", lowers="lowers", of=name, signed=attribution.signed)
    of = _TARGET_WORDS.get(name, f"{name.replace('_', ' ')} of the token" if name else "the score of the token")
    return SignWords(raises="raises", lowers="lowers", of=of, signed=attribution.signed)


def explained(attribution: Attribution, provenance: Provenance) -> str:
    """What the scores are of: the name of the target function, or words of a method that explains something else."""
    asked = str(provenance.attributed_fn.get("name", "") or "")
    method = attribution.method or str(provenance.method.get("name", "") or "")
    if ":" in method or method not in METHODS:  # of another library, or of none
        return asked
    kind = METHODS.get(method)
    return kind.explains if kind.explains and (not kind.uses_target_function or asked == DEFAULT_FUNCTION) else asked


_TARGET_WORDS = {
    "probability": "the probability of the token",
    "logprob": "the log-probability of the token",
    "logit": "the logit of the token",
    "entropy": "the entropy of the step",
    "crossentropy": "the cross-entropy of the token",
    "perplexity": "the perplexity of the token",
    "contrast_prob_diff": "P(token) - P(contrast)",
    "contrast_logits_diff": "logit(token) - logit(contrast)",
}


def subtitle_of(attribution: Attribution, provenance: Provenance) -> str:
    """Method, model and target function, as far as known."""
    target = explained(attribution, provenance)
    if " " in target:
        target = str(provenance.attributed_fn.get("name", "") or "")
    method = attribution.method or str(provenance.method.get("name", "") or "")
    parts = [text_marks.visible(part) for part in (method, model_of(provenance), target) if part]
    return " · ".join(parts)


def model_of(provenance: Provenance) -> str:
    """The model's name; one that was saved in a folder goes by the folder's: the way there is nobody else's
    business."""
    return str(model_named(str(provenance.model.get("name") or "")))


def unit_of(token: Token, before: Token | None) -> Unit:
    """A token as it is shown after ``before``."""
    return Unit(
        token=token,
        label=text_marks.label(token.text),
        text=_running_text(token.text),
        space_before=spaced(token, before),
    )


def _in_parts(shown: Sequence[Unit], attribution: Attribution, side: str) -> tuple[Unit, ...]:
    """Units of a side, those that are a token of bytes of one letter or mark named by it: ``智 2/3``."""
    tokens = attribution.source if side == "source" else attribution.target
    whole = set(unit_starts_of_side(attribution, side, tokens, "character"))
    starts = [at for at, token in enumerate(tokens) if token.text or at in whole]
    names: dict[tuple[int, int], dict[str, Any]] = {}
    for start, end in itertools.pairwise((*starts, len(tokens))):
        glyph = text_marks.visible(tokens[start].text.strip())
        if end - start == 1 or not glyph:
            continue
        direction = (
            text_marks.LEFT_TO_RIGHT if text_marks.RIGHT_TO_LEFT.search(glyph) else ""
        )  # else the number goes to the wrong side of it
        for at in range(start, end):
            name = f"{direction}{glyph}{direction} {at - start + 1}/{end - start}"
            text = {} if at == start else {"text": text_marks.PART}
            names[tokens[at].position, tokens[at].size] = {"label": name, **text}
    return tuple(evolve(unit, **names.get((unit.token.position, unit.token.size), {})) for unit in shown)


def _named(parts: Sequence[Unit], names: Mapping[int, str]) -> tuple[Unit, ...]:
    """The units, each labelled by the name of the span it is in."""
    return tuple(
        evolve(unit, label=text_marks.visible(names[unit.token.position])) if unit.token.position in names else unit
        for unit in parts
    )


def before_labels(attribution: Attribution, steps: Sequence[Token]) -> dict[int, str]:
    """What the labels of some steps begin with, by their places: ``"contrast → "`` for each that was compared with
    another token."""
    pairs = attribution.details.get("contrast", {}).get("pairs", [])
    others = {pair["step"]: pair["contrast"] for pair in pairs if pair["contrast"] != pair["target"]}
    return {
        place: f"{text_marks.label(others[token.position])} → "
        for place, token in enumerate(steps)
        if token.size == 1 and token.position in others
    }


def shown_text(token: Token, before: Token | None) -> str:
    """The token inside running text, its space before it included."""
    return (" " if spaced(token, before) else "") + _running_text(token.text)


def spaced(token: Token, before: Token | None) -> bool:
    """Does running text have a space between ``before`` and ``token``?"""
    if before is None:
        return False
    gap = before.end is not None and token.start is not None and token.start > before.end
    return gap or token.special or before.special or (token.text[:1] == " " and bool(token.text.strip()))


@lru_cache(maxsize=65536)
def _running_text(text: str) -> str:
    body = text[1:] if text[:1] == " " and text.strip() else text
    return text_marks.flowing(body) if body.strip() or not body else text_marks.label(text)


def with_before(tokens: Sequence[Token]) -> list[tuple[Token, Token | None]]:
    return [
        (token, tokens[i - 1] if i and tokens[i - 1].position < token.position else None)
        for i, token in enumerate(tokens)
    ]


def score_rows(
    attribution: Attribution,
) -> tuple[npt.NDArray[np.float64], BoolArray, list[Side], tuple[Token, ...]]:
    """Source rows, then target rows, of an aggregated attribution as one matrix."""
    steps = attribution.attr_pos_end - attribution.attr_pos_start
    blocks: list[npt.NDArray[Any]] = []
    seen: list[BoolArray] = []
    sides: list[Side] = []
    tokens: list[Token] = []
    row = 0
    if attribution.source_attributions is not None:
        blocks.append(attribution.source_attributions)
        seen.append(np.ones((len(attribution.source), steps), dtype=bool))
        tokens += attribution.source
        sides.append(Side("source", "Source", 0, len(attribution.source)))
        row = len(attribution.source)
    if attribution.target_attributions is not None:
        blocks.append(attribution.target_attributions)
        seen.append(attribution.target_visible)
        tokens += attribution.target
        title = "Output so far" if sides else "Text"
        sides.append(Side("target", title, row, row + len(attribution.target)))
    if not blocks:
        return np.zeros((0, steps)), np.zeros((0, steps), dtype=bool), sides, tuple(tokens)
    scores = np.concatenate([np.asarray(block, dtype=np.float64) for block in blocks], axis=0)
    return scores, np.concatenate(seen, axis=0), sides, tuple(tokens)


@frozen(kw_only=True)
class Partition:
    """Where the units of an attribution begin, among its rows and among its columns."""

    rows: tuple[int, ...]
    """First row of each unit: source inputs, then target inputs, as `score_rows` gives them."""
    columns: tuple[int, ...]
    """First column of each unit."""
    pieces: tuple[int, ...]
    """Of each row, the number of what its score is a share of; see `wherefrom.results.details.pieces_of`."""

    def merged(self, scores: npt.NDArray[np.float64], visible: BoolArray, merge: Merge) -> npt.NDArray[np.float64]:
        """Scores of units from scores of tokens. Shape ``(len(rows), len(columns))``."""
        return units.merged_block(scores, visible, self.rows, self.columns, merge, self.pieces)

    def any(self, cells: BoolArray) -> BoolArray:
        """Units of which any cell is one of these. Shape ``(len(rows), len(columns))``."""
        return units.merge_visible(units.merge_visible(cells, self.rows).T, self.columns).T

    def tokens(self, tokens: Sequence[Token], sides: Sequence[Side]) -> tuple[tuple[Token, ...], list[Side]]:
        """The units of all rows as one token each, and where each side's are."""
        places = {start: unit for unit, start in enumerate((*self.rows, len(tokens)))}
        return units.merged_tokens(tokens, self.rows), [
            Side(side.name, side.title, places[side.start], places[side.end]) for side in sides
        ]


def partition_of(attribution: Attribution, granularity: Level) -> Partition:
    """The units of an attribution; a target unit never straddles the first explained step."""
    rows: list[int] = []
    pieces: list[int] = []
    before = 0
    for name, tokens, scores in (
        ("source", attribution.source, attribution.source_attributions),
        ("target", attribution.target, attribution.target_attributions),
    ):
        if scores is not None:
            rows += [before + start for start in unit_starts_of_side(attribution, name, tokens, granularity)]
            own = pieces_of(attribution.details, tokens, name) or range(len(tokens))
            pieces += [before + piece for piece in own]
            before += len(tokens)
    first, last = attribution.attr_pos_start, attribution.attr_pos_end
    starts = unit_starts_of_side(attribution, "target", attribution.target, granularity)
    columns = tuple(start - first for start in starts if first <= start < last)
    return Partition(rows=tuple(rows), columns=columns, pieces=tuple(pieces))


def unit_starts_of_side(
    attribution: Attribution, side: str, tokens: Sequence[Token], granularity: Level
) -> tuple[int, ...]:
    """Where one side's units begin, with the first explained step, and the answer, always the beginning of one; a span
    that somebody named may go on over the latter."""
    segments = [segment for segment in attribution.segments if segment.side == side]
    forced = columns_begin if granularity == "span" else boundaries_of
    return units.unit_starts(tokens, granularity, segments, breaks=forced(attribution, side))


def counted(inputs: Sequence[Unit]) -> BoolArray:
    """Which inputs take part in colour range and top inputs; all, if there are none but special tokens and template
    parts. Shape ``(inputs,)``."""
    return counted_rows([unit.template for unit in inputs])


def counted_rows(template: Sequence[bool]) -> BoolArray:
    """The same of rows, of which each is known to be special or a template part, or not. Shape ``(rows,)``."""
    said = ~np.array(template, dtype=bool)
    return said if said.any() else np.ones(len(said), dtype=bool)


def template_rows(attribution: Attribution, sides: Sequence[Side]) -> list[bool]:
    """Of each row, whether it is a special token or a part of a chat template."""
    return [
        hidden
        for side in sides
        for hidden in template_parts(
            attribution.source if side.name == "source" else attribution.target, attribution.segments, side.name
        )
    ]


def divisors_of(scores: npt.NDArray[np.float64], normalize: Normalization) -> npt.NDArray[np.float64]:
    """What scores ``(inputs, steps)`` are divided by to be shares of each step's total magnitude (``"step"``) or of the
    largest score (``"sequence"``); > 0. Shape ``(steps,)``."""
    sizes = np.abs(scores)
    totals = sizes.sum(axis=0) if normalize == "step" else np.full(scores.shape[1], sizes.max(initial=0.0))
    return np.where(totals > 0, totals, 1.0)


def _context(attribution: Attribution, target_side: Side | None) -> tuple[Unit, ...]:
    """Text without scores: an encoder's source when only the target was scored."""
    if attribution.encoded and attribution.source_attributions is None and target_side is not None:
        return tuple(unit_of(token, before) for token, before in with_before(attribution.source))
    return ()


def _prompt_rows(tokens: Sequence[Token], side: Side, steps: Sequence[Token], first: int) -> tuple[int, ...]:
    first = min(first, steps[0].position if steps else first)
    return tuple(row for row in range(side.start, side.end) if tokens[row].position < first)
