"""One table of what a model says without some of its input: masks × per-step values.

Everything that perturbs asks the same question many times: what is the answer worth when these units are gone? The
answers are kept here, once, for *all* steps of every pass, so that a step, a span, a contrast or another surrogate can
be solved from them later without running the model again::

    units = units_of(question, "sentence")
    table = ablate(model, question, units, half_masks(len(units), 64, rng), baseline="delete")
    table.solve(Lime(), of="log_probability", spans=[(12, 20)])
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from attrs import evolve, field, frozen

from wherefrom.adapters import Inside, Row, ScoringModel, SequenceModel, model_fingerprint
from wherefrom.arrays import Array, BoolArray, FloatArray, IntArray, namespace, to_numpy
from wherefrom.errors import FileFormatError, InputError, ShapeError
from wherefrom.files.wire.bytes import write_whole
from wherefrom.files.wire.npz import arrays_of, header_of
from wherefrom.methods.perturbation.removal import Removed, as_baseline, removal
from wherefrom.methods.perturbation.units import Unit, Units
from wherefrom.progress import Progress, no_progress
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.settings import check_call
from wherefrom.step_functions.code import UntoldError, this_object, told
from wherefrom.step_functions.probability import Probability

LOG_PROBABILITY = "log_probability"
CONTRAST_LOG_PROBABILITY = "contrast_log_probability"
LOG_PROBABILITIES = (LOG_PROBABILITY, CONTRAST_LOG_PROBABILITY)
FORMAT, WITH_HOLES = "wherefrom.ablation/1", "wherefrom.ablation/2"
"""Formats of files: every quantity in every row, or some in some."""
_UNTOLD = "untold-"
"""Begins what stands for a function that is told from others in this process alone."""


class Solver(Protocol):
    """Turns what coalitions are worth into what each unit is."""

    def solve(self, masks: BoolArray, values: FloatArray, visible: BoolArray, units: Units) -> FloatArray:
        """Scores of the units for every output.

        Args:
            masks: True for the units that stay, shape ``(samples, units)``.
            values: What each coalition is worth, shape ``(samples, outputs)``.
            visible: False for units that cannot matter to an output, shape ``(units, outputs)``.
            units: Who they are.

        Returns:
            Shape ``(units, outputs)``, 0 for units that cannot matter.
        """
        ...


@runtime_checkable
class CountsSteps(Protocol):
    """A solver to whom it matters how many steps an output is the sum of."""

    def of_sums(self, steps: FloatArray) -> Solver:
        """The solver of outputs that are sums over so many steps each, shape ``(outputs,)``."""
        ...


@frozen(kw_only=True, eq=False)
class AblationTable:
    """What a model says when some units of one input are gone.

    Rows are distinct masks; a row's values are those of every explained step. Columns are quantities by name:
    ``"log_probability"`` of the target tokens in nats, ``"contrast_log_probability"`` of the contrastive ones where the
    question has them, and one per target function that was evaluated.
    """

    units: Units
    baseline: str | int
    """How units were removed, see `wherefrom.methods.perturbation.removal`."""
    masks: BoolArray
    """True for the units that stay, shape ``(rows, units)``."""
    values: Mapping[str, FloatArray]
    """Quantity to values in float64, shape ``(rows, steps)``; NaN in rows that were not run for it."""
    clean: Mapping[str, FloatArray]
    """Quantity to values of the untouched input, shape ``(steps,)``."""
    question_hash: str = ""
    """Fingerprint of model, ids, steps, units and baseline; tables with equal ones can be joined."""
    forwards: int = 0
    """Passes that were run to make it, by whichever calls."""
    step_scores: Mapping[str, FloatArray] = field(factory=dict)
    """The question's step scores from the clean pass, where one was run; not part of the file."""
    run_for: Mapping[str, BoolArray] = field(factory=dict)
    """Quantity to the rows that were run for it, shape ``(rows,)``; all rows for those not named here."""

    def __len__(self) -> int:
        return len(self.masks)

    def rows_of(self, of: str) -> IntArray:
        """The rows that were run for a quantity; none where it was not recorded."""
        if of not in self.values:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(self.run_for[of]) if of in self.run_for else np.arange(len(self))

    def find(self, masks: BoolArray, of: str | None = None) -> IntArray:
        """The row of each mask; -1 for masks that were not run, or not for the quantity ``of``."""
        rows = np.arange(len(self)) if of is None else self.rows_of(of)
        known = {self.masks[row].tobytes(): int(row) for row in rows}
        return np.array([known.get(mask.tobytes(), -1) for mask in np.ascontiguousarray(masks)], dtype=np.int64)

    def values_of(self, masks: BoolArray, of: str = LOG_PROBABILITY) -> FloatArray:
        """A quantity for these masks, in this order. Shape ``(len(masks), steps)``.

        Raises:
            InputError: A mask was not run, or the quantity was not recorded.
        """
        column = self._column(of)
        rows = self.find(masks, of)
        if (rows < 0).any():
            raise InputError(
                f"{int((rows < 0).sum())} of {len(rows)} masks are not in the table of {len(self.rows_of(of))} rows. "
                "Run them first: ablate(model, question, units, masks, table=table)."
            )
        return column[rows]

    def solve(
        self,
        solver: Solver,
        *,
        of: str = LOG_PROBABILITY,
        spans: Sequence[tuple[int, int]] | None = None,
        masks: BoolArray | None = None,
    ) -> FloatArray:
        """Scores of the units, without a further pass of the model.

        Args:
            solver: A perturbation method (`Lime`, `KernelShap`, ...) or anything with its ``solve``.
            of: The quantity that is explained.
            spans: Target positions ``(start, end)``, end exclusive: each is one output, the sum over its steps. None:
                one output per step.
            masks: The rows to use, in this order, repeats allowed: ``solver.plan(...)`` gives what the method gives,
                whose plan matters (Shapley values, occlusion) or may draw a mask twice. None: all rows that were run
                for the quantity, each once.

        Returns:
            Shape ``(units, outputs)``.
        """
        masks = self.masks[self.rows_of(of)] if masks is None else masks
        values = self.values_of(masks, of)
        steps = self.units.steps
        if spans is None:
            return solver.solve(masks, values, self.units.visible(steps), self.units)
        sums, last, counts = [], [], []
        for start, end in spans:
            inside = np.flatnonzero((steps >= start) & (steps < end))
            if not len(inside):
                raise InputError(
                    f"The span ({start}, {end}) holds none of the explained steps, target positions "
                    f"{int(steps[0])} to {int(steps[-1])}."
                )
            sums.append(values[:, inside].sum(axis=1))
            last.append(steps[inside[-1]])
            counts.append(float(len(inside)))
        if isinstance(solver, CountsSteps):
            solver = solver.of_sums(np.array(counts))
        return solver.solve(masks, np.stack(sums, axis=1), self.units.visible(np.array(last)), self.units)

    def joined(self, other: AblationTable) -> AblationTable:
        """Rows and quantities of both tables, each quantity in the rows that were run for it; those of this one win.

        Raises:
            InputError: The tables answer different questions.
        """
        if self.question_hash != other.question_hash:
            raise InputError("These ablation tables are of different inputs, models, units or baselines.")
        masks = np.concatenate([self.masks, other.masks[self.find(other.masks) < 0]])
        both = evolve(self, masks=masks, values={}, run_for={}, clean={**other.clean, **self.clean})
        values, run_for = {}, {}
        for name in {**self.values, **other.values}:
            values[name] = np.full((len(masks), len(self.units.steps)), np.nan)
            run = np.zeros(len(masks), bool)
            for part in (other, self):
                known = part.rows_of(name)
                if len(known):
                    rows = both.find(part.masks[known])
                    values[name][rows] = part.values[name][known]
                    run[rows] = True
            if not run.all():
                run_for[name] = run
        return evolve(both, values=values, run_for=run_for, forwards=self.forwards + other.forwards)

    def only(self, names: Sequence[str]) -> AblationTable:
        """The table of these quantities, with the rows that were run for one of them."""
        rows = np.unique(np.concatenate([self.rows_of(name) for name in names]))
        return evolve(
            self,
            masks=self.masks[rows],
            values={name: self.values[name][rows] for name in names},
            clean={name: self.clean[name] for name in names},
            run_for={name: run[rows] for name, run in self.run_for.items() if name in names},
        )

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the table as one ``.npz`` file: arrays only, nothing pickled.

        Raises:
            InputError: The file is there and ``overwrite`` is false.
        """
        names = sorted(self.values)
        header = {
            "format": WITH_HOLES if self.run_for else FORMAT,
            "baseline": self.baseline,
            "question_hash": self.question_hash,
            "forwards": self.forwards,
            "source_length": self.units.source_length,
            "target_length": self.units.target_length,
            "units": [[unit.side, unit.start, unit.end, unit.removable.tolist()] for unit in self.units.members],
            "quantities": names,
        }
        arrays: dict[str, Array] = {f"values.{index}": self.values[name] for index, name in enumerate(names)}
        arrays |= {f"clean.{index}": self.clean[name] for index, name in enumerate(names)}
        arrays |= {f"run_for.{index}": self.run_for[name] for index, name in enumerate(names) if name in self.run_for}
        file = io.BytesIO()
        np.savez_compressed(
            file,
            header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
            masks=self.masks,
            steps=self.units.steps,
            **arrays,
        )
        write_whole(path, [file.getvalue()], overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> AblationTable:
        """Read a table that `save` wrote.

        Raises:
            FileFormatError: The file is damaged or something else.
            FileNotFoundError: There is none.
        """
        try:
            arrays = arrays_of(path)
            header = header_of(arrays, (FORMAT, WITH_HOLES))
            units = Units(
                members=tuple(
                    Unit(side=side, start=start, end=end, removable=np.array(removable, dtype=np.int64))
                    for side, start, end, removable in header["units"]
                ),
                steps=arrays["steps"],
                source_length=header["source_length"],
                target_length=header["target_length"],
            )
            names = header["quantities"]
            table = cls(
                units=units,
                baseline=header["baseline"],
                masks=arrays["masks"],
                values={name: arrays[f"values.{index}"] for index, name in enumerate(names)},
                clean={name: arrays[f"clean.{index}"] for index, name in enumerate(names)},
                question_hash=header["question_hash"],
                forwards=header["forwards"],
                run_for={
                    name: arrays[f"run_for.{index}"] for index, name in enumerate(names) if f"run_for.{index}" in arrays
                },
            )
            table.check_shapes()
        except (FileFormatError, ShapeError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise FileFormatError(
                f"{path} is not an ablation table, or it is damaged: {str(error).rstrip('.')}. Delete the file."
            ) from error
        return table

    def check_shapes(self) -> None:
        """Raise: ShapeError: The arrays do not belong together."""
        rows, steps = len(self.masks), len(self.units.steps)
        expected: list[tuple[Array, tuple[int, ...]]] = [(self.masks, (rows, len(self.units)))]
        expected += [(values, (rows, steps)) for values in self.values.values()]
        expected += [(clean, (steps,)) for clean in self.clean.values()]
        expected += [(run, (rows,)) for run in self.run_for.values()]
        for array, shape in expected:
            if array.shape != shape:
                raise ShapeError(f"an array of shape {array.shape}, expected {shape}")

    def _column(self, of: str) -> FloatArray:
        if of not in self.values:
            raise InputError(
                f"The table did not record {of!r}, only {', '.join(sorted(self.values))}. Run it again with that "
                "target function."
            )
        return self.values[of]


def quantities(question: Question, *, log_probabilities: bool = True) -> dict[str, TargetFunction]:
    """What can be read of every pass for this question: its target function per step, and log-probabilities."""
    target_function = question.target_function
    wanted = {target_function_name(target_function): evolve(target_function, groups=None)}
    if log_probabilities:
        plain = Probability(logprob=True)
        wanted[LOG_PROBABILITY] = TargetFunction(function=plain, target_ids=target_function.target_ids)
        if target_function.contrast_ids is not None:
            contrast = TargetFunction(function=plain, target_ids=target_function.contrast_ids)
            wanted[CONTRAST_LOG_PROBABILITY] = contrast
    return wanted


def target_function_name(target_function: TargetFunction) -> str:
    """A name for what a target function measures per step, equal only when function, settings, contrast and weights
    are: in every process, or, where a function holds what cannot be looked through, of this object (`is_told`)."""
    function = target_function.function
    if type(function) is Probability and function.logprob and target_function.weights is None:
        return LOG_PROBABILITY
    try:
        kind = told(function)
    except UntoldError:
        kind = f"{_UNTOLD}{this_object(function)}-"
    digest = hashlib.sha256(kind.encode())
    digest.update(target_function.target_ids.tobytes())
    parts = (target_function.contrast_ids, target_function.contrast_logits, target_function.samples)
    for extra in parts if target_function.weights is None else (*parts, target_function.weights):
        digest.update(b"-" if extra is None else np.ascontiguousarray(to_numpy(extra)).tobytes())
    return f"{function.identifier}:{kind if kind.startswith(_UNTOLD) else ''}{digest.hexdigest()[:16]}"


def is_told(name: str) -> bool:
    """Does the name of a quantity mean the same in every process?"""
    return f":{_UNTOLD}" not in name


def question_hash(
    model: SequenceModel, question: Question, units: Units, baseline: str | int, *, who: str | None = None
) -> str:
    """Fingerprint of everything but masks and quantities that decides the numbers of a table.

    Args:
        who: What tells the model from others; None: its fingerprint (`wherefrom.adapters.GivesFingerprint`), or the
            object in this process where it has none.
    """
    card = model.card
    who = model_fingerprint(model) if who is None else who
    parts = [
        [card.name, card.model_class, card.revision, card.dtype, this_object(model) if who is None else who],
        None if question.source_ids is None else question.source_ids.tolist(),
        question.target_ids.tolist(),
        question.target_function.target_ids.tolist(),
        None if question.target_function.contrast_ids is None else question.target_function.contrast_ids.tolist(),
        units.steps.tolist(),
        [[unit.side, unit.removable.tolist()] for unit in units.members],
        baseline,
    ]
    if baseline == "delete" and 0 not in question.kept_target:
        parts.append("bare steps apart")  # 0.1.0 put the stand-in in front of all steps: its tables are not reused
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def ablate(
    model: ScoringModel,
    question: Question,
    units: Units,
    masks: BoolArray,
    *,
    baseline: str | int = "unk",
    wanted: Mapping[str, TargetFunction] | None = None,
    table: AblationTable | None = None,
    known_as: str | None = None,
    chunk: int | None = None,
    progress: Progress = no_progress,
) -> AblationTable:
    """Run the model once for every mask that ``table`` does not have yet for all that is wanted.

    All steps are read from the same pass; of what is deleted, steps that are left nothing to predict from take a pass
    of their own (`removal.two_rows`).

    Equal masks run once; masks that change nothing, or nothing a step can see, do not run at all for it: their values
    are those of the clean pass. Rows come to the adapter sorted by the first position they change, so that it can share
    what comes before.

    Args:
        masks: True for the units that stay, shape ``(samples, units)``.
        baseline: How units are removed, see `wherefrom.methods.perturbation.removal`.
        wanted: Quantities to read, see `quantities`; None: the question's target function and the log-probabilities.
        table: Rows to start from.
        known_as: The question's hash, from whoever has it; None: it is taken, which reads all weights of a model.
        chunk: Rows at once; None lets the adapter choose.

    Raises:
        ShapeError: A mask is not as long as there are units.
        InputError: ``table`` is of another question, model, units or baseline.
        SettingsError: ``baseline`` or ``chunk`` is none.
    """
    check_call(ablate, locals(), chunk=1)
    baseline = as_baseline(baseline)
    if masks.ndim != 2 or masks.shape[1] != len(units):
        raise ShapeError(f"Masks of shape {masks.shape} for {len(units)} units; expected (samples, {len(units)}).")
    wanted = quantities(question) if wanted is None else wanted
    known_as = question_hash(model, question, units, baseline) if known_as is None else known_as

    def run(masks: BoolArray, wanted: Mapping[str, TargetFunction], known: AblationTable | None) -> AblationTable:
        fresh = _run(model, question, units, _distinct(masks), baseline, wanted, chunk, progress, known)
        return evolve(fresh, question_hash=known_as)

    if table is None:
        return run(masks, wanted, None)
    if table.question_hash != known_as:
        raise InputError("The ablation table is of another input, model, unit or baseline, so it cannot be extended.")
    table = evolve(table, units=units)  # they remove the same, and may be cut otherwise
    lacking = np.zeros(len(masks), bool)
    for name in wanted:
        lacking |= table.find(masks, name) < 0
    if not lacking.any() and _has_clean(table, question, wanted):
        return table
    fresh = run(masks[lacking], wanted, table)
    return evolve(table.joined(fresh), step_scores={**table.step_scores, **fresh.step_scores})


def _has_clean(table: AblationTable, question: Question, wanted: Mapping[str, TargetFunction]) -> bool:
    """Does the table have all that is read of the clean pass?"""
    return set(question.scores) <= set(table.step_scores) and set(wanted) <= set(table.clean)


def _run(
    model: ScoringModel,
    question: Question,
    units: Units,
    masks: BoolArray,
    baseline: str | int,
    wanted: Mapping[str, TargetFunction],
    chunk: int | None,
    progress: Progress,
    table: AblationTable | None,
) -> AblationTable:
    """A table of just these masks; the clean pass is run unless ``table`` has it."""
    moved = _without(model, question, units, masks, baseline)
    moved.sort(key=lambda one: _reach(one[1]))
    values = {name: np.zeros((len(masks), len(question.steps))) for name in wanted}
    needs_clean = table is None or not _has_clean(table, question, wanted)
    clean = {} if table is None else {name: table.clean[name] for name in wanted if name in table.clean}
    scores: dict[str, FloatArray] = {}

    each_step = evolve(question.target_function, groups=None)
    looked_at: dict[tuple[int, int], TargetFunction] = {}

    def rows() -> Iterator[Row]:
        """With what will be read of them, for models that do not know every logit (`RowFunction.looked_up`)."""
        if needs_clean:
            yield question.row(scores=True, target_function=each_step, first_change=len(question.target_ids))
        for _, item in moved:
            row = item.finished()
            if _one_to_one(item):
                key = _key(item)
                if key not in looked_at:
                    looked_at[key] = each_step.select(item.asked)
                row = evolve(row, target_function=looked_at[key])
            yield row

    answers = iter(model.predict(rows(), chunk=chunk))
    if needs_clean:
        said = next(answers)
        clean = {
            name: _step_values(target_function, said.logits, said.inside) for name, target_function in wanted.items()
        }
        scores = {name: to_numpy(score) for name, score in said.scores.items()}
    for name in wanted:
        values[name][:] = clean[name]
    parts: dict[tuple[int, int], dict[str, TargetFunction]] = {}
    for done, ((index, item), said) in enumerate(zip(moved, answers, strict=True), start=1):
        logits, inside = said.logits, said.inside
        if not _one_to_one(item):
            logits = _rows_of(logits, item.read)
            inside = None if inside is None else inside.at(item.read)
        key = _key(item)
        if key not in parts:
            parts[key] = {name: target_function.select(item.asked) for name, target_function in wanted.items()}
        for name, target_function in parts[key].items():
            values[name][index, item.asked] = _step_values(target_function, logits, inside)
        progress("ablation", done, len(moved))
    return AblationTable(
        units=units,
        baseline=baseline,
        masks=masks,
        values=values,
        clean=clean,
        forwards=len(moved) + int(needs_clean),
        step_scores=scores,
    )


def passes_of(model: ScoringModel, question: Question, units: Units, masks: BoolArray, baseline: str | int) -> int:
    """Passes that a table of these masks takes where nothing is known, the clean one apart."""
    return len(_without(model, question, units, _distinct(masks), baseline))


def _without(
    model: ScoringModel, question: Question, units: Units, masks: BoolArray, baseline: str | int
) -> list[tuple[int, Removed]]:
    """What is run under each mask, by the mask's number; nothing where a mask changes nothing."""
    remove = removal(baseline, model, question)
    return [
        (index, item)
        for index, mask in enumerate(masks)
        for item in remove(units.positions_removed(mask, "source"), units.positions_removed(mask, "target"))
    ]


def _reach(item: Removed) -> int:
    return -1 if item.row.first_change is None else item.row.first_change


def _distinct(masks: BoolArray) -> BoolArray:
    """Each mask once, in order of first appearance."""
    if not len(masks):
        return masks
    _, first = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True)
    return masks[np.sort(first)]


def _rows_of(logits: Array, rows: IntArray) -> Array:
    xp = namespace(logits)
    return xp.stack([logits[int(row)] for row in rows])


def _one_to_one(item: Removed) -> bool:
    """Does each step of the row answer one step that is asked about, in order?"""
    return len(item.read) == len(item.row.steps) and bool(np.array_equal(item.read, np.arange(len(item.read))))


def _key(item: Removed) -> tuple[int, int]:
    """What tells the asked steps from others: they stand side by side."""
    return int(item.asked[0]), len(item.asked)


def _step_values(target_function: TargetFunction, logits: Array, inside: Inside | None) -> FloatArray:
    values: FloatArray = np.asarray(to_numpy(target_function.step_values(logits, inside)), dtype=np.float64)
    return values
