from __future__ import annotations

import sys
import tomllib
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wherefrom._registry import Registry
from wherefrom.errors import MissingDependencyError, UnknownNameError
from wherefrom.results import rendering
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom.text.tokens import Token

VIZ = Path(__file__).parents[2] / "packages" / "viz" / "pyproject.toml"


@pytest.fixture
def result() -> Attribution:
    tokens = tuple(Token(id=i, piece=t, text=t, position=i) for i, t in enumerate(["a", " b", " c"]))
    scores = np.array([[0.5], [-0.25], [0.0]])
    return Attribution(source=tokens[:2], target=tokens, attr_pos_start=2, attr_pos_end=3, target_attributions=scores)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """A registry of renderers that only remember how they were called."""
    asked: list[tuple[str, dict[str, Any]]] = []
    registry: Registry[Any] = Registry("renderer")
    for name in rendering.BUNDLED:

        def draw(shown: Any, name: str = name, **options: Any) -> Any:
            asked.append((name, options))
            return b"pixels" if name == "png" else f"<{name}>"

        registry.register(name, draw)
    monkeypatch.setattr(rendering, "RENDERERS", registry)
    return asked


def test_show_prints_to_the_console(result: Attribution, calls: list[tuple[str, dict[str, Any]]]) -> None:
    assert result.show(max_val=2.0, view="read", palette="orange-blue") is None
    options = {"min_val": None, "max_val": 2.0, "view": "read", "palette": "orange-blue"}
    assert calls == [("console", options)]


def test_show_may_only_return_a_page(result: Attribution, calls: list[tuple[str, dict[str, Any]]]) -> None:
    assert result.show(display=False, return_html=True) == "<html>"
    assert [name for name, _ in calls] == ["html"]


def test_every_verb_asks_its_renderer(
    result: Attribution, calls: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    both = Attributions(sequence_attributions=(result,))
    assert both.to_html() == "<html>"
    assert both.save_html(tmp_path / "a.html").read_text() == "<html>"
    assert both.to_svg(tmp_path / "a.svg") == (tmp_path / "a.svg").read_text() == "<svg>"
    assert both.to_png(tmp_path / "a.png") == (tmp_path / "a.png").read_bytes() == b"pixels"
    assert (both.to_markdown(), both.to_latex(), both.to_text()) == ("<markdown>", "<latex>", "<text>")
    both.show_tokens()
    both.show_granular()
    assert calls[-2] == ("console", {"min_val": None, "max_val": None, "view": "read"})
    assert calls[-1] == ("granular", {"target": "console"})
    assert both._repr_mimebundle_()["text/html"] == "<notebook>"
    plain = both._repr_mimebundle_()["text/plain"]
    assert plain == "Attributions: 1 example, 1 explained tokens, unknown method"
    assert set(both._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert list(both.__rich_console__(None, None)) == ["<rich>"]


def test_a_notebook_displays_html(
    result: Attribution, calls: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    class Shell:
        def has_trait(self, name: str) -> bool:
            return name == "kernel"

    class IPython:
        get_ipython = staticmethod(Shell)

    class Display:
        display_html = staticmethod(lambda text, raw: shown.append(text))

    monkeypatch.setitem(sys.modules, "IPython", IPython)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", Display)  # type: ignore[arg-type]
    result.show()
    assert shown == ["<notebook>"]


def test_without_the_views_the_message_says_what_to_install(
    result: Attribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "RENDERERS", Registry("renderer"))
    with pytest.raises(MissingDependencyError, match="pip install wherefrom-viz"):
        result.show()
    assert set(result._repr_mimebundle_()) == {"text/plain"}
    with pytest.raises(UnknownNameError, match="No renderer is called 'htm'"):
        rendering.render(result, "htm")


def test_the_views_declare_every_bundled_renderer(result: Attribution) -> None:
    declared = tomllib.loads(VIZ.read_text())["project"]["entry-points"]["wherefrom.renderers"]
    assert set(declared) == rendering.BUNDLED
    for name, value in declared.items():
        assert callable(EntryPoint(name, value, "wherefrom.renderers").load())
    assert import_module("wherefrom_viz")
