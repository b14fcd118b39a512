"""The table of what is built in, looked into by several threads at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from wherefrom._registry import Registry

SLOW = """
import time
from tests.core.test_registry import BEING_FILLED
for name in ("first", "second", "third"):
    BEING_FILLED[0].register(name, type(name, (), {"__module__": __name__}))
    time.sleep(0.05)
"""
BEING_FILLED: list[Registry[type]] = []


@pytest.fixture
def slow_builtins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "slow_package").mkdir()
    (tmp_path / "slow_package" / "__init__.py").touch()
    (tmp_path / "slow_package" / "builtin.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "slow_package.builtin"
    BEING_FILLED.clear()
    for name in ("slow_package", "slow_package.builtin"):
        sys.modules.pop(name, None)


def test_threads_that_look_first_all_find_what_is_built_in(slow_builtins: str) -> None:
    BEING_FILLED.append(registry := Registry[type]("thing", builtins=slow_builtins))
    begin, found = threading.Barrier(4), []

    def look(name: str) -> None:
        begin.wait()
        try:
            found.append(registry.get(name).__name__)
        except Exception as error:
            found.append(str(error))

    threads = [threading.Thread(target=look, args=(name,)) for name in ("third", "first", "third", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["first", "second", "third", "third"]


def test_builtins_that_cannot_be_imported_are_told_each_time() -> None:
    registry = Registry[type]("thing", builtins="no_such_package.builtin")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_package"):
            registry.get("first")
