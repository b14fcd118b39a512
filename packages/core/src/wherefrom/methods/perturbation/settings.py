"""Settings that perturbation methods share, and what such a method is."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

import numpy as np
from attrs import Attribute, field, frozen, validators

from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import SettingsError
from wherefrom.methods.perturbation.removal import as_baseline
from wherefrom.methods.perturbation.units import Units, UnitsSetting, as_units


def _positive(_: object, attribute: Attribute[int | None], value: int | None) -> None:
    if value is not None and value < 1:
        raise SettingsError(f"{attribute.name} = {value!r} is not a positive number.")


@frozen(kw_only=True)
class PerturbationSettings:
    """Settings of every method that removes units and looks at what is lost."""

    units: UnitsSetting = field(default="token", converter=as_units)
    """What is removed and scored as one: ``"token"``, ``"word"``, ``"sentence"``, ``"turn"``, ``"document"``, spans
    ``[(start, end), ...]``, or one of these per side, ``{"source": ..., "target": ...}``. A unit's score is divided
    equally among its tokens, so that sums over tokens are right."""
    baseline: str | int = field(default="unk", converter=as_baseline)
    """How a unit is removed: a token in its place (``"unk"``, ``"pad"``, ``"mask"``, an id), ``"zero"`` or ``"mean"``
    embedding, ``"hidden"`` from attention, or ``"delete"``."""
    budget: int | None = field(default=None, validator=_positive)
    """Forward passes at most: where they do not do for all units, large ones are scored first and the strongest are cut
    into smaller ones; see `wherefrom.methods.perturbation.coarse_to_fine`. None: all units at once."""
    tables: str | None = None
    """Folder for ablation tables, one ``.npz`` per input: what is there is reused, what is new is added."""
    internal_batch_size: int | None = field(default=None, validator=_positive)
    """Rows in one forward pass; None lets the adapter choose."""
    perturbations_per_eval: int | None = field(default=None, validator=_positive)
    """The same, under the name that captum uses."""

    @property
    def chunk(self) -> int | None:
        """Rows at once, by either name."""
        return self.internal_batch_size or self.perturbations_per_eval


@frozen(kw_only=True)
class SampledSettings(PerturbationSettings):
    """Settings of those that draw the coalitions they look at."""

    seed: int | None = None
    """Seed of the draw; None: the one of the whole call. Equal seeds give equal scores."""
    n_bootstrap: int = field(default=32, validator=validators.ge(0))
    """Resamples for standard errors and confidence intervals, which come in the details; 0: none. They cost no forward
    pass."""
    confidence: float = field(default=0.95, validator=[validators.gt(0.0), validators.lt(1.0)])
    """Probability mass of the intervals."""
    tolerance: float = field(default=0.1, validator=validators.gt(0.0))
    """With ``n_samples="auto"``: samples are added until every step's largest standard error is within this part of its
    largest score."""
    max_samples: int = field(default=1024, validator=validators.ge(1))
    """Budget of ``n_samples="auto"``, in forwards."""


class Perturbation(Protocol):
    """A method that is a plan of masks and a way to solve them."""

    identifier: ClassVar[str]

    @property
    def units(self) -> UnitsSetting: ...

    @property
    def baseline(self) -> str | int: ...

    @property
    def tables(self) -> str | None: ...

    @property
    def chunk(self) -> int | None: ...

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """See `ablation.Solver`."""
        ...


class SampledPerturbation(Perturbation, Protocol):
    """One whose plan is drawn at random; its settings are those of `SampledSettings`."""

    @property
    def n_samples(self) -> int | Literal["auto"]: ...

    @property
    def seed(self) -> int | None: ...

    @property
    def n_bootstrap(self) -> int: ...

    @property
    def confidence(self) -> float: ...

    @property
    def tolerance(self) -> float: ...

    @property
    def max_samples(self) -> int: ...

    def plan(self, units: Units, rng: np.random.Generator) -> BoolArray:
        """Coalitions of one round. Shape ``(rows, units)``, true: stays."""
        ...

    def blocks(self, masks: BoolArray) -> IntArray | None:
        """Independent draws, as rows of indices into ``masks``; None where nothing is random."""
        ...
