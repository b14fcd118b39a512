"""Stochastic passes: a model in evaluation mode, with its dropout switched on for single passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import RLock

import torch
from attrs import evolve
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from wherefrom.adapters import Row
from wherefrom.settings import nth_seed

from wherefrom_hf.running.predict import Predictor


def sample(predictor: Predictor, rows: Iterable[Row], *, passes: int, seed: int) -> Iterator[Tensor]:
    """Logits of stochastic passes; see `wherefrom.step_functions.Samples`.

    Each pass runs encoder and decoder anew, and is seeded by ``seed`` and its number alone: a row's samples do not
    depend on the rows beside it.

    Yields:
        Shape ``(passes, steps, vocabulary)`` for each row, on the model's device.
    """
    for row in rows:
        plain = evolve(row, scores={})  # nobody's function is called while dropout is on
        logits = []
        for number in range(passes):
            # nothing is yielded inside: a caller that stops half way must not leave dropout on
            with seeded(predictor.device, nth_seed(seed, number)), dropout(predictor.module):
                (answer,) = predictor.predict([plain], None)
            logits.append(answer.logits)
        yield torch.stack(logits)


@contextmanager
def dropout(module: nn.Module) -> Iterator[None]:
    """The module in training mode, as far as dropout goes; every submodule's own mode is put back on leaving.

    Layers that learn statistics of their input in training mode (batch normalisation) stay as they are.
    """
    modes = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in modes:
            part.training = not isinstance(part, _NormBase)
        yield
    finally:
        for part, mode in modes:
            part.training = mode


_RANDOM = RLock()


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Random numbers from ``seed`` inside, the caller's own outside.

    The state is the process's, so one thread at a time may set it, whatever its model.
    """
    with _RANDOM, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
