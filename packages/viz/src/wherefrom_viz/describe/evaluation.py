"""One description of an evaluation, which console, page and terminal browser draw."""

from __future__ import annotations

from attrs import frozen
from msgspec.structs import replace
from wherefrom.evaluation import Evaluation, MeanCurve, SplitHalves, agreement, mean_curves, split_halves, summary
from wherefrom.evaluation.orderings import INFORMED
from wherefrom.evaluation.summary import Line

from wherefrom_viz.describe.numbers import short
from wherefrom_viz.describe.text_marks import visible

AGREEMENT = "spearman"
"""The measure of agreement that is shown."""


@frozen(kw_only=True)
class Cell:
    """One method by one metric."""

    text: str
    """The mean, or a dash."""
    value: float | None
    better: bool | None
    """Better than random orders, by more than chance; None: not compared."""
    detail: str
    """The difference to random orders, its interval and its p value, in words."""


@frozen(kw_only=True)
class Column:
    """A metric as the head of a column."""

    name: str
    higher_is_better: bool

    @property
    def title(self) -> str:
        """The name, and which way is good."""
        return f"{self.name} {'↑' if self.higher_is_better else '↓'}"


@frozen(kw_only=True)
class Row:
    """A method, or an ordering that needs none."""

    name: str
    ordering: bool
    cells: tuple[Cell, ...]


@frozen(kw_only=True)
class Table:
    """Method by metric for one way of removal."""

    removal: str
    """Empty: metrics that remove nothing."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@frozen(kw_only=True)
class EvaluationDescription:
    """What there is to draw of an evaluation."""

    title: str
    subtitle: str
    tables: tuple[Table, ...]
    curves: tuple[MeanCurve, ...]
    halves: tuple[SplitHalves, ...]
    """Stability of each metric's order of methods, where there are enough examples."""
    agreement: tuple[tuple[str, str, float | None], ...]
    """Two methods and their mean rank correlation; None: undefined everywhere."""
    notes: tuple[str, ...]

    def agreement_rows(self) -> dict[str, list[str]]:
        """Each method to its cells beside all of them, in one order: empty beside itself, a dash where undefined."""
        names = list(dict.fromkeys(name for one, other, _ in self.agreement for name in (one, other)))
        values = {frozenset((one, other)): value for one, other, value in self.agreement}

        def cell(one: str, other: str) -> str:
            value = values.get(frozenset((one, other)))
            return "" if one == other else "–" if value is None else f"{value:.2f}"

        return {one: [cell(one, other) for other in names] for one in names}

    def curves_of(self, removal: str) -> list[MeanCurve]:
        """The curves of one way of removal."""
        return [one for one in self.curves if one.removal == removal]


SIDES = ("the most relevant first (steeper is better)", "the least relevant first (flatter is better)")
"""The two curves of a method."""
LEGEND = (
    "bold or *: better than random orders by more than chance (paired permutation test, corrected by Holm's procedure)"
)


def describe_evaluation(evaluation: Evaluation) -> EvaluationDescription:
    """Describe an evaluation for drawing. Its names are as they are `visible`: a file may hold any."""
    count = len({one.example for one in evaluation.measurements})
    parts = [
        f"{count} example{'s' * (count != 1)}",
        f"units: {visible(evaluation.units)}",
        f"{evaluation.draws} random orders" if evaluation.draws else "",
        f"seed {evaluation.seed}",
        f"{evaluation.forwards:,} passes" if evaluation.forwards else "",
    ]
    tables = {
        removal: table
        for removal in (*evaluation.removals, "")
        if (table := _table(evaluation, removal)).columns and table.rows
    }
    halves = [
        split_halves(evaluation, metric, removal=removal or None)
        for removal in tables
        for metric in _metrics(evaluation, removal)
    ]
    return EvaluationDescription(
        title=visible(evaluation.model) or "Evaluation",
        subtitle=" · ".join(part for part in parts if part),
        tables=tuple(tables.values()),
        curves=tuple(
            replace(one, method=visible(one.method), removal=visible(one.removal)) for one in mean_curves(evaluation)
        ),
        halves=tuple(
            replace(one, metric=visible(one.metric), removal=visible(one.removal))
            for one in halves
            if one.mean is not None
        ),
        agreement=tuple(
            (visible(one.method), visible(one.other), one.mean)
            for one in agreement(evaluation)
            if one.measure == AGREEMENT
        ),
        notes=tuple(visible(note) for note in evaluation.warnings),
    )


def _metrics(evaluation: Evaluation, removal: str) -> list[str]:
    """Those that remove units in this way, or none; orders that hang on the removal have one in either case."""
    used = {one.metric for one in evaluation.measurements if one.removal == removal and one.method not in INFORMED}
    return [metric for metric in evaluation.metrics if metric in used]


def _table(evaluation: Evaluation, removal: str) -> Table:
    metrics = _metrics(evaluation, removal)
    lines = {
        (line.method, line.metric): line
        for line in summary(evaluation, removal=removal or None)
        if line.metric in metrics
    }
    names = [name for name in (*evaluation.methods, *evaluation.orderings) if any(key[0] == name for key in lines)]
    return Table(
        removal=visible(removal),
        columns=tuple(
            Column(name=visible(metric), higher_is_better=evaluation.metrics[metric].higher_is_better)
            for metric in metrics
        ),
        rows=tuple(
            Row(
                name=visible(name),
                ordering=name in evaluation.orderings,
                cells=tuple(_cell(lines.get((name, metric))) for metric in metrics),
            )
            for name in names
        ),
    )


def _cell(line: Line | None) -> Cell:
    if line is None or line.mean is None:
        return Cell(text="–", value=None, better=None, detail="no number")
    detail = ""
    if line.over_random is not None:
        detail = f"{line.over_random:+.3g} over random"
        if line.interval is not None:
            detail += f" [{line.interval[0]:.3g}, {line.interval[1]:.3g}]"
        if line.p is not None:
            detail += f", p = {line.p:.2g}"
    return Cell(text=short(line.mean), value=line.mean, better=line.better_than_random, detail=detail)
