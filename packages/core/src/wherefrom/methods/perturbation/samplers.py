"""What may stand in a token's place: samplers that propose replacements, position by position.

A sampler looks at a question once and says, for every position of a side, which ids may be drawn there and how
likely each is. Special tokens and the token that is there already are never drawn.

Here: ``uniform``, ``unigram`` and ``model``, which need nothing but the model that is explained. Adapters register
more (a masked language model by name, parts of speech).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
from attrs import NOTHING, evolve, field, fields, frozen

from wherefrom._registry import Registry
from wherefrom.adapters import ModelCard, ScoringModel, Side
from wherefrom.arrays import FloatArray, IntArray, to_numpy
from wherefrom.errors import InputError, SettingsError
from wherefrom.questions.question import Question
from wherefrom.settings import counting


@frozen(kw_only=True, eq=False)
class Choices:
    """Ids that may be drawn, and how likely each is."""

    ids: IntArray
    """Shape ``(choices,)``."""
    weights: FloatArray | None = None
    """Shape ``(choices,)``, not negative; None: all alike."""


@frozen(kw_only=True, eq=False)
class Candidates:
    """Choices for every position of one side of a question."""

    positions: tuple[Choices, ...]

    def draw(self, at: IntArray, rng: np.random.Generator) -> IntArray:
        """One id for each of the positions ``at``. Shape ``(len(at),)``."""
        drawn = np.empty(len(at), np.int64)
        for index, (position, chance) in enumerate(zip(at, rng.random(len(at)), strict=True)):
            choices = self.positions[position]
            if choices.weights is None:
                drawn[index] = choices.ids[int(chance * len(choices.ids))]
            else:
                summed = np.cumsum(choices.weights)
                place = np.searchsorted(summed, chance * summed[-1], side="right")
                drawn[index] = choices.ids[min(int(place), len(summed) - 1)]
        return drawn


@runtime_checkable
class Sampler(Protocol):
    """Proposes replacements: frozen settings and one verb."""

    identifier: ClassVar[str]

    def candidates(self, model: ScoringModel, question: Question, side: Side) -> Candidates:
        """What may be drawn at each position of a side.

        Raises:
            InputError: The sampler has nothing to draw from.
        """
        ...


@runtime_checkable
class AsksTheModel(Protocol):
    """A sampler may say that it runs the explained model, so that what it costs is told and counted."""

    def passes(self, question: Question, side: Side) -> int:
        """Forward passes of the explained model that `Sampler.candidates` takes for a side."""
        ...


def sampler_passes(sampler: Sampler, question: Question) -> int:
    """Forward passes of the explained model that a sampler takes for all sides of a question."""
    if not isinstance(sampler, AsksTheModel):
        return 0
    return sum(sampler.passes(question, side) for side in sides_of(question))


def sides_of(question: Question) -> list[Side]:
    """The sides of a question whose tokens may be replaced."""
    return ["target"] if question.source_ids is None else ["source", "target"]


SAMPLERS: Registry[type[Sampler]] = Registry("sampler", group="wherefrom.samplers")

S = TypeVar("S", bound="type[Sampler]")


def sampler(cls: S) -> S:
    """Register a frozen attrs class as a sampler under its ``identifier``."""
    SAMPLERS.register(cls.identifier, cls)
    return cls


def as_sampler(value: str | Sampler) -> Sampler:
    """A sampler from what a user writes: an object, a name, or ``name:argument`` for the first of its settings.

    Raises:
        UnknownNameError: No sampler has that name.
        SettingsError: It needs an argument and has none, or the other way round.
    """
    if isinstance(value, Sampler) and not isinstance(value, type):
        return value
    if not isinstance(value, str):
        raise SettingsError(f"sampler = {value!r} is no sampler. Give one of {', '.join(SAMPLERS)}, or an object.")
    name, colon, argument = value.partition(":")
    cls = SAMPLERS.get(name)
    settings: Sequence[Any] = fields(cast(Any, cls))
    required = [one.name for one in settings if one.default is NOTHING]
    if colon and not settings:
        raise SettingsError(f"The sampler {name!r} takes no argument, and got {argument!r}.")
    if required and not argument:
        raise SettingsError(f"The sampler {name!r} needs its {required[0]}: write '{name}:...', or pass an object.")
    if colon and not argument:
        raise SettingsError(
            f"The sampler {value!r} has nothing behind its colon: write {value!r} and its {settings[0].name}, or "
            f"{name!r} alone."
        )
    try:
        return cls(**{settings[0].name: argument}) if colon else cls()
    except (TypeError, ValueError) as error:
        if settings and settings[0].converter in (int, _typed) and not isinstance(error, SettingsError):
            raise SettingsError(
                f"The sampler {name!r} cannot be made: {settings[0].name} = {argument!r} does not fit: expected a "
                "whole number."
            ) from error
        raise SettingsError(f"The sampler {name!r} cannot be made from {argument!r}: {error}.") from error


def _typed(value: Any) -> Any:
    """A number that may have been typed; what is no whole one stays what it is."""
    return int(value) if isinstance(value, str) else value


@sampler
@frozen
class UniformSampler:
    """Any token of the vocabulary, all alike."""

    identifier: ClassVar[str] = "uniform"

    def candidates(self, model: ScoringModel, question: Question, side: Side) -> Candidates:
        """See `Sampler.candidates`."""
        everything = ordinary_ids(model.card)
        return Candidates(positions=tuple(without(Choices(ids=everything), own) for own in ids_of(question, side)))


@sampler
@frozen
class UnigramSampler:
    """Tokens as often as they are in a given text."""

    identifier: ClassVar[str] = "unigram"

    text: str = field()
    """Where tokens are counted: the more, the better."""

    def candidates(self, model: ScoringModel, question: Question, side: Side) -> Candidates:
        """See `Sampler.candidates`."""
        ids, counts = np.unique(model.encode(self.text, side=side).ids, return_counts=True)
        plain = np.isin(ids, ordinary_ids(model.card))
        if plain.sum() < 2:
            raise InputError(
                f"The text of the unigram sampler has {int(plain.sum())} different tokens; it needs at least 2, better "
                "thousands."
            )
        seen = Choices(ids=ids[plain], weights=counts[plain].astype(np.float64))
        return Candidates(positions=tuple(without(seen, own) for own in ids_of(question, side)))


@sampler
@frozen
class ModelSampler:
    """What the explained model itself would say there, given what comes before.

    One forward pass. Where it predicts nothing, the first position and the source of an encoder-decoder, any token may
    be drawn.
    """

    identifier: ClassVar[str] = "model"

    top: int = field(default=256, converter=_typed, validator=counting(2))
    """How many of the most likely tokens may be drawn at each position."""

    def candidates(self, model: ScoringModel, question: Question, side: Side) -> Candidates:
        """See `Sampler.candidates`."""
        anything = UniformSampler().candidates(model, question, side)
        if not self.passes(question, side):
            return anything
        row = evolve(question.row(target_function=None), steps=np.arange(1, len(question.target_ids)))
        logits = to_numpy(next(iter(model.predict([row]))).logits)
        allowed = ordinary_ids(model.card)
        found = [anything.positions[0]]
        for step, own in enumerate(question.target_ids[1:]):
            scores = logits[step, allowed].astype(np.float64)
            best = np.argpartition(-scores, min(self.top, len(scores) - 1))[: self.top]
            choices = Choices(ids=allowed[best], weights=np.exp(scores[best] - scores[best].max()))
            found.append(without(choices, own))
        return Candidates(positions=tuple(found))

    def passes(self, question: Question, side: Side) -> int:
        """See `AsksTheModel.passes`: one where it predicts something."""
        return int(side == "target" and len(question.target_ids) > 1)


def ordinary_ids(card: ModelCard) -> IntArray:
    """All ids of the vocabulary but the special ones."""
    return np.setdiff1d(np.arange(card.vocabulary), np.array(list(card.special_ids), dtype=np.int64))


def ids_of(question: Question, side: Side) -> IntArray:
    """The ids of one side; none where the question has no such side."""
    ids = question.ids(side)
    return np.zeros(0, np.int64) if ids is None else ids


def without(choices: Choices, own: int) -> Choices:
    """The same choices but for the token that is there already; unless it is the only one."""
    others = choices.ids != own
    if not others.any() or others.all():
        return choices
    weights = None if choices.weights is None else choices.weights[others]
    if weights is not None and not weights.sum() > 0:
        weights = None
    return Choices(ids=choices.ids[others], weights=weights)
