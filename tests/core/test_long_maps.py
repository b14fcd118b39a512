"""Maps of many steps over long texts are told before they begin."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve
from wherefrom.methods import Attention, IntegratedGradients, Saliency
from wherefrom.methods.long_maps import long_map_note
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions.base import STEP_FUNCTIONS


def asked(length: int, steps: int, *, span: bool = False) -> Question:
    positions = np.arange(length - steps, length)
    function = TargetFunction(function=STEP_FUNCTIONS.get("logit")(), target_ids=np.zeros(steps, dtype=np.int64))
    if span:
        function = evolve(function, groups=np.zeros(steps, dtype=np.int64))
    return Question(target_ids=np.zeros(length, dtype=np.int64), steps=positions, target_function=function)


def test_a_long_map_is_told_with_its_passes_and_what_to_ask_instead():
    note = long_map_note(Saliency(), [asked(3000, 1024), asked(20, 4)])
    assert note is not None
    for words in ("1,024 backward passes", "3,000 tokens", "attributed_span", "wherefrom.trace"):
        assert words in note


@pytest.mark.parametrize(
    "method, question",
    [
        (Saliency(), asked(300, 20)),
        (Saliency(), asked(3000, 1024, span=True)),
        (Attention(), asked(3000, 1024)),
        (Saliency(), asked(70, 65)),
    ],
)
def test_what_is_soon_done_is_not(method, question):
    assert long_map_note(method, [question]) is None


def test_points_count():
    question = asked(3000, 16)
    assert long_map_note(Saliency(), [question]) is None
    assert long_map_note(IntegratedGradients(n_steps=31), [question]) is not None
