"""Scores that are made one output at a time, and large answers that are let go before the next is made."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
import torch
from wherefrom.methods.contract import Scores
from wherefrom.methods.output_by_output import add_gradients, output_by_output, times, totals
from wherefrom.progress import counted, no_progress
from wherefrom_hf.running.ownership import one_by_one

from tests.hf_adapter.architectures import build


def test_outputs_come_side_by_side() -> None:
    gradients = torch.arange(24.0).reshape(2, 3, 4)
    made = output_by_output(gradients, lambda one: one * 2)
    assert made is not None
    assert made.flags.c_contiguous
    np.testing.assert_array_equal(made, 2 * gradients.numpy().transpose(1, 0, 2))
    listed = output_by_output(list(gradients), lambda one: one)
    np.testing.assert_array_equal(listed, gradients.numpy().transpose(1, 0, 2))  # type: ignore[arg-type]
    assert output_by_output(None, torch.abs) is None


@pytest.mark.parametrize("length, inputs", [(None, 3), (2, 3), (5, 5)])
def test_inputs_behind_the_gradients_get_zeros(length: int | None, inputs: int) -> None:
    made = output_by_output(torch.ones(2, 3, 4), times(None), length)
    assert made is not None
    assert made.shape == (inputs, 2, 4)
    assert made[:3].all()
    assert not made[3:].any()


def test_shares_their_totals_and_their_sums() -> None:
    gradients, factors = torch.arange(24.0).reshape(2, 3, 4), torch.arange(12.0).reshape(3, 4)
    shares = output_by_output(gradients, times(factors))
    np.testing.assert_array_equal(shares, (gradients * factors).numpy().transpose(1, 0, 2))  # type: ignore[arg-type]
    assert totals(gradients, factors) == pytest.approx((gradients * factors).sum((1, 2)).numpy())
    sums = add_gradients(add_gradients(None, gradients, 0.5), gradients, 2.0)
    np.testing.assert_array_equal(np.stack(sums), 2.5 * gradients.numpy())


def test_sums_are_made_in_place_and_leave_gradients_alone() -> None:
    gradients = np.ones((2, 3, 4))
    sums = add_gradients(None, gradients, 1.0)
    before = [id(one) for one in sums]
    assert [id(one) for one in add_gradients(sums, gradients, 2.0)] == before
    assert (gradients == 1).all()
    assert (np.stack(sums) == 3).all()


def test_gradients_that_are_used_up_are_let_go_one_by_one() -> None:
    gradients = [np.full((3, 4), float(output)) for output in range(3)]
    there = [weakref.ref(one) for one in gradients]
    left: list[int] = []

    def made_of(one: np.ndarray) -> np.ndarray:
        left.append(sum(known() is not None for known in there))
        return one * 2

    kept = output_by_output(list(gradients), made_of)
    assert left == [3, 3, 3]
    left.clear()
    made = output_by_output(gradients, made_of, used_up=True)
    assert gradients == []
    assert left == [3, 2, 1]
    np.testing.assert_array_equal(made, kept)  # type: ignore[arg-type]


def test_what_is_made_is_nobody_elses() -> None:
    gradients = np.ones((1, 3, 4))
    made = output_by_output(gradients, lambda one: one)
    assert made is not None
    made[:] = 0
    assert gradients.all()


@pytest.mark.parametrize(
    "handed_on",
    [
        lambda stream: counted(stream, "attribute", 3, no_progress),
        lambda stream: one_by_one(build("gpt2"), stream),
    ],
    ids=["counted", "one_by_one"],
)
def test_an_answer_is_let_go_before_the_next_is_made(handed_on: Callable[[Iterable[Scores]], Iterator[Scores]]) -> None:
    alive: list[weakref.ref[Scores]] = []

    def answers() -> Iterator[Scores]:
        for _ in range(3):
            assert not any(one() for one in alive)
            answer = Scores()
            alive.append(weakref.ref(answer))
            yield answer
            del answer

    stream = handed_on(answers())
    for answer in stream:
        assert isinstance(answer, Scores)
        del answer
    assert len(alive) == 3
