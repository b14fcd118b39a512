"""Replacements that fit their place: proposed by a masked language model, or of the same part of speech."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from attrs import field, frozen, validators
from wherefrom.adapters import ScoringModel, Side
from wherefrom.arrays import IntArray
from wherefrom.errors import MissingDependencyError, ModelLoadError, SettingsError, WherefromWarning
from wherefrom.methods.perturbation.samplers import (
    Candidates,
    Choices,
    UniformSampler,
    ids_of,
    ordinary_ids,
    sampler,
    without,
)
from wherefrom.questions.question import Question
from wherefrom.settings import counting

from wherefrom_hf.running.positions import limits_of

__all__ = ["MaskedLanguageModelSampler", "PartOfSpeechSampler"]

Tagger = Callable[[Sequence[str]], Sequence[str]]
"""From words, each alone, to their parts of speech."""

_ROWS = 16


@sampler
@frozen(eq=False)
class MaskedLanguageModelSampler:
    """What a masked language model would put there, seeing both sides.

    Its tokenizer may differ from that of the explained model: proposals are spelt out, and those that are one token of
    the explained model count. Where there are none, any token may be drawn; a warning tells of how many places. Of a
    text longer than it can read it sees what stands around the place.
    """

    identifier: ClassVar[str] = "masked_lm"

    name: str = field()
    """Hub id or path of a masked language model."""
    top: int = field(default=64, converter=int, validator=counting(2))
    """How many of its most likely proposals are looked at, at each position."""
    _loaded: dict[str, Any] = field(factory=dict, init=False, repr=False)

    def candidates(self, model: ScoringModel, question: Question, side: Side) -> Candidates:
        """See `wherefrom.methods.perturbation.samplers.Sampler.candidates`; one forward pass per position, in batches.

        Raises:
            ModelLoadError: The masked language model could not be loaded.
            SettingsError: It has no mask token.
        """
        ids = ids_of(question, side)
        anything = UniformSampler().candidates(model, question, side)
        allowed = frozenset(ordinary_ids(model.card).tolist())
        spellings: dict[str, int | None] = {}
        found: list[Choices] = []
        lacking = 0
        for position, proposals in enumerate(self._proposals(self._texts(model, ids))):
            spaced = model.tokens(ids[: position + 1], side=side)[-1].text[:1].isspace()
            weights: dict[int, float] = {}
            for text, weight in proposals:
                spelt = f" {text.strip()}" if spaced else text.strip()
                if spelt not in spellings:
                    spellings[spelt] = _single(model, spelt, side, allowed)
                token = spellings[spelt]
                if token is not None:
                    weights[token] = weights.get(token, 0.0) + weight
            chosen = Choices(ids=np.array(list(weights), np.int64), weights=np.array(list(weights.values())))
            usable = set(weights) - {int(ids[position])}
            lacking += not usable and int(ids[position]) in allowed
            found.append(without(chosen, int(ids[position])) if usable else anything.positions[position])
        if lacking:
            warnings.warn(
                f"masked_lm: no proposal of {self.name!r} is another token of {model.card.name!r} at {lacking} of "
                f"{len(ids)} {side} positions, so any token is drawn there. Raise top, or use sampler='model'.",
                WherefromWarning,
                stacklevel=2,
            )
        return Candidates(positions=tuple(found))

    def _texts(self, model: ScoringModel, ids: IntArray) -> list[str]:
        mask = self._parts()[1].mask_token
        before = [model.decode(ids[:position]) for position in range(len(ids))]
        after = [model.decode(ids[position + 1 :]) for position in range(len(ids))]
        return [f"{left} {mask} {right}".strip() for left, right in zip(before, after, strict=True)]

    def _proposals(self, texts: Sequence[str]) -> list[list[tuple[str, float]]]:
        import torch

        module, tokenizer = self._parts()
        answers: list[list[tuple[str, float]]] = []
        for begin in range(0, len(texts), _ROWS):
            rows = [self._around_mask(text) for text in texts[begin : begin + _ROWS]]
            batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt").to(module.device)
            with torch.no_grad():
                logits = module(**batch).logits.float()
            for row in range(len(logits)):
                places = (batch["input_ids"][row] == tokenizer.mask_token_id).nonzero()
                if not len(places):
                    answers.append([])
                    continue
                likely = logits[row, places[0, 0]].softmax(-1).topk(min(self.top, logits.shape[-1]))
                spelt = [tokenizer.decode([int(token)]) for token in likely.indices]
                answers.append(list(zip(spelt, likely.values.tolist(), strict=True)))
        return answers

    def _around_mask(self, text: str) -> list[int]:
        """The ids of a text, or of as much around its mask as the model can read, between the same special tokens."""
        tokenizer = self._parts()[1]
        whole: list[int] = tokenizer(text, verbose=False)["input_ids"]
        limit = self._loaded["limit"]
        if limit is None or len(whole) <= limit:
            return whole
        plain: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        at = plain.index(tokenizer.mask_token_id)
        front = whole.index(tokenizer.mask_token_id) - at
        room = max(limit - (len(whole) - len(plain)), 1)
        begin = max(0, min(at - room // 2, len(plain) - room))
        return [*whole[:front], *plain[begin : begin + room], *whole[front + len(plain) :]]

    def _parts(self) -> tuple[Any, Any]:
        if not self._loaded:
            from transformers import AutoModelForMaskedLM, AutoTokenizer

            try:
                tokenizer = AutoTokenizer.from_pretrained(self.name)
                module = AutoModelForMaskedLM.from_pretrained(self.name).eval()
            except (OSError, ValueError) as error:
                raise ModelLoadError(
                    f"The masked language model {self.name!r} could not be loaded: {error} "
                    "Give a hub id or path, or use another sampler: model, uniform, unigram."
                ) from error
            if tokenizer.mask_token_id is None:
                raise SettingsError(f"{self.name!r} has no mask token, so it is no masked language model.")
            limit = limits_of(module, tokenizer.model_max_length).made_for
            self._loaded.update(module=module, tokenizer=tokenizer, limit=limit)
        return self._loaded["module"], self._loaded["tokenizer"]


@sampler
@frozen(eq=False)
class PartOfSpeechSampler:
    """Any token that, taken alone, is of the same part of speech.

    Tokens with and without a space before them are kept apart, so that words stay words.
    """

    identifier: ClassVar[str] = "part_of_speech"

    tagger: Tagger | None = field(default=None, validator=validators.optional(validators.is_callable()))
    """From words to tags; None: that of nltk."""
    _classes: dict[str, dict[int, IntArray]] = field(factory=dict, init=False, repr=False)

    def candidates(self, model: ScoringModel, question: Question, side: Side) -> Candidates:
        """See `wherefrom.methods.perturbation.samplers.Sampler.candidates`; the vocabulary is tagged once.

        Raises:
            MissingDependencyError: There is no tagger: nltk or its data is not installed.
        """
        key = f"{model.card.tokenizer_name}/{model.card.vocabulary}/{side}"
        if key not in self._classes:
            self._classes[key] = self._classified(model, side)
        classes = self._classes[key]
        anything = UniformSampler().candidates(model, question, side)
        found: list[Choices] = []
        for own, otherwise in zip(ids_of(question, side), anything.positions, strict=True):
            alike = classes.get(int(own))
            enough = alike is not None and len(alike) > 1
            found.append(without(Choices(ids=alike), int(own)) if enough and alike is not None else otherwise)
        return Candidates(positions=tuple(found))

    def _classified(self, model: ScoringModel, side: Side) -> dict[int, IntArray]:
        ids = ordinary_ids(model.card)
        texts = [model.tokens(np.array([token]), side=side)[0].text for token in ids]
        tags = (self.tagger or _nltk_tags)([text.strip() for text in texts])
        members: dict[tuple[str, bool], list[int]] = {}
        for token, text, tag in zip(ids.tolist(), texts, tags, strict=True):
            members.setdefault((tag, text[:1].isspace()), []).append(token)
        return {token: alike for group in members.values() for alike in [np.array(group, np.int64)] for token in group}


def _single(model: ScoringModel, text: str, side: Side, allowed: frozenset[int]) -> int | None:
    """The one ordinary token that spells ``text``, if there is one."""
    if not text.strip():
        return None
    ids = [int(token) for token in model.encode(text, side=side, add_special_tokens=False).ids]
    ids = [token for token in ids if token != model.card.decoder_start_id]
    return ids[0] if len(ids) == 1 and ids[0] in allowed else None


def _nltk_tags(words: Sequence[str]) -> Sequence[str]:
    try:
        import nltk  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError(
            "The sampler part_of_speech needs nltk and its English tagger. Install them: pip install nltk && "
            "python -m nltk.downloader averaged_perceptron_tagger_eng. Or use sampler='model'."
        ) from error
    try:
        return [nltk.pos_tag([word])[0][1] if word else "" for word in words]
    except LookupError as error:
        raise MissingDependencyError(
            "nltk has no data for its English tagger. Get it: python -m nltk.downloader "
            "averaged_perceptron_tagger_eng. Or use sampler='model'."
        ) from error
