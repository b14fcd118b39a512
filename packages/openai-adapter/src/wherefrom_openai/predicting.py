"""Rows to requests: each once, several at a time, told before they are made."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

import numpy as np
from attrs import define, field, frozen
from wherefrom.adapters import Row, RowPrediction
from wherefrom.errors import InputError, ModelCapabilityError

from wherefrom_openai.answers import Answers, fingerprint
from wherefrom_openai.client import Client
from wherefrom_openai.distribution import Listed
from wherefrom_openai.errors import BudgetError
from wherefrom_openai.forcing import Ability, read_lists
from wherefrom_openai.replies import Completion
from wherefrom_openai.unlisted import Unlisted, tokens_of_steps
from wherefrom_openai.wording import Wording

log = logging.getLogger("wherefrom_openai")

Ids = tuple[int, ...]


@frozen
class Cost:
    """What a piece of work takes."""

    requests: int
    """Requests to the server."""
    tokens: int
    """Tokens in them."""
    kept: int = 0
    """Requests that need not be made, their answers being kept."""


@define
class Spent:
    """What was taken so far."""

    requests: int = 0
    tokens: int = 0


@frozen(eq=False)
class Errand:
    """What the threads of one `Predictor.predict` share."""

    stop: threading.Event = field(factory=threading.Event)
    failed: Future[bytes] = field(factory=Future)
    """Is done as soon as one request failed, whichever is waited for."""

    def result(self, one: Future[bytes]) -> bytes:
        """Its answer, unless another request fails before it is there."""
        wait((one, self.failed), return_when=FIRST_COMPLETED)
        return (one if one.done() else self.failed).result()


@define(eq=False)
class Predictor:
    """Predictions by one server."""

    client: Client
    model: str
    identity: Any
    """What tells the served model from another of that name."""
    ability: Ability
    wording: Wording
    answers: Answers
    vocabulary: int
    max_length: int | None
    spent: Spent
    lock: threading.Lock

    def cost(self, rows: Iterable[Row]) -> Cost:
        """What `predict` of these rows would take."""
        asked = dict.fromkeys(prompt for row in rows for prompt in self._prompts(row))
        open_ones = self._open(asked)
        return Cost(len(open_ones), sum(map(len, open_ones)), len(asked) - len(open_ones))

    def open_prompts(self, rows: Iterable[Row]) -> list[Ids]:
        """What `predict` of these rows would send, each once, answers that are kept left out."""
        return self._open(dict.fromkeys(prompt for row in rows for prompt in self._prompts(row)))

    def _open(self, prompts: Iterable[Ids]) -> list[Ids]:
        return [prompt for prompt in prompts if self.answers.get(self._key(prompt)) is None]

    def predict(self, rows: Iterable[Row], chunk: int | None) -> Iterator[RowPrediction]:
        """See `wherefrom.adapters.PredictsSteps.predict`. ``chunk``: requests under way at once.

        Raises:
            BudgetError: The work would exceed the budget; nothing was sent.
            ServerError: The server failed.
            ModelCapabilityError: A row needs what no server gives.
        """
        rows = list(rows)
        cost = self.cost(rows)
        self._check_budget(cost)
        if cost.requests:
            log.info("%d requests of %d tokens, %d answers are kept", cost.requests, cost.tokens, cost.kept)
        unlisted = Unlisted(self.ability.listed)
        width = min(chunk or self.client.settings.concurrency, self.client.settings.concurrency)
        pool = ThreadPoolExecutor(width, thread_name_prefix="wherefrom-openai")
        under_way: dict[Ids, Future[bytes]] = {}
        errand = Errand()
        ahead = 0
        try:
            for place, row in enumerate(rows):
                while ahead < len(rows) and ahead <= place + width:
                    for prompt in self._prompts(rows[ahead]):
                        if prompt not in under_way:
                            under_way[prompt] = pool.submit(self._answer, prompt, errand)
                    ahead += 1
                listed = self._lists(row, under_way, errand)
                unlisted.look(row, listed)
                logits = np.zeros((0, self.vocabulary))
                if listed:
                    logits = np.stack([one.logits(self.vocabulary) for one in listed])
                scores = {name: function.step_values(logits) for name, function in row.scores.items()}
                yield RowPrediction(logits=logits, scores=scores)
                coming = {prompt for later in rows[place + 1 : ahead] for prompt in self._prompts(later)}
                under_way = {prompt: one for prompt, one in under_way.items() if prompt in coming}
        except BaseException:  # Ctrl-C, too: no one waits for the other answers
            self.client.stop(errand.stop)
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        unlisted.warn()

    def _prompts(self, row: Row) -> list[Ids]:
        """What is sent for a row: prefixes, or the text as far as it is explained."""
        if row.source_ids is not None:
            raise InputError("Models behind a server are decoder-only: a source of its own does not fit.")
        if row.target_embeds is not None:
            raise ModelCapabilityError("A server reads tokens, not embeddings. Use a baseline that is a token.")
        if row.target_visible is not None and not row.target_visible.all():
            raise ModelCapabilityError("A server hides no tokens from attention. Use baseline 'delete' or a token.")
        ids = tuple(int(i) for i in row.target_ids)
        if not len(row.steps):
            return []
        last = int(row.steps.max())
        if self.max_length is not None and last + 1 > self.max_length:
            raise InputError(f"The server reads at most {self.max_length} tokens, {last + 1} came; shorten the text.")
        if not self._whole:
            return [ids[: int(step)] for step in row.steps]
        # a server tells what is predicted where a token stands, and lists that one whatever its rank
        stands = tokens_of_steps(row).get(int(row.steps.argmax()), ids[-1])
        return [(*ids, stands)[: last + 1]]

    @property
    def _whole(self) -> bool:
        return self.ability.way != "steps"

    def _key(self, prompt: Ids) -> bytes:
        return fingerprint(self.identity, self.ability.body(self.model, prompt))

    def _answer(self, prompt: Ids, errand: Errand) -> bytes:
        try:
            with self.client.until(errand.stop):
                return self._asked(prompt)
        except BaseException as error:
            with suppress(InvalidStateError):  # another was the first
                errand.failed.set_exception(error)
            raise

    def _asked(self, prompt: Ids) -> bytes:
        key = self._key(prompt)
        kept = self.answers.get(key)
        if kept is not None:
            return kept
        with self.lock:
            self._check_budget(Cost(1, len(prompt)))
            self.spent.requests += 1
            self.spent.tokens += len(prompt)
        body = self.ability.body(self.model, prompt)
        answer = self.client.post(f"{self.client.base}/completions", body, Completion)
        data = _joined(read_lists(answer, self.ability, prompt, self.wording))
        self.answers.put(key, data)
        return data

    def _lists(self, row: Row, had: dict[Ids, Future[bytes]], errand: Errand) -> list[Listed]:
        answers = [errand.result(had[prompt]) for prompt in self._prompts(row)]
        lists = [_parted(answer) for answer in answers]
        if self._whole:
            return [lists[0][int(step) - 1] for step in row.steps]
        return [one[0] for one in lists]

    def _check_budget(self, cost: Cost) -> None:
        limits = self.client.settings
        for limit, spent, more, name in (
            (limits.max_requests, self.spent.requests, cost.requests, "requests"),
            (limits.max_tokens, self.spent.tokens, cost.tokens, "tokens"),
        ):
            if limit is not None and spent + more > limit:
                raise BudgetError(
                    f"This takes {more} {name} more; {spent} of the budget of {limit} are spent. "
                    f"Raise max_{name}, explain fewer steps, or use fewer samples or larger units."
                )


def told_apart(
    identity: Sequence[Any],
    answers: Answers,
    ability: Ability,
    model: str,
    prompt: Sequence[int],
    said: Sequence[Listed],
) -> list[Any]:
    """What tells a served model from another that answered by the same name before: the identity with the number of
    the kept answers that are its own, by what each model ``said`` of one prompt."""
    number = 0
    while True:
        found = [*identity, number]
        key = fingerprint(found, ability.body(model, prompt))
        kept = answers.get(key)
        if kept is None:
            answers.put(key, _joined(said))
            return found
        before = _parted(kept)
        if len(before) == len(said) and all(map(Listed.agrees, before, said)):
            return found
        log.info("another model answered as %s before: its answers are left aside", model)
        number += 1


def _joined(lists: Sequence[Listed]) -> bytes:
    parts = [one.to_bytes() for one in lists]
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def _parted(data: bytes) -> list[Listed]:
    lists = []
    while data:
        size = int.from_bytes(data[:4], "little")
        lists.append(Listed.from_bytes(data[4 : 4 + size]))
        data = data[4 + size :]
    return lists
