"""Old import paths of views lead to the modules where they are now."""

from __future__ import annotations

import importlib

import pytest
from wherefrom_viz._moved import MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_path_is_the_new_module(old: str) -> None:
    assert importlib.import_module(f"wherefrom_viz.{old}") is importlib.import_module(f"wherefrom_viz.{MOVED[old]}")


@pytest.mark.parametrize(
    "module, name",
    [
        ("description", "describe"),
        ("comparison", "compare"),
        ("html", "render_html"),
        ("html.packing", "pack"),
        ("figures", "render_svg"),
        ("console", "render_text"),
        ("context", "render_context_html"),
    ],
)
def test_documented_names_stay_where_they_were(module: str, name: str) -> None:
    assert callable(getattr(importlib.import_module(f"wherefrom_viz.{module}"), name))
