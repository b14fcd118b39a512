"""How examples are drawn, switched live: aggregation, granularity, normalisation, colours.

A `Drawing` is a value; `described_as` turns stored scores into the description that every widget reads. Raw scores stay
as they are, so that each switch starts from them again.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

from attrs import evolve, field, frozen, validators
from wherefrom.results.aggregation import outstanding
from wherefrom.results.attribution import Attribution
from wherefrom.results.provenance import Provenance
from wherefrom.results.stages import Stage

from wherefrom_viz.describe.description import Description, describe
from wherefrom_viz.describe.description import Normalization as Normalized
from wherefrom_viz.describe.units import LEVELS, Level, Merge

Aggregation: TypeAlias = Literal["default", "sum", "mean", "max", "absmax", "l2"]
AGGREGATIONS: tuple[Aggregation, ...] = ("default", "sum", "mean", "max", "absmax", "l2")
Normalization: TypeAlias = Literal["default", "none", "step", "sequence"]
NORMALIZATIONS: tuple[Normalization, ...] = ("default", "none", "step", "sequence")
Scale: TypeAlias = Literal["example", "step"]
SCALES: tuple[Scale, ...] = ("example", "step")
"""Colours span the whole example's scores, or those of the chosen step."""

_FUNCTIONS = {"l2": "vnorm"}
_NORMALIZING = ("normalize", "rescale")


@frozen(kw_only=True)
class Drawing:
    """Everything that decides a description besides the scores."""

    granularity: Level = "token"
    aggregation: Aggregation = "default"
    """How inner dimensions and the tokens of a unit are combined; "default": as the method wants it, and sums."""
    normalization: Normalization = "default"
    """"default": as the method wants it."""
    palette: str = "red-blue"
    scale: Scale = "example"
    intensity: float = field(default=1.0, validator=[validators.ge(0.1), validators.le(20)])
    """Colours are this much stronger than the scores; 1: as they are."""
    metric: str = "probability"
    """Step score of the sparkline."""
    precision: int = field(default=3, validator=[validators.ge(1), validators.le(8)])
    """Significant digits of single numbers."""
    wrap: int = field(default=0, validator=validators.ge(0))
    """Columns after which running text is wrapped; 0: the width of the window."""

    @property
    def merge(self) -> Merge:
        """How the tokens of a unit are combined."""
        return "sum" if self.aggregation == "default" else self.aggregation


def next_granularity(drawing: Drawing) -> Drawing:
    """The next larger unit, tokens after the largest."""
    return evolve(drawing, granularity=LEVELS[(LEVELS.index(drawing.granularity) + 1) % len(LEVELS)])


def next_aggregation(drawing: Drawing) -> Drawing:
    """The next way to combine scores."""
    place = AGGREGATIONS.index(drawing.aggregation)
    return evolve(drawing, aggregation=AGGREGATIONS[(place + 1) % len(AGGREGATIONS)])


def next_normalization(drawing: Drawing) -> Drawing:
    """The next way to normalise."""
    place = NORMALIZATIONS.index(drawing.normalization)
    return evolve(drawing, normalization=NORMALIZATIONS[(place + 1) % len(NORMALIZATIONS)])


def more_intense(drawing: Drawing, factor: float) -> Drawing:
    """Stronger or weaker colours, within bounds."""
    return evolve(drawing, intensity=round(min(16.0, max(0.25, drawing.intensity * factor)), 3))


def prepared(attribution: Attribution, drawing: Drawing) -> Attribution:
    """One number per cell, made as ``drawing`` says; words and sentences are not merged yet.

    Aggregations that were applied before the file was saved cannot be undone; they stay, and the pipeline names them.
    """
    stages = list(outstanding(attribution))
    if drawing.aggregation != "default" and attribution.dimensions:
        function = _FUNCTIONS.get(drawing.aggregation, drawing.aggregation)
        reductions = [Stage(name="reduce", settings={"aggregate_fn": function}) for _ in attribution.dimensions]
        stages = [*reductions, *(_normalizing(stages))]
    if drawing.normalization != "default":
        stages = [_without_normalizing(stage) for stage in stages if stage.name not in _NORMALIZING]
    done = attribution.aggregate(stages) if stages else attribution
    return done.replace(default_aggregation=())


def described_as(attribution: Attribution, provenance: Provenance, drawing: Drawing) -> Description:
    """The description of an example, drawn as ``drawing`` says."""
    return describe(prepared(attribution, drawing), provenance, **merging(drawing))


class Merging(TypedDict):
    """Settings of `describe`, and of every renderer, that follow from a drawing."""

    granularity: Level
    merge: Merge
    normalize: Normalized


def merging(drawing: Drawing) -> Merging:
    """What renderers need so that they draw `prepared` scores as ``drawing`` says."""
    normalize: Normalized = "none" if drawing.normalization == "default" else drawing.normalization
    return {"granularity": drawing.granularity, "merge": drawing.merge, "normalize": normalize}


def _normalizing(stages: list[Stage]) -> list[Stage]:
    """What the default aggregation does after it has removed the dimensions."""
    if any(stage.name == "scores" and stage.settings.get("normalize") is not False for stage in stages):
        return [Stage(name="normalize")]
    return [stage for stage in stages if stage.name in _NORMALIZING]


def _without_normalizing(stage: Stage) -> Stage:
    if stage.name != "scores":
        return stage
    return Stage(name="scores", settings={**stage.settings, "normalize": False, "rescale": False})
