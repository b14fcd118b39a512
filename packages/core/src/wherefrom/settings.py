"""From what a user typed to frozen settings, with errors that name the culprit.

Methods, step functions and aggregators are frozen attrs classes; their declared fields *are* their options. This
module builds them from plain mappings (keyword arguments, JSON, TOML) and deals keyword arguments out to whoever
declares them. Nothing is ever ignored: a name nobody declares is an error with the nearest name.
"""

from __future__ import annotations

import collections.abc
import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeGuard,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    runtime_checkable,
)

import attrs
import numpy as np

from wherefrom.errors import SettingsError, UsageError, nearest

if TYPE_CHECKING:
    import cattrs

T = TypeVar("T")


def read_value(text: str) -> Any:
    """What a typed setting stands for: JSON where it can be read as such (``8``, ``true``, ``[1, 2]``), else the text
    itself (``delete``)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _strict(kind: type) -> Callable[[Any, Any], Any]:
    """A hook that accepts values of ``kind`` only, where Python's constructors would convert almost anything."""
    accepted: tuple[type, ...] = {
        int: (int, np.integer),
        float: (int, float, np.integer, np.floating),
        bool: (bool, np.bool_),
    }.get(kind, (kind,))

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"expected {kind.__name__}, got {value!r}")
        made: Any = kind(value)
        return made + 0.0 if kind is float else made  # minus nothing is nothing

    return structure


def _one_of(value: Any, choices: Any) -> Any:
    """The value, if it is one that a ``Literal`` names."""
    known = get_args(choices)
    if value not in known:
        raise ValueError(f"expected one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def _is_choice(declared: Any) -> bool:
    origin: Any = get_origin(declared)
    return origin is Literal


@cache
def _converter() -> cattrs.Converter:
    import cattrs  # takes its time: only when there is a setting to check
    from cattrs.strategies import configure_union_passthrough

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook_func(_is_choice, _one_of)
    for kind in (bool, int, float, str):
        converter.register_structure_hook(kind, _strict(kind))
    configure_union_passthrough(bool | int | float | str | None, converter)
    return converter


@runtime_checkable
class Named(Protocol):
    """Something registered under a name."""

    identifier: ClassVar[str]


@runtime_checkable
class Renamed(Protocol):
    """A settings class of which other libraries know some settings under other names."""

    former_names: ClassVar[Mapping[str, str]]
    """Other name to name here."""


def check_call(function: Callable[..., Any], given: Mapping[str, Any], /, **least: int) -> None:
    """Refuse arguments of a call that its own signature rules out, before any work is done.

    Numbers must be finite, texts without half characters (but for names of files), seeds from 0 to 2**63 - 1. What a
    signature says beyond plain types, lists, mappings, paths and functions is left to the function.

    Args:
        function: Whose signature counts.
        given: The arguments by name; ``locals()`` at the top of the function.
        least: Arguments that count, and the smallest number they may be; the largest is `LARGEST_COUNT`.

    Raises:
        SettingsError: One does not fit; the message says what was expected.
    """
    if isinstance(given.get("device"), bool | int | float | bytes | list | dict):
        raise SettingsError(f"device = {given['device']!r} does not fit: expected a name such as 'cpu' or 'cuda:0'.")
    for name, declared in _declared(function).items():
        value = given[name]
        seeds = name in ("seed", "generation_seed")
        counts = seeds or name in least
        if not _fits(value, declared) and not (counts and is_whole(value)):  # of a number that counts the range is told
            raise SettingsError(f"{name} = {value!r} does not fit: expected {_wanted(value, declared)}.")
        if value is not None and counts:
            low, high = (0, LARGEST_SEED) if seeds else (least[name], LARGEST_COUNT)
            check_whole(name, value, low, high)


def _wanted(value: Any, declared: Any) -> str:
    """What was expected, with its range where a whole number is too large to be one."""
    words = _in_words(declared)
    large = is_whole(value) and "number" in words
    return f"{words}, of numbers in the range from -2**63 + 1 to 2**63 - 1" if large else words


@cache
def _declared(function: Callable[..., Any]) -> dict[str, Any]:
    """Declared types by parameter; those that need a module imported for type checks alone are left out."""
    scope = getattr(function, "__globals__", {})
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or name in ("self", "device"):
            continue  # a framework's own object may stand for a device's name
        try:
            found[name] = eval(parameter.annotation, scope) if isinstance(parameter.annotation, str) else Any
        except (NameError, TypeError):  # a module imported for type checks alone, a name not yet made
            continue
    return found


def _fits(value: Any, declared: Any) -> bool:
    """May an argument declared so be this? True wherever that is not for its type to say."""
    origin, inner = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        if isinstance(value, str) and any(map(_is_path, inner)):
            return _is_name_of_a_file(value)
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if declared in (None, NoneType):
        return value is None
    if declared is bool:
        return isinstance(value, bool | np.bool_)
    if declared is int:
        return is_whole(value) and abs(int(value)) < 2**63
    if declared is float:
        numeric = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        return numeric and (abs(value) < 2**63 if isinstance(value, int) else bool(np.isfinite(value)))
    if declared is str:
        return isinstance(value, str) and not _has_half_character(value)
    if origin is collections.abc.Mapping or origin is dict:
        return isinstance(value, Mapping) and (inner[:1] != (str,) or all(isinstance(key, str) for key in value))
    if origin in (collections.abc.Sequence, collections.abc.Iterable, list):
        if isinstance(value, str):  # one for several
            return str in (inner[0], *get_args(inner[0]))
        listed = isinstance(value, collections.abc.Iterable) and not isinstance(value, bytes | Mapping | set)
        listed = (
            listed and getattr(value, "shape", (1,)) != ()
        )  # an array of one number says that it can be gone through
        return listed and not (isinstance(value, list | tuple) and not all(_fits(one, inner[0]) for one in value))
    if origin is collections.abc.Callable:
        return callable(value)
    return not _is_path(declared) or (isinstance(value, os.PathLike) and _is_name_of_a_file(os.fspath(value)))


def _is_path(declared: Any) -> bool:
    return isinstance(declared, type) and hasattr(declared, "__fspath__")


def _is_name_of_a_file(text: str | bytes) -> bool:
    """Does the text stand for bytes? Systems keep names that are no UTF-8, whose bytes come as half characters."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def is_whole(value: object) -> TypeGuard[int]:
    """Is it a whole number, and not True or False?"""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_pair(value: Any) -> TypeGuard[Sequence[int]]:
    """Are these two whole numbers?"""
    listed = isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1)
    return bool(listed and len(value) == 2 and all(map(is_whole, value)))


def _has_half_character(text: str) -> bool:
    """Is there a lone surrogate, which no tokenizer and no file takes?"""
    return any("\ud800" <= one <= "\udfff" for one in text)


def _in_words(declared: Any) -> str:
    """What a declared type asks for."""
    origin, inner = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        words = list(dict.fromkeys(map(_in_words, inner)))
        return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}"
    if origin in (collections.abc.Sequence, collections.abc.Iterable, list):
        return f"a list ({_in_words(inner[0])} each)"
    if origin is collections.abc.Mapping or origin is dict:
        return "a dictionary by name"
    if origin is collections.abc.Callable:
        return "a function"
    known = {bool: "True or False", int: "a whole number", float: "a finite number", str: "a text", NoneType: "None"}
    return known.get(declared, getattr(declared, "__name__", str(declared)))


LARGEST_COUNT = 100_000
"""No setting counts further: what is more was mistyped, or would fill the memory before the first pass."""
LARGEST_SEED = 2**63 - 1


def counting(
    least: int, *, most: int = LARGEST_COUNT, auto: bool = False
) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """A validator of settings that count: a whole number from ``least`` to ``most``.

    None is let through where it is the default.

    Args:
        most: The largest number; higher only where a large one asks for no more memory.
        auto: May the setting be ``"auto"``?
    """

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        left_out = value is None and attribute.default is None
        if not left_out and not (auto and isinstance(value, str) and value == "auto"):
            check_whole(attribute.name, value, least, most, " or 'auto'" if auto else "")

    return check


def a_seed(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """A validator of seeds: a whole number from 0 to 2**63 - 1; None is let through where it is the default."""
    if value is not None or attribute.default is not None:
        check_whole(attribute.name, value, 0, LARGEST_SEED)


def nth_seed(seed: int, number: int) -> int:
    """The seed of one of several draws under one seed: the seed itself for the first, another for each further one.

    Draws under neighbouring seeds have none in common, as ``seed + number`` would give them.

    Returns:
        From 0 to 2**31 - 1 for further draws, which every framework and server takes.
    """
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) >> 1 if number else seed


def check_whole(name: str, value: object, least: int, most: int, or_else: str = "") -> None:
    """Raise: SettingsError: ``value`` is no whole number from ``least`` to ``most``.

    Args:
        name: Of the setting, for the message.
        or_else: What else it might be, for the message.
    """
    if not is_whole(value) or not least <= value <= most:
        way = f": give at least {least}" if is_whole(value) and value < least else ""
        raise SettingsError(f"{name} must be a whole number from {least} to {most:,}{or_else}, not {value!r}{way}.")


def a_folder(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """A validator of settings that name a folder to write to, or are None.

    Raises:
        SettingsError: The name is empty (it would be the current folder), or no name at all; or it is a file's.
    """
    if value is not None and not (isinstance(value, str) and value.strip() and "\0" not in value):
        raise SettingsError(f"{attribute.name} = {value!r} names no folder. Give its path as a text, or None.")
    if value is not None:
        require_folder(attribute.name, value)


def require_folder(name: str, path: str | os.PathLike[str]) -> None:
    """Refuse a place where no folder is and none can be made.

    Args:
        name: Of the setting or option that names it, for the message.

    Raises:
        SettingsError: A file is there, or in the place of a folder above it.
    """
    for place in (Path(path), *Path(path).parents):
        if os.path.isdir(place):
            return
        if os.path.lexists(place):
            raise SettingsError(
                f"{name}: {str(path)!r} can be no folder, since {str(place)!r} is a file. Name a folder."
            )


def fields_of(cls: type) -> tuple[str, ...]:
    """Names of the settings that a settings class declares."""
    return tuple(field.name for field in attrs.fields(cls) if field.init)


def accepted_names(cls: type) -> frozenset[str]:
    """Names of settings that a settings class takes, former ones included."""
    return frozenset({*fields_of(cls), *former_names(cls)})


def from_mapping(cls: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """Build ``cls`` from untrusted ``values``.

    Plain values (numbers, words, lists of them) are checked against the declared types, and so is whatever comes for
    a setting that takes numbers and words alone; arrays, callables and other objects are else handed through and
    checked by the class's own validators.

    Args:
        where: What is being built, for messages ("method 'integrated_gradients'").

    Raises:
        SettingsError: A name is unknown (the nearest is suggested), or a value is of the wrong type or out of range.
    """
    known = fields_of(cls)
    values = by_own_names(cls, values, where=where)
    for name in values:
        if name not in known:
            raise unknown_setting(name, known, where)
    types = attrs.fields_dict(attrs.resolve_types(cast(Any, cls)))
    if missing := [name for name in known if types[name].default is attrs.NOTHING and name not in values]:
        raise SettingsError(f"{where} needs {' and '.join(missing)}: give {missing[0]}=...")
    settled: dict[str, Any] = {}
    for name, value in values.items():
        declared = types[name].type or Any
        _refuse_nonsense(value, declared, f"{where}: {name}")
        if _takes_a_list(declared) and not isinstance(value, list | tuple | np.ndarray):
            raise SettingsError(f"{where}: {name} = {value!r} does not fit: expected a list.")
        checked = _is_plain(value) or _takes_plain_values(declared)
        settled[name] = _structured(value, declared, f"{where}: {name}") if checked else value
    try:
        return cls(**settled)
    except UsageError:
        raise
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{where}: {_reason(error)}.") from error


def _refuse_nonsense(value: Any, declared: Any, what: str) -> None:
    """Raise: SettingsError: ``value`` is or holds NaN, an infinity or half a character, or is True or False where a
    number or name was declared."""
    for one in _values_in(value):
        if isinstance(one, float | np.floating) and not np.isfinite(one):
            raise SettingsError(f"{what} = {value!r} does not fit: expected a finite number.")
        if isinstance(one, str) and _has_half_character(one):
            raise SettingsError(f"{what} = {value!r} does not fit: it has half a character (a lone surrogate).")
    if isinstance(value, bool) and declared is not Any and bool not in (declared, *get_args(declared)):
        raise SettingsError(f"{what} = {value!r} does not fit: expected something else than True or False.")


def _values_in(value: Any) -> Iterator[Any]:
    """What stands in a value, however deep in lists and mappings."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _values_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _values_in(item)
    else:
        yield value


def _takes_a_list(declared: Any) -> bool:
    """Is it a tuple that is declared, and nothing else?"""
    return get_origin(declared) is tuple


def _takes_plain_values(declared: Any) -> bool:
    """Is nothing but numbers, words and None declared?"""
    if get_origin(declared) in (Union, UnionType):
        return all(_takes_plain_values(one) for one in get_args(declared))
    return _is_choice(declared) or declared in (bool, int, float, str, NoneType)


def former_names(cls: type) -> Mapping[str, str]:
    """Names under which other libraries know some of the settings of ``cls``, to their names here."""
    return cls.former_names if isinstance(cls, Renamed) else {}


def by_own_names(cls: type, values: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """The same settings of ``cls`` by the names that they have here.

    Args:
        where: Whose they are, for messages.

    Raises:
        SettingsError: Two of the names mean one setting.
    """
    names = former_names(cls)
    given_as: dict[str, str] = {}
    for name in values:
        other = given_as.setdefault(names.get(name, name), name)
        if other != name:
            raise SettingsError(f"{where}: {other!r} and {name!r} are two names of one setting. Give one of them.")
    return {own: values[name] for own, name in given_as.items()}


def _structured(value: Any, declared: Any, what: str) -> Any:
    """Raises: SettingsError: ``value`` is not of the declared type."""
    import cattrs

    try:
        return _converter().structure(value, declared)
    except (cattrs.BaseValidationError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise SettingsError(f"{what} = {value!r} does not fit: {_reason(error)}.") from error
    except cattrs.errors.StructureHandlerNotFoundError:
        return value


def unknown_setting(name: str, known: Iterable[str], where: str) -> SettingsError:
    """The error for a setting that nobody declares."""
    known = sorted(known)
    listing = ", ".join(known) if known else "none"
    return SettingsError(f"{where} has no setting {name!r}.{nearest(name, known)} It has: {listing}.")


def non_default(settings: Any) -> dict[str, Any]:
    """The settings of a frozen attrs object that differ from their defaults, as plain JSON values."""
    changed: dict[str, Any] = {}
    for field in attrs.fields(type(settings)):
        value = getattr(settings, field.name)
        default = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]
        if default is attrs.NOTHING or not _same(value, default):
            changed[field.name] = plain(value)
    return changed


def plain(value: Any) -> Any:
    """A JSON-ready stand-in for a setting: arrays and callables become short descriptions."""
    if attrs.has(type(value)):
        name = value.identifier if isinstance(value, Named) else type(value).__name__
        return {"name": name, "settings": non_default(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if hasattr(value, "shape"):
        return f"array of shape {tuple(value.shape)}"
    return getattr(value, "__qualname__", None) or repr(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return isinstance(value, str | int | float | bool | np.number) or value is None


def _same(value: Any, default: Any) -> bool:
    if hasattr(value, "shape") or hasattr(default, "shape"):
        return value is default
    return bool(value == default)


def _reason(error: BaseException) -> str:
    """The innermost message of a possibly nested validation error, without a final full stop."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return str(error.args[0] if error.args else error).rstrip(".")
