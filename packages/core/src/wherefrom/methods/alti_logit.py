"""What each input brings to the logit of the predicted token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from attrs import frozen

from wherefrom.adapters.internals import DecomposesStates, RowLogits, RowTerms
from wherefrom.arrays import Array, IntArray, like, namespace
from wherefrom.errors import InputError, SettingsError
from wherefrom.methods._columns import padded, per_output
from wherefrom.methods.alti import Mixture, mixtures
from wherefrom.methods.contract import Method, Scores, method
from wherefrom.methods.cost import Cost
from wherefrom.methods.one_answer import one_answer_at_a_time
from wherefrom.progress import Progress
from wherefrom.questions.question import Question
from wherefrom.step_functions.probability import Probability


@frozen(eq=False)
class _Both:
    """What of each input is in every state, and what of every state in the logits."""

    terms: RowTerms
    parts: RowLogits


_EXPLAINED = ("logit", "contrast_logits_diff", "probability")
"""Target functions it accepts; ``probability``, the library's default, is taken to mean the token's logit; its
logarithm is so of a span alone, whose steps it adds up."""


@method(
    "alti_logit",
    needs=(DecomposesStates,),
    signed=True,
    uses_target_function=True,
    explains="logit",
    differentiates=False,
)
@frozen(kw_only=True)
class AltiLogit(Method[DecomposesStates]):
    """What each input brings to the logit, in the logit's own units.

    With norms frozen at the statistics of the pass, and activations of the head, caps and gates at the ratio of what
    comes out to what goes in, the logit is a sum over what every attention layer takes from every position, what every
    feed-forward layer adds, and the embedding the prediction started from. What an attention layer takes from a
    position is dealt out to the inputs by the shares they have in that position's state (`alti`). Scores are signed.
    They sum to the logit less ``step_scores["bias"]``: what no input brings. With
    ``attributed_fn="contrast_logits_diff"`` all of this is of the token's lead over the contrast token.

    Good as the one method here that is about the predicted token and complete. Fails where feed-forward
    layers decide, since they are opaque to it, and inherits ALTI's assumption that they leave mixtures as
    they are. Norms and caps that are held fixed cannot tell that an input changed them.

    Source:
        Ferrando, Gállego, Tsiamas & Costa-jussà (2023), section 3, https://arxiv.org/abs/2305.12535. The
        paper follows attention only; ``feed_forward="apart"`` does, and gives the rest as a step score.
    """

    feed_forward: Literal["state", "apart"] = "state"
    """``"state"``: what a feed-forward layer adds is dealt out as the state it reads is mixed: behind the attention, or
    before it where both stand side by side. ``"apart"``: it is left out of the scores and given as
    ``step_scores["feed_forward"]``."""

    def cost(self, question: Question) -> Cost:
        """Once for the vectors that attention adds up; three rows and a way back for the logits."""
        return Cost(forwards=4, backwards=1)

    def cost_on(self, model: DecomposesStates, question: Question) -> Cost:
        """What it costs, or the refusal of another function: no price for what will not be done."""
        contrast_of(question)
        return self.cost(question)

    def attribute(self, model: DecomposesStates, questions: Sequence[Question], progress: Progress) -> Iterable[Scores]:
        """Logits of each question's clean pass, taken apart."""
        contrasts = [contrast_of(question) for question in questions]
        rows = [question.row(scores=True) for question in questions]
        states = model.attention_terms(rows, queries="all")
        logits = model.logit_terms([question.row() for question in questions], contrasts=contrasts)
        pairs = map(_Both, states, logits)
        yield from one_answer_at_a_time(questions, pairs, self._scores, "forward", progress)

    def _scores(self, question: Question, both: _Both) -> Scores:
        terms, parts = both.terms, both.parts
        xp = namespace(parts.decoder)
        at = like(parts.decoder, question.steps - 1)
        target: Array = like(parts.decoder, xp.zeros(parts.decoder.shape[1:], dtype=parts.decoder.dtype))
        source: Array | None = None
        below: Mixture | None = None
        for height, mixture in enumerate(mixtures(terms)):
            layer = mixture.layer
            read = [part for part, reads in enumerate(parts.feed_forward_reads) if reads == height]
            added = [parts.feed_forward[part, ...] for part in read] if self.feed_forward == "state" else []
            if below is None:
                added.append(parts.embedding)
                if mixture.source is not None:
                    source = like(target, xp.zeros((target.shape[0], mixture.source.shape[1]), dtype=target.dtype))
            elif mixture.where == "decoder":
                target = target + xp.matmul(parts.decoder[layer, ...], below.target)
                if source is not None and below.source is not None:
                    source = source + xp.matmul(parts.decoder[layer, ...], below.source)
            elif source is not None and parts.cross is not None:
                source = source + xp.matmul(parts.cross[layer, ...], mixture.encoded)
            for one in added:
                target = target + one[:, None] * xp.take(mixture.target, at, axis=0)
                if source is not None and mixture.source is not None:
                    source = source + one[:, None] * xp.take(mixture.source, at, axis=0)
            below = mixture
        own = {"bias": parts.bias}
        if self.feed_forward == "apart":
            own["feed_forward"] = xp.sum(parts.feed_forward, axis=0)
        summed = {
            name: per_output(question.target_function, values[None, :], total=True)[0, ...]
            for name, values in own.items()
        }
        keep_target = question.attribute_target or source is None
        by_input = per_output(question.target_function, target.T, total=True)
        return Scores(
            source=None if source is None else per_output(question.target_function, source.T, total=True),
            target=padded(by_input, len(question.target_ids)) if keep_target else None,
            step_scores={**terms.scores, **summed},
        )


def contrast_of(question: Question) -> IntArray | None:
    """The contrast token of each step, if the question contrasts.

    Raises:
        SettingsError: The target function is no logit and no difference of logits.
        InputError: The contrast token is predicted from another prefix, so the difference is of two passes.
    """
    target_function = question.target_function
    function = target_function.function
    name = function.identifier
    if isinstance(function, Probability) and function.logprob and target_function.groups is None:
        name = "the log-probability"
    if name not in _EXPLAINED:
        raise SettingsError(
            f"alti_logit takes logits apart, not {name!r}. Use attributed_fn='logit', or 'contrast_logits_diff' with "
            "contrast_targets."
        )
    if name != "contrast_logits_diff" or target_function.contrast_ids is None:
        return None
    if target_function.contrast_logits is not None:
        raise InputError(
            "alti_logit compares two tokens after the same prefix, and this contrast has a prefix of its own. "
            "Leave contrast_sources and contrast_force_inputs out."
        )
    return target_function.contrast_ids
