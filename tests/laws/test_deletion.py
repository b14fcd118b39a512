"""Units that are cut out leave sequences of every length: read together they say what each says alone.

What is cut out for one step is no business of another: a step's scores are the same whichever others are asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import wherefrom
from attrs import evolve
from wherefrom.adapters import Row, RowPrediction
from wherefrom.methods import ContextCite, ExactShapley, FeatureAblation, KernelShap, Occlusion
from wherefrom.methods.perturbation.ablation import ablate
from wherefrom.methods.perturbation.units import units_of
from wherefrom.progress import no_progress
from wherefrom.questions.question import Question
from wherefrom.testing import counting, question

from tests.laws.models import model_of, require_same, scores
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
    settings: dict[str, Any] = {"n_samples": 72, "n_bootstrap": 0} if method == "kernel_shap" else {}
    for text in TEXTS.values():
        done = demo().attribute(*text, method, baseline="delete", units=unit, show_progress=False, **settings)
        scores = done[0].target_attributions
        assert np.isfinite(scores[~np.isnan(scores)]).all()


TWO = ((0, 1), (1, 2))
"""The prompt, in two units."""
DETERMINISTIC = {
    "feature_ablation": FeatureAblation(),
    "feature_ablation-prompt": FeatureAblation(units=[(0, 2)]),
    "feature_ablation-more": FeatureAblation(units=[(0, 2), (2, 3)]),
    "occlusion": Occlusion(),
    "occlusion-window": Occlusion(window=2),
    "occlusion-windows": Occlusion(window=4, stride=1),
    "occlusion-prompt": Occlusion(units=[(0, 2)]),
    "occlusion-words": Occlusion(units="word"),
    "occlusion-sentences": Occlusion(units="sentence"),
    "exact_shapley": ExactShapley(units=TWO),
    "context_cite": ContextCite(units=TWO, n_bootstrap=0),  # few units: all coalitions
    "kernel_shap": KernelShap(units=TWO, n_bootstrap=0),
}
MODELS = ("reference", "reference-seq2seq", "gpt2-tiny", "t5-tiny")
SLOW = [("exact_shapley", "t5-tiny")]
"""With the heavy tests: all coalitions of all that an encoder-decoder reads."""
PAIRS = [
    pytest.param(name, on, id=f"{name}-{on}", marks=pytest.mark.heavy if (name, on) in SLOW else [])
    for name in DETERMINISTIC
    for on in MODELS
]


def asked_of(on: str, *, first_kept: bool) -> tuple[Any, Question]:
    """A prompt of two tokens (of three with one that stays in front), and some more to explain."""
    model = model_of(on)
    prompt = "the cat" if on.startswith("reference") else "the name"
    about = question(model, prompt, "of the old house", function="logit")
    steps = np.arange(2 + first_kept if about.source_ids is None else 1, len(about.target_ids))
    function = evolve(about.target_function, target_ids=about.target_ids[steps])
    kept = np.union1d(about.kept_target, [0]) if first_kept else about.kept_target
    begins = int(steps[0])
    return model, evolve(about, steps=steps, target_function=function, kept_target=kept, answer_start=begins)


@pytest.mark.parametrize("first_kept", [False, True], ids=["bare", "begun"])
@pytest.mark.parametrize("name, on", PAIRS)
def test_a_step_is_the_same_whichever_others_are_asked(name: str, on: str, first_kept: bool) -> None:
    model, about = asked_of(on, first_kept=first_kept)
    assert len(about.steps) > 2
    method = DETERMINISTIC[name]
    if name == "context_cite":  # what was said stays: it is all context that stands before the first step
        about = evolve(about, attribute_target=False)
    (whole,) = scores(method, model, [about])
    assert any(values.any() for values in whole.values())
    for kept in (np.array([0]), np.arange(1, len(about.steps)), np.array([0, len(about.steps) - 1])):
        some = evolve(about, steps=about.steps[kept], target_function=about.target_function.select(kept))
        (came,) = scores(method, model, [some])
        expected = {side: values[:, kept] for side, values in whole.items()}
        require_same(came, expected, 1e-4, f"{name}, steps {kept.tolist()}")


def test_later_steps_are_predicted_from_what_is_left_and_bare_ones_from_the_stand_in() -> None:
    model, about = asked_of("gpt2-tiny", first_kept=False)
    units = units_of(about, ((0, 2),))
    table = ablate(model, about, units, np.zeros((1, 1), bool), baseline="delete")
    (name,) = (name for name in table.values if name.startswith("logit"))
    start = next(i for i in (model.card.bos_id, model.card.decoder_start_id, model.card.unk_id) if i is not None)
    for place, step in enumerate(about.steps):
        ids = about.target_ids[2:] if place else np.array([start])
        read = Row(target_ids=ids, steps=np.array([max(1, step - 2)]))
        (said,) = model.predict([read])
        value = float(said.logits[0, int(about.target_ids[step])])
        np.testing.assert_allclose(table.values[name][0, place], value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("first_kept", [False, True], ids=["bare", "begun"])
@pytest.mark.parametrize("name, on", PAIRS)
def test_the_passes_of_bare_steps_are_told_and_counted(name: str, on: str, first_kept: bool) -> None:
    model, about = asked_of(on, first_kept=first_kept)
    meter, tally = counting(model)
    (answer,) = DETERMINISTIC[name].attribute(meter, [about], no_progress)
    assert tally.forward_rows == answer.details["forwards"] == DETERMINISTIC[name].cost(about).forwards


@pytest.mark.parametrize("method", [Occlusion(window=3), KernelShap(n_samples=40), KernelShap(n_samples="auto")])
def test_a_budget_counts_the_passes_of_bare_steps(method: Any) -> None:
    model, about = asked_of("reference", first_kept=False)
    limit = 12
    method = evolve(method, max_samples=limit) if method.identifier == "kernel_shap" else method
    meter, tally = counting(model)
    within = evolve(method, budget=limit, n_bootstrap=0) if hasattr(method, "n_bootstrap") else evolve(method, budget=6)
    list(within.attribute(meter, [about], no_progress))
    assert 0 < tally.forward_rows <= within.cost(about).forwards <= within.budget
