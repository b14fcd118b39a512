"""What the screens share, without a terminal; and that no screen calls the application."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import wherefrom_viz.browser
from wherefrom_viz.browser.session import Pair, Session
from wherefrom_viz.browser.sources.loaded import LoadedSource

from tests.viz.browser.conftest import two_methods
from tests.viz.conftest import everyone_result

BROWSER = Path(wherefrom_viz.browser.__file__).parent


def session_of(made=None) -> Session:  # type: ignore[no-untyped-def]
    session = Session()
    session.open([LoadedSource(made or everyone_result())])
    return session


def test_neighbours_are_those_of_the_list_as_it_is_seen() -> None:
    session = session_of()
    session.listed = np.array([3, 0, 2])
    assert [session.neighbour(0, by) for by in (-1, 1, 2)] == [3, 2, None]
    assert session.neighbour(1, 1) is None  # not listed


def test_what_is_compared_is_marked_or_the_counterpart() -> None:
    session = session_of(two_methods())
    assert session.pair_with(0) == Pair(0, 1)
    session = session_of()
    assert "mark another" in session.pair_with(0)
    session.marks = {2}
    assert session.pair_with(0) == Pair(2, 0)
    session.marks = {1, 2}
    assert session.pair_with(0) == Pair(1, 2)
    session.marks = {1, 2, 3}
    assert "Mark one example, or two" in session.pair_with(0)


def test_opening_forgets_marks_and_what_was_read() -> None:
    session = session_of()
    session.marks.add(1)
    session.cache.get(1)
    session.open([LoadedSource(two_methods())])
    assert not session.marks
    assert len(session.cache) == 0
    assert session.listed.tolist() == [0, 1]


def test_the_session_knows_no_textual() -> None:
    probe = "import sys, wherefrom_viz.browser.session; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


def calls_of_the_application(source: str) -> list[str]:
    """Attributes of ``self.app`` that are not Textual's own but ours, and imports of the application."""
    own = {"call_from_thread", "pop_screen", "push_screen", "theme", "current_theme"}
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "wherefrom_viz.browser.app":
            found.append("import of the application")
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self.app" and node.attr not in own:
            found.append(f"self.app.{node.attr}")
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "cast" and "Browser" in ast.unparse(node):
            found.append("a cast to the application")
    return found


@pytest.mark.parametrize("room", ["screens", "widgets"])
def test_screens_and_widgets_do_not_call_the_application(room: str) -> None:
    files = sorted((BROWSER / room).glob("*.py"))
    assert files
    assert {path.name: calls_of_the_application(path.read_text("utf-8")) for path in files} == {
        path.name: [] for path in files
    }


def test_a_call_of_the_application_is_seen() -> None:
    assert calls_of_the_application("self.app.open_paths([])")
    assert calls_of_the_application("if TYPE_CHECKING:\n    from wherefrom_viz.browser.app import Browser")
