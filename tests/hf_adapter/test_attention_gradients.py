"""The rollout of attention times gradient, carried along the backward pass, against maps that are all kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS
from wherefrom_hf.inside.attention_gradients import attention_gradient_rollouts
from wherefrom_hf.running.embedding import input_embedding
from wherefrom_hf.running.predict import Predictor

from tests.hf_adapter.architectures import ENCODER_DECODERS, build, rows_for

SINGLE = ("deepseek_v3", "gpt_oss", "mixtral")
"""Experts whose products know no double precision."""


def close_of(name: str) -> float:
    return 1e-4 if name in SINGLE else 1e-10


def predictor_of(name: str) -> Predictor:
    torch.set_num_threads(1)
    model = build(name, attention="eager", dtype=torch.float32 if name in SINGLE else torch.float64)
    if name in ENCODER_DECODERS:
        return Predictor(model, input_embedding(model.get_encoder()), input_embedding(model.get_decoder()), 0)
    return Predictor(model, None, input_embedding(model), 0)


def asked(row: Row, groups: list[int] | None = None) -> Row:
    """A row with a target function: the log-probability of each of its tokens."""
    target_function = TargetFunction(
        function=STEP_FUNCTIONS.get("probability")(logprob=True),
        target_ids=row.target_ids[row.steps],
        groups=None if groups is None else np.array(groups),
    )
    return evolve(row, target_function=target_function)


def rolled_plainly(module: Any, row: Row) -> tuple[np.ndarray, np.ndarray | None]:
    """All maps kept, one backward pass for each output: shape ``(outputs, target)`` and ``(outputs, source)``."""
    ids = torch.from_numpy(row.target_ids[: int(row.steps.max())])[None]
    given: dict[str, Any] = {"output_attentions": True, "return_dict": True}
    if row.source_ids is None:
        output = module(input_ids=ids, **given)
        maps = [("decoder", one) for one in output.attentions]
    else:
        output = module(input_ids=torch.from_numpy(row.source_ids)[None], decoder_input_ids=ids, **given)
        maps = [("encoder", one) for one in output.encoder_attentions]
        for own, cross in zip(output.decoder_attentions, output.cross_attentions, strict=True):
            maps += [("decoder", own), ("cross", cross)]
    logs = output.logits[0].log_softmax(-1)
    length, read = ids.shape[1], 0 if row.source_ids is None else len(row.source_ids)
    begin = {"encoder": (length, length), "decoder": (0, 0), "cross": (0, length)}
    assert row.target_function is not None
    groups = row.target_function.groups
    outputs = np.arange(len(row.steps)) if groups is None else groups
    found = []
    for number in range(int(outputs.max()) + 1):
        own = row.steps[outputs == number]
        value = sum(logs[step - 1, int(row.target_ids[step])] for step in own)
        slopes = torch.autograd.grad(value, [one for _, one in maps], retain_graph=True)  # type: ignore[arg-type]
        rolled = torch.eye(length + read, dtype=output.logits.dtype)
        for (where, weights), slope in zip(maps, slopes, strict=True):
            mixed = (weights[0] * slope[0]).clamp_min(0).mean(0)
            mixing = torch.zeros_like(rolled)
            row_at, column_at = begin[where]
            mixing[row_at : row_at + mixed.shape[0], column_at : column_at + mixed.shape[1]] = mixed
            rolled = rolled + mixing @ rolled
        rows = torch.from_numpy(own - 1)
        found.append((rolled - torch.eye(length + read))[rows].sum(0).detach().numpy())
    whole = np.stack(found)
    return whole[:, :length], whole[:, length:] if read else None


@pytest.mark.parametrize(
    "name",
    [
        "gpt2",
        "llama",
        "gemma3",
        "gpt_oss",
        "bloom",
        "gptj",
        "falcon",
        "mixtral",
        "bart",
        "t5",
        "marian",
        "encoder-decoder",
    ],
)
def test_rollout_is_that_of_all_maps(name: str) -> None:
    predictor = predictor_of(name)
    rows = [asked(row) for row in rows_for(name)]
    for row, answer in zip(rows, attention_gradient_rollouts(predictor, rows, None), strict=True):
        target, source = rolled_plainly(predictor.module, row)
        assert np.abs(answer.target.numpy() - target).max() <= close_of(name) * np.abs(target).max()
        assert (answer.source is None) == (source is None)
        if source is not None and answer.source is not None:
            assert np.abs(source).max() > 0
            assert np.abs(answer.source.numpy() - source).max() <= close_of(name) * np.abs(source).max()


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_a_span_of_steps_is_one_output(name: str) -> None:
    predictor = predictor_of(name)
    row = asked(rows_for(name)[0], groups=[0, 0, 1, 1, 1])
    (answer,) = attention_gradient_rollouts(predictor, [row], None)
    target, _ = rolled_plainly(predictor.module, row)
    assert len(answer.values) == 2
    assert np.abs(answer.target.numpy() - target).max() <= close_of(name) * np.abs(target).max()


@pytest.mark.parametrize("name", ["mamba", "recurrent_gemma", "led"])
def test_what_mixes_otherwise_is_refused(name: str) -> None:
    predictor = predictor_of(name)
    with pytest.raises(ModelCapabilityError):
        list(attention_gradient_rollouts(predictor, [asked(rows_for(name)[0])], None))


def test_nothing_is_left_behind() -> None:
    predictor = predictor_of("llama")
    row = asked(rows_for("llama")[0])
    list(attention_gradient_rollouts(predictor, [row], None))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in predictor.module.modules())
    assert all(parameter.requires_grad for parameter in predictor.module.parameters())
