"""``!=`` is the opposite of ``==``, for every class of ours that says what equal means."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import wherefrom
from wherefrom import Attribution, Attributions

from tests.core.made import attribution

PACKAGES = ("wherefrom", "wherefrom_hf", "wherefrom_viz", "wherefrom_cli")


def own_classes() -> Iterator[type]:
    """Every class that our packages define."""
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for _, cls in inspect.getmembers(module, inspect.isclass):
                if cls.__module__ == module.__name__:
                    yield cls


def half_equal(cls: type) -> bool:
    """Does the class say what equal means by hand, and leave ``!=`` to a base that knows nothing of it?"""
    written = inspect.isfunction(vars(cls).get("__eq__"))
    answers = next((base for base in cls.__mro__ if "__ne__" in vars(base)), object)
    return written and answers is not cls and answers is not object


def test_whoever_defines_equal_defines_unequal() -> None:
    wrong = sorted({f"{cls.__module__}.{cls.__qualname__}" for cls in own_classes() if half_equal(cls)})
    assert not wrong, f"== is written by hand, != is a base's: {', '.join(wrong)}"


def test_a_class_with_half_of_it_is_seen() -> None:
    class Half(msgspec.Struct, eq=False):
        def __eq__(self, other: object) -> bool:
            return True

    assert half_equal(Half)


@pytest.mark.parametrize("several", [False, True])
def test_unequal_is_the_opposite_of_equal(several: bool) -> None:
    def made(shift: float) -> Attribution | Attributions:
        one = attribution(None, ["a", " b", " c"], 1)
        assert one.target_attributions is not None
        one = one.replace(target_attributions=one.target_attributions + np.float32(shift))
        return wherefrom.Attributions(sequence_attributions=(one,)) if several else one

    same, other = made(0.0), made(0.5)
    assert made(0.0) == same
    assert not made(0.0) != same  # noqa: SIM202 - both operators are asked
    assert other != same
    assert not other == same  # noqa: SIM201
    assert same != "something else"
    assert not same == "something else"  # noqa: SIM201
