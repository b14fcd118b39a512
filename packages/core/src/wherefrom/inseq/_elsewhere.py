"""Names of inseq that have no counterpart here: they can be imported, and say what to do when they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, NoReturn

from wherefrom.errors import UsageError, nearest


class NotHereError(UsageError, NotImplementedError):
    """Something of inseq's own machinery was used. The message names the way here."""


class _Refuses(type):
    """The class of classes that say where to go."""

    advice: str

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse to make or to call it."""
        raise NotHereError(f"{cls.__name__} is a part of inseq's own machinery. {cls.advice}")

    def __getattr__(cls, name: str) -> Any:
        """Refuse everything but what Python asks of any class."""
        if name.startswith(("__", "_abc")):
            raise AttributeError(name)
        raise NotHereError(f"{cls.__name__}.{name} is a part of inseq's own machinery. {cls.advice}")


def elsewhere(name: str, advice: str) -> Any:
    """A stand-in that may be imported, annotated with and subclassed, and refuses to be used."""
    return _Refuses(name, (), {"advice": advice, "__doc__": f"Not here. {advice}"})


def refusal(name: str, advice: str) -> Callable[..., NoReturn]:
    """A function that says where to go."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotHereError(f"{name} is a part of inseq's own machinery. {advice}")

    return refuse


def names_elsewhere(
    module: str, names: Mapping[str, str], known: Iterable[str], homes: Mapping[str, str]
) -> Callable[[str], Any]:
    """A module's ``__getattr__``: stand-ins for ``names``, and the nearest name for everything else.

    Args:
        module: The module's name.
        names: Name to advice.
        known: What the module has, for suggestions.
        homes: Name to the module, below ``inseq``, that other modules have it from.
    """
    made: dict[str, Any] = {}

    def found(name: str) -> Any:
        if name in names:
            return made.setdefault(name, elsewhere(name, names[name]))
        if name.startswith("__"):
            raise AttributeError(name)
        home = f"wherefrom.inseq.{homes[name]}" if name in homes else module
        if home != module:
            return getattr(import_module(home), name)
        short = module.removeprefix("wherefrom.")
        raise AttributeError(f"{short} of inseq 0.7.1 has no {name!r}.{nearest(name, [*known, *names])}")

    return found
