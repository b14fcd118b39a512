"""Classes found by a name that they carry."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

R = TypeVar("R", bound="Registry")


class Registry:
    """Base of classes that are found by the attribute that ``registry_attr`` names."""

    registry_attr: ClassVar[str] = "None"

    @classmethod
    def subclasses(cls) -> set[type[Any]]:
        """All classes below this one."""
        below = set(cls.__subclasses__())
        return below | {one for sub in below for one in sub.subclasses()}

    @classmethod
    def available_classes(cls) -> dict[str, type[Any]]:
        """Name to class, of those that have a name of their own."""
        return {name: one for one in cls.subclasses() if (name := vars(one).get(cls.registry_attr)) and name != "None"}


def available_classes(cls: type[Registry]) -> list[str]:
    """Names of the classes below one, sorted."""
    return sorted(cls.available_classes())
