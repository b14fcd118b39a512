"""Running out of memory is no answer: a call in which it happens once says so or is right, and the next one is right.

What a model can do is tried once and kept, so what was kept of a trial that had no memory would be told for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attrs import asdict
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import BertConfig, BertLMHeadModel, PreTrainedModel
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.running.trials import is_out_of_memory

from tests.hf_adapter.test_lengths import INSIDE, row_of
from tests.zoo import families
from tests.zoo.checks import Model

PLACES = 8
"""How many of a call's operations run out of memory, each in a call of its own."""


def sees_the_future() -> PreTrainedModel:
    """A model that every question must be refused of."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=64, initializer_range=0.5, is_decoder=False, **sizes)
    return BertLMHeadModel(config).eval()  # type: ignore[no-any-return]


MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "sees the future": sees_the_future,
    "llama": lambda: families.build("llama"),
}
ASKED: dict[str, Callable[[Model, Row], Any]] = {
    "predictions": lambda model, row: model.predict([row, row]),
    "gradients": lambda model, row: model.gradients([row]),
    **INSIDE,
}
CASES = [
    ("sees the future", "predictions"),
    ("sees the future", "gradients"),
    *(("llama", what) for what in ASKED),
]


class RunsOut(TorchDispatchMode):
    """Within the block one operation is counted after the other, and at one of them the host has no memory."""

    def __init__(self, at: int | None = None) -> None:
        super().__init__()
        self.at, self.count = at, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        if self.count == self.at:
            torch.empty(10**16)
        return func(*args, **(kwargs or {}))


def said(what: str, module: PreTrainedModel) -> Any:
    """The numbers of an answer, or the refusal."""
    try:
        return [asdict(answer) for answer in ASKED[what](Model(module), row_of())]
    except ModelCapabilityError as refusal:
        return str(refusal)


def require_same(came: Any, right: Any) -> None:
    if isinstance(right, dict):
        assert came.keys() == right.keys()
        for name in right:
            require_same(came[name], right[name])
    elif isinstance(right, list | tuple):
        assert len(came) == len(right)
        for one, other in zip(came, right, strict=True):
            require_same(one, other)
    elif isinstance(right, torch.Tensor):
        assert isinstance(came, torch.Tensor), came
        np.testing.assert_allclose(came.detach().numpy(), right.detach().numpy(), rtol=1e-3, atol=1e-5)
    elif isinstance(right, str):
        assert came == right


@pytest.mark.parametrize("name, what", CASES)
def test_what_runs_out_of_memory_once_leaves_no_answer(name: str, what: str) -> None:
    right = said(what, MODELS[name]())
    with RunsOut() as counted:
        said(what, MODELS[name]())
    ran_out = 0
    for at in np.linspace(1, counted.count - 1, PLACES).astype(int):
        module = MODELS[name]()
        try:
            with RunsOut(at):
                came = said(what, module)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            ran_out += 1
        else:
            require_same(came, right)
        require_same(said(what, module), right)
    assert ran_out, "nothing ran out of memory"
