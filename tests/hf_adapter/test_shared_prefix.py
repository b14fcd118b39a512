"""A prefix that rows share is run once, however many rows part from it; answers stay those of whole passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from attrs import evolve
from transformers import PreTrainedModel
from wherefrom.adapters import Row
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.shared_prefix import REUSE_STRIDE

from tests.hf_adapter.architectures import CONFIGS, ENCODER_DECODERS, build
from tests.hf_adapter.test_gradients import asked, close
from tests.hf_adapter.test_gradients import predictor_of as plain_predictor_of
from tests.hf_adapter.test_probe import predictor_of
from tests.looking import Looks

LENGTH = 30
PLACES = range(4, LENGTH - 4, REUSE_STRIDE)  # too far apart to share a batch
DECODERS = [name for name in CONFIGS if name not in ENCODER_DECODERS]


def row_of(ids: np.ndarray, place: int) -> Row:
    return Row(target_ids=ids, steps=np.array([LENGTH - 2, LENGTH - 1]), first_change=place)


def replaced() -> list[Row]:
    """One other token in each row, as occlusion asks."""
    places = np.arange(LENGTH)
    return [row_of(np.where(places == place, 2, places % 13 + 5), place) for place in PLACES]


def deleted() -> list[Row]:
    """One token less in each row: what follows it moves up."""
    return [row_of(np.delete(np.arange(LENGTH + 1) % 13 + 5, place), place) for place in PLACES]


@contextmanager
def counted(module: PreTrainedModel) -> Iterator[list[int]]:
    """Positions that each pass runs, over all of its rows."""
    run: list[int] = []
    with module.register_forward_pre_hook(
        Looks(lambda _, __, given: run.append(given["input_ids"].numel())), with_kwargs=True
    ):
        yield run


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("rows_of", [replaced, deleted])
def test_forward_passes(name: str, rows_of: Callable[[], list[Row]]) -> None:
    predictor, rows = predictor_of(build(name)), rows_of()
    whole = [next(predictor.predict([evolve(row, first_change=None)], None)).logits for row in rows]
    goes_on = predictor.probe.continues()
    with counted(predictor.module) as run:
        answers = [answer.logits for answer in predictor.predict(rows, None)]
    for answer, right in zip(answers, whole, strict=True):
        torch.testing.assert_close(answer, right)
    assert goes_on or name not in ("gpt2", "llama", "gemma3")
    if goes_on:
        assert sum(run) == sum(LENGTH - 1 - place for place in PLACES) + max(PLACES)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3"])
def test_gradients(name: str) -> None:
    """As sequential integrated gradients asks: one token moves in each row, and the outputs behind it are read."""
    predictor, rows = plain_predictor_of(name), [asked(row) for row in replaced()]
    differentiator = Differentiator(predictor)
    whole = list(differentiator.gradients([evolve(row, first_change=None) for row in rows], None, False, True))
    with counted(predictor.module) as run:
        answers = list(differentiator.gradients(rows, None, False, True))
    for answer, right, place in zip(answers, whole, PLACES, strict=True):
        close(answer.values.numpy(), right.values.numpy())
        close(answer.target.numpy()[:, place:], right.target.numpy()[:, place:])
    assert sum(run) == sum(LENGTH - 1 - place for place in PLACES) + max(PLACES)


@pytest.mark.parametrize("limit, runs_again", [(2**20, False), (16, True)])
def test_what_was_run_for_the_row_that_all_others_change_is_lent_to_them(
    limit: int, runs_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it is too heavy to be kept while a row needs less of it."""
    rows = replaced()
    clean = evolve(rows[0], target_ids=np.arange(LENGTH) % 13 + 5, first_change=LENGTH)
    whole = [
        next(predictor_of(build("llama")).predict([evolve(row, first_change=None)], None)).logits
        for row in [clean, *rows]
    ]
    predictor = predictor_of(build("llama"))
    monkeypatch.setattr(predictor, "_memory_limit", limit)
    predictor.probe.need_places()
    assert predictor.probe.continues()
    assert predictor.probe.beside() is None
    with counted(predictor.module) as run:
        answers = [answer.logits for answer in predictor.predict([clean, *rows], None)]
    for answer, right in zip(answers, whole, strict=True):
        torch.testing.assert_close(answer, right)
    own = sum(LENGTH - 1 - place for place in PLACES)
    assert sum(run) == LENGTH - 1 + own + (max(PLACES) if runs_again else 0)


def test_a_row_that_begins_otherwise_starts_anew() -> None:
    predictor, rows = predictor_of(build("llama")), replaced()
    other = evolve(rows[-1], target_ids=rows[-1].target_ids[::-1].copy())
    rows = [rows[1], other, rows[0]]
    whole = [next(predictor.predict([evolve(row, first_change=None)], None)).logits for row in rows]
    for answer, right in zip(predictor.predict(rows, None), whole, strict=True):
        torch.testing.assert_close(answer.logits, right)


def test_a_prefix_that_ran_out_of_memory_half_way_is_run_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some layers had gone on, others had not: nothing of that may be gone on from."""
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    predictor, rows = predictor_of(build("llama")), [row for one in replaced() for row in (one, one)]
    whole = [next(predictor.predict([evolve(row, first_change=None)], None)).logits for row in rows]
    calls: list[int] = []

    def fails(*_: object) -> None:
        calls.append(1)
        if len(calls) == 3:  # the second prefix: the first chunk made two passes
            raise torch.OutOfMemoryError

    with predictor.module.model.layers[1].register_forward_pre_hook(fails):  # type: ignore[union-attr]
        answers = [answer.logits for answer in predictor.predict(rows, None)]
    assert len(calls) > 2 * len(PLACES)
    for answer, right in zip(answers, whole, strict=True):
        torch.testing.assert_close(answer, right)
