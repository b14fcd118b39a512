"""Results for the browser, and the application as tests run it: no configuration, no clock, all colours."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from wherefrom.files import Manifest, RunWriter, create_run
from wherefrom.results.attribution import Attribution, Attributions
from wherefrom_viz.browser.app import Browser
from wherefrom_viz.browser.settings import Settings
from wherefrom_viz.browser.widgets.preview import Preview

from tests.viz.conftest import (
    HOSTILE,
    PROVENANCE,
    causal,
    chat_example,
    everyone_result,
    hospital_example,
    translation_example,
)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's files, and none depends on the terminal it is run in."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.delenv("NO_COLOR", raising=False)


def browser_of(attributions: Attributions | None = None, **options: object) -> Browser:
    """The application on results in memory."""
    chosen: dict[str, object] = {"follow_seconds": 0, "colours": "truecolor", "settings": Settings(), **options}
    return Browser(attributions or everyone_result(), **chosen)  # type: ignore[arg-type]


def browser_at(*paths: Path, **options: object) -> Browser:
    """The application on files."""
    chosen: dict[str, object] = {"follow_seconds": 0, "colours": "truecolor", "settings": Settings(), **options}
    return Browser(list(paths), **chosen)  # type: ignore[arg-type]


async def settled(pilot: Pilot[None]) -> None:
    """Wait for workers, the preview's delay and what they draw."""
    await pilot.pause()
    preview = next(iter(pilot.app.screen.query(Preview)), None)
    await pilot.pause(0.08 if preview is not None else 0)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.pause()


def shown(pilot: Pilot[None]) -> str:
    """The screen as text."""
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)


def two_methods() -> Attributions:
    """One example by two methods."""
    a = hospital_example()
    assert a.target_attributions is not None
    noise = np.random.default_rng(1).normal(0, 0.04, a.target_attributions.shape) * a.target_visible
    other = (a.target_attributions * 0.6 + noise).astype(np.float32)
    return Attributions(
        sequence_attributions=(a, a.replace(target_attributions=other, method="occlusion")), provenance=PROVENANCE
    )


def noted_result() -> Attributions:
    """Examples with tags and annotations, some of them hostile."""
    notes: list[dict[str, object]] = [
        {"tags": ["bad", "gender"], "label": 3, "gold label": "came late"},
        {"tags": "fine", "label": "12"},
        {"label": 1.5, "gold label": "[/red]\u202ehostile\n</script>", "\x1b[31m": True},
        {"tags": ["\x1b[31mred", "x" * 60]},
    ]
    made = everyone_result()
    return made.replace(
        sequence_attributions=tuple(one.replace(annotations=note) for one, note in zip(made, notes, strict=True))
    )


@pytest.fixture
def everyone() -> Attributions:
    """Examples that UTF-8 has room for: no lone surrogates."""
    hostile = causal(
        [text for text in HOSTILE if text != "\ud800"] * 2, len(HOSTILE) - 1, id="hostile </script> [/red]"
    )
    return Attributions(
        sequence_attributions=(hospital_example(), translation_example(), chat_example(), hostile),
        provenance=PROVENANCE,
    )


@pytest.fixture
def write_run(tmp_path: Path, make: Callable[..., Attribution]) -> Callable[..., Path]:
    """Writes a run of ``count`` examples and gives its folder."""

    def write(count: int = 6, name: str = "run", total: int | None = None) -> Path:
        folder = create_run(tmp_path / name, Manifest(total=total, provenance=PROVENANCE))
        with RunWriter(folder, batch=1) as writer:
            for number in range(count):
                texts = ["One", " two", f" w{number}", " four", " five"]
                writer.append(make(texts, 3, {(0, 0): 0.5}, seed=number, id=f"case-{number}"))
        return folder

    return write


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutine tests on a loop of their own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True
