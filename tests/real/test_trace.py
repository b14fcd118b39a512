"""A traced answer of pretrained models, on a planted needle behind a sentence of reasoning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import wherefrom

from benchmarks.planted import gold_of, recall
from benchmarks.planted_tasks import tasks

pytestmark = pytest.mark.real


def test_the_needle_is_among_the_highest_tenth(pretrained: Any) -> None:
    task = tasks(3)[2]
    traced = wherefrom.trace(pretrained, task.prompt, task.prompt + task.output, span=task.answer, show_progress=False)
    one = traced[0]
    gold = np.array(gold_of(one.source, task))
    scores = one.target_attributions[: len(gold)]
    assert recall(scores[:, 0], gold) >= 0.4
    np.testing.assert_allclose(one.target_attributions.sum(axis=0), 1, atol=1e-5)


def test_sentences_of_a_long_text_are_deleted_and_traced(pretrained: Any) -> None:
    """Once: deleting sentences of 249 and 15 tokens ended in an error of shapes."""
    task = tasks(1)[0]
    prompt = " ".join(task.prompt.split(". ")[-6:])
    result = pretrained.attribute(
        prompt, prompt + task.output, method="occlusion", units="sentence", baseline="delete", show_progress=False
    )
    traced = result.trace(hops=2)[0]
    np.testing.assert_allclose(traced.target_attributions.sum(axis=0), 1 - traced.details["trace"]["lost"], atol=1e-6)
