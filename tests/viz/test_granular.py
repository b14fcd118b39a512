from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from rich.console import Console
from wherefrom.attribution import Attribution
from wherefrom.errors import InputError, SettingsError
from wherefrom_viz.granular import render_granular, slices


@pytest.fixture
def deep(make: Callable[..., Attribution]) -> Attribution:
    """Two layers of three heads; every slice is a number of its own."""
    flat = make(["a", " b", " c", " d"], 2, id=None)
    raw = np.ones_like(np.asarray(flat.target_attributions))
    scores = np.stack([np.stack([raw * (10 * layer + head) for head in range(3)], -1) for layer in range(2)], -2)
    return flat.replace(target_attributions=scores, dimensions=("layer", "head"))


def values(result: Attribution) -> float:
    return float(np.asarray(result.target_attributions)[0, 0])


def test_slices_are_in_the_order_of_their_dimensions(deep: Attribution) -> None:
    cut = slices(deep)
    assert [values(one) for one in cut.attributions] == [0, 1, 2, 10, 11, 12]
    assert cut.attributions[4].id == "layer 1 · head 1"
    assert [name for name, _ in cut.dimensions] == ["layer", "head"]


def test_a_range_of_a_dimension_may_be_kept(deep: Attribution) -> None:
    cut = slices(deep, {"head": (1, 3)})
    assert [values(one) for one in cut.attributions] == [1, 2, 11, 12]
    assert cut.dimensions[1] == ("head", ("head 1", "head 2"))


def test_other_dimensions_are_averaged(deep: Attribution) -> None:
    assert [values(one) for one in slices(deep, show_dim="layer").attributions] == [1, 11]


def test_the_console_prints_the_strongest_slices(deep: Attribution) -> None:
    console = Console(file=io.StringIO(), width=80)
    render_granular(deep, console=console, most=2)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.index("layer 1 · head 2") < text.index("layer 1 · head 1")
    assert "layer 0" not in text


def test_aggregated_scores_have_nothing_to_cut(hospital: Attribution) -> None:
    with pytest.raises(InputError, match="one number per cell already"):
        slices(hospital)


def test_unknown_dimensions_suggest_the_nearest(deep: Attribution) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'layer'"):
        slices(deep, show_dim="layers")


def test_too_many_slices_say_how_to_keep_fewer(make: Callable[..., Attribution]) -> None:
    flat = make(["a", " b"], 1)
    wide = flat.replace(target_attributions=np.zeros((2, 1, 5000)), dimensions=("width",))
    with pytest.raises(InputError, match="slice_dims"):
        slices(wide)
