"""Attention, weighed head by head as the model itself has taught."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, field, frozen

from wherefrom.adapters import GivesAttention, RowAttention, model_fingerprint
from wherefrom.arrays import Array, FloatArray, like, namespace
from wherefrom.errors import SettingsError
from wherefrom.methods._columns import PREDICTING_STATE
from wherefrom.methods.attention_rollout import mixed_inputs
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.head_weights import HeadWeights, Kind, maps_of
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.results.stages import Stage

UNIFORM = "uniform"


def _as_weights(value: Any) -> str | HeadWeights | None:
    if value is None or isinstance(value, str | HeadWeights):
        return value
    if isinstance(value, Path):
        return str(value)
    raise SettingsError(f"weights = {value!r}: expected a file of `wherefrom fit-attention`, or a HeadWeights.")


@method(
    "learned_attention",
    needs=(GivesAttention,),
    signed=True,
    uses_target_function=False,
    explains=PREDICTING_STATE,
    differentiates=False,
    aggregation=(Stage(name="normalize"),),
)
@frozen(kw_only=True)
class LearnedAttention(Method[GivesAttention]):
    """Attention to each input from where a step is predicted, every head by a weight that was learned.

    ``Σ over heads of θ_h A_h[t − 1, j]``, shape ``(inputs, steps)``. The weights are learned once per model, from what
    it says when parts of texts are removed (``wherefrom fit-attention``); then an explanation is one forward pass.
    Signed: a head may count against.

    Good for: the price of attention with what removal knows. Fails: on texts unlike those it was learned on; the file
    says how well it did on some that were held out. Weights of another model with as many heads are taken, and the
    result says in its ``warnings`` that they were learned elsewhere.

    Encoder-decoder models: cross-attention scores the source, the decoder's self-attention the target.

    Source:
        Cohen-Wang, Chuang & Madry (2025), https://arxiv.org/abs/2504.13752.
    """

    weights: Any = field(default=None, converter=_as_weights)
    """The file that ``wherefrom fit-attention`` wrote, or a `HeadWeights`; ``"uniform"``: all heads alike."""

    def cost(self, question: Question) -> Cost:
        return Cost(forwards=1)

    def cost_on(self, model: GivesAttention, question: Question) -> Cost:
        """What it costs, or the refusal where there are no weights: no price for what will not be done."""
        self._learned()
        return self.cost(question)

    def attribute(self, model: GivesAttention, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Weighted attention of each question's clean pass; weights are read before any work."""
        return _answers(self._learned(), model, questions, progress)

    def _learned(self) -> HeadWeights | str:
        """The weights.

        Raises:
            SettingsError: None were given, or there is no such file, or it cannot be read.
            FileFormatError: It holds something else, or is damaged.
        """
        given = self.weights
        if given is None:
            raise SettingsError(
                "learned_attention needs weights=...: a file that `wherefrom fit-attention` wrote for this model."
            )
        try:
            found: HeadWeights | str = HeadWeights.load(given) if isinstance(given, str) and given != UNIFORM else given
        except FileNotFoundError as error:
            raise SettingsError(
                f"weights = {given!r}: there is no such file. `wherefrom fit-attention` writes one; or take 'uniform'."
            ) from error
        except OSError as error:
            raise SettingsError(
                f"weights = {given!r}: expected a file that `wherefrom fit-attention` wrote, and this cannot be read: "
                f"{error.strerror}."
            ) from error
        return found


def _answers(
    weights: HeadWeights | str, model: GivesAttention, questions: Sequence[Question], progress: Progress
) -> Iterator[Scores]:
    answers = model.attentions(question.row(scores=True) for question in questions)
    warnings = _warnings(weights, model)

    def made_of(question: Question, attention: RowAttention) -> Scores:
        by_kind = weights.of(attention) if isinstance(weights, HeadWeights) else _uniform(attention)
        mixed = {kind: _weighed(maps, by_kind[kind]) for kind, maps in maps_of(attention).items()}
        scores = mixed_inputs(question, mixed.get("cross"), mixed["decoder"], attention.scores)
        return evolve(scores, warnings=warnings)

    yield from one_answer_at_a_time(questions, answers, made_of, "forward", progress)


def _warnings(weights: HeadWeights | str, model: GivesAttention) -> tuple[str, ...]:
    """What a reader must know of where the weights come from. To tell the model reads all of its weights at every call,
    which costs as much as a short pass: they may have changed. Calls for which it stays reserved read them once."""
    if not isinstance(weights, HeadWeights) or weights.fingerprint is None:
        return ()
    this = model_fingerprint(model)
    if this is None or this == weights.fingerprint:
        return ()
    return (
        f"The weights of attention heads were learned on {weights.model or 'a model'} with other weights, "
        "configuration or precision than this model has. Scores of heads that do something else here mean nothing; "
        "`wherefrom fit-attention` learns them anew.",
    )


def _uniform(attention: RowAttention) -> dict[Kind, FloatArray]:
    return {
        kind: np.full(maps.shape[:2], 1.0 / (maps.shape[0] * maps.shape[1]))
        for kind, maps in maps_of(attention).items()
    }


def _weighed(maps: Array, weights: FloatArray) -> Array:
    """``(layers, heads, queries, keys)`` to ``(queries, keys)``."""
    xp = namespace(maps)
    layers, heads, queries, keys = maps.shape
    flat = xp.reshape(maps, (layers * heads, queries * keys))
    return xp.reshape(xp.matmul(like(maps, weights.reshape(1, -1), dtype=maps.dtype), flat), (queries, keys))
