"""What is refused at several doors is refused in the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from wherefrom import AttributionModel
from wherefrom.adapters import Embeds, GivesGradients, PredictsSteps, Row
from wherefrom.adapters.views import only
from wherefrom.errors import InputError, ModelCapabilityError
from wherefrom.methods import DiscretizedIntegratedGradients, ExactShapley, IntegratedGradients
from wherefrom.progress import no_progress
from wherefrom.results.contributors import top_contributors
from wherefrom.results.dictionaries import scores_dict
from wherefrom.testing import ReferenceModel, question
from wherefrom.testing.feed_forward import Dense, feed_forward_model

from tests.laws.models import model_of

NOTHING = Row(target_ids=np.array([2, 3, 4, 5]), steps=np.array([2, 3]))
"""A row that is not asked for a value."""


def written() -> Any:
    """A model of one layer, written down."""
    layer = Dense(weight=np.ones((1, 1)), bias=np.zeros(1), relu=False)
    return feed_forward_model([layer], {"cat": 1.0}, ["dog"], inputs=1, name="written")


DIFFERENTIATED: dict[str, Callable[[], Any]] = {
    "reference": lambda: ReferenceModel().gradients([NOTHING]),
    "transformers": lambda: model_of("gpt2-tiny").gradients([NOTHING]),
    "layers of transformers": lambda: model_of("gpt2-tiny").layer_gradients([NOTHING], layer="transformer.h.0"),
    "rescale rule": lambda: written().rescaled_gradients([NOTHING], [NOTHING]),
}


@pytest.mark.parametrize("door", DIFFERENTIATED)
def test_a_row_that_has_nothing_to_differentiate(door: str) -> None:
    with pytest.raises(InputError, match=r"A row to differentiate needs a target function: Row\(\.\.\., target_f"):
        list(DIFFERENTIATED[door]())


@pytest.mark.parametrize("method", [IntegratedGradients(), DiscretizedIntegratedGradients()])
def test_a_baseline_of_a_model_without_a_card(method: Any) -> None:
    model = ReferenceModel()
    nameless = only(model, PredictsSteps, GivesGradients, Embeds)
    with pytest.raises(ModelCapabilityError, match="A baseline needs a model with a card"):
        list(method.attribute(nameless, [question(model, "the cat", "sat on")], no_progress))


@pytest.mark.parametrize("budget", [None, 100])
def test_more_units_than_a_method_takes(budget: int | None) -> None:
    model = AttributionModel(ReferenceModel())
    text = " ".join(["Cat."] * 13)
    told = r"exact_shapley takes at most 12 units, and .* Use larger units .* or shapley_value_sampling\."
    with pytest.raises(InputError, match=told):
        model.attribute(text, f"{text} the", ExactShapley(baseline="unk", budget=budget), show_progress=False)


@pytest.mark.parametrize("door", [scores_dict, top_contributors])
def test_more_than_one_number_per_cell(door: Callable[..., Any]) -> None:
    model = AttributionModel(ReferenceModel())
    raw = model.attribute("the cat saw", "the cat saw a dog", "saliency", show_progress=False)[0]
    assert raw.dimensions
    with pytest.raises(InputError, match=r"There is more than one number per cell \(width\)\. Aggregate first\."):
        door(raw)
