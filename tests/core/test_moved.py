"""Old import paths lead to the modules where they are now."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest
import wherefrom
from wherefrom._moved import MOVED, moved


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_path_is_the_new_module(old):
    assert importlib.import_module(f"wherefrom.{old}") is importlib.import_module(f"wherefrom.{MOVED[old]}")


@pytest.mark.parametrize("old", ["aggregators.pair", "wire.tokens", "operations.comparison"])
def test_what_stands_inside_a_moved_package_went_with_it(old):
    there = moved(f"wherefrom.{old}")
    assert there is not None
    assert importlib.import_module(f"wherefrom.{old}") is importlib.import_module(there)


def test_a_module_keeps_its_own_name_when_asked_for_by_the_old_one():
    module = importlib.import_module("wherefrom.tokens")
    assert module.__name__ == "wherefrom.text.tokens"
    assert module.__spec__ is not None
    assert module.__spec__.name == "wherefrom.text.tokens"


def test_an_old_path_first_runs_a_module_once():
    code = (
        "import wherefrom.aggregators.pair as old; import wherefrom.results.aggregators.pair as new;"
        "assert old is new; import wherefrom.model, wherefrom.attribute;"
        "assert wherefrom.model is wherefrom.attribute"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_module_hides_an_old_path():
    there = {module.name for module in pkgutil.iter_modules(wherefrom.__path__)}
    assert not there & {old for old in MOVED if "." not in old}


def test_a_name_that_never_was_is_not_found():
    assert moved("wherefrom.nothing") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("wherefrom.nothing")


def test_the_root_holds_ten_modules_at_most():
    files = [module.name for module in pkgutil.iter_modules(wherefrom.__path__) if not module.ispkg]
    assert len(files) + 1 <= 10, sorted(files)  # and the package itself
