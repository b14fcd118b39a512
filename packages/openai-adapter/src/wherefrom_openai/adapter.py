"""The entry point: a model behind an OpenAI-compatible server, as something that can be asked."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define
from wherefrom.adapters import ModelCard, Row, RowPrediction
from wherefrom.adapters.generation import Generation
from wherefrom.arrays import IntArray
from wherefrom.errors import ModelLoadError, SettingsError, WherefromWarning, nearest

from wherefrom_openai.answers import Answers, fingerprint
from wherefrom_openai.chat import Template
from wherefrom_openai.client import Client, RefusedError
from wherefrom_openai.distribution import check_ids
from wherefrom_openai.errors import ServerError, UnexpectedReplyError
from wherefrom_openai.forcing import ability_of, read_generated
from wherefrom_openai.predicting import Cost, Predictor, Spent, told_apart
from wherefrom_openai.rehearsal import ServerRehearsal
from wherefrom_openai.replies import (
    Completion,
    Facts,
    GenerationSettings,
    Models,
    Properties,
    Served,
    reply,
)
from wherefrom_openai.served_texts import ServedTexts
from wherefrom_openai.settings import Forced, ServerSettings
from wherefrom_openai.wording import Tokeniser, Wording, tokeniser

ENDS = ("</s>", "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>", "<eos>")
"""What tokens that end a text are called; looked for where the server does not tell its own."""


def load(
    model: Any,
    *,
    tokenizer: Any = None,
    device: Any = None,
    model_kwargs: Mapping[str, Any] | None = None,
    tokenizer_kwargs: Mapping[str, Any] | None = None,
    base_url: str | None = None,
    forced: Forced | None = None,
    top_logprobs: int | None = None,
    vocabulary: int | None = None,
    replacement: str | None = None,
    chat_template: str | None = None,
    concurrency: int | None = None,
    timeout: float | None = None,
    attempts: int | None = None,
    backoff: float | None = None,
    cache: str | Path | bool | None = None,
    max_requests: int | None = None,
    max_tokens: int | None = None,
) -> ServedModel:
    """Ask a server what it can, and wrap it.

    Args:
        model: The model's name, as the server lists it.
        model_kwargs: Settings by name: the keywords that follow, from ``base_url`` on, whose meaning and defaults are
            those of `wherefrom_openai.settings.ServerSettings`.

    Raises:
        ModelLoadError: No server answers, it answers in an unknown form, or it has no such model.
        ModelCapabilityError: It gives no log-probabilities, or does not tokenise.
        SettingsError: A setting is unknown, or cannot be for a server.
    """
    for name, value in (("tokenizer", tokenizer), ("device", device), ("tokenizer_kwargs", tokenizer_kwargs)):
        if value:
            raise SettingsError(f"The server decides {name}. Leave it out.")
    if not isinstance(model, str):
        raise SettingsError(f"A served model is called by name; {type(model).__name__} is none.")
    named = {
        "base_url": base_url,
        "forced": forced,
        "top_logprobs": top_logprobs,
        "vocabulary": vocabulary,
        "replacement": replacement,
        "chat_template": chat_template,
        "concurrency": concurrency,
        "timeout": timeout,
        "attempts": attempts,
        "backoff": backoff,
        "cache": cache,
        "max_requests": max_requests,
        "max_tokens": max_tokens,
    }
    settings = {name: value for name, value in named.items() if value is not None}
    given = ServerSettings.of({**(model_kwargs or {}), **settings})
    client = Client(given)
    try:
        return _opened(client, model, given)
    except ServerError as error:
        raise ModelLoadError(str(error)) from error


def _opened(client: Client, model: str, given: ServerSettings) -> ServedModel:
    """What the server is found to be able to."""
    served = _served(client, model)
    speech = tokeniser(client, model)
    properties = _properties(client)
    template = None if given.chat_template is None else Template(given.chat_template, properties.special_tokens)
    wording = Wording(speech, template)
    sample = [index for index, _ in speech.tokenise("the cat sat on", special=True)]
    card = _card(client, model, served, properties, speech, given)
    ability, said = ability_of(client, model, sample, wording, given.forced, min(given.top_logprobs, card.vocabulary))
    answers = Answers(given.cache_file)
    name = [given.base_url, served.identity, card.versions.get("server", ""), str(properties.model_path or "")]
    identity = told_apart(name, answers, ability, model, sample, said)
    predictor = Predictor(
        client=client,
        model=model,
        identity=identity,
        ability=ability,
        wording=wording,
        answers=answers,
        vocabulary=card.vocabulary,
        max_length=card.max_length,
        spent=Spent(),
        lock=threading.Lock(),
    )
    return ServedModel(card, predictor)


@define(eq=False)
class ServedModel(ServedTexts):
    """A model behind a server: predicts given sequences and generates. It has no gradients and no inside."""

    @property
    def spent(self) -> Spent:
        """Requests and tokens that predictions took so far."""
        return self.predictor.spent

    def cost(self, rows: Iterable[Row]) -> Cost:
        """Requests and tokens that `predict` of these rows would take, beyond the answers that are kept."""
        return self.predictor.cost(rows)

    def fingerprint(self) -> str:
        """See `wherefrom.adapters.GivesFingerprint.fingerprint`. Weights are out of sight: it is who serves which model
        by which name, as for the answers that are kept."""
        asked = self.predictor
        return fingerprint(asked.identity, asked.ability.body(asked.model, ())).hex()

    def rehearsal(self) -> ServerRehearsal:
        """See `wherefrom.adapters.Rehearses.rehearsal`."""
        return ServerRehearsal(self.card, self.predictor)

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        return self.predictor.predict(rows, chunk)

    def generate(
        self,
        prompts: Sequence[IntArray],
        *,
        decoder_prefixes: Sequence[IntArray] | None = None,
        settings: Mapping[str, Any],
        seed: int | None = None,
    ) -> list[list[IntArray]]:
        how = Generation.of(settings, "openai")
        return [
            [self._continued(prompt, how, own) for own in how.seeds(seed, place)]
            for place, prompt in enumerate(prompts)
        ]

    def _continued(self, prompt: IntArray, how: Generation, seed: int | None) -> IntArray:
        body: dict[str, Any] = {
            "model": self.card.name,
            "prompt": [int(i) for i in prompt],
            "max_tokens": how.max_new_tokens,
            "temperature": how.temperature if how.do_sample else 0,
            "logprobs": 1,
            "return_tokens_as_token_ids": True,
        }
        if how.do_sample:
            body |= {"top_p": how.top_p, "top_k": 0, "min_p": 0}
        if seed is not None:
            body["seed"] = seed
        client, wording = self.predictor.client, self.predictor.wording
        answer = client.post(f"{client.base}/completions", body, Completion)
        new = read_generated(answer, wording, body["max_tokens"], self.card.eos_ids)
        check_ids(new, self.card.vocabulary)
        ends = self.card.eos_ids
        if answer.choices[0].finish_reason == "stop" and ends and not (new and new[-1] in ends):
            new.append(ends[0])
        return np.array([*prompt, *new], np.int64)


def _served(client: Client, model: str) -> Served:
    """What the server lists of the model."""
    try:
        listed = client.get(f"{client.base}/models", Models).data
    except RefusedError as error:
        raise ModelLoadError(str(error)) from error
    found = next((one for one in listed if model in one.names), None)
    if found is None:
        names = [name for one in listed for name in one.names]
        raise ModelLoadError(
            f"{client.base} serves no {model!r}.{nearest(model, names)} It serves: {', '.join(dict.fromkeys(names))}."
        )
    return found


def _begun_with(speech: Tokeniser) -> int | None:
    """The token that the server puts in front of a text; None if it puts none, or more."""
    bare = [index for index, _ in speech.tokenise("a", special=False)]
    whole = [index for index, _ in speech.tokenise("a", special=True)]
    return whole[0] if whole[1 : 1 + len(bare)] == bare else None


def _properties(client: Client) -> Properties:
    """What llama.cpp's server tells of itself; nothing where another answers."""
    try:
        return client.get(f"{client.root}/props", Properties)
    except UnexpectedReplyError:
        raise
    except (RefusedError, ServerError):
        return Properties()


def _card(
    client: Client,
    model: str,
    served: Served,
    properties: Properties,
    speech: Tokeniser,
    settings: ServerSettings,
) -> ModelCard:
    facts = reply(served.meta or {}, Facts, f"{client.base}/models")
    vocabulary = settings.vocabulary or facts.n_vocab
    if not vocabulary:
        raise SettingsError(
            f"{client.base} does not tell how large the vocabulary of {model!r} is. Give vocabulary=..., the "
            "'vocab_size' of the model's config.json."
        )

    def single(text: str | None) -> int | None:
        found = speech.tokenise(text, special=False) if text else []
        return found[0][0] if len(found) == 1 else None

    eos, bos = single(properties.eos_token), single(properties.bos_token)
    if bos is None:
        bos = _begun_with(speech)
    if settings.replacement is not None:
        stand_in = single(settings.replacement)
        if stand_in is None:
            raise SettingsError(f"replacement = {settings.replacement!r} is not one token. Give a shorter text.")
    else:
        stand_in = next((i for i in (eos, *map(single, ENDS), bos) if i is not None), None)
        if stand_in is None:
            warnings.warn(
                f"{client.base} tells neither the token that ends a text nor one that begins it, so token 0 stands in "
                "for a removed one (baseline='unk'). Give replacement='...', the text of a better one, or take "
                "baseline='delete'.",
                WherefromWarning,
                stacklevel=5,
            )
            stand_in = 0
    versions = {"httpx2": version("httpx2")}
    if properties.build_info:
        versions["server"] = str(properties.build_info)
    generation = properties.default_generation_settings or GenerationSettings()
    return ModelCard(
        name=model,
        kind="decoder-only",
        model_class="ServedModel",
        tokenizer_name=model,
        tokenizer_class=type(speech).__name__,
        framework="openai",
        dtype=str(facts.ftype or "unknown"),
        device="server",
        vocabulary=vocabulary,
        bos_id=bos,
        eos_ids=() if eos is None else (eos,),
        pad_id=stand_in,
        unk_id=stand_in,
        max_length=generation.n_ctx or served.max_model_len,
        versions=versions,
    )
