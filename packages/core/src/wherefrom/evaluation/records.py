"""What an evaluation found, as values that can be saved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from wherefrom.errors import FileFormatError, InputError, UnknownNameError, nearest
from wherefrom.files.wire.bytes import content_of, without_mark, write_whole
from wherefrom.files.wire.encoding import NOT_JSON

FORMAT = "wherefrom.evaluation/1"


def check_named(what: str, name: str, known: Collection[str]) -> None:
    """Refuse the name of something that an evaluation does not have.

    Args:
        what: A metric, a method, a removal.
        known: Those it has.

    Raises:
        UnknownNameError: It is none of them; the nearest is suggested.
    """
    if name not in known:
        raise UnknownNameError(
            f"The evaluation has no {what} {name!r}.{nearest(str(name), known)} It has {', '.join(known) or 'none'}."
        )


def check_distinct(what: str, names: Sequence[str]) -> None:
    """Refuse something that is asked for twice.

    Raises:
        InputError: It is: its numbers could not be told apart.
    """
    if twice := next((one for one in names if names.count(one) > 1), None):
        raise InputError(
            f"The {what} {twice!r} is there twice, and its numbers are told apart by the name alone. Name each {what} "
            "once; for other settings of it evaluate once more."
        )


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One number: a metric of one method's scores for one output of one example, under one way of removal."""

    method: str
    metric: str
    removal: str
    """Empty for metrics that remove nothing."""
    example: int
    span: tuple[int, int]
    """Target positions that were explained, end exclusive."""
    value: float | None
    """None: undefined, as a correlation with constant scores."""
    chance: float | None = None
    """The mean of the same scores in random orders, of metrics that hang on sizes or signs of scores; None: what random
    scores get is chance, or it is undefined."""


def numberless(
    metrics: Iterable[str], methods: Collection[str], measurements: Iterable[Measurement]
) -> tuple[str, ...]:
    """A warning that names the metrics without a number of any method; none where each has one."""
    defined = {one.metric for one in measurements if one.value is not None and one.method in methods}
    if not (lacking := [name for name in metrics if name not in defined]):
        return ()
    return (
        f"{', '.join(lacking)}: no number of any method. There is nothing to compare with (no gold units), or scores "
        "have none, as those that are all alike have no rank correlation.",
    )


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Both perturbation curves of one method for one output."""

    method: str
    removal: str
    example: int
    span: tuple[int, int]
    cuts: tuple[int, ...]
    """Units removed at each point."""
    most_first: tuple[float, ...]
    """Log-probability, nats, most relevant units removed first."""
    least_first: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the lengths.

        Raises:
            ValueError: They are not of the points that were cut.
        """
        if not len(self.cuts) == len(self.most_first) == len(self.least_first):
            raise ValueError(
                f"curves have {len(self.most_first)} and {len(self.least_first)} values for {len(self.cuts)} cuts"
            )


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far two methods agree about one output."""

    method: str
    other: str
    example: int
    span: tuple[int, int]
    k: int
    """How many units are compared where a measure says so: the largest by absolute value, unlike the highest that
    metrics take."""
    measures: dict[str, float | None]
    """As `wherefrom.results.comparison.agreement_of` names them; None: undefined."""


class MetricFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known of a metric to read its numbers."""

    higher_is_better: bool
    settings: dict[str, Any] = {}


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Measurements, curves and how they were made."""

    measurements: tuple[Measurement, ...]
    curves: tuple[Curve, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    """Of every two evaluated methods."""
    metrics: dict[str, MetricFacts] = {}
    methods: tuple[str, ...] = ()
    """The evaluated methods, in the order given."""
    orderings: tuple[str, ...] = ()
    """What they are held against (`wherefrom.evaluation.orderings`)."""
    texts: tuple[str, ...] = ()
    """What was explained, one per example of the first results."""
    ids: tuple[str | None, ...] = ()
    """Their ids."""
    model: str = ""
    removals: tuple[str, ...] = ()
    units: str = "token"
    draws: int = 0
    """Random orders per output."""
    seed: int = 0
    forwards: int = 0
    """Passes of the model, but those of methods that a metric asks again."""
    versions: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    format: str = FORMAT

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write it as one JSON file.

        Raises:
            InputError: The file is there and ``overwrite`` is false.
        """
        write_whole(path, [msgspec.json.encode(self)], overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> Evaluation:
        """Read what `save` wrote.

        Raises:
            FileFormatError: The file is damaged or something else.
            InputError: It is a folder.
        """
        try:
            found = msgspec.json.decode(without_mark(content_of(path)), type=cls)
        except NOT_JSON as error:
            raise FileFormatError(f"{path} is not a saved evaluation, or it is damaged: {error}.") from error
        if found.format != FORMAT:
            raise FileFormatError(f"{path}: expected {FORMAT}, found {found.format!r}.")
        return found
