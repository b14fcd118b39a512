"""Out of memory, a batch is halved until it fits: no row is lost, none is answered for another, nothing is held.

A trial that ran out of memory says nothing of the model that was tried, and is made again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from errno import ENOENT, ENOMEM
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM
from wherefrom_hf import wrappers
from wherefrom_hf.inside import secants
from wherefrom_hf.inside.rescale_rules import is_activation
from wherefrom_hf.running import block_by_block, last_block, probe
from wherefrom_hf.running.block_by_block import BlockPass, find_blocks
from wherefrom_hf.running.chunking import halving
from wherefrom_hf.running.embedding import input_embeddings
from wherefrom_hf.running.experts import experts_named
from wherefrom_hf.running.last_block import find_last_block
from wherefrom_hf.running.probe import Probe, looking_into
from wherefrom_hf.running.trials import Trial, is_out_of_memory

from tests.hf_adapter.architectures import build, rows_for
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


def on_the_host() -> Any:
    """More than any host has."""
    return torch.empty(10**16)


def on_a_card() -> None:
    raise torch.OutOfMemoryError("no room")


def in_python() -> None:
    raise MemoryError


WHERE = {"host": on_the_host, "card": on_a_card, "python": in_python}
KINDS = (RuntimeError, torch.OutOfMemoryError, MemoryError)


@pytest.mark.parametrize("where", WHERE)
def test_a_single_row_that_does_not_fit_is_an_error(where: str) -> None:
    tries: list[int] = []

    def work(rows: list[int]) -> list[int]:
        tries.append(len(rows))
        WHERE[where]()
        return rows

    with pytest.raises(KINDS):
        list(halving(work, [1, 2, 3]))
    assert tries == [3, 1]


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize(
    "block",
    [looking_into, experts_named, lambda _: Trial(), lambda _: Trial(RuntimeError, MemoryError)],
    ids=["looking into", "experts", "trial", "trial of some errors"],
)
def test_what_runs_out_of_memory_is_told_as_it_is(where: str, block: Callable[[Any], Any]) -> None:
    with pytest.raises(KINDS) as told, block(build("llama")):
        WHERE[where]()
    assert type(told.value) in KINDS
    assert is_out_of_memory(told.value)


@pytest.mark.parametrize(
    "error, ran_out",
    [
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (RuntimeError("std::bad_alloc"), True),
        (OSError(ENOMEM, "Cannot allocate memory"), True),
        (OSError(ENOENT, "out of memory"), False),
        (ValueError("out of memory"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (None, False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error: Exception | None, ran_out: bool) -> None:
    assert is_out_of_memory(error) is ran_out


def test_two_rows_that_have_no_room_are_run_apart_this_time(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = predictor_of("llama")
    monkeypatch.setattr(Probe, "_logits_of", once(Probe._logits_of))
    assert [predictor.apart() for _ in range(3)] == [True, False, False]


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


def once(function: Any) -> Any:
    """The function, that has no memory on the host when it is called first."""
    called: list[bool] = []

    def scarce(*args: Any, **kwargs: Any) -> Any:
        called.append(True)
        if len(called) == 1:
            torch.empty(10**16)
        return function(*args, **kwargs)

    return scarce


class Alone(torch.nn.Module):
    """Answers each position by itself, as no rule follows."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = torch.nn.Linear(64, 64)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.inside(states).sort(-1)[0]


def probe_of(module: Any) -> Probe:
    return Probe(module, input_embeddings(module)[1])


def blocks_of(module: Any) -> Any:
    return find_blocks(module, probe_of(module).target)


PLACES: dict[str, tuple[Any, str, Callable[[Any], object]]] = {
    "causal": (Probe, "_logits", lambda module: probe_of(module).causal()),
    "places": (probe, "cut_at_head", lambda module: probe_of(module)._places()),
    "beside": (Probe, "_logits_of", lambda module: probe_of(module).beside()),
    "last block": (last_block, "_tried", lambda module: find_last_block(module, probe_of(module).target) is None),
    "blocks": (block_by_block, "_tried", lambda module: blocks_of(module) is None),
    "cuts": (block_by_block, "splits_of", lambda module: None in blocks_of(module).splits),
    "cut": (BlockPass, "_through_split", lambda module: blocks_of(module).splits[0].alone),
    "each alone": (secants, "_states", lambda module: secants._each_alone(Alone(), 64)),
    "followed": (secants, "halves", lambda module: secants._followed(module.model.layers[0].mlp, 16)),
    "activation": (torch.nn.SiLU, "forward", lambda module: is_activation(torch.nn.SiLU())),
    "wrapper": (LlamaForCausalLM, "forward", lambda module: wrappers._try_both(module, module, "a wrapper")),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_trial_that_runs_out_of_memory_once_is_no_answer(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, ask = PLACES[place]
    right = ask(build("llama"))
    module = build("llama")
    monkeypatch.setattr(owner, name, once(getattr(owner, name)))
    with pytest.raises(RuntimeError, match="allocate memory"):
        ask(module)
    assert ask(module) == right
