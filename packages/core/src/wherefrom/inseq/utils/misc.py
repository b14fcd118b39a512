"""Helpers of inseq that scripts call."""

from __future__ import annotations

import gzip
import inspect
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from typing import Any

import torch
from msgspec.structs import replace
from torch import Tensor

from wherefrom.errors import InputError
from wherefrom.inseq.utils.errors import LengthMismatchError
from wherefrom.inseq.utils.typing import TextInput, TokenWithId
from wherefrom.results.rendering import in_notebook
from wherefrom.text.merging import merged_token
from wherefrom.text.tokens import Token


def optional(condition: Any, context_manager: AbstractContextManager[Any], alternative_fn: Any = None, **kwargs: Any):  # type: ignore[no-untyped-def]
    """The context manager where the condition holds; else the alternative is called, if there is one."""
    if condition:
        return context_manager
    return nullcontext() if alternative_fn is None else nullcontext(alternative_fn(**kwargs))


def isnotebook() -> bool:
    """Does this run in a notebook?"""
    return in_notebook()


def pretty_list(l: Sequence[Any] | None, lpad: int = 8) -> str:  # noqa: E741  (the parameter's name is inseq's)
    """A list, said briefly."""
    if l is None:
        return "None"
    kind = type(l[0]).__name__ if l else "nothing"
    shown = ", ".join(repr(str(one)) if isinstance(one, TokenWithId | str) else repr(one) for one in list(l)[:20])
    more = ", ..." if len(l) > 20 else ""
    return f"list with {len(l)} elements of type {kind}: [\n{' ' * (lpad + 4)}{shown}{more}\n{' ' * lpad}]"


def pretty_tensor(t: Tensor | None = None, lpad: int = 8) -> str:
    """A tensor by dtype, shape and device, and its numbers where they are few."""
    if t is None:
        return "None"
    about = f"{t.dtype} tensor of shape {list(t.shape)} on {t.device}"
    if t.ndim > 2 or t.numel() > 400:
        return about
    return f"{about}: {t.tolist()}"


def pretty_dict(d: dict[str, Any], lpad: int = 4) -> str:
    """A dictionary with lists and tensors said briefly."""
    lines = []
    for name, value in d.items():
        said = (
            pretty_tensor(value)
            if isinstance(value, Tensor)
            else pretty_list(value, lpad)
            if isinstance(value, list)
            else pretty_dict(value, lpad + 4)
            if isinstance(value, dict) and value
            else str(value)
        )
        lines.append(f"{' ' * lpad}{name}: {said}")
    return "{\n" + ",\n".join(lines) + f"\n{' ' * (lpad - 4)}}}"


def extract_signature_args(
    full_args: dict[str, Any],
    func: Callable[..., Any],
    exclude_args: Sequence[str] | None = None,
    return_remaining: bool = False,
) -> dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]:
    """Those arguments that a function names; and the others, if asked."""
    named = set(inspect.signature(func).parameters) - set(exclude_args or ())
    own = {name: value for name, value in full_args.items() if name in named}
    if not return_remaining:
        return own
    return own, {name: value for name, value in full_args.items() if name not in own}


def ordinal_str(n: int) -> str:
    """1st, 2nd, 3rd, 4th, ..."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def rgetattr(obj: Any, attr: str, *args: Any) -> Any:
    """An attribute by a dotted name, with ``[0]`` for members of lists."""
    names = attr.replace("[", ".").replace("]", "").split(".")
    return reduce(lambda at, name: at[int(name)] if name.isdecimal() else getattr(at, name, *args), names, obj)


def find_char_indexes(strings: Sequence[str], char: str = " ") -> list[list[int]]:
    """Where a character stands in each text."""
    return [[index for index, one in enumerate(text) if one == char] for text in strings]


def pad(seq: Sequence[Sequence[Any]], pad_id: Any) -> list[list[Any]]:
    """Sequences filled to the longest."""
    longest = max((len(one) for one in seq), default=0)
    return [[*one, *[pad_id] * (longest - len(one))] for one in seq]


def drop_padding(seq: Sequence[TokenWithId], pad_id: str) -> list[TokenWithId]:
    """A sequence without the padding at its ends; what equals padding in the middle stays."""
    kept = list(seq)
    while kept and kept[-1] == pad_id:
        kept.pop()
    return kept


def format_input_texts(
    texts: TextInput,
    ref_texts: TextInput | None = None,
    skip_special_tokens: bool = False,
    special_tokens: Sequence[str] = (),
) -> tuple[list[str], list[str]]:
    """Texts and references as lists of equal length.

    Raises:
        LengthMismatchError: They are not as many.
    """

    def listed(given: TextInput | None) -> list[str]:
        several = [] if given is None else [given] if isinstance(given, str) else list(given)
        if skip_special_tokens:
            return [reduce(lambda text, one: text.replace(one, ""), special_tokens, text) for text in several]
        return several

    first, second = listed(texts), listed(ref_texts)
    if ref_texts is not None and len(first) != len(second):
        raise LengthMismatchError(f"{len(first)} input texts, but {len(second)} generated texts. Give one for each.")
    return first, second


def aggregate_token_sequence(token_sequence: Sequence[Any], spans: Sequence[tuple[int, int]]) -> list[Any]:
    """Tokens with each span as one token, its spelling the whole and its id -1."""
    done: list[Any] = []
    begin = 0
    for start, end in sorted(spans):
        done += token_sequence[begin:start]
        text = "".join(str(token) for token in token_sequence[start:end])
        done.append(text if isinstance(token_sequence[start], str) else _merged(text, token_sequence[start:end]))
        begin = end
    return [*done, *token_sequence[begin:]]


def _merged(text: str, tokens: Sequence[TokenWithId]) -> TokenWithId:
    units = [unit for token in tokens if (unit := token.unit_as(token.token)) is not None]
    return TokenWithId(text, -1, merged_token(units) if len(units) == len(tokens) else None)


def aggregate_token_pair(tokens: Sequence[TokenWithId], other_tokens: Sequence[TokenWithId]) -> list[TokenWithId]:
    """Two token lists as one: ``a → b`` with id -1 where they differ.

    Raises:
        InputError: They are not as many.
    """
    if len(tokens) != len(other_tokens):
        raise InputError(f"{len(tokens)} and {len(other_tokens)} tokens cannot be paired one by one.")
    return [
        a if a.token == b.token else TokenWithId(f"{a.token} → {b.token}", -1, _relabelled(a, b))
        for a, b in zip(tokens, other_tokens, strict=True)
    ]


def _relabelled(a: TokenWithId, b: TokenWithId) -> Token | None:
    label = f"{a.token} → {b.token}"
    return None if a.unit is None else replace(a.unit, id=-1, piece=label, text=label)


def clean_tokens(
    tokens: list[str],
    remove_tokens: Sequence[str] = (),
    return_removed_idxs: bool = False,
    replace_chars: dict[str, str] | None = None,
) -> list[str] | tuple[list[str], list[int]]:
    """Tokens without word marks at their front, and without those to be removed."""
    marks = {"Ġ": "", "▁": ""} if replace_chars is None else replace_chars
    cleaned, removed = [], []
    for index, token in enumerate(tokens):
        plain = reduce(lambda text, mark: text.replace(*mark), marks.items(), token).strip()
        if not plain or token.strip() in remove_tokens or plain in remove_tokens:
            removed.append(index)
        else:
            cleaned.append(plain)
    return (cleaned, removed) if return_removed_idxs else cleaned


def get_left_padding(text: str) -> int:
    """How many spaces a text begins with."""
    return len(text) - len(text.lstrip())


def gzip_compress(data: bytes | str, compresslevel: int = 5) -> bytes:
    """Compressed bytes."""
    return gzip.compress(data.encode() if isinstance(data, str) else data, compresslevel)


def gzip_decompress(data: bytes) -> bytes:
    """The bytes again."""
    return gzip.decompress(data)


class hashodict(OrderedDict[Any, Any]):  # noqa: N801  (the name is inseq's)
    """An ordered dictionary that hashes by its content's text."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(list(self.items())))


def get_module_name_from_object(obj: Any) -> str:
    """Where its class was written."""
    return type(obj).__module__


def scalar_to_numpy(data: Any, dtype: str) -> Any:
    """A number as numpy's."""
    return torch.tensor(data).numpy().astype(dtype)[()]
