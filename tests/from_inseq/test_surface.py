"""Every public name of inseq 0.7.1: the same here, the same with a remark, or an error that names the way.

``names_0_7_1.json`` has the names: module, name, and of classes their members. To record them again, and to see the
table, with inseq in an environment of its own::

    uv run --with inseq==0.7.1 pytest tests/from_inseq/test_surface.py -s -k recorded
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import wherefrom.inseq as ours
from wherefrom.inseq._elsewhere import NotHereError
from wherefrom.inseq._machinery import REMARKS

NAMES: dict[str, dict[str, list[str]]] = json.loads((Path(__file__).parent / "names_0_7_1.json").read_text("utf-8"))


def found(module: str, name: str) -> Any:
    """What a name of inseq's stands for here."""
    return getattr(importlib.import_module(f"wherefrom.{module}"), name)


def verdict(module: str, name: str, members: list[str]) -> str:
    """Same, remark, or way."""
    thing = found(module, name)
    short = f"{module}.{name}".removeprefix("inseq.")
    try:
        refused = inspect.isclass(thing) and thing.advice is not None
    except (AttributeError, NotHereError):
        refused = False
    if refused:
        with pytest.raises(NotHereError, match=r"machinery\. \S+"):
            thing()
        return "way"
    for member in members:
        if not hasattr(thing, member) and member not in getattr(thing, "__annotations__", {}):
            fields = getattr(thing, "__dataclass_fields__", {})
            assert member in fields, f"{short}.{member} is missing"
    return "remark" if short in REMARKS or name in REMARKS else "same"


@pytest.mark.parametrize("module", NAMES)
def test_every_name_is_answered(module: str) -> None:
    for name, members in NAMES[module].items():
        assert verdict(module, name, members) in ("same", "remark", "way")


def test_most_names_are_the_same() -> None:
    verdicts = [verdict(module, name, members) for module, names in NAMES.items() for name, members in names.items()]
    assert verdicts.count("same") + verdicts.count("remark") > 2 * verdicts.count("way")


def test_what_inseq_has_not_is_an_error() -> None:
    with pytest.raises(AttributeError, match="euclidean_distance"):
        ours.utils.euclidean_distanc  # noqa: B018
    with pytest.raises(ImportError):
        importlib.import_module("wherefrom.inseq.no_such_module")


def test_remarks_are_about_names_there_are() -> None:
    known = {f"{module}.{name}".removeprefix("inseq.") for module, names in NAMES.items() for name in names}
    plain = {name.rpartition(".")[2] for name in known}
    assert set(REMARKS) <= known | plain


@pytest.mark.skipif(find_spec("inseq") is None, reason="inseq 0.7.1 is not installed: uv run --with inseq==0.7.1")
def test_the_names_are_those_recorded() -> None:
    inseq = importlib.import_module("inseq")
    modules = ["inseq", *(one.name for one in pkgutil.walk_packages(inseq.__path__, "inseq."))]
    seen = {}
    for module in sorted(set(modules) - {"inseq.__main__"}):
        for name, thing in vars(importlib.import_module(module)).items():
            of = getattr(thing, "__module__", None)
            if not name.startswith("_") and not inspect.ismodule(thing) and of == module:
                members = NAMES[module][name]
                seen[f"{module}.{name}"] = verdict(module, name, members)
    for name, how in sorted(seen.items()):
        remark = REMARKS.get(name.rpartition(".")[2], "") if how == "remark" else ""
        print(f"{how:8}{name}  {remark}".rstrip())
    assert len(seen) > 300
