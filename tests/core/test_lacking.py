"""A model that lacks what somebody needs is refused in one sentence: who needs what, and which adapter lacks it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from wherefrom import AttributionModel, attribute_context
from wherefrom.adapters import SequenceModel
from wherefrom.adapters.check import lacking
from wherefrom.adapters.hiding import HidesPositions
from wherefrom.adapters.views import only
from wherefrom.errors import ModelCapabilityError
from wherefrom.evaluation import coalition_game, evaluate
from wherefrom.evaluation.embedded import embedded
from wherefrom.evaluation.nudging import nudged
from wherefrom.evaluation.parameter_randomisation import _shuffled
from wherefrom.methods import Saliency
from wherefrom.methods.capabilities import check_capabilities
from wherefrom.methods.checking import require_checkable
from wherefrom.methods.perturbation.removal import check_baseline
from wherefrom.questions.contrast import token_similarity
from wherefrom.questions.stochastic import passes_for
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS
from wherefrom.testing import ReferenceModel

MODEL = ReferenceModel()
MUTE: Any = only(MODEL, SequenceModel)
NONE: Any = None
SAMPLED = TargetFunction(function=STEP_FUNCTIONS.get("mc_dropout_prob_avg")(), target_ids=np.array([4]))
AGAIN: Any = SimpleNamespace(model=MUTE, seed=0)


def answer() -> Any:
    model = AttributionModel(MODEL)
    return model.attribute("the cat saw", "the cat saw a dog", method="occlusion", show_progress=False)


PREDICTIONS = "needs a model that can score given sequences"
EMBEDDINGS = "needs a model that can turn ids into the embeddings that gradients refer to"
CASES: dict[str, tuple[Callable[[], object], str, str]] = {
    "a method": (lambda: check_capabilities(MUTE, Saliency()), "saliency needs a model that", "Methods that work"),
    "check": (lambda: require_checkable(MUTE, None), f"check=True {PREDICTIONS}", ""),
    "an evaluation": (lambda: evaluate(answer(), MUTE), f"An evaluation {PREDICTIONS}", ""),
    "a game": (lambda: coalition_game(answer()[0], AttributionModel(MUTE)), f"A coalition game {PREDICTIONS}", ""),
    "context": (
        lambda: attribute_context(AttributionModel(MUTE), "a dog", "the cat", input_template="{context} {current}"),
        f"attribute_context {PREDICTIONS}",
        "",
    ),
    "changed embeddings": (lambda: embedded(MUTE, NONE, NONE, NONE, NONE), EMBEDDINGS, "Leave this metric out."),
    "moved embeddings": (lambda: nudged(MUTE, {}), EMBEDDINGS, "Leave this metric out."),
    "other weights": (
        lambda: _shuffled(AGAIN, share=1.0),
        "Parameter randomisation needs a model that can be had with shuffled weights",
        "Leave this metric out.",
    ),
    "stochastic passes": (
        lambda: passes_for(MUTE, {"spread": SAMPLED}),
        "spread needs a model that can answer with its dropout switched on",
        "leave the score out.",
    ),
    "an alignment": (
        lambda: token_similarity(MUTE, NONE, NONE, "auto"),
        f"contrast_targets_alignments='auto' {EMBEDDINGS}",
        "Give pairs of positions",
    ),
    "a sentence encoder": (
        lambda: token_similarity(MUTE, NONE, NONE, "auto:labse"),
        "contrast_targets_alignments='auto:labse' needs a model that can look tokens up in a sentence encoder",
        "Use 'auto' or give pairs",
    ),
    "a zero baseline": (
        lambda: check_baseline("zero", MUTE, "occlusion"),
        f"occlusion with baseline = 'zero' {EMBEDDINGS}",
        "Use a token (baseline = 'unk', 'pad', 'mask' or an id), 'hidden' or 'delete'.",
    ),
    "hiding": (
        lambda: check_baseline("hidden", MUTE, "occlusion"),
        "occlusion with baseline = 'hidden' needs a model that can keep attention from a position",
        "Use a token (baseline = 'unk', 'pad', 'mask' or an id) or 'delete'.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_model_lacks_is_told_in_one_way(case: str) -> None:
    ask, begins, ends = CASES[case]
    with pytest.raises(ModelCapabilityError) as refused:
        ask()
    told = str(refused.value)
    assert begins in told
    assert f"and the adapter of {MUTE.card.name!r} ({type(MUTE).__name__}) cannot." in told
    assert ends in told
    assert told == told.strip()


def test_a_need_that_is_no_ability_is_told_in_grammar() -> None:
    class Named:
        """Has a name of its own. And more."""

    told = str(lacking(MUTE, Named, "This"))
    assert told.startswith("This needs a model that has a name of its own, and the adapter of")
    assert told.endswith("does not.")
    assert str(lacking(MUTE, HidesPositions, "This", "Leave it.")).endswith("cannot. Leave it.")
