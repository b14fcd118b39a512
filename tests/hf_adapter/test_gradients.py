"""Gradients of the engine, cut and segmented as it likes, against one plain backward pass for each step."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import torch
from attrs import evolve
from transformers import ProphetNetConfig, ProphetNetForConditionalGeneration
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS
from wherefrom_hf.running import chunking
from wherefrom_hf.running import gradients as gradients_of_steps
from wherefrom_hf.running.embedding import input_embedding
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.predict import Predictor

from tests.hf_adapter.architectures import CONFIGS, ENCODER_DECODERS, UNUSUAL, build, rows_for


def predictor_of(name: str) -> Predictor:
    model = build(name, attention="eager")
    if name in ENCODER_DECODERS:
        return Predictor(model, input_embedding(model.get_encoder()), input_embedding(model.get_decoder()), 0)
    return Predictor(model, None, input_embedding(model), 0)


def asked(row: Row) -> Row:
    """A row with a target function: the log-probability of each of its tokens."""
    target_function = TargetFunction(
        function=STEP_FUNCTIONS.get("probability")(logprob=True), target_ids=row.target_ids[row.steps]
    )
    return evolve(row, target_function=target_function)


def plainly(predictor: Predictor, row: Row) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Values and gradients of a row, one whole pass and one backward pass per step."""
    values, targets, sources = [], [], []
    for step in row.steps:
        leaf = predictor.target.of(torch.from_numpy(row.target_ids)[None]).requires_grad_()
        leaves = [leaf]
        arguments = {"input_ids": torch.from_numpy(row.target_ids)[None]}
        with ExitStack() as stack:
            stack.enter_context(predictor.target.replaced_by(leaf))
            if predictor.source is not None:
                source_ids = torch.from_numpy(row.source_ids)[None]
                source = predictor.source.of(source_ids).requires_grad_()
                leaves.append(source)
                encoder = predictor.module.get_encoder()
                with predictor.source.replaced_by(source):
                    states = encoder(input_ids=source_ids, return_dict=True)
                arguments = {"decoder_input_ids": arguments["input_ids"], "encoder_outputs": states}
            logits = predictor.module(**arguments, use_cache=False, return_dict=True).logits
        value = logits[0, step - 1].float().log_softmax(-1)[row.target_ids[step]]
        found = torch.autograd.grad(value, leaves)
        values.append(value.item())
        targets.append(found[0][0].numpy())
        sources.append(found[1][0].numpy() if len(found) > 1 else None)
    return np.array(values), np.stack(targets), None if predictor.source is None else np.stack(sources)


def close(came, expected):
    np.testing.assert_allclose(came, expected, rtol=1e-3, atol=2e-5 * max(np.abs(expected).max(), 1e-3))


OFTEN = ("gpt2", "llama", "gemma3", "gpt_neox", "bart", "t5")
"""Architectures that are asked in segments of two steps too; the others are with the heavy tests."""


@pytest.mark.parametrize(
    "name, segment",
    [(name, 16) for name in (*CONFIGS, *UNUSUAL)]
    + [
        pytest.param(name, 2, marks=[] if name in OFTEN else pytest.mark.heavy)  # type: ignore[misc]
        for name in (*CONFIGS, *UNUSUAL)
    ],
)
def test_every_architecture(name, segment, monkeypatch):
    monkeypatch.setattr(gradients_of_steps, "SEGMENT_STEPS", segment)
    predictor = predictor_of(name)
    rows = [asked(row) for row in rows_for(name)]
    answers = list(Differentiator(predictor).gradients(rows, None, True, True))
    assert len(answers) == len(rows)
    for row, answer in zip(rows, answers, strict=True):
        values, target, source = plainly(predictor, row)
        close(answer.values.numpy(), values)
        close(answer.target.numpy(), target)
        if source is not None:
            close(answer.source.numpy(), source)


@pytest.mark.parametrize("name", ["gpt2", "llama", "cohere", "phi", "bart", "t5"])
def test_chunks_of_backward_passes(name, monkeypatch):
    """Fewer pull-backs at once than there are steps: the graph is used several times."""
    monkeypatch.setattr(chunking, "PRODUCTS_AT_ONCE", 2)
    predictor = predictor_of(name)
    row = asked(rows_for(name)[0])
    (answer,) = Differentiator(predictor).gradients([row], None, True, True)
    close(answer.target.numpy(), plainly(predictor, row)[1])


def test_several_tokens_at_once_are_refused():
    config = ProphetNetConfig(
        vocab_size=40,
        hidden_size=16,
        num_encoder_layers=1,
        num_decoder_layers=1,
        num_encoder_attention_heads=2,
        num_decoder_attention_heads=2,
        encoder_ffn_dim=8,
        decoder_ffn_dim=8,
        decoder_start_token_id=0,
    )
    model = ProphetNetForConditionalGeneration(config).eval()
    predictor = Predictor(model, input_embedding(model.get_encoder()), input_embedding(model.get_decoder()), 0)
    with pytest.raises(ModelCapabilityError, match=r"one state per position|not causal"):
        list(predictor.predict([asked(row) for row in rows_for("bart")], None))
