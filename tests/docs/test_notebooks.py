"""The notebooks of ``examples/`` run, and what they show is what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.needed import needed

needed("nbclient", "notebooks")

from tools import notebooks  # noqa: E402

DEMO = [path for path in notebooks.NOTEBOOKS if path.stem not in notebooks.PRETRAINED]
QUICK = [path for path in DEMO if path.stem in {"layers", "reasoning", "word_sources"}]
PRETRAINED = [path for path in notebooks.NOTEBOOKS if path.stem in notebooks.PRETRAINED]


def name(path: Path) -> str:
    return path.stem


pytestmark = pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")


@pytest.mark.parametrize("path", QUICK, ids=name)
def test_what_is_shown_is_what_is_printed(path: Path) -> None:
    assert len(QUICK) == 3
    assert not notebooks.differences(notebooks.printed(notebooks.read(path)), notebooks.printed_here(path))


@pytest.mark.parametrize("path", notebooks.NOTEBOOKS, ids=name)
def test_notebooks_are_small_and_tidy(path: Path) -> None:
    assert path.stat().st_size < 60_000
    assert any(notebooks.printed(notebooks.read(path)))
    for cell in notebooks.code_cells(notebooks.read(path)):
        assert cell["execution_count"] is None
        assert not cell["metadata"]
        assert all("text/html" not in one.get("data", {}) for one in cell["outputs"])


@pytest.mark.heavy
@pytest.mark.parametrize("path", DEMO, ids=name)
def test_a_notebook_runs_in_a_kernel(path: Path) -> None:
    executed = notebooks.execute(path)
    assert not notebooks.differences(notebooks.printed(notebooks.read(path)), notebooks.printed(executed))


@pytest.mark.real
@pytest.mark.parametrize("path", PRETRAINED, ids=name)
def test_a_notebook_on_a_pretrained_model_runs_in_a_kernel(path: Path) -> None:
    from wherefrom_hf.demo import is_fetched

    if not is_fetched("smollm2"):
        pytest.skip("demo:smollm2 was not fetched: uv run python -m wherefrom_hf.demo.pretrained smollm2")
    executed = notebooks.execute(path)
    assert not notebooks.differences(notebooks.printed(notebooks.read(path)), notebooks.printed(executed))


def test_another_output_is_seen() -> None:
    assert not notebooks.differences(["Mary +13.1, she\n"], ["Mary  +13.2, she\n"])
    assert notebooks.differences(["Mary +13.1\n"], ["Mary +13.6\n"])
    assert notebooks.differences(["Mary +13.1\n"], ["Mary -13.1\n"])
    assert notebooks.differences(["18 of 20\n"], ["19 of 20\n"])
    assert notebooks.differences(["Mary\n"], [""])
