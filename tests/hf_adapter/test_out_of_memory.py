"""Out of memory, a batch is halved until it fits: no row is lost, none is answered for another, nothing is held."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from wherefrom_hf.running.chunking import halving

from tests.hf_adapter.architectures import rows_for
from tests.hf_adapter.test_gradients import asked, predictor_of

LENGTHS = ((5, 6), (7, 4), (3, 8), (4, 5), (6, 7))


def small_memory(module: torch.nn.Module, fits: int) -> list[int]:
    """Let passes of more than ``fits`` rows run out of memory. Returns: a list that grows by the rows of each try."""
    tries: list[int] = []

    def check(_: torch.nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        ids = kwargs.get("input_ids", args[0] if args else None)
        assert isinstance(ids, torch.Tensor)
        tries.append(len(ids))
        if len(ids) > fits:
            raise torch.OutOfMemoryError("no room")

    module.register_forward_pre_hook(check, with_kwargs=True)
    return tries


@pytest.mark.parametrize("fits", [1, 2, 3])
def test_predictions_come_complete_and_in_order(fits):
    rows = rows_for("gpt2", LENGTHS)
    wanted = [answer.logits for answer in predictor_of("gpt2").predict(rows, len(rows))]
    predictor = predictor_of("gpt2")
    list(predictor.predict(rows[:1], 1))  # what is probed once is probed
    tries = small_memory(predictor.module, fits)
    found = [answer.logits for answer in predictor.predict(rows, len(rows))]
    assert max(tries) > fits, "nothing ran out of memory"
    assert len(found) == len(rows)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5)


def test_gradients_come_complete_and_in_order():
    from wherefrom_hf.running.gradients import Differentiator

    rows = [asked(row) for row in rows_for("gpt2", LENGTHS)]

    def answers(differentiator: Differentiator) -> list[np.ndarray]:
        return [one.target.numpy() for one in differentiator.gradients(rows, len(rows), source=False, target=True)]

    wanted = answers(Differentiator(predictor_of("gpt2")))
    differentiator = Differentiator(predictor_of("gpt2"))
    list(differentiator.gradients(rows[:1], 1, source=False, target=True))  # what is tried once is tried
    tries = small_memory(differentiator.predictor.module, 2)
    found = answers(differentiator)
    assert max(tries) > 2, "nothing ran out of memory"
    assert len(found) == len(rows)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_single_row_that_does_not_fit_is_an_error():
    def work(rows: list[int]) -> list[int]:
        raise torch.OutOfMemoryError("no room")

    with pytest.raises(torch.OutOfMemoryError):
        list(halving(work, [1, 2, 3]))


def test_what_was_too_much_is_let_go_before_halves_are_tried():
    class Weight:
        pass

    held: list[weakref.ref[Weight]] = []

    def work(rows: list[int]) -> list[int]:
        assert all(one() is None for one in held), "an earlier try is still in memory"
        weight = Weight()
        held.append(weakref.ref(weight))
        if len(rows) > 1:
            raise torch.OutOfMemoryError("no room")
        return rows

    assert list(halving(work, [1, 2, 3, 4, 5])) == [1, 2, 3, 4, 5]
