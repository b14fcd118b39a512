"""Two ways from a server to log-probabilities of given tokens, and which of them it can.

``"prompt"``: the text is sent once and the server says how likely each of its tokens was (``prompt_logprobs`` of vLLM;
``echo`` with ``logprobs``, as OpenAI's completions had it). ``"steps"``: every prefix is sent and the server says what
could follow; its own cache of prompts makes that cheap.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

from attrs import frozen
from wherefrom.errors import WherefromWarning
from wherefrom.text.spelling import BROKEN

from wherefrom_openai.client import Client, RefusedError
from wherefrom_openai.distribution import ROUNDING, Listed
from wherefrom_openai.errors import ServerError, SilentServerError
from wherefrom_openai.replies import Completion, Generated, Likely, Lists, PromptLists
from wherefrom_openai.settings import Forced
from wherefrom_openai.wording import Wording

Way = Literal["prompt_logprobs", "echo", "steps"]

FEWER = (1000, 100, 20, 5, 1)
"""Lengths of lists that are tried when a server refuses longer ones."""

NEVER = -500.0
"""Log-probabilities below are all of nothing."""

UNFINISHED = (
    "llama.cpp lists no token of a character that is not finished yet (of emoji or Chinese, say): what comes before or "
    "where one is most likely is not told. vLLM tells it, and so does the model itself (framework='hf_transformers')."
)

STEPS = "forced='steps' asks for one step at a time instead."


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


def read_lists(answer: Completion, ability: Ability, ids: Sequence[int], wording: Wording) -> list[Listed]:
    """What the answer to `Ability.body` tells: the list of the one step that follows, or those of all but the first.

    Raises:
        ServerError: See `read_prompt` and `read_step`.
    """
    if ability.way == "steps":
        return [read_step(answer, wording)]
    return [one for one in read_prompt(answer, ability, ids, wording)[1:] if one is not None]


def read_prompt(answer: Completion, ability: Ability, ids: Sequence[int], wording: Wording) -> list[Listed | None]:
    """Lists for every position of a prompt; None at the first.

    Raises:
        ServerError: They are missing, or are not about the tokens that were sent.
    """
    choice = answer.choices[0]
    if ability.way == "prompt_logprobs":
        found = _placed(choice.prompt_logprobs or answer.prompt_logprobs or [], ids)
    else:
        found = _echoed(choice.logprobs or Lists(), ids, wording)
    came = sum(one is not None for one in found[1:])
    if came < len(ids) - 1:
        raise ServerError(
            f"{len(ids)} tokens were sent, and log-probabilities of {came} came back where those of all but the first "
            f"are expected. {STEPS}"
        )
    return [None, *(one for one in found[1:] if one is not None)]


def _placed(lists: PromptLists, ids: Sequence[int]) -> list[Listed | None]:
    """From ``prompt_logprobs``, which hold the tokens that were sent beside the likely ones."""
    if len(lists) != len(ids):
        raise ServerError(f"{len(ids)} tokens were sent, and {len(lists)} places of a prompt came back. {STEPS}")
    for place, (i, one) in enumerate(zip(ids, lists, strict=True)):
        if place and one is not None and i not in one:
            raise ServerError(
                f"Token {i} was sent at place {place}, and the {len(one)} tokens that came back for it are others: the "
                f"server answers about another text. {STEPS}"
            )
    return [None if one is None else Listed.of({i: _number(of.logprob) for i, of in one.items()}) for one in lists]


def _echoed(lists: Lists, ids: Sequence[int], wording: Wording) -> list[Listed | None]:
    """From an echo: lists for the tokens that were sent, and for the one that was generated, which some leave out."""
    own, top = lists.token_logprobs or [], lists.top_logprobs or []
    names = lists.tokens if lists.tokens is not None else [""] * len(own)
    if not len(own) == len(top) == len(names) or len(own) - len(ids) not in (0, 1):
        raise ServerError(
            f"{len(ids)} tokens were sent, and one more was asked for; {len(names)} tokens, {len(own)} "
            f"log-probabilities and {len(top)} lists came back. {STEPS}"
        )
    if own[0] is not None:
        raise ServerError(
            f"Nothing stands before the first of {len(ids)} tokens, and the server gave {own[0]} for it: its lists are "
            f"not those of the tokens that were sent. {STEPS}"
        )
    for place, (i, name) in enumerate(zip(ids, names, strict=False)):
        told = _told(name)
        if told not in (None, i):
            raise ServerError(
                f"Token {i} was sent at place {place}, and the server answered about token {told}: it reads another "
                f"text. {STEPS}"
            )
    return [
        None if value is None else _by_id(others, wording, {i: value})
        for i, value, others in zip(ids, own, top, strict=False)
    ]


def read_step(answer: Completion, wording: Wording) -> Listed:
    """The list of the one token that was generated.

    Raises:
        ServerError: There is none.
    """
    lists = _lists(answer)
    _check_count(len(lists.content or lists.top_logprobs or ()), 1)
    if lists.content:
        return _one_each(lists.content[0].top_logprobs or [], wording, {})
    if lists.top_logprobs:
        return _by_id(lists.top_logprobs[0], wording)
    raise ServerError(f"One token was asked for, and no list of likely tokens came. {UNFINISHED}")


def read_generated(answer: Completion, wording: Wording, most: int, ends: Collection[int] = ()) -> list[int]:
    """The tokens that were generated.

    Args:
        ends: Tokens that end a text.

    Raises:
        ServerError: The server does not tell them all, made more than ``most``, or names one by a text
            that its own tokeniser makes another of.
    """
    lists = _lists(answer)
    if lists.content is None and lists.tokens is None:
        raise ServerError("Generated tokens were expected; the server sent log-probabilities without them.")
    said = lists.content if lists.content is not None else [Likely(token=name) for name in lists.tokens or ()]
    _check_count(len(said), most)
    found = [id_of(one, wording) for one in said]
    new = [index for index in found if index is not None]
    if len(new) < len(found):
        name = said[found.index(None)].token
        raise ServerError(
            f"The server generated {name!r}, and names no id; its own tokeniser makes no token of it that spells just "
            "that. Give the answer as a text (generated_texts)."
        )
    if lists.content is None:
        return new
    for likely in chain.from_iterable(one.top_logprobs or () for one in lists.content):
        if likely.id is not None and likely.bytes:
            wording.learn(likely.id, bytes(likely.bytes))
    return _with_unlisted(new, lists.content, answer, wording, ends)


def _with_unlisted(
    new: list[int], content: Sequence[Generated], answer: Completion, wording: Wording, ends: Collection[int]
) -> list[int]:
    """The tokens with those before the last one of each character, which llama.cpp does not list: of those that spell
    the same, as many as it made. An unfinished character at the end is left out, and that is told.

    Raises:
        ServerError: They are not found.
    """
    choice, made = answer.choices[0], answer.usage.completion_tokens if answer.usage else None
    ended = choice.finish_reason == "stop" and not (new and new[-1] in ends)
    if made is None or made - ended <= len(new):
        return new
    spelt = [one.token or "" for one in content]
    whole = [index for text, last in zip(spelt, new, strict=True) for index in wording.ending(text, last)]
    missing = made - ended - len(whole)
    if missing == 0:
        return whole
    if 0 < missing < 4 and choice.text is not None and choice.text.rstrip(BROKEN) == "".join(spelt):
        warnings.warn(
            f"What was generated ends within a character, whose {missing} tokens the server does not list: they are "
            "left out. Set another max_new_tokens for it to end elsewhere.",
            WherefromWarning,
            stacklevel=4,
        )
        return whole
    raise ServerError(
        f"The server says that it made {made} tokens, and lists {len(new)}, {spelt[:20]!r}. {UNFINISHED} Give the "
        "answer as a text (generated_texts)."
    )


def ability_of(
    client: Client, model: str, ids: Sequence[int], wording: Wording, forced: Forced, listed: int
) -> tuple[Ability, list[Listed]]:
    """What the server can, found by asking it about ``ids``; and the lists that it gave for them.

    Raises:
        RefusedError: Nothing of it, or not the way that was wanted; with what the server said.
        SilentServerError: It does not answer.
    """
    wanted: dict[Forced, tuple[Way, ...]] = {
        "auto": ("prompt_logprobs", "echo", "steps"),
        "prompt": ("prompt_logprobs", "echo"),
        "steps": ("steps",),
    }
    said: dict[Way, str] = {}
    for way in wanted[forced]:
        for size in dict.fromkeys([listed, *(n for n in FEWER if n < listed)]):
            ability = Ability(way=way, listed=size)
            try:
                answer = client.post(f"{client.base}/completions", ability.body(model, ids), Completion)
                lists = read_lists(answer, ability, ids, wording)
            except RefusedError as error:
                said[way] = f"{way}, {size} tokens: {error}"
                continue
            except SilentServerError:
                raise
            except ServerError as error:
                said[way] = f"{way}: {error}"
                break
            return ability, lists
    raise RefusedError(
        f"{client.base}/completions gives no log-probabilities of {'the prompt' if forced == 'prompt' else 'tokens'}. "
        f"It said: {'; '.join(said.values())}"
    )


def _lists(answer: Completion) -> Lists:
    lists = answer.choices[0].logprobs
    if lists is None:
        hint = UNFINISHED if answer.usage and answer.usage.completion_tokens else ""
        raise ServerError(
            f"The server sent no log-probabilities. Start it so that it gives 'logprobs'. {hint}".rstrip()
        )
    return lists


def _check_count(came: int, most: int) -> None:
    if came > most:
        raise ServerError(
            f"At most {most} generated {'token was' if most == 1 else 'tokens were'} asked for (max_tokens), and "
            f"{came} came: they may be about another text. Look at the server's settings."
        )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _by_id(
    listed: Mapping[str, float | None] | None, wording: Wording, known: Mapping[int, float] | None = None
) -> Listed:
    likely = [Likely(token=token, logprob=value) for token, value in (listed or {}).items()]
    return _one_each(likely, wording, known or {})


def _one_each(listed: Iterable[Likely], wording: Wording, known: Mapping[int, float]) -> Listed:
    """The log-probability of each, the ``known`` ones first. Where names that are spelt alike have several, none of
    them is taken.

    Raises:
        ServerError: A token whose id is told has several, or no name is understood.
    """
    found = dict(known)
    guessed: dict[int, list[float]] = {}
    unread: dict[str, float] = {}
    for one in listed:
        index, value = id_of(one, wording), _number(one.logprob)
        if index is None:
            if one.token is not None and value not in known.values():
                unread[one.token] = value
            continue
        if one.bytes:
            wording.learn(index, bytes(one.bytes))
        if one.id is None and _told(one.token) is None:
            guessed.setdefault(index, []).append(value)
        elif not _agree(found.setdefault(index, value), value):
            raise ServerError(
                f"One log-probability of each token is expected; the server gave {found[index]} and {value} for token "
                f"{index} in one list. Look at the server's log, and whether a newer version of it is right."
            )
    for index, values in guessed.items():
        if index not in found and all(_agree(values[0], other) for other in values):
            found[index] = values[0]
    if unread and not found:
        raise ServerError(
            f"The server names the {len(unread)} tokens that it lists by text ({', '.join(map(repr, [*unread][:5]))}), "
            "and its tokeniser makes others of those texts. Raise top_logprobs, or ask a server that tells ids "
            "(return_tokens_as_token_ids)."
        )
    return Listed.of(found, unread.values())


def _agree(one: float, other: float) -> bool:
    """Are they the same but for rounding? Servers write the least ones as -9999 or so."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or max(one, other) < NEVER or abs(one - other) <= ROUNDING * max(1.0, abs(one))


def _told(name: str | None) -> int | None:
    """The id in a name like ``token_id:17``; None: it is a name of another form."""
    number = (name or "").removeprefix("token_id:")
    return int(number) if number != name and number.isdecimal() else None


def id_of(token: Likely, wording: Wording) -> int | None:
    """Its id: as told, or by its name (``token_id:17``, or what it spells); None where `Wording.single` finds none."""
    if token.id is not None or token.token is None:
        return token.id
    told = _told(token.token)
    return wording.single(token.token) if told is None else told
