"""What is found out about a module holds as long as the module is built as it was.

A model is asked once what it can do (`probe`). Between two calls its user may put a hook into it, take layers out,
replace a part, set one of its attributes or change its configuration, and then other answers are right. `look_at` sees
whether that happened, and forgets what was found out before. The functions that compute its attention are looked at
too: one of the user's may read what has changed since. Of weights their kind is looked at (quantised in place, moved,
of another precision), not their numbers: those change what a model says, not how it is built.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from operator import is_
from typing import Any, TypeVar, cast
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, ref

import torch
from attrs import evolve, frozen
from torch import Tensor, nn
from torch.nn.modules import module as of_all_modules
from transformers import PreTrainedConfig
from transformers.activations import SiLUActivation
from wherefrom.errors import WherefromWarning

from wherefrom_hf.running.attention_functions import attention_functions, told_now
from wherefrom_hf.running.eager import called_eager, configs_of
from wherefrom_hf.running.parts import parts_of, weights_of

T = TypeVar("T")
Found = TypeVar("Found", WeakKeyDictionary[nn.Module, Any], WeakSet[Any])

_VALUES = (str, int, float, bool, type(None), torch.dtype)
_COLLECTIONS = (list, tuple, dict)
_PLAIN = (*_VALUES, *_COLLECTIONS)
"""What is compared by what it says; everything else in a configuration by what it is."""

_Before = tuple[
    nn.Module, dict[str, Any], dict[str, Tensor | None], dict[str, nn.Module | None], list[tuple[Tensor, int, Tensor]]
]
"""A part before a pass: its attributes, buffers and parts, and of small buffers that are no weights, which a pass may
write into, the version and what was in them."""

_SETTING_NOTHING = frozenset(
    (nn.Linear, nn.Embedding, nn.LayerNorm, nn.Dropout, nn.Identity, nn.ModuleList, nn.SiLU, SiLUActivation)
)
"""Kinds of parts whose passes set no attribute: most of the parts of a model."""

_GONE = object()
"""Stands for an attribute that is not there."""

_SMALL_BUFFER = 2**16
"""Most numbers of a buffer that is kept beside a pass: frequencies, no masks of all positions."""

_CAPTURING = "transformers.utils.output_capturing"
"""Whose hooks transformers leaves in a model once hidden states or attention were asked for. They are idle in every
other pass."""

_OF_WEIGHTS = "torch.nn.utils."
"""Where PyTorch's hooks are from that make a part's weights of others (weight_norm, spectral_norm, pruning)."""

OF_EVERY_PART = frozenset(vars(nn.Module())) | {"_output_capturing_hooks_installed"}
"""Attributes that are no settings: weights, parts, hooks, and whether dropout is on."""


@frozen(eq=False)
class _Build:
    """How a module was built when it was looked at."""

    parts: tuple[ReferenceType[nn.Module], ...]
    facts: Hashable
    watched: tuple[ReferenceType[nn.Module], ...]
    """The parts that have hooks of the user's."""
    seeing: tuple[ReferenceType[nn.Module], ...]
    """Those of them whose hooks do not only make the part's weights."""
    everywhere: bool
    """Are there hooks of all modules?"""
    number: int
    """How many builds of the module were seen before."""


_builds: WeakKeyDictionary[nn.Module, _Build] = WeakKeyDictionary()
_warned: WeakSet[nn.Module] = WeakSet()
"""Modules of which it was said that they are asked anew at every call."""
_states: WeakKeyDictionary[nn.Module, frozenset[str]] = WeakKeyDictionary()
"""By module the attributes of its parts that its own passes were seen to set: what they carry along, no settings."""
_found: list[WeakKeyDictionary[nn.Module, Any] | WeakSet[Any]] = [called_eager]
_found_now: list[WeakKeyDictionary[nn.Module, Any]] = []


def kept_as_built(found: Found) -> Found:
    """Findings by module, which `look_at` will forget."""
    _found.append(found)
    return found


def kept_for_a_call(found: WeakKeyDictionary[nn.Module, T]) -> WeakKeyDictionary[nn.Module, T]:
    """Findings by module, which the next `look_at` will forget however the module is built."""
    _found_now.append(found)
    return found


def look_at(module: nn.Module) -> None:
    """Forget what was found out about the module if it is built otherwise now, or for one call alone. No hook of ours
    may be in it."""
    for now in _found_now:
        now.pop(module, None)
    parts, before = parts_of(module), _builds.get(module)
    facts = _facts(module, parts)
    if before is not None and before.facts == facts and [one() for one in before.parts] == parts:
        return
    watched = [part for part in parts if is_watched([part])]
    _builds[module] = _Build(
        parts=tuple(map(ref, parts)),
        facts=facts,
        watched=tuple(map(ref, watched)),
        seeing=tuple(ref(part) for part in watched if _sees(part)),
        everywhere=any(map(_watching, hooks_everywhere())),
        number=0 if before is None else before.number + 1,
    )
    if before is None:
        return
    _warn_of_untold(module, facts)
    for found in _found:
        if isinstance(found, WeakSet):
            found.discard(module)
        else:
            found.pop(module, None)


def _warn_of_untold(module: nn.Module, facts: tuple[Hashable, ...]) -> None:
    """Say once that what is found out about the module is asked anew at every call."""
    *_, attention = facts
    if module not in _warned and any(type(one) is object for one in cast(tuple[object, ...], attention)):
        _warned.add(module)
        warnings.warn(
            f"What computes the attention of {type(module).__name__} reads objects that cannot be told from themselves "
            "at another time, so what the model can do is tried again at every call, in some short passes. Let it read "
            "plain values (numbers, lists, tensors), or register it anew when it changes.",
            WherefromWarning,
            stacklevel=2,
        )


@contextmanager
def put_back(module: nn.Module) -> Iterator[None]:
    """Within the block the module runs. What that sets is then put back: attributes of its parts, buffers and parts.

    Some keep a state there, the longest text they saw, or what they became for a short one, and would answer the next
    one otherwise. Attributes that are new stay: what is made once, and kept. Where hooks of the user are, objects stay
    that they may have put there. What was set is no longer looked at, unless it is called as a setting is.
    """
    before = [_before(part) for part in _parts_at_work(module)]
    try:
        yield
    finally:
        names: set[str] = set()
        build = _builds.get(module)  # not looked at now: hooks of ours may be in it
        hooked = build is not None and _has_hooks(build)
        for part, attributes, buffers, parts, numbers in before:
            for buffer, version, kept in numbers:
                if buffer._version != version:
                    with torch.no_grad():
                        buffer.copy_(kept)
            _refill(part._buffers, buffers)
            _refill(part._modules, parts)
            if not _same(part.__dict__, attributes):
                names |= _put_back_attributes(part, attributes, hooked=hooked)
        if names - states_of(module):
            _states[module] = states_of(module) | names
            if build is not None:
                _builds[module] = evolve(build, facts=_without(build.facts, names))


def _parts_at_work(module: nn.Module) -> Iterator[nn.Module]:
    """All parts but those whose passes are known to set nothing."""
    build = _builds.get(module)
    parts: Iterable[nn.Module | None] = parts_of(module) if build is None else (one() for one in build.parts)
    return (part for part in parts if part is not None and type(part) not in _SETTING_NOTHING)


def _before(part: nn.Module) -> _Before:
    buffers = part._buffers
    numbers = []
    if buffers:
        computed = (buffers.get(name) for name in part._non_persistent_buffers_set)
        small = (one for one in computed if one is not None and one.numel() <= _SMALL_BUFFER)
        numbers = [(one, one._version, one.detach().clone()) for one in small if not one.is_inference()]
    return part, part.__dict__.copy(), buffers.copy(), part._modules.copy(), numbers


def _put_back_attributes(part: nn.Module, before: dict[str, Any], *, hooked: bool) -> set[str]:
    """Put back what was changed; the names of the attributes that were, or are new, but for settings.

    Args:
        hooked: Are there hooks of the user's?
    """
    now = part.__dict__
    names = (now.keys() | before.keys()) - OF_EVERY_PART
    changed = {name for name in names if not _is_as_before(now.get(name, _GONE), before.get(name, _GONE))}
    for name in changed & before.keys():
        if type(before[name]) in _VALUES or not hooked:
            now[name] = before[name]
    config = now.get("config")
    return changed - vars(config).keys() if isinstance(config, PreTrainedConfig) else changed


def _refill(now: dict[str, T], before: dict[str, T]) -> None:
    """Make it what it was; the same dictionary."""
    if not _same(now, before):
        now.clear()
        now.update(before)


def _same(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Are these the same objects, in the same order?"""
    return len(now) == len(before) and all(map(is_, now.values(), before.values()))


def _is_as_before(value: Any, before: Any) -> bool:
    return value is before or (type(value) is type(before) and type(value) in _VALUES and value == before)


def _without(facts: Any, names: Set[str]) -> tuple[Hashable, ...]:
    """Facts but for the attributes of parts by these names."""
    of_parts, *others = facts
    kept = tuple(
        tuple(one for one in part if not (isinstance(one, tuple) and one and one[0] in names)) for part in of_parts
    )
    return kept, *others


def states_of(module: nn.Module) -> frozenset[str]:
    """Names of its parts' attributes that its own passes were seen to set."""
    return _states.get(module, frozenset())


def build_number(module: nn.Module) -> int:
    """Which build of the module was looked at last."""
    return _looked_at(module).number


def of_users(hooks: Mapping[int, Any]) -> dict[int, Any]:
    """Hooks by number, but for those that transformers leaves behind."""
    return {number: hook for number, hook in hooks.items() if getattr(hook, "__module__", None) != _CAPTURING}


def is_hooked(module: nn.Module) -> bool:
    """Had the module hooks of its user when it was looked at? They may count positions from a sequence's first."""
    return _has_hooks(_looked_at(module))


def _has_hooks(build: _Build) -> bool:
    return build.everywhere or bool(build.watched)


def was_watched(module: nn.Module, part: nn.Module) -> bool:
    """Had this part of the module hooks of its user that see what it is given, when the module was looked at? None are
    known if it never was: hooks of ours may be in it by now."""
    build = _builds.get(module)
    return build is not None and any(one() is part for one in build.seeing)


def _sees(part: nn.Module) -> bool:
    """Has it hooks that do more than to make its weights?"""
    hooks = (*_expecting_all(part._forward_hooks).values(), *_expecting_all(part._forward_pre_hooks).values())
    return any(not any(kind.__module__.startswith(_OF_WEIGHTS) for kind in type(hook).__mro__) for hook in hooks)


def is_watched(parts: Iterable[nn.Module]) -> bool:
    """Have any of these hooks? Whose they are is unknown: they may expect whole sequences, and to be asked once.

    A hook that does not mind, or the object that it is a method of, says so by an attribute, ``takes_pieces``.
    """
    return any(_watching(part._forward_hooks) or _watching(part._forward_pre_hooks) for part in parts)


def _watching(hooks: Mapping[int, Any]) -> tuple[int, ...]:
    """Numbers, given once, of the hooks that expect whole sequences."""
    return tuple(_expecting_all(hooks))


def _expecting_all(hooks: Mapping[int, Any]) -> dict[int, Any]:
    """The user's hooks, by number, that expect whole sequences."""
    return {
        number: hook
        for number, hook in of_users(hooks).items()
        if not getattr(getattr(hook, "__self__", hook), "takes_pieces", False)
    }


def _looked_at(module: nn.Module) -> _Build:
    if module not in _builds:
        look_at(module)
    return _builds[module]


def is_plain(value: Any) -> bool:
    """Is it told by what it says, and all that is in it too?"""
    if isinstance(value, _VALUES):
        return True
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, dict) and all(map(is_plain, value)) and all(map(is_plain, value.values()))


def _facts(module: nn.Module, parts: list[nn.Module]) -> tuple[Hashable, ...]:
    """All that is looked at, what computes attention last."""
    states = states_of(module)
    of_parts = tuple((*_facts_of_part(part), *_settings(part, states)) for part in parts)
    attention = tuple(map(told_now, attention_functions(parts)))
    return of_parts, tuple(map(_facts_of_config, configs_of(parts))), _facts_of_all(parts), attention


def _facts_of_part(part: nn.Module) -> tuple[Hashable, ...]:
    """Its code and its hooks. Backward hooks change gradients, not what is found out."""
    own = part.__dict__.get("forward")
    return id(type(part).forward), id(own), _watching(part._forward_hooks), _watching(part._forward_pre_hooks)


def _settings(part: nn.Module, states: frozenset[str]) -> list[tuple[str, Hashable]]:
    """Its own attributes, but for ``states``: plain ones by what they say. This is asked at every call: what is quick
    comes first."""
    return [
        (name, value if type(value) in _VALUES else repr(value) if _is_plain_collection(value) else id(value))
        for name, value in part.__dict__.items()
        if name not in OF_EVERY_PART and name not in states
    ]


def _is_plain_collection(value: Any) -> bool:
    return type(value) in _COLLECTIONS and is_plain(value)


def _facts_of_config(config: Any) -> Hashable:
    return tuple(
        (name, repr(value) if isinstance(value, _PLAIN) else id(value)) for name, value in config.__dict__.items()
    )


def _facts_of_all(parts: list[nn.Module]) -> Hashable:
    weights = frozenset((type(weight), weight.dtype, weight.device) for weight in weights_of(parts))
    return weights, *map(_watching, hooks_everywhere())


def hooks_everywhere() -> tuple[Mapping[int, Any], Mapping[int, Any]]:
    """Hooks of all modules there are."""
    return of_all_modules._global_forward_hooks, of_all_modules._global_forward_pre_hooks
