"""From texts, chats or ids to examples: what is read, what was answered, and where the answer begins."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from attrs import frozen

from wherefrom.adapters import Encoding, ModelCard, SequenceModel, Side
from wherefrom.arrays import IntArray
from wherefrom.errors import InputError, WherefromWarning
from wherefrom.questions.chats import after_chat
from wherefrom.questions.given import Text, is_one
from wherefrom.settings import is_pair, is_whole
from wherefrom.text.places import joined_text
from wherefrom.text.segmentation import word_indices
from wherefrom.text.tokens import Segment, Token


@frozen(kw_only=True, eq=False)
class Example:
    """One input with its target, as ids and tokens."""

    source: Encoding | None
    """What the encoder reads; None for decoder-only models."""
    target_ids: IntArray
    target_tokens: tuple[Token, ...]
    prompt: Encoding | None
    """Decoder-only: the prompt."""
    default_start: int
    """First target position that was answered rather than given."""
    input_text: str
    target_text: str
    segments: tuple[Segment, ...] = ()

    @property
    def source_tokens(self) -> tuple[Token, ...]:
        """What a result shows as its source: the encoder's tokens, or the prompt."""
        if self.source is not None:
            return self.source.tokens
        return self.target_tokens[: self.default_start]


def per_answer(values: Any, inputs: int, answers: int) -> Any:
    """What was given for each input, for each answer, where a model gave several to each; else as it was given.

    Args:
        values: One value per input, or a single one where there is one input.
        inputs: How many inputs there are.
        answers: How many answers, a multiple; those to one input follow each other.
    """
    each = answers // inputs
    if not isinstance(values, str | list | tuple | np.ndarray) or each < 2:
        return values
    if is_one(values) or (inputs == 1 and _is_pairs(values)):
        return [values] * answers if inputs == 1 else values
    listed = list(values)
    return [value for value in listed for _ in range(each)] if len(listed) == inputs else values


def require_one_answer(generation_args: Mapping[str, Any], what: str) -> None:
    """Refuse settings that ask for several answers where one is explained.

    Args:
        what: Explains one, for messages.

    Raises:
        InputError: They do.
    """
    count = generation_args.get("num_return_sequences", 1)
    if is_whole(count) and count > 1:
        raise InputError(
            f"{what} explains one answer, and generation_args ask for {count} (num_return_sequences). Leave it out; "
            "for several, generate them first and explain them one by one."
        )


def require_one_given(answers: int, what: str) -> None:
    """Refuse several answers of a model whose own settings ask for them, where one is explained.

    Args:
        what: Explains one, for messages.

    Raises:
        InputError: There are several.
    """
    if answers > 1:
        raise InputError(
            f"{what} explains one answer, and the model gave {answers}: its generation_config asks for several. Say "
            "num_return_sequences=1 in generation_args (--generation-kwargs)."
        )


def _is_pairs(values: Any) -> bool:
    """Are these pairs of positions, for one example?"""
    listed = list(values)
    return bool(listed) and all(map(is_pair, listed))


def encode_input(model: SequenceModel, text: Text, *, add_special_tokens: bool, what: str = "input") -> Encoding:
    """An input as the encoder's source, or as a decoder-only prompt.

    Args:
        what: It is, for messages.

    Raises:
        InputError: The text is empty and no token of the model can stand for it, or it is longer than the model reads.
    """
    card = model.card
    is_source = card.kind == "encoder-decoder"
    side: Side = "source" if is_source else "target"
    if isinstance(text, np.ndarray):
        return _encoded_ids(model, text, side, what)
    encoding = model.encode(text, side=side, add_special_tokens=add_special_tokens)
    if text == "" and not is_source and not len(encoding.ids) and card.bos_id is not None:
        ids = np.array([card.bos_id], dtype=np.int64)
        encoding = Encoding(ids=ids, tokens=model.tokens(ids, side="target"), text="")
    empty = text == "" and is_source
    if empty or not len(encoding.ids):
        reason = "the encoder would read nothing" if is_source else "the model has no BOS token to begin with"
        raise InputError(f"The {what} is empty, and {reason}. Give a text of at least one token.")
    check_ids(card, encoding.ids, what)
    return encoding


def _encoded_ids(model: SequenceModel, ids: IntArray, side: Side, what: str) -> Encoding:
    """Ids as they are: nothing is added. Tokens are those of the text where the text has these ids."""
    check_ids(model.card, ids, what)
    text = model.decode(ids)
    for special in (True, False):
        encoded = model.encode(text, side=side, add_special_tokens=special)
        if np.array_equal(encoded.ids, ids):
            return encoded
    tokens = model.tokens(ids, side=side)
    return Encoding(ids=ids, tokens=tokens, text=joined_text(tokens)[0])


def check_ids(card: ModelCard, ids: IntArray, what: str) -> None:
    """Refuse a sequence longer than the model's positions, or with ids it has no embeddings for; warn of one longer
    than the model was made for.

    Raises:
        InputError: It is, or has.
    """
    if card.max_length is not None and len(ids) > card.max_length:
        raise InputError(
            f"The {what} has {len(ids)} tokens, but {card.name} reads at most {card.max_length}. "
            "Nothing is cut off silently: shorten the text, or split it."
        )
    if card.made_for is not None and len(ids) > card.made_for:
        warnings.warn(
            f"The {what} has {len(ids)} tokens, and {card.name} was made for {card.made_for}. It can read more, but "
            "what it says there may be worth little.",
            WherefromWarning,
            stacklevel=2,
        )
    unknown = ids[(ids < 0) | (ids >= card.vocabulary)] if card.vocabulary else ids[:0]
    if len(unknown):
        raise InputError(
            f"The {what} has the token id {unknown[0]}, but {card.name} knows the ids 0 to {card.vocabulary - 1}. "
            f"Does the tokenizer ({card.tokenizer_name}) belong to the model?"
        )


def check_start(card: ModelCard, ids: IntArray, what: str) -> None:
    """Refuse ids of a decoder's sequence that begin with another token than its start: nothing is added to ids, and the
    first one of a sequence is what it begins from, no step of it.

    Raises:
        InputError: They do.
    """
    start = card.decoder_start_id
    if start is not None and ids[0] != start:
        raise InputError(
            f"The ids of a {what} are the decoder's whole sequence, as generate() returns it, and begin with the start "
            f"token of {card.name}, {start}; these begin {ids[:3].tolist()}. Put {start} in front of labels; where the "
            "decoder begins with another token, set decoder_start_token_id in the model's generation_config."
        )


def forced_example(
    model: SequenceModel, prompt: Encoding, target: str | IntArray, *, add_special_tokens: bool, is_chat: bool
) -> Example:
    """An example whose target is given.

    Decoder-only: a text must continue the prompt (after a chat as `after_chat` takes it); ids must begin with the
    prompt's. Encoder-decoder: a text is what the decoder says; ids are the decoder's whole sequence, with its start.

    Raises:
        InputError: The target does not continue the prompt, its ids begin with another token than the decoder's start,
            or it is too long.
    """
    card = model.card
    if not isinstance(target, str):
        check_ids(card, target, "target")
    if card.kind == "encoder-decoder":
        if isinstance(target, str):
            encoding = model.encode(target, side="target", add_special_tokens=add_special_tokens)
            ids, tokens, text = encoding.ids, encoding.tokens, target
        else:
            ids = target
            check_start(card, ids, "target")
            tokens, text = model.tokens(ids, side="target"), model.decode(ids)
        return _encoder_decoder(card, prompt, ids, tokens, text)
    if not isinstance(target, str):
        ids = target
        n = len(prompt.ids)
        if len(ids) < n or (ids[:n] != prompt.ids).any():
            raise InputError(
                f"Target ids must begin with the prompt's ids {prompt.ids.tolist()}; they begin {ids[:n].tolist()}. "
                "Give the ids of prompt and continuation together."
            )
        return generated_example(model, prompt, ids)
    if is_chat:
        target = after_chat(model, prompt, target, "target")
    if not target.startswith(prompt.text):
        raise InputError(
            f"The target of a decoder-only model must continue its prompt. The prompt is {prompt.text!r}; "
            f"the target is {target!r}. Repeat the prompt, to the letter, at the beginning of the target."
        )
    encoding = model.encode(target, side="target", add_special_tokens=add_special_tokens and not is_chat)
    ids, tokens = encoding.ids, encoding.tokens
    check_ids(card, ids, "prompt and target together")
    start = continuation_start(prompt.ids, encoding, end=len(prompt.text))
    return Example(
        source=None,
        target_ids=ids,
        target_tokens=tokens,
        prompt=prompt,
        default_start=start,
        input_text=prompt.text,
        target_text=target,
        segments=_up_to(prompt.segments, start),
    )


def _up_to(segments: Sequence[Segment], end: int) -> tuple[Segment, ...]:
    """Segments of a prompt whose last tokens may have become one with the first of the answer, which is in none."""
    return tuple(
        one if one.end <= end else msgspec.structs.replace(one, end=end) for one in segments if one.start < end
    )


def generated_example(model: SequenceModel, prompt: Encoding, ids: IntArray) -> Example:
    """An example whose target came from the model, as ids. They are labelled, never encoded again."""
    card = model.card
    if card.kind == "encoder-decoder":
        return _encoder_decoder(card, prompt, ids, model.tokens(ids, side="target"), model.decode(ids))
    n = len(prompt.ids)
    tokens = continued(prompt.tokens, model.tokens(ids, side="target")[n:], end=len(prompt.text))
    check_ids(card, ids, "prompt and target together")
    return Example(
        source=None,
        target_ids=ids,
        target_tokens=tokens,
        prompt=prompt,
        default_start=n,
        input_text=prompt.text,
        target_text=prompt.text + joined_text(tokens[n:])[0],
        segments=prompt.segments,
    )


def _encoder_decoder(card: ModelCard, source: Encoding, ids: IntArray, tokens: tuple[Token, ...], text: str) -> Example:
    check_ids(card, ids, "target")
    return Example(
        source=source,
        target_ids=ids,
        target_tokens=tokens,
        prompt=None,
        default_start=1,
        input_text=source.text,
        target_text=text,
        segments=source.segments,
    )


def continuation_start(prompt_ids: IntArray, whole: Encoding, *, end: int) -> int:
    """Index of the first token of a continuation that was encoded together with its prompt; as many as there are, where
    there is none.

    Where the tokenizer merges across the end of the prompt, the merged token counts as continuation.

    Args:
        prompt_ids: The prompt encoded alone.
        end: Characters of the prompt.
    """
    n = len(prompt_ids)
    if np.array_equal(whole.ids[:n], prompt_ids):
        return n
    inside = [token.special if token.end is None else token.end <= end for token in whole.tokens]
    return inside.index(False) if False in inside else len(inside)


def continued(prompt: Sequence[Token], rest: Sequence[Token], *, end: int) -> tuple[Token, ...]:
    """Tokens of a prompt as they were encoded, and of a continuation behind them: positions and words counted on,
    places moved along.

    Args:
        rest: With places in any text that has the continuation in one piece, where they are known.
        end: Characters of the prompt.
    """
    placed = next((token for token in rest if token.start is not None), None)
    shift = 0
    if placed is not None:
        assert placed.start is not None
        shift = end - placed.start + len(placed.text) - len(placed.text.lstrip())
    joined = [
        *prompt,
        *(
            msgspec.structs.replace(
                token,
                position=position,
                start=None if token.start is None else token.start + shift,
                end=None if token.end is None else token.end + shift,
            )
            for position, token in enumerate(rest, start=len(prompt))
        ),
    ]
    words = word_indices([token.text for token in joined], [token.special for token in joined])
    return tuple(msgspec.structs.replace(token, word=word) for token, word in zip(joined, words, strict=True))
