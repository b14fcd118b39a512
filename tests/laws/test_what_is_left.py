"""A model that was asked is as it was: attributes, buffers and parts of its parts, whatever passes set there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import nn
from wherefrom.adapters import Row
from wherefrom.adapters.layers import Depth
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.running.as_built import OF_EVERY_PART

from tests.hf_adapter.test_lengths import built, row_of, zeroed
from tests.hf_adapter.test_thresholds import of_experts
from tests.laws.models import model_of
from tests.zoo import families
from tests.zoo.checks import Model

LONG = {"longrope": row_of(), "dynamic": row_of(), "blocks": row_of(), "blocks of the source": row_of(12, (6, 11), 60)}
SHORT = {"blocks of the source": row_of(12, (6, 11), 20)}
MODELS: dict[str, Callable[[], Any]] = {
    **{kind: lambda kind=kind: built(kind) for kind in LONG},
    "experts": of_experts,
    "gpt2-tiny": lambda: model_of("gpt2-tiny").module,
    "t5-tiny": lambda: model_of("t5-tiny").module,
    "m2m_100": lambda: families.build("m2m_100-seq2seq"),
    "recurrent_gemma": lambda: families.build("recurrent_gemma"),
}
ASKED: dict[str, Callable[[Model, Row], Any]] = {
    "predictions": lambda model, row: list(model.predict([row, row])),
    "gradients": lambda model, row: list(model.gradients([row])),
    "layers": lambda model, row: list(model.layer_gradients([row], layer=Depth(share=0.5))),
    "values": lambda model, row: list(zeroed(model, row)),
}


def left(module: nn.Module) -> list[Any]:
    """All that is in a module and its parts, in values that can be compared."""
    return [
        (
            type(part),
            {name: _told(value) for name, value in vars(part).items() if name not in OF_EVERY_PART},
            {name: _told(value) for name, value in part._buffers.items()},
            list(map(id, part._modules.values())),
            part.training,
        )
        for part in module.modules()
    ]


def _told(value: Any) -> Any:
    return value.tolist() if isinstance(value, torch.Tensor) else repr(value)


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_left_as_it_was(name: str, what: str) -> None:
    module = MODELS[name]()
    source = 9 if module.config.is_encoder_decoder else 0
    rows = [LONG.get(name, row_of(14, (5, 9, 13), source)), SHORT.get(name, row_of(14, (5, 9), source))]
    before = left(module)
    for row in rows:
        with suppress(ModelCapabilityError):  # what is refused leaves it, too
            ASKED[what](Model(module), row)
        after = left(module)
        for part, one, other in zip(module.modules(), before, after, strict=True):
            kept = {name: other[1][name] for name in one[1]}  # what is made once, and kept, may be new
            assert (one[0], one[1], *one[2:]) == (other[0], kept, *other[2:]), type(part).__name__
