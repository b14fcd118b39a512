"""Units that are cut out leave sequences of every length: read together they say what each says alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import wherefrom
from attrs import evolve
from wherefrom.adapters import Row, RowPrediction
from wherefrom.methods.perturbation.ablation import ablate
from wherefrom.methods.perturbation.units import units_of
from wherefrom.testing import question

from tests.real.conftest import loaded

TEXTS = {
    "words": ("The teacher saw the doctor because", "The teacher saw the doctor because the doctor was ill ."),
    "sentences": (
        "Mary went to the station. The keys to the cabinet are old. George felt poor on Monday. Anna",
        "Mary went to the station. The keys to the cabinet are old. George felt poor on Monday. Anna went home.",
    ),
}


class OneByOne:
    """An adapter that shares nothing between rows."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def predict(self, rows: Iterable[Row], *, chunk: int | None = None) -> Iterator[RowPrediction]:
        for row in rows:
            yield from self._adapter.predict([evolve(row, first_change=None)])


@cache
def demo() -> Any:
    return wherefrom.load_model("demo:lm", device="cpu")


def check(model: Any, unit: str, text: tuple[str, str], samples: int, seed: int) -> None:
    asked = question(model.adapter, *text, function="probability")
    units = units_of(asked, unit)
    rng, count = np.random.default_rng(seed), len(units.members)
    masks = np.ones((samples, count), dtype=bool)
    for mask in masks[: samples // 2]:  # stretches: what is left may end before others begin to change
        begin, end = np.sort(rng.choice(count + 1, 2, replace=False))
        mask[begin:end] = False
    masks[samples // 2 :] = rng.random((samples - samples // 2, count)) < 0.6
    masks[0], masks[1, : count // 4] = False, True
    masks[1, count // 4 :] = False
    together, alone = (
        ablate(adapter, asked, units, masks, baseline="delete") for adapter in (model.adapter, OneByOne(model.adapter))
    )
    for name, values in alone.values.items():
        assert np.isfinite(values).all()
        np.testing.assert_allclose(together.values[name], values, atol=2e-4, err_msg=name)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("unit", ["token", "word", "sentence"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_any_units_of_any_length(unit: str, text: tuple[str, str], seed: int) -> None:
    check(demo(), unit, text, 12, seed)


@pytest.mark.real
@pytest.mark.parametrize("name", ["smollm2", "gemma3"])
@pytest.mark.parametrize("unit", ["token", "sentence"])
def test_any_units_of_pretrained_models(name: str, unit: str) -> None:
    check(loaded(name), unit, TEXTS["sentences"], 8, 0)


@pytest.mark.parametrize("method", ["kernel_shap", "occlusion"])
@pytest.mark.parametrize("unit", ["token", "sentence"])
def test_the_methods_that_met_it(method: str, unit: str) -> None:
    settings: dict[str, Any] = {"n_samples": 12, "n_bootstrap": 0} if method == "kernel_shap" else {}
    for text in TEXTS.values():
        done = demo().attribute(*text, method, baseline="delete", units=unit, show_progress=False, **settings)
        scores = done[0].target_attributions
        assert np.isfinite(scores[~np.isnan(scores)]).all()
