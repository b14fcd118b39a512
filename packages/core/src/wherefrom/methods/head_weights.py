"""One weight per attention head, learned from what a model says when parts of its input are gone.

The score of a unit for an output is ``Σ over heads of θ · φ``, with ``φ`` the attention of a head from where the output
is predicted to the unit. The weights are those whose prediction ``ŷ(v) = Σ_s ± θ·φ(s)``, plus for the units that stay
and minus for those that are gone, correlates best with the log-odds of the output over coalitions. Correlation within
an output is least squares on values that are centred and of unit spread, so the normal equations, of the size of the
number of heads, can be added up over outputs, and the tables be thrown away.

Source:
    Cohen-Wang, Chuang & Madry (2025), AT2, https://arxiv.org/abs/2504.13752; the closed form is ours.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from attrs import define, field, frozen

from wherefrom.adapters import AttendingModel, RowAttention, ScoringModel, model_fingerprint
from wherefrom.arrays import BoolArray, FloatArray, to_numpy
from wherefrom.errors import FileFormatError, InputError, SettingsError, ShapeError
from wherefrom.files.wire.bytes import write_whole
from wherefrom.files.wire.npz import arrays_of, header_of
from wherefrom.methods.context_cite import log_odds
from wherefrom.methods.perturbation.ablation import LOG_PROBABILITY, quantities
from wherefrom.methods.perturbation.growing import GrowingTable
from wherefrom.methods.perturbation.removal import as_baseline, check_baseline
from wherefrom.methods.perturbation.units import Units, UnitsSetting, as_units, units_of
from wherefrom.progress import Progress, no_progress
from wherefrom.questions.question import Question
from wherefrom.results.comparison import Values, spearman
from wherefrom.settings import check_call

FORMAT = "wherefrom.heads/1"
Kind = Literal["decoder", "cross"]
FLAT = 1e-6
"""Standard deviation of log-odds under which an output has nothing to learn from."""


@frozen(kw_only=True, eq=False)
class HeadWeights:
    """Weights of a model's attention heads."""

    decoder: FloatArray
    """Of the decoder's self-attention, shape ``(layers, heads)``."""
    cross: FloatArray | None = None
    """Of the attention from decoder to encoder, likewise; None for decoder-only models."""
    model: str = ""
    """Name of the model they were learned on."""
    fingerprint: str | None = None
    """What tells that model from others (`wherefrom.adapters.GivesFingerprint`); None: it could not be told, or the
    file is older than it."""
    outputs: int = 0
    """How many outputs they were learned from."""
    forwards: int = 0
    """Passes that this took."""
    held_out: float | None = None
    """Mean rank correlation of predicted and true log-odds over coalitions of outputs that nothing was learned from."""
    held_out_uniform: float | None = None
    """The same with all heads alike, for comparison."""
    settings: Mapping[str, Any] = field(factory=dict)
    """How they were learned; JSON values."""

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write one ``.npz`` file: arrays only, nothing pickled.

        Raises:
            InputError: The file is there and ``overwrite`` is false.
        """
        header = {
            "format": FORMAT,
            "model": self.model,
            "fingerprint": self.fingerprint,
            "outputs": self.outputs,
            "forwards": self.forwards,
            "held_out": self.held_out,
            "held_out_uniform": self.held_out_uniform,
            "settings": dict(self.settings),
        }
        arrays = {"decoder": self.decoder} | ({} if self.cross is None else {"cross": self.cross})
        file = io.BytesIO()
        np.savez(file, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
        write_whole(path, [file.getvalue()], overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> HeadWeights:
        """Read what `save` wrote.

        Raises:
            FileFormatError: The file is damaged or something else.
            FileNotFoundError: There is none.
        """
        try:
            arrays = arrays_of(path)
            header = header_of(arrays, (FORMAT,))
            del header["format"]
            cross = np.asarray(arrays["cross"], dtype=np.float64) if "cross" in arrays else None
            return cls(decoder=np.asarray(arrays["decoder"], dtype=np.float64), cross=cross, **header)
        except (FileFormatError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise FileFormatError(
                f"{path} holds no weights of attention heads, or it is damaged: {str(error).rstrip('.')}."
            ) from error

    def of(self, attention: RowAttention) -> dict[Kind, FloatArray]:
        """The weights of each kind, checked against what the model shows.

        Raises:
            ShapeError: They are of a model with other layers or heads.
        """
        found: dict[Kind, FloatArray] = {"decoder": self.decoder}
        if self.cross is not None:
            found["cross"] = self.cross
        shown = {kind: maps.shape[:2] for kind, maps in maps_of(attention).items()}
        if {kind: tuple(weights.shape) for kind, weights in found.items()} != shown:
            raise ShapeError(
                f"The weights are of {self.model or 'a model'} with (layers, heads) "
                f"{ {kind: tuple(weights.shape) for kind, weights in found.items()} }; this model has {shown}."
            )
        return found


def maps_of(attention: RowAttention) -> dict[Kind, Any]:
    """The attention that weights are for, shape ``(layers, heads, queries, keys)`` each."""
    found: dict[Kind, Any] = {"decoder": attention.decoder}
    if attention.cross is not None:
        found["cross"] = attention.cross
    return found


def features(attention: RowAttention, units: Units) -> FloatArray:
    """Attention of every head from where each step is predicted to each unit. Shape ``(steps, units, heads)``.

    Heads of the decoder come first, layer by layer, then those of cross-attention; a unit of the source has 0 in the
    former, one of the target in the latter.
    """
    blocks = []
    for kind, maps in maps_of(attention).items():
        side = "target" if kind == "decoder" else "source"
        rows = to_numpy(maps)[:, :, units.steps - 1, :].astype(np.float64)
        layers, heads, steps, keys = rows.shape
        block = np.zeros((steps, len(units), layers * heads))
        for index, unit in enumerate(units.members):
            if unit.side == side and unit.start < keys:
                block[:, index] = rows[:, :, :, unit.start : unit.end].sum(-1).reshape(layers * heads, steps).T
        blocks.append(block)
    return np.concatenate(blocks, axis=2)


RANK = 1e-12
"""Part of the largest singular value below which one is rounding."""


@define
class NormalEquations:
    """Least squares over many outputs, of which only sums are kept."""

    matrix: FloatArray
    """Shape ``(heads, heads)``."""
    vector: FloatArray
    """Shape ``(heads,)``."""
    outputs: int = 0

    @classmethod
    def empty(cls, heads: int) -> NormalEquations:
        """Nothing known yet."""
        return cls(np.zeros((heads, heads)), np.zeros(heads))

    def add(self, predictors: FloatArray, values: FloatArray) -> None:
        """Add one output.

        Args:
            predictors: What each head says of each coalition, shape ``(coalitions, heads)``.
            values: Log-odds, shape ``(coalitions,)``.
        """
        spread = float(values.std())
        if spread <= FLAT:
            return
        x = predictors - predictors.mean(axis=0)
        y = (values - values.mean()) / spread
        self.matrix += x.T @ x / len(x)
        self.vector += x.T @ y / len(x)
        self.outputs += 1

    def solve(self, alpha: float) -> FloatArray:
        """Weights of the heads, shape ``(heads,)``.

        Args:
            alpha: Strength of the ridge penalty, as a part of the mean variance of a head.

        Raises:
            InputError: No output had anything to learn from.
        """
        if not self.outputs or not np.trace(self.matrix) > 0:
            raise InputError("No output changed with the units that were removed, so there is nothing to learn from.")
        size = len(self.vector)
        ridge = alpha * np.trace(self.matrix) / size * np.eye(size)
        # of few outputs and no penalty many weights fit alike: the smallest, where a plain solution is rounding
        found: FloatArray = np.linalg.lstsq(self.matrix + ridge, self.vector, rcond=RANK)[0]
        return found


def predictors(found: FloatArray, masks: BoolArray) -> FloatArray:
    """What each head says of each coalition: plus for what stays, minus for what is gone. Shape ``(rows, heads)``.

    Args:
        found: Features of one output, shape ``(units, heads)``.
        masks: Shape ``(rows, units)``.
    """
    return (2.0 * masks - 1.0) @ found


def fit_heads(
    model: AttendingModel,
    questions: Sequence[Question],
    *,
    masks: int = 32,
    units: UnitsSetting = "token",
    baseline: str | int = "delete",
    alpha: float = 0.01,
    held_out: float = 0.2,
    seed: int = 0,
    tables: str | Path | None = None,
    progress: Progress = no_progress,
) -> HeadWeights:
    """Learn one weight per head from what the model says of these questions without some of their units.

    Every explained step of every question is an output. Questions are read one after the other; nothing of their tables
    is kept, but for those held out.

    Args:
        model: An adapter that shows attention and scores sequences.
        masks: Half-random coalitions per question, the whole input besides.
        units: What is removed as one, as perturbation methods take it.
        baseline: How it is removed, see `wherefrom.methods.perturbation.removal`.
        alpha: Strength of the penalty.
        held_out: Share of the questions that nothing is learned from, and that the weights are tested on.
        tables: Folder of ablation tables that is read and filled.

    Raises:
        InputError: There are no questions, or nothing could be learned from them.
        SettingsError: A setting is unknown or out of its range.
    """
    check_call(fit_heads, locals(), masks=4)
    if not questions:
        raise InputError("There are no questions to learn from.")
    if not 0 <= held_out < 1:
        raise SettingsError(f"held_out = {held_out!r} is no share to learn without. Give a number from 0 to below 1.")
    if alpha < 0:
        raise SettingsError(f"alpha = {alpha!r} is no strength of a penalty. Give 0 or more.")
    units, baseline = as_units(units), as_baseline(baseline)
    check_baseline(baseline, model, "fit_heads")
    rng = np.random.default_rng(seed)
    kept_out = set(rng.permutation(len(questions))[: int(held_out * len(questions))].tolist())
    equations: NormalEquations | None = None
    tests: list[tuple[FloatArray, FloatArray]] = []
    forwards = 0
    shapes: dict[Kind, tuple[int, int]] = {}
    for number, question in enumerate(questions):
        progress("fit", number, len(questions))
        (attention,) = model.attentions([question.row()])
        shapes = {kind: (maps.shape[0], maps.shape[1]) for kind, maps in maps_of(attention).items()}
        cut = units_of(question, units)
        drawn = rng.random((masks + 1, len(cut))) < 0.5
        drawn[0] = True
        outputs = _outputs(model, question, cut, drawn, attention, baseline, tables)
        forwards += outputs.forwards + 1
        if equations is None:
            equations = NormalEquations.empty(outputs.found.shape[2])
        for x, y in outputs.pairs():
            if number in kept_out:
                tests.append((x, y))
            else:
                equations.add(x, y)
    progress("fit", len(questions), len(questions))
    assert equations is not None
    weights = equations.solve(alpha)
    split, at = {}, 0
    for kind, (layers, heads) in shapes.items():
        split[kind] = weights[at : at + layers * heads].reshape(layers, heads)
        at += layers * heads
    return HeadWeights(
        decoder=split["decoder"],
        cross=split.get("cross"),
        model=model.card.name,
        fingerprint=model_fingerprint(model),
        outputs=equations.outputs,
        forwards=forwards,
        held_out=_agreement(tests, weights),
        held_out_uniform=_agreement(tests, np.ones_like(weights)),
        settings={"masks": masks, "units": units, "baseline": baseline, "alpha": alpha, "seed": seed},
    )


@frozen(eq=False)
class _Outputs:
    """What one question teaches."""

    found: FloatArray
    masks: BoolArray
    odds: FloatArray
    """Shape ``(rows, steps)``."""
    visible: BoolArray
    forwards: int

    def pairs(self) -> list[tuple[FloatArray, FloatArray]]:
        """Predictors and log-odds of every step over the units it can see."""
        return [
            (predictors(found[seen], self.masks[:, seen]), odds)
            for found, seen, odds in zip(self.found, self.visible.T, self.odds.T, strict=True)
            if seen.any()
        ]


def _outputs(
    model: ScoringModel,
    question: Question,
    units: Units,
    masks: BoolArray,
    attention: RowAttention,
    baseline: str | int,
    tables: str | Path | None,
) -> _Outputs:
    wanted = {LOG_PROBABILITY: quantities(question)[LOG_PROBABILITY]}
    growing = GrowingTable(model, question, units, baseline, wanted=wanted, folder=tables)
    values = growing.ask(masks).values_of(masks, LOG_PROBABILITY)
    return _Outputs(
        found=features(attention, units),
        masks=masks,
        odds=log_odds(values),
        visible=units.visible(units.steps),
        forwards=growing.forwards,
    )


def _agreement(tests: Sequence[tuple[FloatArray, FloatArray]], weights: FloatArray) -> float | None:
    """Mean rank correlation of predictions and truth, over outputs that change; None if there are none."""
    found = []
    for x, y in tests:
        said = x @ weights
        if y.std() > FLAT and said.std() > 0:
            ranks: tuple[Values, Values] = (said.astype(np.float64), y.astype(np.float64))
            found.append(spearman(*ranks))
    return float(np.mean(found)) if found else None
