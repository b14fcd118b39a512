"""The customary way from raw scores to a matrix: reduce a dimension, then normalise."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen, validators

from wherefrom.errors import SettingsError
from wherefrom.results.aggregation import Aggregator, aggregator
from wherefrom.results.aggregators.normalize import Normalize
from wherefrom.results.aggregators.reduce import Reduce, canonical_selection
from wherefrom.results.aggregators.rescale import Rescale
from wherefrom.results.data import AnyAttribution


@aggregator("scores")
@frozen(kw_only=True)
class Scores(Aggregator):
    """Shorthand for `Reduce` and, unless asked otherwise, `Normalize`; each is recorded as the stage it is.

    A bare aggregation function (``aggregate("vnorm")``) stands for this with that function.
    """

    aggregate_fn: str | None = None
    """How entries are combined; None: as the method's default aggregation does, or the mean."""
    select_idx: Any = field(default=None, converter=canonical_selection)
    """See `Reduce`."""
    normalize: bool | None = None
    """Divide each step by its sum of absolute values? None: yes, unless ``rescale`` was asked for."""
    rescale: bool = False
    """Divide everything by the largest absolute value?"""
    dimension: str | None = None
    """See `Reduce`."""
    vnorm_ord: float = field(default=2.0, validator=validators.gt(0))
    """Order of the norm, for ``"vnorm"``."""

    def __attrs_post_init__(self) -> None:
        if self.normalize and self.rescale:
            raise SettingsError(
                "normalize and rescale exclude each other: the second would undo the first. Choose one."
            )

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        reduce = Reduce(
            aggregate_fn=self.aggregate_fn,
            select_idx=self.select_idx,
            dimension=self.dimension,
            vnorm_ord=self.vnorm_ord,
        )
        reduced = reduce(attribution)
        if self.rescale:
            return Rescale()(reduced)
        return reduced if self.normalize is False else Normalize()(reduced)
