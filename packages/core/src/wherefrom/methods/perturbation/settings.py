"""What perturbation methods share: their settings, and the verbs that make one."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from attrs import field, frozen, validators

from wherefrom.adapters import ScoringModel
from wherefrom.arrays import BoolArray, FloatArray, IntArray
from wherefrom.errors import SettingsError
from wherefrom.methods.contract import Method
from wherefrom.methods.cost import Cost
from wherefrom.methods.perturbation.removal import as_baseline
from wherefrom.methods.perturbation.units import Units, UnitsSetting, as_units
from wherefrom.methods.sampling.counts import as_samples
from wherefrom.questions.question import Question
from wherefrom.settings import a_folder, a_seed, counting


def _instead_of_the_other_name(settings: Any, _: object, value: int | None) -> None:
    """Raise: SettingsError: The rows of one forward pass are given under both names."""
    if value is not None and settings.internal_batch_size is not None:
        raise SettingsError(
            "'internal_batch_size' and 'perturbations_per_eval' are two names of one setting. Give one of them."
        )


@frozen(kw_only=True)
class PerturbationSettings(Method[ScoringModel]):
    """Settings of every method that removes units and looks at what is lost: a plan of masks and a way to solve
    them."""

    most_units: ClassVar[int | None] = None
    """How many units it takes at once; None: any number."""

    units: UnitsSetting = field(default="auto", converter=as_units)
    """What is removed and scored as one: ``"auto"`` (tokens, or words or sentences where these are more than 128; in a
    chat only what the user wrote, by words or sentences; characters before words in scripts without spaces),
    ``"token"``, ``"character"``, ``"word"``, ``"sentence"``, ``"turn"``, ``"document"``, spans
    ``[(start, end), ...]``, or one of these per side, ``{"source": ..., "target": ...}``. A unit's score is divided
    equally among its tokens, so that sums over tokens are right."""
    baseline: str | int = field(default="delete", converter=as_baseline)
    """How a unit is removed: ``"delete"`` cuts it out, a token stands in its place (``"unk"``, ``"pad"``, ``"mask"``,
    an id), or a ``"zero"`` or ``"mean"`` embedding, or it is ``"hidden"`` from attention."""
    budget: int | None = field(default=None, validator=counting(1, most=10**8))
    """Forward passes at most: where they do not do for all units, large ones are scored first and the strongest are cut
    into smaller ones; see `wherefrom.methods.perturbation.coarse_to_fine`. None: all units at once."""
    tables: str | None = field(default=None, validator=a_folder)
    """Folder for ablation tables, one ``.npz`` per input: what is there of the same model and target function is
    reused, what is new is added. Scores are the same as without."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Rows in one forward pass; None lets the adapter choose."""
    perturbations_per_eval: int | None = field(default=None, validator=[counting(1), _instead_of_the_other_name])
    """The same, under the name that captum uses."""

    @property
    def chunk(self) -> int | None:
        """Rows at once, by either name."""
        return self.internal_batch_size or self.perturbations_per_eval

    @abstractmethod
    def cost(self, question: Question) -> Cost:
        """What `attribute` will ask of a model for this question alone."""

    @abstractmethod
    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """See `ablation.Solver`."""


@frozen(kw_only=True)
class SampledSettings(PerturbationSettings):
    """Settings of those that draw the coalitions they look at."""

    n_samples: int | Literal["auto"] = field(converter=as_samples)
    """What is drawn, in a method's own currency; ``"auto"`` draws until the standard errors are small."""
    seed: int | None = field(default=None, validator=a_seed)
    """Seed of the draw; None: the one of the whole call. Equal seeds give equal scores."""
    n_bootstrap: int = field(default=32, validator=counting(0))
    """Resamples for standard errors and confidence intervals, which come in the details; 0: none. They cost no forward
    pass."""
    confidence: float = field(default=0.95, validator=[validators.gt(0.0), validators.lt(1.0)])
    """Probability mass of the intervals: Student's t with the standard errors."""
    tolerance: float = field(default=0.1, validator=validators.gt(0.0))
    """With ``n_samples="auto"``: samples are added until every step's largest standard error is within this part of its
    largest score."""
    max_samples: int = field(default=1024, validator=counting(1))
    """Budget of ``n_samples="auto"``, in forwards. The first round, as many samples as by default, is always run, and a
    warning says what it took where that is more."""

    @abstractmethod
    def plan(self, units: Units, rng: np.random.Generator) -> BoolArray:
        """Coalitions of one round. Shape ``(rows, units)``, true: stays."""

    def enough(self, units: int) -> int:
        """The fewest ``n_samples`` that tell so many units apart: as many different coalitions as a fit has unknowns,
        the intercept among them, and one more."""
        return units + 2

    @abstractmethod
    def blocks(self, masks: BoolArray) -> IntArray | None:
        """Independent draws, as rows of indices into ``masks``; None where nothing is random."""
