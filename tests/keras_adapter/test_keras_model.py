"""A model of KerasHub keeps the promises of an adapter, and says what transformers says of the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import wherefrom
from wherefrom.testing import check_adapter

pytestmark = pytest.mark.keras

PROMPT, TEXT = "the cat", "the cat sat on the mat"


def test_the_conformance_kit_passes(pair: Any) -> None:
    made = check_adapter(pair[0])
    assert {name.split(":")[0] for name in made} >= {"SequenceModel", "PredictsSteps", "Embeds", "GivesGradients"}


@pytest.mark.parametrize(
    "method, settings",
    [
        ("saliency", {}),
        ("input_x_gradient", {}),
        ("integrated_gradients", {"n_steps": 8}),
        ("occlusion", {"baseline": "delete", "units": "token"}),
        ("occlusion", {"baseline": "hidden", "units": "token"}),
    ],
)
def test_methods_say_what_they_say_in_transformers(pair: Any, method: str, settings: dict[str, Any]) -> None:
    ids = [list(map(int, pair[1].encode(text, side="target").ids)) for text in (PROMPT, TEXT)]
    came, expected = (
        wherefrom.load_model(model).attribute(*ids, method=method, **settings)[0].target_attributions for model in pair
    )
    np.testing.assert_allclose(came, expected, atol=1e-4, equal_nan=True)
    assert np.nanmax(np.abs(expected)) > 1e-3
