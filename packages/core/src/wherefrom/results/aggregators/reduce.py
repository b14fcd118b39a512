"""Remove one dimension of the scores: width, heads or layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from attrs import field, frozen, validators

from wherefrom.arrays import BoolArray
from wherefrom.errors import InputError, SettingsError
from wherefrom.results.aggregation import Aggregator, aggregator, removals, stage_of
from wherefrom.results.aggregators._record import of_other_sign, recorded, target_mask
from wherefrom.results.aggregators.functions import combine, keeps_sign, known_function
from wherefrom.results.data import AnyAttribution, AttributionData
from wherefrom.results.measured import without_measures
from wherefrom.results.stages import Stage
from wherefrom.settings import is_whole


def canonical_selection(selection: Any) -> int | str | list[int] | None:
    """One index, a range as ``"a:b"``, or a list of indices.

    A pair ``(a, b)`` in a tuple is a range, as in inseq. The range is kept as text because JSON would turn the tuple
    into a list of two indices.

    Raises:
        SettingsError: It is none of these, or an empty or repeating list.
    """
    if selection is None:
        return None
    if is_whole(selection):
        return int(selection)
    if isinstance(selection, tuple) and len(selection) == 2 and all(one is None or is_whole(one) for one in selection):
        return ":".join("" if bound is None else str(int(bound)) for bound in selection)
    if isinstance(selection, slice) and selection.step in (None, 1):
        return ":".join("" if bound is None else str(bound) for bound in (selection.start, selection.stop))
    if isinstance(selection, str) and selection.count(":") == 1:
        return selection
    if isinstance(selection, list) and selection and all(map(is_whole, selection)):
        if len(set(selection)) != len(selection):
            raise SettingsError(f"select_idx = {selection!r} names an index twice.")
        return [int(one) for one in selection]
    raise SettingsError(
        f"select_idx = {selection!r} selects nothing. "
        "Give an index, a range (start, end) or 'start:end', or a list of indices."
    )


@aggregator("reduce")
@frozen(kw_only=True)
class Reduce(Aggregator):
    """One dimension less: its entries are combined, or one of them is selected.

    Step scores stay as they are; sequence scores lose the same axis, by the mean unless a function was asked for. What
    a check found, standard errors and completeness gaps are told of the default aggregation's scores, and go where
    another reduction is asked for.
    """

    aggregate_fn: str | None = field(default=None, validator=known_function)
    """How entries are combined; None: as the method's default aggregation does, or the mean."""
    select_idx: Any = field(default=None, converter=canonical_selection)
    """An index (picked, nothing is combined), a range or a list (only these are combined); negative: from the end."""
    dimension: str | None = None
    """Name of the dimension to remove (``"head"``); None: the last."""
    vnorm_ord: float = field(default=2.0, validator=validators.gt(0))
    """Order of the norm, for ``"vnorm"``."""

    def __call__(self, attribution: AnyAttribution) -> AnyAttribution:
        axis = self._axis(attribution)
        default = attribution.default_aggregation
        name = self.aggregate_fn or str(_default_settings(default, axis).get("aggregate_fn") or _USUAL["aggregate_fn"])
        changes: dict[str, Any] = {"dimensions": (*attribution.dimensions[:axis], *attribution.dimensions[axis + 1 :])}
        if attribution.source_attributions is not None:
            changes["source_attributions"] = self._reduce(name, attribution.source_attributions, axis)
        if attribution.target_attributions is not None:
            scores = attribution.target_attributions
            changes["target_attributions"] = self._reduce(name, scores, axis, target_mask(attribution, scores))
        if not isinstance(self.select_idx, int) and not keeps_sign(name, self._sizes(attribution, axis)):
            changes |= of_other_sign(attribution, changes)
        sequence_name = self.aggregate_fn if self.aggregate_fn not in (None, "vnorm") else "mean"
        changes["sequence_scores"] = {
            key: self._reduce(sequence_name or "mean", scores, axis)
            if scores.ndim == 2 + len(attribution.dimensions)
            else scores
            for key, scores in attribution.sequence_scores.items()
        }
        resolved = attrs.evolve(self, dimension=attribution.dimensions[axis])  # so that the record stands alone
        if not isinstance(self.select_idx, int):
            resolved = attrs.evolve(resolved, aggregate_fn=name)
        if not reduces_by_default(stage_of(resolved), default, axis):
            changes |= without_measures(attribution, changes)
        return recorded(attribution, resolved, **changes)

    def _axis(self, attribution: AttributionData) -> int:
        """Which of the attribution's dimensions is removed."""
        if not attribution.dimensions:
            raise InputError(
                "There is no dimension left to aggregate: the scores are one number per cell already. "
                "Use 'normalize' or 'rescale' to change their scale."
            )
        if self.dimension is None:
            return len(attribution.dimensions) - 1
        if self.dimension not in attribution.dimensions:
            raise SettingsError(f"dimension = {self.dimension!r}: the scores have {', '.join(attribution.dimensions)}.")
        return attribution.dimensions.index(self.dimension)

    def _sizes(self, attribution: AttributionData, axis: int) -> set[int]:
        """How many entries are combined."""
        sides = (attribution.source_attributions, attribution.target_attributions)
        sizes = {scores.shape[axis + 2] for scores in sides if scores is not None}
        chosen = {size: select(self.select_idx, size) for size in sizes}
        return {len(indices) if isinstance(indices, list) else size for size, indices in chosen.items()}

    def _reduce(
        self, name: str, scores: npt.NDArray[Any], dimension: int, where: BoolArray | None = None
    ) -> npt.NDArray[Any]:
        axis = dimension + 2
        chosen = select(self.select_idx, scores.shape[axis])
        if isinstance(chosen, int):
            return np.asarray(np.take(scores, chosen, axis=axis))
        if chosen is not None:
            scores = np.take(scores, chosen, axis=axis)
        return combine(name, scores, axis, where, order=self.vnorm_ord)


def select(selection: int | str | list[int] | None, size: int) -> int | list[int] | None:
    """A canonical selection as indices into an axis of ``size``.

    Raises:
        SettingsError: It reaches outside, names an index twice or is empty.
    """
    if selection is None:
        return None
    if isinstance(selection, str):
        try:
            start, end = (int(bound) if bound.strip() else None for bound in selection.split(":"))
        except ValueError:
            raise SettingsError(f"select_idx = {selection!r} is no range. Write it as 'start:end'.") from None
        _check_bounds([bound for bound in (start, end) if bound is not None], size, inclusive_end=True)
        indices = list(range(*slice(start, end).indices(size)))
        if not indices:
            raise SettingsError(f"select_idx = {selection!r} is empty on an axis of {size}.")
        return indices
    wanted = [selection] if isinstance(selection, int) else selection
    _check_bounds(wanted, size)
    indices = [index % size for index in wanted]
    if len(set(indices)) != len(indices):
        raise SettingsError(f"select_idx = {selection!r} names an index twice on an axis of {size}.")
    return indices[0] if isinstance(selection, int) else indices


def _check_bounds(bounds: list[int], size: int, *, inclusive_end: bool = False) -> None:
    for bound in bounds:
        if not -size <= bound < size + inclusive_end:
            raise SettingsError(
                f"select_idx: {bound} is outside of an axis of {size} (0 to {size - 1}, or -{size} to -1)."
            )


_USUAL = {"aggregate_fn": "mean", "select_idx": None, "vnorm_ord": 2.0}
"""What a stage that removes a dimension does where it does not say so."""


def reduces_by_default(stage: Stage, default: Sequence[Stage], axis: int) -> bool:
    """Does a stage remove a dimension as the default aggregation does?

    Args:
        default: The method's default aggregation.
        axis: Place of the dimension among those that there are.
    """

    def told(settings: Mapping[str, Any], name: str) -> Any:
        value = settings.get(name)
        return _USUAL[name] if value is None else value

    wanted = _default_settings(default, axis)
    return all(told(stage.settings, name) == told(wanted, name) for name in _USUAL)


def _default_settings(default: Sequence[Stage], axis: int) -> Mapping[str, Any]:
    """How a default aggregation removes a dimension."""
    places = removals(default)
    return default[places[-1 - axis]].settings if axis < len(places) else {}
