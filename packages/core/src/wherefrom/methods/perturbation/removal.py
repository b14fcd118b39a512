"""What it means to take a token away: one frozen rule per way, from positions to rows.

Every perturbation method measures what is lost without a token, and there is no neutral way to be without one. The
ways here, by the names of the ``baseline`` setting:

=============== =====================================================================================
``"delete"``    the default: it is cut out and what follows moves up; for the steps that are left nothing to predict
                from, the beginning-of-sequence token stands alone, in a row of its own
``"unk"``       the unknown token stands in its place (``"pad"``, ``"mask"`` or an id likewise): its embedding alone
                where the model reads its id as padding, see `ReadsPadding`
``"zero"``      a zero vector stands in place of its embedding
``"mean"``      the mean embedding of the vocabulary does
``"hidden"``    it stays where it is, but attention cannot reach it (its own position still passes it on,
                so the last token before a step is never wholly gone)
=============== =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters import Embeds, HidesPositions, ReadsPadding, Row, SequenceModel, Side
from wherefrom.adapters.card import STAND_INS
from wherefrom.adapters.check import lacking
from wherefrom.arrays import Array, BoolArray, IntArray, like, namespace
from wherefrom.errors import SettingsError, nearest
from wherefrom.methods.perturbation.samplers import sides_of
from wherefrom.methods.perturbation.units import Units
from wherefrom.questions.question import Question

BASELINES = (*STAND_INS, "zero", "mean", "hidden", "delete")


@frozen(kw_only=True, eq=False)
class Removed:
    """A question without some of its tokens, for the steps that one row answers."""

    row: Row
    asked: IntArray
    """Which of the question's steps can differ from the clean pass, as indices into them."""
    read: IntArray
    """For each asked step the index of the row's step that answers it."""
    finish: Callable[[Row], Row] | None = None
    """What is still to be put into the row when it is run: embeddings, too large to make for all rows beforehand."""

    def finished(self) -> Row:
        """The row as it is to be run."""
        return self.row if self.finish is None else self.finish(self.row)


class Removal(Protocol):
    """A way to take positions out of a question."""

    def __call__(self, source: IntArray, target: IntArray) -> tuple[Removed, ...]:
        """The question without these positions of either side: rows, each for steps of its own; none where that
        changes nothing. One does for all steps, save where `Deletion` leaves some of them nothing."""
        ...


def as_baseline(value: object, *, name: str = "baseline") -> str | int:
    """A ``baseline`` setting, checked as far as it can be without a model.

    Args:
        name: What the caller calls it, for errors.
    """
    if isinstance(value, np.integer):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SettingsError(f"{name} = {value!r} is neither a token id nor one of {', '.join(BASELINES)}.")
    if isinstance(value, str) and value not in BASELINES:
        raise SettingsError(
            f"{name} = {value!r} is not known.{nearest(value, BASELINES)} "
            f"Use a token id or one of {', '.join(BASELINES)}."
        )
    return value


def check_baseline(baseline: str | int, model: SequenceModel, method: str, *, name: str = "baseline") -> None:
    """Can this model go without tokens in that way?

    Args:
        name: What the caller calls the setting, for errors.

    Raises:
        ModelCapabilityError: The embeddings are needed and the model does not give them.
        SettingsError: It is no way at all, the tokenizer has no such token, or the id is outside the vocabulary.
    """
    baseline = as_baseline(baseline, name=name)
    who, token = f"{method} with {name} = {baseline!r}", f"a token ({name} = 'unk', 'pad', 'mask' or an id)"
    if baseline in ("zero", "mean") and not isinstance(model, Embeds):
        raise lacking(model, Embeds, who, f"Use {token}, 'hidden' or 'delete'.")
    if baseline == "hidden" and not isinstance(model, HidesPositions):
        raise lacking(model, HidesPositions, who, f"Use {token} or 'delete'.")
    if isinstance(baseline, int) or baseline in STAND_INS:
        baseline_id(baseline, model, name=name)


def baseline_id(baseline: str | int, model: SequenceModel, *, name: str = "baseline") -> int:
    """The token id that stands in for a removed token.

    Raises:
        SettingsError: The tokenizer has no such token, or the id is outside the vocabulary.
    """
    card = model.card
    if isinstance(baseline, int):
        if not 0 <= baseline < max(card.vocabulary, 1):
            raise SettingsError(f"{name} = {baseline} is no token id: the vocabulary has {card.vocabulary} entries.")
        return baseline
    found = card.stand_ins.get(baseline)
    if found is None:
        raise SettingsError(
            f"{name} = {baseline!r}, but the tokenizer of {card.name!r} has no such token. "
            f"Use a token id or one of {', '.join([*card.stand_ins, 'zero', 'mean', 'hidden', 'delete'])}."
        )
    return found


def removal(baseline: str | int, model: SequenceModel, question: Question) -> Removal:
    """The way to take tokens out of this question that ``baseline`` names.

    Raises:
        SettingsError: It names none.
    """
    baseline = as_baseline(baseline)
    if baseline == "hidden":
        return Hiding(question=question)
    if baseline == "delete":
        card = model.card
        stand_in = next((i for i in (card.bos_id, card.decoder_start_id, card.unk_id, card.pad_id) if i is not None), 0)
        return Deletion(question=question, stand_in=int(stand_in))
    if baseline in ("zero", "mean"):
        if not isinstance(model, Embeds):
            raise lacking(model, Embeds, f"baseline = {baseline!r}")
        return Blanking(question=question, embeddings=_embeddings(baseline, model, question))
    token_id = baseline_id(baseline, model)
    if isinstance(model, Embeds) and _reads_as_padding(model, token_id, question):
        return Blanking(question=question, embeddings=_embeddings(token_id, model, question))
    return Replacement(question=question, token_id=token_id)


@frozen(kw_only=True, eq=False)
class Replacement:
    """Another token stands in the place of each removed one."""

    question: Question
    token_id: int

    def __call__(self, source: IntArray, target: IntArray) -> tuple[Removed, ...]:
        row = self.question.row(target_function=None)
        if len(source):
            row = evolve(row, source_ids=with_ids(_source(self.question), source, self.token_id))
        if len(target):
            row = evolve(row, target_ids=with_ids(row.target_ids, target, self.token_id))
        return _one(in_place(self.question, row))


@frozen(kw_only=True, eq=False)
class Blanking:
    """A fixed vector stands in place of each removed token's embedding."""

    question: Question
    embeddings: dict[Side, tuple[Array, Array]]
    """Per side the embeddings of the tokens, ``(length, width)``, and the vector ``(width,)``."""

    def __call__(self, source: IntArray, target: IntArray) -> tuple[Removed, ...]:
        def finish(row: Row) -> Row:
            if len(source):
                row = evolve(row, source_embeds=self._blanked("source", source))
            if len(target):
                row = evolve(row, target_embeds=self._blanked("target", target))
            return row

        row = self.question.row(target_function=None)
        removed = changed_from(self.question, row, bool(len(source)), int(target[0]) if len(target) else None)
        return () if removed is None else (evolve(removed, finish=finish),)

    def _blanked(self, side: Side, positions: IntArray) -> Array:
        clean, blank = self.embeddings[side]
        gone = np.zeros(clean.shape[0], bool)
        gone[positions] = True
        return namespace(clean).where(like(clean, gone)[:, None], blank[None, :], clean)


@frozen(kw_only=True, eq=False)
class Hiding:
    """Attention cannot reach a removed token."""

    question: Question

    def __call__(self, source: IntArray, target: IntArray) -> tuple[Removed, ...]:
        row = self.question.row(target_function=None)
        if len(source):
            row = evolve(row, source_visible=_without(len(_source(self.question)), source))
        if len(target):
            row = evolve(row, target_visible=_without(len(row.target_ids), target))
        return _one(changed_from(self.question, row, bool(len(source)), int(target[0]) if len(target) else None))


@frozen(kw_only=True, eq=False)
class Deletion:
    """Removed tokens are cut out, and what follows moves up.

    Steps that are left nothing to predict from are read from a row of their own, the stand-in alone: in front of the
    others' row it would change what these are predicted from.
    """

    question: Question
    stand_in: int
    """Stands alone where nothing else is left."""

    def __call__(self, source: IntArray, target: IntArray) -> tuple[Removed, ...]:
        question = self.question
        first = int(target[0]) if len(target) else None
        removed = changed_from(question, question.row(target_function=None), bool(len(source)), first)
        if removed is None:
            return ()
        row = removed.row
        if len(source):
            left = np.delete(_source(question), source)
            row = evolve(row, source_ids=left if len(left) else np.array([self.stand_in]))
        stays = _without(len(question.target_ids), target)
        places = np.concatenate([[0], np.cumsum(stays)])[question.steps[removed.asked]]
        bare = int(np.searchsorted(places, 0, side="right"))
        rows = []
        if bare:
            alone = evolve(row, target_ids=np.array([self.stand_in]), steps=np.ones(1, np.int64))
            rows.append(Removed(row=alone, asked=removed.asked[:bare], read=np.zeros(bare, np.int64)))
        if bare < len(places):
            steps, read = np.unique(places[bare:], return_inverse=True)
            left_over = evolve(row, target_ids=question.target_ids[stays], steps=steps)
            rows.append(Removed(row=left_over, asked=removed.asked[bare:], read=read))
        return tuple(rows)


def two_rows(question: Question, units: Units, masks: BoolArray, baseline: str | int) -> BoolArray:
    """Which masks take two rows: they delete all that the first step is predicted from, but not all that the last is.

    Args:
        masks: True for the units that stay, shape ``(rows, units)``.

    Returns:
        Shape ``(rows,)``.
    """
    if baseline != "delete" or not len(question.steps):
        return np.zeros(len(masks), bool)

    def left(step: int) -> IntArray:
        sizes = [int((unit.removable < step).sum()) if unit.side == "target" else 0 for unit in units.members]
        found: IntArray = step - ~masks @ np.array(sizes, dtype=np.int64)
        return found

    both: BoolArray = (left(int(question.steps[0])) == 0) & (left(int(question.steps[-1])) > 0)
    return both


def in_place(question: Question, row: Row) -> Removed | None:
    """A row with the question's positions but other ids, compared with the clean one."""
    source_changed = row.source_ids is not None and not np.array_equal(row.source_ids, _source(question))
    changes = np.flatnonzero(row.target_ids != question.target_ids)
    return changed_from(question, row, source_changed, int(changes[0]) if len(changes) else None)


def changed_from(question: Question, row: Row, source_changed: bool, first: int | None) -> Removed | None:
    """The row, asked for those steps only that the change can reach.

    Args:
        source_changed: Does the encoder read something else?
        first: First target position that differs; None: none does.
    """
    if source_changed:
        asked = np.arange(len(question.steps))
        first = None
    elif first is None:
        return None
    else:
        asked = np.flatnonzero(question.steps > first)
    if not len(asked):
        return None
    return Removed(
        row=evolve(row, steps=question.steps[asked], first_change=first), asked=asked, read=np.arange(len(asked))
    )


def _one(removed: Removed | None) -> tuple[Removed, ...]:
    return () if removed is None else (removed,)


def with_ids(ids: IntArray, positions: IntArray, replacement: int | IntArray) -> IntArray:
    """A copy of ``ids`` with other ones at some positions."""
    copy = ids.copy()
    copy[positions] = replacement
    return copy


def _without(length: int, positions: IntArray) -> BoolArray:
    stays = np.ones(length, bool)
    stays[positions] = False
    return stays


def _source(question: Question) -> IntArray:
    assert question.source_ids is not None
    return question.source_ids


def _reads_as_padding(model: SequenceModel, token_id: int, question: Question) -> bool:
    return isinstance(model, ReadsPadding) and any(
        model.reads_as_padding(token_id, side=side) for side in sides_of(question)
    )


def _embeddings(baseline: str | int, model: Embeds, question: Question) -> dict[Side, tuple[Array, Array]]:
    """Per side the embeddings of the question's tokens, and what stands in for one: zeros, the mean or an id's."""

    def blank(side: Side, clean: Array) -> Array:
        if baseline == "mean":
            return model.mean_embedding(side=side)
        if baseline == "zero":
            return namespace(clean).zeros_like(clean[0])
        return model.embed(np.array([baseline]), side=side)[0]

    found: dict[Side, tuple[Array, Array]] = {}
    for side in sides_of(question):
        ids = question.ids(side)
        assert ids is not None
        clean = model.embed(ids, side=side)
        found[side] = (clean, blank(side, clean))
    return found
