"""What servers answer, as far as it is read: one type for each kind of answer."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct, ValidationError, convert

from wherefrom_openai.errors import UnexpectedReplyError

QUOTED = 160
"""Characters of an answer that an error shows."""

Byte = Annotated[int, Meta(ge=0, le=255)]
Reply = TypeVar("Reply")


class Facts(Struct):
    """What llama.cpp's server tells of a model's file."""

    n_vocab: Annotated[int, Meta(ge=1)] | None = None
    ftype: Any = None


class Served(Struct):
    """A model in a server's list."""

    id: str
    aliases: list[str] | None = None
    root: Any = None
    meta: dict[str, Any] | None = None
    max_model_len: Annotated[int, Meta(ge=1)] | None = None

    @property
    def names(self) -> list[str]:
        """What it may be called by."""
        return [self.id, *(self.aliases or ())]

    @property
    def identity(self) -> dict[str, Any]:
        """What tells it from another of that name."""
        return {"id": self.id, "root": self.root, "meta": self.meta, "max_model_len": self.max_model_len}


class Models(Struct):
    """``/v1/models``."""

    data: list[Served]


class GenerationSettings(Struct):
    """A part of `Properties`."""

    n_ctx: Annotated[int, Meta(ge=0)] | None = None


class Properties(Struct):
    """``/props`` of llama.cpp's server."""

    eos_token: str | None = None
    bos_token: str | None = None
    build_info: Any = None
    model_path: Any = None
    default_generation_settings: GenerationSettings | None = None

    @property
    def special_tokens(self) -> dict[str, str]:
        """By the names that chat templates know them by."""
        named = {"bos_token": self.bos_token, "eos_token": self.eos_token}
        return {name: text for name, text in named.items() if text is not None}


class SpelledToken(Struct):
    """A token and what it spells: text, or bytes where it is a part of a character."""

    id: int
    piece: str | list[Byte]


class Spelled(Struct):
    """``/tokenize`` of llama.cpp's server."""

    tokens: list[SpelledToken]


class Tokenised(Struct):
    """``/tokenize`` of vLLM."""

    tokens: list[int]
    token_strs: list[str] | None = None
    """Pieces of the vocabulary, where they were asked for and the server tells them."""


class EitherTokenised(Struct):
    """``/tokenize`` of a server whose dialect is not known yet."""

    tokens: list[SpelledToken | int]


class Content(Struct):
    """``/detokenize`` of llama.cpp's server."""

    content: str


class PromptText(Struct):
    """``/apply-template`` of llama.cpp's server, and ``/detokenize`` of vLLM."""

    prompt: str


class Likely(Struct):
    """A token that could follow."""

    id: int | None = None
    token: str | None = None
    logprob: float | None = None
    bytes: list[Byte] | None = None


class Generated(Likely):
    """A token that was generated."""

    top_logprobs: list[Likely] | None = None


class Lists(Struct):
    """Log-probabilities of a completion: ``content`` as llama.cpp's server has them, the others as OpenAI had."""

    content: list[Generated] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float | None] | None] | None = None


class Placed(Struct):
    """A token at a place of the prompt."""

    logprob: float | None = None


PromptLists = list[dict[int, Placed] | None]


class Choice(Struct):
    """One completion."""

    text: str | None = None
    finish_reason: str | None = None
    logprobs: Lists | None = None
    prompt_logprobs: PromptLists | None = None


class Usage(Struct):
    """How much was done for an answer."""

    completion_tokens: int | None = None


class Completion(Struct):
    """``/v1/completions``."""

    choices: Annotated[list[Choice], Meta(min_length=1)]
    prompt_logprobs: PromptLists | None = None
    usage: Usage | None = None


def reply(value: Any, kind: type[Reply], url: str) -> Reply:
    """An answer in its type.

    Raises:
        UnexpectedReplyError: It is of another form.
    """
    try:
        return convert(value, kind, str_keys=True)
    except ValidationError as error:
        said = repr(value)
        said = said if len(said) <= QUOTED else f"{said[:QUOTED]}..."
        raise UnexpectedReplyError(
            f"{url} answered in an unknown form: {error}; it sent {said}. Look at the server's log, and whether "
            "base_url is the address of its API (.../v1)."
        ) from error
