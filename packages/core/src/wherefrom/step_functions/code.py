"""What tells a function from others: its code, and the values that it takes along.

Two functions of one name, a name that was given to another function, two closures made by one factory: they measure
different things, so what was kept of one must not answer for another. What installed packages define is told by its
name; of all else the code counts, the defaults, what a closure holds, and the globals that the code reads.
"""

from __future__ import annotations

import abc
import dis
import functools
import hashlib
import logging
import os
import sys
import sysconfig
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any
from uuid import uuid4
from weakref import finalize

import attrs
import numpy as np

from wherefrom.arrays import to_numpy

OWN = "wherefrom"
"""What is in it changes with its version alone, as that of installed packages."""
_BARE = (object, typing.Generic, typing.Protocol, abc.ABC)
"""Classes that bring an object no state of their own."""


_PROCESS = uuid4().hex
_counter = count()
_numbers: dict[int, str] = {}
_kept: list[object] = []


class UntoldError(Exception):
    """Something cannot be told from others: it holds what is neither plain, nor an array, nor code. Never seen by
    users: what is not told is not kept."""


def told(value: Any) -> str:
    """A digest of a function, a class, a settings object or a plain value; equal ones have equal digests in every
    process.

    Raises:
        UntoldError: It holds something that cannot be looked through.
    """
    digest = hashlib.sha256()
    for part in _parts(value, set()):
        digest.update(part if isinstance(part, bytes) else part.encode(errors="surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()


def this_object(thing: object) -> str:
    """What tells an object from every other one, of this process and of all others."""
    known = _numbers.get(id(thing))
    if known is None:  # the number is forgotten with the object, whose identity may then be another's
        known = _numbers[id(thing)] = f"{_PROCESS}-{os.getpid()}-{next(_counter)}"
        try:
            finalize(thing, _numbers.pop, id(thing), None).atexit = False
        except TypeError:  # cannot be referred to weakly: it is kept
            _kept.append(thing)
    return known


def _parts(value: Any, open_ones: set[int]) -> Iterator[str | bytes]:
    """What a value is made of, in order.

    Args:
        open_ones: Identities of what is being looked through further up: it may lead back to itself.
    """
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.dtype):
        yield f"{type(value).__qualname__} {value!r}"
    elif isinstance(value, ModuleType):
        if not _is_installed(value.__name__):
            raise UntoldError
        yield f"module {value.__name__}"
    elif isinstance(value, np.ufunc | logging.Logger):
        yield f"{type(value).__qualname__} {getattr(value, '__name__', '')}"
    elif isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType | None):
        yield f"builtin {value.__module__} {value.__qualname__}"
    elif isinstance(value, type | FunctionType) and is_found_by_name(value):
        yield f"{value.__module__} {value.__qualname__}"
    elif id(value) in open_ones:
        yield "again"
    else:
        open_ones.add(id(value))
        yield str(type(value).__qualname__)
        yield from _inside(value, open_ones)
        yield "end"
        open_ones.discard(id(value))


def _inside(value: Any, open_ones: set[int]) -> Iterator[str | bytes]:
    """The parts of what has parts."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _parts(one, open_ones)
    elif isinstance(value, set | frozenset):
        yield from sorted("/".join(map(str, _parts(one, open_ones))) for one in value)
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from _parts(pair, open_ones)
    elif isinstance(value, FunctionType):
        yield from _of_function(value, open_ones)
    elif isinstance(value, MethodType):
        yield from _parts((value.__func__, value.__self__), open_ones)
    elif isinstance(value, functools.partial):
        yield from _parts((value.func, value.args, value.keywords), open_ones)
    elif isinstance(value, type):
        yield from _of_class(value, open_ones)
    elif hasattr(value, "shape") and (hasattr(value, "__array__") or hasattr(value, "__dlpack__")):
        yield from _of_array(value)
    else:
        yield from _of_object(value, open_ones)


def _of_function(function: FunctionType, open_ones: set[int]) -> Iterator[str | bytes]:
    yield from _of_code(function.__code__)
    yield from _parts((function.__defaults__, function.__kwdefaults__), open_ones)
    for cell in function.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:  # not filled yet
            yield "empty"
            continue
        yield from _parts(held, open_ones)
    for name in _globals_of(function.__code__):
        if name in function.__globals__:
            yield name
            yield from _parts(function.__globals__[name], open_ones)


def _of_code(code: CodeType) -> Iterator[str | bytes]:
    """What it does; not where it stands."""
    yield code.co_code
    yield from map(repr, (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_code(constant)
        else:
            yield from _parts(None if constant is Ellipsis else constant, set())


def _globals_of(code: CodeType) -> list[str]:
    """Names that code reads from its module, that of functions inside it too.

    Raises:
        UntoldError: It imports what is not installed.
    """
    found = set()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            found.add(str(step.argval))
        if step.opname == "IMPORT_NAME" and not _is_installed(str(step.argval)):
            raise UntoldError
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(_globals_of(constant))
    return sorted(found)


def _of_class(cls: type, open_ones: set[int]) -> Iterator[str | bytes]:
    """Everything that is written in it and in its bases; what attrs and Python put there follows from that."""
    for base in cls.__mro__:
        if is_found_by_name(base):
            yield f"{base.__module__} {base.__qualname__}"
            continue
        yield base.__qualname__
        for name, member in sorted(vars(base).items()):
            if (name.startswith("__") and name != "__call__") or name == "_abc_impl":
                continue
            if isinstance(member, MemberDescriptorType):
                continue
            if isinstance(member, property):
                member = (member.fget, member.fset, member.fdel)
            if isinstance(member, staticmethod | classmethod):
                member = member.__func__
            yield name
            yield from _parts(member, open_ones)


def _of_array(value: Any) -> Iterator[str | bytes]:
    try:
        array = to_numpy(value)
    except Exception as error:
        raise UntoldError from error
    if array.dtype.hasobject:
        raise UntoldError
    yield f"{array.dtype} {array.shape}"
    yield np.ascontiguousarray(array).tobytes()


def _of_object(value: Any, open_ones: set[int]) -> Iterator[str | bytes]:
    """A settings object by its fields, another one by its attributes, if these are all that it has."""
    cls = type(value)
    if attrs.has(cls):
        yield from _parts(cls, open_ones)
        for one in attrs.fields(cls):
            yield one.name
            yield from _parts(getattr(value, one.name), open_ones)
        return
    bare = all(base in _BARE or not is_found_by_name(base) for base in cls.__mro__)
    if not bare or not hasattr(value, "__dict__") or any(vars(base).get("__slots__") for base in cls.__mro__):
        raise UntoldError
    yield from _parts(cls, open_ones)
    yield from _parts(vars(value), open_ones)


def is_found_by_name(value: type | FunctionType) -> bool:
    """Does an installed package have it under its name?"""
    module = value.__module__
    if not isinstance(module, str) or not _is_installed(module):
        return False
    found: Any = sys.modules.get(module)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


@cache
def _is_installed(module: str) -> bool:
    """Is it of Python, of an installed package or of this one?"""
    top = module.partition(".")[0]
    if top == OWN or top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return True
    try:
        spec = find_spec(top)
    except (ValueError, ImportError):  # `__main__` of a notebook
        return False
    places = [Path(place) for place in (spec.origin, *(spec.submodule_search_locations or ())) if place] if spec else []
    return any(_is_where_packages_are(place) or _is_recorded(top, place) for place in places)


def _is_where_packages_are(place: Path) -> bool:
    """Below a folder that installers write to, of this environment or of another one that it reaches?"""
    schemes = [Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")]
    return any(
        not _FOLDERS.isdisjoint(one.parts) or any(map(one.is_relative_to, schemes)) for one in (place, place.resolve())
    )


_FOLDERS = frozenset({"site-packages", "dist-packages"})


def _is_recorded(top: str, place: Path) -> bool:
    """Does a distribution beside it list it among its files? A source tree (an editable install) has no such list."""
    from importlib.metadata import distributions  # takes its time: only for what lies elsewhere

    folder = next(
        (parent.parent for parent in (place, *place.parents) if parent.name.partition(".")[0] == top), place.parent
    )
    return any(
        line.startswith((f"{top}/", f"{top}."))
        for found in distributions(path=[str(folder)])
        for line in (found.read_text("RECORD") or "").split("\n")
    )
