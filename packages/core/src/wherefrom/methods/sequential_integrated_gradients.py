"""Sequential integrated gradients: one token moves at a time, the others stay real."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from attrs import field, frozen

from wherefrom.adapters import GivesGradients, Row, Side
from wherefrom.arrays import Array, FloatArray, IntArray, like, namespace, to_numpy
from wherefrom.errors import SettingsError
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.paths.baselines import Endpoints, endpoints, stays_on_paths
from wherefrom.methods.paths.quadrature import Quadrature, quadrature
from wherefrom.methods.perturbation.units import last_steps
from wherefrom.progress import Progress, counted, each_told
from wherefrom.questions.question import Question
from wherefrom.settings import counting


@method(
    "sequential_integrated_gradients",
    needs=(GivesGradients,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class SequentialIntegratedGradients(Method[GivesGradients]):
    """Integrated gradients of each token on a path of its own: from its baseline to itself, in its real
    context.

    For token ``i``: ``(x_i − b_i) · ∫₀¹ d f / d x_i (x with b_i + α (x_i − b_i) at i) dα``. Shape ``(inputs,
    steps, width)``, in units of the score. Signed. Each token's path is complete: summed over the width, a
    score is ``f(x) − f(x with b_i at i)``, which is signed occlusion with the same baseline. The sum over all
    tokens is not ``f(x) − f(b)``.

    Good for: every point of every path is a sentence with one strange token, not a mixture of two sentences.
    Fails: like occlusion, where tokens stand in for each other; it costs as many paths as there are tokens.

    Source:
        Enguehard (2023), https://arxiv.org/abs/2305.15853.
    """

    former_names: ClassVar[dict[str, str]] = {"method": "quadrature", "baselines": "baseline"}

    n_steps: int = field(default=50, validator=counting(1))
    """Points of each token's path."""
    quadrature: str = "gausslegendre"
    """Rule of the integral; see `wherefrom.methods.paths.quadrature`."""
    baseline: Any = "unk"
    """Where the paths begin: a name, ids or embeddings; see `methods.paths.baselines`."""
    multiply_by_inputs: bool = True
    """Multiply the averaged gradient by ``x − b``; without it the scores are sensitivities."""
    token_sums: bool = False
    """Give only the sum over the width, as a single channel: no gradients are needed for it then, one forward
    pass per token does."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Rows run at once; None lets the model's adapter choose."""
    return_convergence_delta: bool = False
    """Add the step score ``deltas``: ``Σ shares − (f(x) − f(b))`` with all tokens at their baselines."""

    def cost(self, question: Question) -> Cost:
        """Tokens whose baseline is themselves do not move, and cost nothing."""
        rows, backwards = 0, 0
        sides: list[Side] = ["source"] if question.source_ids is not None else []
        if question.attribute_target:
            sides.append("target")
        for side in sides:
            seen = _outputs_after(question, side, self.baseline)
            rows += 1 + len(seen) if self.token_sums else self.n_steps * len(seen)
            backwards += 0 if self.token_sums else self.n_steps * sum(seen)
        if question.scores or self.return_convergence_delta:
            rows += 2 if self.return_convergence_delta else 1
        return Cost(forwards=rows, backwards=backwards, at_most=True)

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """``n_steps`` forward passes per token, shared by all steps; tokens that do not move cost nothing."""
        if self.token_sums and not self.multiply_by_inputs:
            raise SettingsError("token_sums are sums of shares; they need multiply_by_inputs=True.")
        work = (self._one(model, question, progress) for question in questions)
        yield from counted(work, "attribute", len(questions), progress)

    def _one(self, model: GivesGradients, question: Question, progress: Progress) -> Scores:
        sides: dict[Side, Endpoints] = {}
        if (ends := endpoints(model, question, "source", self.baseline)) is not None:
            sides["source"] = ends
        if question.attribute_target and (ends := endpoints(model, question, "target", self.baseline)) is not None:
            sides["target"] = ends
        if self.token_sums:
            shares = {side: self._occluded(model, question, side, ends, progress) for side, ends in sides.items()}
        else:
            rule = quadrature(self.quadrature, self.n_steps)
            shares = {
                side: self._integrated(model, question, side, ends, rule, progress) for side, ends in sides.items()
            }
        step_scores: dict[str, Array] = {}
        if question.scores or self.return_convergence_delta:
            base = question.row(**{f"{side}_embeds": ends.baseline for side, ends in sides.items()})
            rows = [question.row(scores=True), base][: 2 if self.return_convergence_delta else 1]
            clean, *others = model.predict(rows, chunk=self.internal_batch_size)
            step_scores.update(clean.scores)
            for other in others:
                at_input, at_baseline = (
                    question.target_function.values(one.logits, one.inside) for one in (clean, other)
                )
                total = sum(share.sum(axis=(0, 2)) for share in shares.values())
                step_scores["deltas"] = total - to_numpy(at_input - at_baseline)
        details = {"form": "occlusion of one token at a time, which it equals in sums"} if self.token_sums else {}
        return Scores(
            source=shares.get("source"), target=shares.get("target"), step_scores=step_scores, details=details, new=True
        )

    def _integrated(
        self,
        model: GivesGradients,
        question: Question,
        side: Side,
        ends: Endpoints,
        rule: Quadrature,
        progress: Progress,
    ) -> FloatArray:
        """Shape ``(inputs, outputs, width)``."""
        moves = _moves(question, side, ends)
        tell = each_told("points", len(moves) * len(rule.points), progress)
        rows = (
            _row(question, side, ends, position, seen, float(point))
            for position, seen in moves
            for point in rule.points
        )
        answers = iter(
            model.gradients(rows, chunk=self.internal_batch_size, source=side == "source", target=side == "target")
        )
        made = np.zeros((len(ends.input), question.target_function.outputs, ends.input.shape[-1]), _host_type(ends))
        for position, seen in moves:
            total: Array = 0.0
            for weight in rule.weights:
                answer = next(answers)
                gradients: Array = answer.source if side == "source" else answer.target
                total = total + float(weight) * gradients[:, position, :]
                del answer, gradients  # as large as the scores, and the next ones are about to be made
                tell()
            if self.multiply_by_inputs:
                total = total * ends.difference[position]
            made[position, seen] = to_numpy(total)
        return made

    def _occluded(
        self, model: GivesGradients, question: Question, side: Side, ends: Endpoints, progress: Progress
    ) -> FloatArray:
        """The same scores summed over the width, as shape ``(inputs, outputs, 1)``."""
        moves = _moves(question, side, ends)
        clean = question.row(first_change=None)
        rows = (_row(question, side, ends, position, seen, 0.0) for position, seen in moves)
        answers = iter(model.predict(chain([clean], rows), chunk=self.internal_batch_size))
        tell = each_told("tokens", len(moves), progress)
        first = next(answers)
        function = question.target_function
        whole = to_numpy(function.values(first.logits, first.inside))
        sums = np.zeros((ends.input.shape[0], function.outputs, 1), _host_type(ends))
        for (position, seen), answer in zip(moves, answers, strict=True):
            change = whole[seen] - to_numpy(function.select(seen).values(answer.logits, answer.inside))
            sums[position, seen, 0] = change
            tell()
        return sums


def _outputs_after(question: Question, side: Side, baseline: Any) -> list[int]:
    """How many outputs see each position that may move: what is given for each position may move any."""
    outputs = question.target_function.outputs
    kept = set(stays_on_paths(question, side, baseline).tolist())
    if side == "source":
        assert question.source_ids is not None
        return [outputs] * (len(question.source_ids) - len(kept))
    last = last_steps(question.target_function, question.steps)
    seen = [int((last > position).sum()) for position in range(len(question.target_ids)) if position not in kept]
    return [count for count in seen if count]


def _moves(question: Question, side: Side, ends: Endpoints) -> list[tuple[int, IntArray]]:
    """Positions that differ from their baselines, each with the outputs that can see it."""
    moving = np.flatnonzero(ends.moving)
    outputs = np.arange(question.target_function.outputs)
    if side == "source":
        return [(int(position), outputs) for position in moving]
    last = last_steps(question.target_function, question.steps)
    seen = [(int(position), outputs[last > position]) for position in moving]
    return [(position, those) for position, those in seen if len(those)]


def _row(question: Question, side: Side, ends: Endpoints, position: int, seen: IntArray, fraction: float) -> Row:
    """The input with one token ``fraction`` of the way from its baseline."""
    xp = namespace(ends.input)
    here = like(ends.input, (np.arange(ends.input.shape[0]) == position)[:, None])
    moved = xp.where(here, ends.baseline + fraction * ends.difference, ends.input)
    row = question.row(**{f"{side}_embeds": moved, "first_change": position if side == "target" else None})
    return row.select(seen)


def _host_type(ends: Endpoints) -> np.dtype[Any]:
    """The type of embeddings, or of what is made of them, on the host."""
    return to_numpy(ends.input[:0]).dtype
