"""Two ways from a server to log-probabilities of given tokens, and which of them it can.

``"prompt"``: the text is sent once and the server says how likely each of its tokens was (``prompt_logprobs`` of vLLM;
``echo`` with ``logprobs``, as OpenAI's completions had it). ``"steps"``: every prefix is sent and the server says what
could follow; its own cache of prompts makes that cheap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import frozen

from wherefrom_openai.client import Client, RefusedError
from wherefrom_openai.distribution import Listed
from wherefrom_openai.errors import ServerError, SilentServerError
from wherefrom_openai.replies import Completion, Likely, Lists
from wherefrom_openai.settings import Forced
from wherefrom_openai.wording import Wording

Way = Literal["prompt_logprobs", "echo", "steps"]

FEWER = (1000, 100, 20, 5, 1)
"""Lengths of lists that are tried when a server refuses longer ones."""


@frozen(kw_only=True)
class Ability:
    """What a server was found to give."""

    way: Way
    listed: int
    """Tokens per step."""

    def body(self, model: str, ids: Sequence[int]) -> dict[str, Any]:
        """The request for these ids."""
        body: dict[str, Any] = {
            "model": model,
            "prompt": [int(i) for i in ids],
            "max_tokens": 1,
            "temperature": 0,
        }
        if self.way == "prompt_logprobs":
            return body | {"prompt_logprobs": self.listed}
        if self.way == "echo":
            return body | {"logprobs": self.listed, "echo": True, "return_tokens_as_token_ids": True}
        return body | {"logprobs": self.listed, "cache_prompt": True, "return_tokens_as_token_ids": True}


def read_prompt(answer: Completion, ability: Ability, ids: Sequence[int], wording: Wording) -> list[Listed | None]:
    """Lists for every position of a prompt; None at the first.

    Raises:
        ServerError: They are missing, or not as many as there are tokens.
    """
    choice = answer.choices[0]
    found: list[dict[int, float] | None]
    if ability.way == "prompt_logprobs":
        raw = choice.prompt_logprobs or answer.prompt_logprobs or []
        found = [None if one is None else {i: _number(of.logprob) for i, of in one.items()} for one in raw]
    else:
        lists = choice.logprobs or Lists()
        own, top = lists.token_logprobs or [], lists.top_logprobs or []
        found = [
            None if value is None else {**_by_id(others, wording), int(i): _number(value)}
            for i, value, others in zip(ids, own, top, strict=False)
        ]
    if len(found) < len(ids) or any(one is None for one in found[1 : len(ids)]):
        raise ServerError(
            f"{len(ids)} tokens were sent, and log-probabilities of {sum(one is not None for one in found)} came back. "
            "forced='steps' asks for one step at a time instead."
        )
    return [None, *(Listed.of(one) for one in found[1 : len(ids)] if one is not None)]


def read_step(answer: Completion, wording: Wording) -> Listed:
    """The list of the one token that was generated.

    Raises:
        ServerError: There is none.
    """
    lists = _lists(answer)
    if lists.content:
        listed: dict[int, float] = {}
        for one in lists.content[0].top_logprobs or []:
            index = id_of(one, wording)
            if index is not None:
                listed[index] = _number(one.logprob)
                if one.bytes:
                    wording.learn(index, bytes(one.bytes))
        return Listed.of(listed)
    if lists.top_logprobs:
        return Listed.of(_by_id(lists.top_logprobs[0], wording))
    raise ServerError("One token was asked for, and no list of likely tokens came. Look at the server's log.")


def read_generated(answer: Completion, wording: Wording) -> list[int]:
    """The tokens that were generated.

    Raises:
        ServerError: The server does not tell them, or names one that its own tokeniser does not know as one.
    """
    lists = _lists(answer)
    if lists.content is None and lists.tokens is None:
        raise ServerError("Generated tokens were expected; the server sent log-probabilities without them.")
    said = lists.content if lists.content is not None else [Likely(token=name) for name in lists.tokens or ()]
    found = [id_of(one, wording) for one in said]
    new = [index for index in found if index is not None]
    if len(new) < len(found):
        name = said[found.index(None)].token
        raise ServerError(f"The server generated {name!r}, which its own tokeniser does not know as one token.")
    return new


def ability_of(
    client: Client, model: str, ids: Sequence[int], wording: Wording, forced: Forced, listed: int
) -> Ability:
    """What the server can, found by asking it about ``ids``.

    Raises:
        RefusedError: Nothing of it, or not the way that was wanted; with what the server said.
        SilentServerError: It does not answer.
    """
    wanted: dict[Forced, tuple[Way, ...]] = {
        "auto": ("prompt_logprobs", "echo", "steps"),
        "prompt": ("prompt_logprobs", "echo"),
        "steps": ("steps",),
    }
    said = []
    for way in wanted[forced]:
        for size in dict.fromkeys([listed, *(n for n in FEWER if n < listed)]):
            ability = Ability(way=way, listed=size)
            try:
                answer = client.post(f"{client.base}/completions", ability.body(model, ids), Completion)
                if way == "steps":
                    read_step(answer, wording)
                else:
                    read_prompt(answer, ability, ids, wording)
            except RefusedError as error:
                said.append(f"{way}, {size} tokens: {error}")
                continue
            except SilentServerError:
                raise
            except ServerError as error:
                said.append(f"{way}: {error}")
                break
            return ability
    raise RefusedError(
        f"{client.base}/completions gives no log-probabilities of {'the prompt' if forced == 'prompt' else 'tokens'}. "
        f"It said: {said[-1]}"
    )


def _lists(answer: Completion) -> Lists:
    lists = answer.choices[0].logprobs
    if lists is None:
        raise ServerError("The server sent no log-probabilities. Start it so that it gives 'logprobs'.")
    return lists


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _by_id(listed: Mapping[str, float | None] | None, wording: Wording) -> dict[int, float]:
    found = {}
    for token, value in (listed or {}).items():
        index = id_of(Likely(token=token), wording)
        if index is not None:
            found[index] = _number(value)
    return found


def id_of(token: Likely, wording: Wording) -> int | None:
    """Its id: as told, or by its name (``token_id:17``, or what the tokeniser makes of its spelling); None where that
    is several tokens."""
    if token.id is not None or token.token is None:
        return token.id
    number = token.token.removeprefix("token_id:")
    if number != token.token and number.isdecimal():
        return int(number)
    return wording.single(token.token)
