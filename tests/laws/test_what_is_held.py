"""Of what a model answers with gradients, or from inside, a method holds one answer at a time.

Each may be as large as the scores: of thousands of inputs, hundreds of MiB. Whatever still holds an answer when the
next is asked for, a loop's variable or a `zip`, costs as much again.
"""

from __future__ import annotations

import tracemalloc
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import wherefrom
from wherefrom.adapters import Row, RowGradients
from wherefrom.methods import METHODS, Saliency
from wherefrom.progress import no_progress
from wherefrom.questions.question import Question
from wherefrom.testing import linear_model, question
from wherefrom.testing.reference import NumpyModel
from wherefrom_hf.adapter import HFModel

from tests.laws.claims import CLAIMS

ANSWERS = (
    "gradients",
    "layer_gradients",
    "rescaled_gradients",
    "ruled_gradients",
    "attention_gradient_rollouts",
    "attentions",
    "attention_terms",
    "head_terms",
    "logit_terms",
    "zeroed_values",
)
"""Of the model's adapter: what answers with more than predictions."""
WITHOUT = {
    "context_cite",
    "dummy",
    "exact_shapley",
    "feature_ablation",
    "interactions",
    "kernel_shap",
    "lime",
    "occlusion",
    "reagent",
    "shapley_value_sampling",
}
"""Methods that ask for predictions alone."""
SETTINGS: dict[str, dict[str, Any]] = {
    "layer_gradient_x_activation": {"depth": 0.5},
    "layer_integrated_gradients": {"target_layer": "model.layers.0"},
    "layer_deeplift": {"target_layer": "model.layers.0"},
}
"""Of methods that are another one where no layer is named."""


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each answer after which another was asked for: is it still there?"""
    found: list[bool] = []
    last: dict[str, weakref.ref[Any]] = {}

    def noting(name: str, own: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        def answers(*args: Any, **kwargs: Any) -> Iterator[Any]:
            made = list(own(*args, **kwargs))  # all at once: the adapter's own hold on them is no matter here
            while made:
                if name in last:
                    found.append(last[name]() is not None)
                last[name] = weakref.ref(made[0])
                yield made.pop(0)

        return answers

    for name in ANSWERS:
        monkeypatch.setattr(HFModel, name, noting(name, getattr(HFModel, name)))
    return found


@pytest.fixture(scope="module")
def model() -> Any:
    return wherefrom.load_model("demo:lm")


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")  # of few samples
@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_one_answer_is_held_at_a_time(name: str, model: Any, held: list[bool]) -> None:
    settings = {**CLAIMS[name].settings, **SETTINGS.get(name, {})}
    model.attribute(["to be or not"] * 3, ["to be or not to be"] * 3, name, show_progress=False, **settings)
    assert not any(held)
    assert bool(held) == (name not in WITHOUT), "several answers were asked for at once"


PATHS: list[tuple[str, dict[str, Any]]] = [
    ("integrated_gradients", {}),
    ("integrated_gradients", {"n_steps": 7}),
    ("gradient_shap", {"n_samples": 7}),
    ("discretized_integrated_gradients", {}),
    ("sequential_integrated_gradients", {"token_sums": False, "n_steps": 3}),
    ("sequential_integrated_gradients", {"token_sums": True, "n_steps": 3}),
]


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")  # of few samples
@pytest.mark.parametrize("name, settings", PATHS)
def test_rows_of_a_path_are_made_when_their_turn_comes(
    name: str, settings: dict[str, Any], model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They bring embeddings of their own, of thousands of tokens tens of MiB each."""
    there: list[weakref.ref[Any]] = []
    most = 0
    own = Question.row

    def noted(question: Question, **given: Any) -> Any:
        nonlocal most
        if (embeddings := given.get("target_embeds")) is not None:
            there.append(weakref.ref(embeddings))
            most = max(most, sum(one() is not None for one in there))
        return own(question, **given)

    def alone(asked: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **given: asked(*args, **{**given, "chunk": 1})

    monkeypatch.setattr(Question, "row", noted)
    for asked in ("gradients", "predict"):
        monkeypatch.setattr(HFModel, asked, alone(getattr(HFModel, asked)))
    model.attribute("to be or not", "to be or not to be", name, show_progress=False, **settings)
    assert len(there) > 6
    assert most <= 2, "the row that ran, and the one being made"


@pytest.mark.parametrize("name", ["smoothgrad", "squaregrad", "vargrad"])
def test_noisy_copies_are_added_up_and_not_held(name: str, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Any]] = []
    own = Saliency.attribute

    def noted(*args: Any) -> Iterator[Any]:
        assert not any(one() is not None for one in made)
        (scores,) = own(*args)
        made.append(weakref.ref(scores))
        yield scores

    monkeypatch.setattr(Saliency, "attribute", noted)
    model.attribute("to be or not", "to be or not to be", name, n_samples=3, show_progress=False)
    assert len(made) == 3


WIDE = 2048
"""Channels of an embedding, so that nothing but gradients and scores weighs anything."""


class OnesForGradients(NumpyModel):
    """Answers with gradients that cost it one array."""

    def gradients(self, rows: Iterable[Row], **_: Any) -> Iterator[RowGradients]:
        for row in rows:
            assert row.target_function is not None
            outputs = row.target_function.outputs
            yield RowGradients(
                values=np.zeros(outputs), target=np.ones((outputs, len(row.target_ids), WIDE)), source=None
            )


@pytest.mark.filterwarnings("ignore::wherefrom.errors.WherefromWarning")  # of few samples
@pytest.mark.parametrize(
    "name, settings, arrays",
    [
        ("saliency", {}, 2),
        ("input_x_gradient", {}, 2),
        ("integrated_gradients", {"n_steps": 3}, 2),
        ("gradient_shap", {"n_samples": 3}, 2),
        ("gradient_shap", {"n_samples": 3, "stdevs": 0.1}, 2),
        ("discretized_integrated_gradients", {"n_steps": 3}, 2),
        ("sequential_integrated_gradients", {"n_steps": 2}, 2),
        ("smoothgrad", {"n_samples": 3}, 3),
        ("squaregrad", {"n_samples": 3}, 3),
        ("vargrad", {"n_samples": 3}, 4),
    ],
)
def test_scores_stand_beside_one_answer(name: str, settings: dict[str, Any], arrays: int) -> None:
    """Noisy copies have sums (two of a variance) beside what the method inside has."""
    linear = linear_model(width=WIDE)
    model = OnesForGradients(kind=linear.kind, table=linear.table, network=linear.network, vocabulary=linear.vocabulary)
    asked = question(model, "to be or", " ".join(["not to be"] * 12))
    method = METHODS.get(name)(**settings)
    list(method.attribute(model, [asked], no_progress))  # what is imported late is no matter here
    tracemalloc.start()
    try:
        (scores,) = method.attribute(model, [asked], no_progress)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert scores.target.shape == (len(asked.target_ids), len(asked.steps), WIDE)
    assert most < (arrays + 0.7) * scores.target.nbytes
