"""Discretized integrated gradients: a path from the baseline to the word that passes by other words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from attrs import field, frozen

from wherefrom.adapters import GivesGradients, Side
from wherefrom.arrays import Array, FloatArray, IntArray, like, to_numpy
from wherefrom.errors import SettingsError
from wherefrom.methods.contract import SUM_THEN_NORMALIZE, Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.output_by_output import add_gradients, output_by_output, times, totals
from wherefrom.methods.output_groups import output_groups
from wherefrom.methods.paths.baselines import baseline_ids, baseline_of_side, card_of, kept_on_paths
from wherefrom.methods.paths.word_paths import Neighbours, WordPaths
from wherefrom.progress import Progress, counted, each_told
from wherefrom.questions.question import Question
from wherefrom.settings import a_folder, counting


@method(
    "discretized_integrated_gradients",
    needs=(GivesGradients,),
    signed=True,
    uses_target_function=True,
    differentiates=True,
    dimensions=("width",),
    aggregation=SUM_THEN_NORMALIZE,
)
@frozen(kw_only=True)
class DiscretizedIntegratedGradients(Method[GivesGradients]):
    """Gradients summed along a path of embeddings near real words, from each token's baseline to the token.

    ``Σ_k d f / d x (p_k) · (p_{k+1} − p_k)`` with ``p_0`` the baseline and the last point the token. Shape
    ``(inputs, steps, width)``, in units of the score. Signed; complete only as points ``between`` become many.

    Every coordinate moves in one direction along the path. Between, the path passes words that lie nearest to
    such a course (``greedy``) or agree with it in most coordinates (``maxcount``), their remaining
    coordinates bent onto it.

    Good for: gradients taken near places the model knows. Fails: where no word lies on the way the path jumps, however
    many words it passes by, and the sum over few, uneven points is rough (``deltas``); points ``between`` mend that.

    Paths depend on the words alone: they are found once per example, for all steps, and neighbours are looked
    up for the words passed and no others.

    Source:
        Sanyal & Ren (2021), https://arxiv.org/abs/2108.13654.
    """

    former_names: ClassVar[dict[str, str]] = {"method": "strategy", "baselines": "baseline"}

    n_steps: int = field(default=50, validator=counting(2))
    """Words of each path, baseline and token included."""
    between: int = field(default=0, validator=counting(0))
    """Points put evenly between each two of them, where no word is: with many, scores add up."""
    strategy: Literal["greedy", "maxcount"] = "greedy"
    """How the next word is chosen: least distance to a monotone course, or most coordinates on it."""
    n_neighbors: int = field(default=50, validator=counting(1))
    """How many nearest words are looked at for the next."""
    baseline: Any = "unk"
    """Where the paths begin: the name of a token (``unk``, ``pad``, ``mask``) or ids; see
    `wherefrom.methods.paths.baselines`."""
    multiply_by_inputs: bool = False
    """Multiply by ``x − b`` once more, as inseq's option of that name does."""
    cache_dir: str | None = field(default=None, validator=a_folder)
    """Folder to keep looked-up neighbours in, as one ``.npz`` per embedding table, named by a hash of it;
    None: they are kept for the time of the call."""
    internal_batch_size: int | None = field(default=None, validator=counting(1))
    """Points run at once; None lets the model's adapter choose."""
    return_convergence_delta: bool = False
    """Add the step score ``deltas``: ``Σ scores − (f(x) − f(b))``."""

    @property
    def _points(self) -> int:
        """Where gradients are taken: all points but the last, the token."""
        return (self.n_steps - 1) * (self.between + 1)

    def cost(self, question: Question) -> Cost:
        return self._cost(question, groups=1)

    def cost_on(self, model: GivesGradients, question: Question) -> Cost:
        """The points are run forward once for each group of outputs that the model's memory takes together."""
        return self._cost(question, groups=len(output_groups(model, question.row())))

    def _cost(self, question: Question, *, groups: int) -> Cost:
        clean = 1 if question.scores or self.return_convergence_delta else 0
        return Cost(forwards=groups * self._points + clean, backwards=self._points * question.target_function.outputs)

    def attribute(self, model: GivesGradients, questions: Sequence[Question], progress: Progress) -> Iterator[Scores]:
        """``(n_steps − 1) (between + 1)`` forward passes per question, as many backward rows per output."""
        sides: tuple[Side, ...] = ("source", "target")
        wanted: list[Side] = [side for side in sides if any(_ids(question, side) is not None for question in questions)]
        words: dict[Side, WordPaths] = {
            side: WordPaths(
                table=(table := np.asarray(to_numpy(model.embedding_table(side=side)))),
                neighbours=Neighbours(table, self.n_neighbors, self.cache_dir),
                points=self.n_steps,
                strategy=self.strategy,
            )
            for side in wanted
        }
        work = (self._one(model, question, words, progress) for question in questions)
        yield from counted(work, "attribute", len(questions), progress)
        for paths in words.values():
            paths.neighbours.save()

    def _one(
        self, model: GivesGradients, question: Question, words: dict[Side, WordPaths], progress: Progress
    ) -> Scores:
        paths: dict[Side, Array] = {}
        for side, finder in words.items():
            ids = _ids(question, side)
            if ids is not None:
                found = self._path(model, question, side, ids, finder)
                paths[side] = like(model.embed(ids, side=side), found, dtype=model.embed(ids, side=side).dtype)
        sums: dict[Side, list[Array]] = {}
        at_baseline: list[Array] = []
        groups = output_groups(model, question.row())
        tell = each_told("points", len(groups) * self._points, progress)
        for outputs in groups:
            for side, some in self._summed(model, question, paths, outputs, at_baseline, tell).items():
                sums.setdefault(side, []).extend(some)
        step_scores: dict[str, Array] = {}
        if question.scores or self.return_convergence_delta:
            for clean in model.predict([question.row(scores=True)], chunk=self.internal_batch_size):
                step_scores.update(clean.scores)
                if self.return_convergence_delta:
                    at_input = to_numpy(question.target_function.values(clean.logits, clean.inside))
                    change = at_input - np.concatenate([to_numpy(values) for values in at_baseline])
                    total = sum(totals(shares, None) for shares in sums.values())
                    step_scores["deltas"] = total - change
        factors = {side: path[-1] - path[0] if self.multiply_by_inputs else None for side, path in paths.items()}
        made = {side: output_by_output(sums.pop(side), times(factors[side]), used_up=True) for side in list(sums)}
        return Scores(source=made.get("source"), target=made.get("target"), step_scores=step_scores, new=True)

    def _summed(
        self,
        model: GivesGradients,
        question: Question,
        paths: dict[Side, Array],
        outputs: IntArray,
        at_baseline: list[Array],
        tell: Callable[[], None],
    ) -> dict[Side, list[Array]]:
        """Gradients of some outputs times the ways from point to point, added up; their values at the baseline are put
        into ``at_baseline``."""
        pieces = self.between + 1
        rows = (
            question.row(**{f"{side}_embeds": _point(path, k, pieces) for side, path in paths.items()}).select(outputs)
            for k in range(self._points)
        )
        sums: dict[Side, list[Array]] = {}
        numbers = itertools.count()
        for answer in model.gradients(rows, chunk=self.internal_batch_size, target="target" in paths):
            k = next(numbers)
            if k == 0:
                at_baseline.append(answer.values)
            for side, path in paths.items():
                gradients = answer.source if side == "source" else answer.target
                word = k // pieces
                sums[side] = add_gradients(sums.get(side), gradients, (path[word + 1] - path[word]) / pieces)
            del answer, gradients  # as large as the scores, and the next ones are about to be made
            tell()
        return sums

    def _path(
        self, model: GivesGradients, question: Question, side: Side, ids: IntArray, finder: WordPaths
    ) -> FloatArray:
        """Points of all tokens of one side, shape ``(n_steps, tokens, width)``."""
        card, kept = card_of(model), kept_on_paths(question, side)
        begins = baseline_ids(card, baseline_of_side(self.baseline, side, default="unk"), ids, kept)
        if begins is None:
            raise SettingsError(
                f"{self.identifier} goes from word to word, so its baseline must be a token: 'unk', 'pad', 'mask' or "
                f"ids, not {self.baseline!r}."
            )
        stays = np.isin(ids, list(card.special_ids))
        return finder.between(ids, begins, stays)


def _point(path: Array, k: int, pieces: int) -> Array:
    """The ``k``-th point of a path whose ways from word to word are cut into pieces."""
    word, part = divmod(k, pieces)
    return path[word] + (path[word + 1] - path[word]) * (part / pieces) if part else path[word]


def _ids(question: Question, side: Side) -> IntArray | None:
    if side == "source":
        return question.source_ids
    return question.target_ids if question.attribute_target else None
