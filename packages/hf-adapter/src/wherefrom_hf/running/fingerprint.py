"""What tells a module from every other one: its weights to the last bit, its configuration and its code.

Weights are summed up where they live: eight bytes at a time, each word mixed and multiplied by a number of its own,
modulo 2**64. One word that changes always changes the sum; that two changes cancel is as likely as to guess 33 bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig
from wherefrom.step_functions.code import UntoldError, is_found_by_name, told

from wherefrom_hf.running.as_built import OF_EVERY_PART, hooks_everywhere, is_plain, of_users, states_of
from wherefrom_hf.running.attention_functions import attention_functions, functions_in, names_beside
from wherefrom_hf.running.eager import configs_of
from wherefrom_hf.running.parts import parts_of

WORDS = 2**14
"""Words of eight bytes that share one sum."""
SUMS_AT_ONCE = {"cpu": 16}
"""Sums that are made together, by device: in the host's cache, and as many as keep an accelerator busy."""
_HALF = 32
"""Bits of half a word. A word whose halves are added to each other has a difference in its lower half wherever it has
one, so that its product keeps it."""
_NOT_BUILD = OF_EVERY_PART | {"forward", "_old_forward", "_hf_hook", "generation_config"}
"""Attributes of parts that are told elsewhere or decide no number: weights and parts, what accelerate puts there, and
whether dropout is on."""


def fingerprint(module: nn.Module) -> str | None:
    """See `wherefrom.adapters.GivesFingerprint`. To be asked while the module is reserved.

    None: there are hooks in it, or a replaced ``forward``, or weights that cannot be read where they are, or functions
    and objects of its user's that cannot be looked through.
    """
    parts = parts_of(module)
    if any(map(_is_altered, parts)) or any(hooks_everywhere()):
        return None
    digest = hashlib.sha256()
    code: dict[type, str] = {}
    but = _NOT_BUILD | states_of(module)
    try:
        for name, part in module.named_modules(remove_duplicate=False):
            if type(part) not in code:
                code[type(part)] = told((type(part), *map(_functions_of, type(part).__mro__)))
            digest.update(json.dumps([name, code[type(part)]]).encode())
            for one, value in sorted(vars(part).items()):
                if one not in but:
                    digest.update(one.encode())
                    digest.update(b"".join(_told_of(value, parts)))
        for config in configs_of(parts):
            digest.update(_facts(config))
        digest.update(told(attention_functions(parts)).encode())
        known: dict[int, bytes] = {}
        for name, value in _values(module):
            if id(value) not in known:
                known[id(value)] = b"".join(_summed_up(value))
            digest.update(name.encode() + known[id(value)])
    except UntoldError:
        return None
    return digest.hexdigest()


def _is_altered(part: nn.Module) -> bool:
    """Does it run code of its user's? What accelerate puts around a part to place it is none."""
    if of_users(part._forward_hooks) or of_users(part._forward_pre_hooks):
        return True
    placed = type(getattr(part, "_hf_hook", None)).__module__.partition(".")[0] == "accelerate"
    return "forward" in part.__dict__ and not placed


def _functions_of(kind: type) -> list[dict[str, FunctionType]]:
    """The functions of an installed class that has a ``forward``, and those of its file: they may have been replaced
    there, and the name does not tell. Those of torch stay as they are."""
    if "forward" not in vars(kind) or not is_found_by_name(kind) or kind.__module__.partition(".")[0] == "torch":
        return []
    return [functions_in(vars(kind)), functions_in(names_beside(kind))]


def _facts(config: PreTrainedConfig) -> bytes:
    """What is plain of a configuration."""
    return json.dumps([[name, repr(value)] for name, value in sorted(vars(config).items()) if is_plain(value)]).encode()


def _told_of(value: Any, parts: list[nn.Module]) -> Iterator[bytes]:
    """What tells an attribute of a part: a setting, a function, a tensor that is no buffer, or a collection of these.

    Objects of installed packages that cannot be looked through are not told: their libraries' records.

    Raises:
        UntoldError: It is a function or an object of the user's that cannot be looked through.
    """
    if is_plain(value):
        yield repr(value).encode()
    elif isinstance(value, Tensor):
        yield from _summed_up(value)
    elif isinstance(value, nn.Module):
        if not any(value is part for part in parts):
            mark = fingerprint(value)
            if mark is None:
                raise UntoldError
            yield mark.encode()
    elif isinstance(value, PreTrainedConfig):
        yield _facts(value)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield repr(name).encode()
            yield from _told_of(one, parts)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _told_of(one, parts)
    elif isinstance(value, MethodType):
        yield told(value.__func__).encode()
        yield from _told_of(value.__self__, parts)
    else:
        try:
            yield told(value).encode()
        except UntoldError:
            if callable(value) or not is_found_by_name(type(value)):
                raise


def _values(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Parameters, buffers, and what else a state dict has (scales of quantised weights), by name."""
    seen = set()
    for name, value in (
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
        *module.state_dict(keep_vars=True).items(),
    ):
        if name not in seen:
            seen.add(name)
            yield name, value


def _summed_up(value: Any) -> Iterator[bytes]:
    """Shape, dtype and sums of one tensor, of its parts where it is made of several; a plain value as it is.

    Raises:
        UntoldError: Its values cannot be read.
    """
    if not isinstance(value, Tensor):
        if not is_plain(value):
            raise UntoldError
        yield repr(value).encode()
        return
    yield repr((tuple(value.shape), value.dtype)).encode()
    if (taken_apart := getattr(value, "__tensor_flatten__", None)) is not None:
        names, facts = taken_apart()
        yield repr(facts).encode()
        for name in names:
            yield from _summed_up(getattr(value, name))
        return
    if value.is_meta or value.layout is not torch.strided:
        raise UntoldError
    yield from _sums(value)


def _sums(tensor: Tensor) -> Iterator[bytes]:
    data = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)
    if data.storage_offset() % 8:
        data = data.clone()
    whole = data.numel() // 8 * 8
    yield data[whole:].cpu().numpy().tobytes()
    words = data[:whole].view(torch.int64)
    weights = _weights(data.device)
    lines = words[: len(words) // WORDS * WORDS].view(-1, WORDS)
    sums = [_mixed(some, weights) for some in lines.split(SUMS_AT_ONCE.get(data.device.type, 1024))]
    rest = words[lines.numel() :]
    sums.append(_mixed(rest[None], weights[: len(rest)]))
    yield torch.cat(sums).cpu().numpy().tobytes()


def _mixed(lines: Tensor, weights: Tensor) -> Tensor:
    """A sum per line. Shape ``(lines, words)`` to ``(lines,)``."""
    return torch.bitwise_right_shift(lines, _HALF).bitwise_xor_(lines).mul_(weights).sum(-1)


@lru_cache(maxsize=4)
def _weights(device: torch.device) -> Tensor:
    """Odd numbers, the same everywhere and ever."""
    drawn = np.frombuffer(hashlib.shake_256(b"wherefrom").digest(8 * WORDS), dtype="<i8") | 1
    return torch.from_numpy(drawn.astype(np.int64)).to(device)
