"""Views are imported when somebody asks for them: a line of progress waits for no page and no figure."""

from __future__ import annotations

import subprocess
import sys

import pytest
import wherefrom_viz
import wherefrom_viz.console

VIEWS = (
    "wherefrom_viz.page.document",
    "wherefrom_viz.figures.svg",
    "wherefrom_viz.console.view",
    "wherefrom_viz.browser",
)


@pytest.mark.parametrize(
    "code, views",
    [
        ("import wherefrom_viz.console.progress", ()),
        ("from wherefrom_viz import render_html", VIEWS[:1]),
        ("from wherefrom_viz import render_svg, render_text, browse", VIEWS[1:]),
    ],
)
def test_only_what_is_asked_for_is_imported(code: str, views: tuple[str, ...]) -> None:
    probe = f"{code}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {view for view in VIEWS if view in loaded} >= set(views)
    if not views:
        assert not loaded & set(VIEWS)


@pytest.mark.parametrize("package", [wherefrom_viz, wherefrom_viz.console], ids=lambda package: package.__name__)
def test_every_public_name_is_there(package) -> None:  # type: ignore[no-untyped-def]
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_describe_is_the_function_whatever_was_imported_before() -> None:
    probe = "import wherefrom_viz.describe.units; from wherefrom_viz import describe; assert callable(describe)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
