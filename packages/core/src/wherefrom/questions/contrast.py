"""Why this rather than that: the contrastive text of an example, made ready for step functions.

A *contrast* is another sequence that the same model could have produced, or read: another continuation,
another prompt, another source. Each explained step is aligned with one of its tokens. There are two ways to
compare:

* as a **step score** the contrastive token is scored where it stands, on the contrastive prefix. This takes
one forward
  pass of the contrastive sequence for all steps together;
* as a **target** of attribution (`attributed_fn`) the contrastive token is scored on the *original* prefix,
in the very
  prediction that is explained, so that the whole difference has a gradient. ``contrast_force_inputs`` asks
  for the contrastive prefix instead; its prediction is then a constant, and gradients reach the inputs
  through the original prediction alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

from wherefrom.adapters import Embeds, Encoding, PredictsSteps, Row, SequenceModel
from wherefrom.adapters.check import lacking
from wherefrom.arrays import Array, FloatArray, IntArray, to_numpy
from wherefrom.errors import InputError, UsageError
from wherefrom.questions.chats import after_chat, has_turns
from wherefrom.questions.examples import Example, check_ids, check_start, continuation_start, encode_input
from wherefrom.questions.given import Text, as_contrasts, is_one
from wherefrom.questions.numbering import examples_named
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS, StepFunction, compares_distributions, reads_contrast_alone
from wherefrom.text.alignment import Alignment, Alignments, align
from wherefrom.text.token_vectors import EncodesTokens
from wherefrom.text.tokens import Token, step_named


@frozen(kw_only=True, eq=False)
class Contrast:
    """The contrastive sequence of one example, and which of its tokens each step is compared with."""

    target_ids: IntArray
    """The decoder's contrastive sequence, shape ``(C,)``."""
    target_tokens: tuple[Token, ...]
    source_ids: IntArray | None
    """What the encoder reads there; None for decoder-only models."""
    alignment: Alignment
    original_tokens: tuple[Token, ...]
    """The decoder's original sequence, for `details`."""
    changes_context: bool
    """Is any step's contrastive context (source and prefix) another than its own?"""
    warnings: tuple[str, ...] = ()

    @property
    def contrast_ids(self) -> IntArray:
        """The contrastive token at each step, shape ``(G,)``."""
        return self.target_ids[self.alignment.positions]

    @property
    def keeps_tokens(self) -> bool:
        """Is every step compared with the very same token?"""
        explained = [self.original_tokens[int(step)].id for step in self.alignment.steps]
        return bool((self.contrast_ids == np.array(explained)).all())

    @property
    def row(self) -> Row:
        """The one pass that predicts the contrastive token of every step."""
        return Row(target_ids=self.target_ids, steps=np.unique(self.alignment.positions), source_ids=self.source_ids)

    def at_steps(self, logits: Array) -> Array:
        """Logits of `row`, one line per step of the original. Shape ``(G, vocabulary)``."""
        return logits[np.searchsorted(self.row.steps, self.alignment.positions)]

    def target_function(self, plain: TargetFunction, logits: Array | None) -> TargetFunction:
        """A target function with this contrast.

        Args:
            plain: The target function without it, over the same steps.
            logits: What `contrast_logits` gave, for a step score or a forced target; None for a target that
            is
                compared within the original prediction.
        """
        return evolve(plain, contrast_ids=self.contrast_ids, contrast_logits=logits)

    @property
    def details(self) -> dict[str, Any]:
        """Which tokens were compared, as JSON values."""
        return self.alignment.described(self.original_tokens, self.target_tokens)


def make_contrast(
    model: SequenceModel,
    example: Example,
    steps: IntArray,
    *,
    target: Text | None = None,
    source: Text | None = None,
    alignments: Alignments = None,
    add_special_tokens: bool = True,
) -> Contrast | None:
    """The contrast of one example, or None if neither a contrastive target nor a contrastive source is given.

    Args:
        steps: Explained target positions.
        target: Encoder-decoder: what the decoder says instead. Decoder-only: prompt and continuation, and the
            prompt may be another; after a chat the answer alone will do. None: the original continuation.
        source: Encoder-decoder: what the encoder reads instead. Decoder-only: another prompt, which ``target``,
            if given, must repeat. None: the original one.
        alignments: Pairs of positions, ``"auto"`` (by the model's embeddings), ``"auto:NAME"`` (by a sentence
            encoder of that name), or None for the default; see `wherefrom.text.alignment`.
        add_special_tokens: Does the tokenizer add its special tokens, as for the inputs?

    Raises:
        InputError: The contrast is too short or does not fit its prompt, or the alignment makes no sense.
        ModelCapabilityError: ``"auto"`` is asked of a model whose embeddings cannot be had.
    """
    if target is None and source is None:
        if alignments is not None:
            raise InputError(
                "contrast_targets_alignments is given without contrast_targets. Give the texts to align with."
            )
        return None
    if example.source is None:
        written, boundary = _decoder_only(model, example, target, source, add_special_tokens)
        source_ids = None
    else:
        written, boundary = _decoder_side(model, example, target, add_special_tokens), None
        source_ids = example.source.ids
        if source is not None:
            source_ids = encode_input(
                model, source, add_special_tokens=add_special_tokens, what="contrastive source"
            ).ids
    written = _ended_alike(model, example, written)
    check_ids(model.card, written.ids, "contrastive target")
    similarity = None
    if isinstance(alignments, str):
        texts = (example.target_ids, example.target_tokens), (written.ids, written.tokens)
        similarity = token_similarity(model, *texts, alignments)
    alignment = align(
        example.target_tokens, written.tokens, steps, alignments, similarity=similarity, boundary=boundary
    )
    changes = _changes_context(example, written.ids, source_ids, alignment)
    return Contrast(
        target_ids=written.ids,
        target_tokens=written.tokens,
        source_ids=source_ids,
        alignment=alignment,
        original_tokens=example.target_tokens,
        changes_context=changes,
        warnings=(*_of_another_prompt(example, written, source), *_of_an_early_end(example, written, alignment)),
    )


def contrast_logits(model: PredictsSteps, contrasts: Sequence[Contrast]) -> list[Array]:
    """Predictions of the contrastive passes, aligned with the steps of the originals: one forward pass each.

    Returns:
        One array of shape ``(G, vocabulary)`` per contrast.
    """
    answers = model.predict([contrast.row for contrast in contrasts])
    return [contrast.at_steps(answer.logits) for contrast, answer in zip(contrasts, answers, strict=True)]


def needs_contrastive_pass(
    target: StepFunction, scores: Iterable[StepFunction], *, contrast_force_inputs: bool
) -> bool:
    """Must the contrastive sequences be run, or is the original prediction enough?"""
    return (target.contrastive and contrast_force_inputs) or any(score.contrastive for score in scores)


def require_comparable(
    target: StepFunction, contrasts: Sequence[Contrast | None], *, contrast_force_inputs: bool
) -> tuple[str, ...]:
    """Refuse a contrastive target that compares a prediction with itself, or that no input reaches.

    Returns:
        What is worth telling of targets that do not see how the contexts differ.

    Raises:
        UsageError: The target compares whole distributions, and is not given the contrastive one; or it reads that
            one alone, and is given it as a constant.
    """
    if not target.contrastive:
        return ()
    given = [contrast for contrast in contrasts if contrast is not None]
    if contrast_force_inputs:
        if given and reads_contrast_alone(target):
            raise UsageError(
                f"{target.identifier} reads the contrastive prediction alone. With contrast_force_inputs=True that is "
                "the one after the contrastive context, which none of the inputs that are explained takes part in: "
                "there is nothing to attribute. Leave contrast_force_inputs out, or take a function that compares, "
                "such as contrast_prob_diff or logprob_diff."
            )
        return ()
    if given and compares_distributions(target):
        raise UsageError(
            f"{target.identifier} compares whole predictions. As attributed_fn it would compare the original one with "
            "itself, because contrastive tokens are looked up in the prediction that is explained. Pass "
            "contrast_force_inputs=True to compare with the prediction after the contrastive context."
        )
    unseen = [
        index
        for index, contrast in enumerate(contrasts)
        if contrast is not None and contrast.changes_context and contrast.keeps_tokens
    ]
    if not unseen:
        return ()
    if reads_contrast_alone(target):
        return (
            f"{target.identifier} is the value of the token itself at every step of "
            f"{examples_named(unseen)}: the contrast changes the context but no explained token, and the contrastive "
            "context is not read.",
        )
    return (
        f"{target.identifier} is 0 at every step of {examples_named(unseen)}: the contrast changes the "
        "context but no explained token, and the contrastive context is not read. Pass contrast_force_inputs=True to "
        "read it.",
    )


def require_contrastive(functions: Iterable[StepFunction]) -> None:
    """Refuse a contrast that nobody asked to be compared with.

    Raises:
        UsageError: None of the functions is contrastive; the message lists those that are.
    """
    asked = list(functions)
    if any(function.contrastive for function in asked):
        return
    known = [name for name in STEP_FUNCTIONS if STEP_FUNCTIONS.get(name).contrastive]
    raise UsageError(
        f"A contrast is given, but none of {', '.join(function.identifier for function in asked)} compares with it. "
        f"Use one of {', '.join(known)} as attributed_fn or among step_scores, or leave the contrast out."
    )


def contrasts_as_list(texts: Any, examples: int, *, name: str) -> list[Any]:
    """Contrastive texts as a list, one per example; None stays None for all.

    Raises:
        InputError: There are more or fewer than examples, or one is no text.
    """
    if texts is None:
        return [None] * examples
    given = as_contrasts(texts, name)
    listed = [given] if is_one(texts) else list(given)
    if len(listed) != examples:
        raise InputError(
            f"{name} has {len(listed)} text(s) for {examples} input text(s). Give one for each, in order; None where "
            "an input has no contrast."
        )
    return listed


def _decoder_side(model: SequenceModel, example: Example, target: Text | None, add_special_tokens: bool) -> Encoding:
    if target is None:
        return Encoding(ids=example.target_ids, tokens=example.target_tokens, text=example.target_text)
    if isinstance(target, np.ndarray):
        check_ids(model.card, target, "contrastive target")
        if example.source is not None:
            check_start(model.card, target, "contrastive target")
        return Encoding(ids=target, tokens=model.tokens(target, side="target"), text=model.decode(target))
    return model.encode(target, side="target", add_special_tokens=add_special_tokens)


def _decoder_only(
    model: SequenceModel,
    example: Example,
    target: Text | None,
    source: Text | None,
    add_special_tokens: bool,
) -> tuple[Encoding, tuple[int, int] | None]:
    """The contrastive sequence, and where the continuation begins in the original and in it, if both are
    known."""
    if source is None:
        if isinstance(target, str) and example.prompt is not None and has_turns(example.prompt):
            target = after_chat(model, example.prompt, target, "contrastive target", another=True)
            add_special_tokens = False  # the template has written them
        return _decoder_side(model, example, target, add_special_tokens), None
    prompt = encode_input(model, source, add_special_tokens=add_special_tokens, what="contrastive source")
    if target is None:
        prompt = _left_open(prompt)
        ids = np.concatenate([prompt.ids, example.target_ids[example.default_start :]]).astype(np.int64)
        continuation = model.tokens(ids, side="target")[len(prompt.ids) :]
        written = Encoding(ids=ids, tokens=(*prompt.tokens, *continuation), text=model.decode(ids))
        return written, (example.default_start, len(prompt.ids))
    if isinstance(target, str) and has_turns(prompt):
        target = after_chat(model, prompt, target, "contrastive target")
        add_special_tokens = False
    written = _decoder_side(model, example, target, add_special_tokens)
    if isinstance(target, str) and not target.startswith(prompt.text):
        raise InputError(
            f"With both given, contrast_targets must begin with its contrast_sources. The contrastive prompt is "
            f"{prompt.text!r}; the target is {target!r}. Repeat the prompt, or leave contrast_sources out: "
            "contrast_targets is the whole text."
        )
    boundary = continuation_start(prompt.ids, written, end=len(prompt.text))
    if boundary >= len(written.ids):
        raise InputError(
            f"The contrastive target {target!r} has nothing after its prompt {prompt.text!r}. Add the continuation to "
            "compare with, or leave contrast_targets out to keep the original one."
        )
    return written, (example.default_start, boundary)


def _left_open(prompt: Encoding) -> Encoding:
    """A prompt that goes on: without what the tokenizer puts behind a text."""
    count = len(prompt.tokens)
    while count > 1 and _is_added(prompt.tokens[count - 1]):
        count -= 1
    return evolve(prompt, ids=prompt.ids[:count], tokens=prompt.tokens[:count])


def _is_added(token: Token) -> bool:
    """Is it a special token that no text spells?"""
    return token.special and token.start is not None and token.start == token.end


def _ended_alike(model: SequenceModel, example: Example, written: Encoding) -> Encoding:
    """The contrast, closed by the end token if the original is and it is not: both were said to the end."""
    ends = model.card.eos_ids
    last = int(example.target_ids[-1])
    if last not in ends or (len(written.ids) and int(written.ids[-1]) in ends):
        return written
    ids = np.concatenate([written.ids, [last]]).astype(np.int64)
    end = model.tokens(ids, side="target")[-1]
    return evolve(written, ids=ids, tokens=(*written.tokens, end))


def token_similarity(
    model: SequenceModel,
    original: tuple[IntArray, Sequence[Token]],
    contrast: tuple[IntArray, Sequence[Token]],
    alignments: str,
) -> FloatArray:
    """Cosine of the vectors of each original and each contrastive token. Shape ``(T, C)``.

    Args:
        original: Ids and tokens of the target, ``T`` of each.
        contrast: Those of the contrastive target, ``C`` of each.
        alignments: ``"auto"`` for the model's own embeddings, ``"auto:NAME"`` for a sentence encoder.

    Raises:
        InputError: ``alignments`` is neither.
        ModelCapabilityError: The adapter shows no embeddings, or cannot load a sentence encoder.
    """
    kind, _, encoder = alignments.partition(":")
    if kind != "auto":
        raise InputError(
            f"contrast_targets_alignments={alignments!r} is not understood. Give 'auto' (the model's own embeddings), "
            "'auto:NAME' (a sentence encoder), or pairs of positions."
        )
    asked = f"contrast_targets_alignments={alignments!r}"
    if encoder:
        if not isinstance(model, EncodesTokens):
            raise lacking(model, EncodesTokens, asked, "Use 'auto' or give pairs of positions.")
        vectors = [model.token_vectors(tokens, encoder=encoder) for _, tokens in (original, contrast)]
    elif isinstance(model, Embeds):
        vectors = [model.embed(ids, side="target") for ids, _ in (original, contrast)]
    else:
        raise lacking(model, Embeds, asked, "Give pairs of positions, or leave it out to align by the texts.")
    here, there = (_unit(to_numpy(vector).astype(np.float64)) for vector in vectors)
    similarity: FloatArray = here @ there.T
    return similarity


def _unit(vectors: FloatArray) -> FloatArray:
    """Rows of length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: FloatArray = vectors / np.where(lengths > 0, lengths, 1.0)
    return unit


def _changes_context(
    example: Example, contrast_ids: IntArray, source_ids: IntArray | None, alignment: Alignment
) -> bool:
    if source_ids is not None and example.source is not None and not np.array_equal(source_ids, example.source.ids):
        return True
    return any(
        not np.array_equal(example.target_ids[:step], contrast_ids[:position]) for step, position in alignment.pairs
    )


def _of_an_early_end(example: Example, written: Encoding, alignment: Alignment) -> tuple[str, ...]:
    """Steps that the contrast is too short for."""
    beyond = alignment.beyond
    if not len(beyond):
        return ()
    last = int(alignment.positions[alignment.steps == beyond[0]][0])
    said = "".join(str(example.target_tokens[int(step)]) for step in beyond)
    return (
        f"The contrast {written.text!r} ends before {step_named(int(beyond[0]), said)}: what follows is compared with "
        f"its last token, {str(written.tokens[last])!r}. Give a longer contrast, or end with "
        f"attr_pos_end={int(beyond[0])}.",
    )


def _of_another_prompt(example: Example, written: Encoding, source: Text | None) -> tuple[str, ...]:
    """What is likely a mistake, though it can be meant."""
    if example.source is not None or source is not None:
        return ()
    prompt = {int(i) for i in example.target_ids[: example.default_start]}
    specials = {token.id for token in (*example.target_tokens, *written.tokens) if token.special}
    if prompt - specials and not (prompt - specials) & {int(i) for i in written.ids}:
        return (
            f"The contrast {written.text!r} shares no token with the prompt. For decoder-only models contrast_targets "
            "is the whole text, prompt and continuation.",
        )
    return ()
