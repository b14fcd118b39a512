"""Attention weights through the adapter: every way of writing attention, every implementation, batches, errors."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import nn
from transformers import MambaConfig, MambaForCausalLM
from transformers.models.t5gemma2 import modeling_t5gemma2
from wherefrom.adapters import Row
from wherefrom.adapters.internals import Heads
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.inside.attention_watch import watching
from wherefrom_hf.running.eager import attention_implementation

from tests.hf_adapter.architectures import CONFIGS, ENCODER_DECODERS, build, rows_for
from tests.zoo import families
from tests.zoo.checks import Model, row_of

WITHOUT_SDPA = ("gemma2", "gpt_oss", "xglm", "bloom", "mpt", "openai-gpt", "gptj", "gpt_neo")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def transformers_own(model, row):
    """What transformers itself gives with the eager implementation and output_attentions."""
    target = torch.tensor(row.target_ids[None, : row.steps[-1]])
    with torch.no_grad():
        if row.source_ids is None:
            answer = model(input_ids=target, output_attentions=True)
            return {"decoder": answer.attentions}
        source = torch.tensor(row.source_ids[None])
        answer = model(input_ids=source, decoder_input_ids=target, output_attentions=True)
    return {
        "decoder": answer.decoder_attentions,
        "cross": answer.cross_attentions,
        "encoder": answer.encoder_attentions,
    }


@pytest.mark.parametrize("name", [*CONFIGS, "encoder-decoder"])
def test_weights_are_those_of_transformers_and_batches_equal_singles(name):
    loaded = build(name, attention=None if name in WITHOUT_SDPA else "sdpa")
    before = loaded.config._attn_implementation
    reference = build(name, attention="eager")
    rows = rows_for(name)
    answers = list(attentions(loaded, rows))
    for row, answer in zip(rows, answers, strict=True):
        for where, weights in transformers_own(reference, row).items():
            torch.testing.assert_close(getattr(answer, where), torch.cat(weights), rtol=1e-4, atol=2e-6)
        (single,) = attentions(loaded, [row])
        torch.testing.assert_close(single.decoder, answer.decoder, rtol=1e-4, atol=2e-6)
        if name in ENCODER_DECODERS:
            torch.testing.assert_close(single.cross, answer.cross, rtol=1e-4, atol=2e-6)
    assert loaded.config._attn_implementation == before


def test_rows_that_share_a_source_keep_their_own_weights():
    model = build("bart")
    first, second = rows_for("bart", ((5, 6), (5, 4)))
    twin = Row(target_ids=second.target_ids, steps=second.steps, source_ids=first.source_ids)
    together = list(attentions(model, [first, twin]))
    (alone,) = attentions(model, [twin])
    torch.testing.assert_close(together[1].cross, alone.cross)
    torch.testing.assert_close(together[1].encoder, alone.encoder)


def test_every_row_of_weights_sums_to_one():
    (answer,) = attentions(build("t5"), rows_for("t5")[:1])
    for weights in (answer.decoder, answer.cross, answer.encoder):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


class PlannedError(Exception):
    pass


def fail_inside(model):
    with watching(model):
        assert model.config._attn_implementation != "sdpa"
        raise PlannedError


@pytest.mark.parametrize("name", ["gpt2", "bart", "falcon"])
def test_an_error_inside_leaves_the_model_as_it_was(name):
    model = build(name, attention="sdpa")
    untouched = {part: (dict(part._forward_hooks), dict(part._forward_pre_hooks)) for part in model.modules()}
    with pytest.raises(PlannedError):
        fail_inside(model)
    assert model.config._attn_implementation == "sdpa"
    for part in model.modules():
        assert (dict(part._forward_hooks), dict(part._forward_pre_hooks)) == untouched[part]
    list(attentions(model, rows_for(name)))


def test_a_model_without_attention_is_refused():
    config = MambaConfig(vocab_size=40, hidden_size=8, state_size=4, num_hidden_layers=1)
    with pytest.raises(ModelCapabilityError, match="MambaForCausalLM computed no attention"):
        list(attentions(MambaForCausalLM(config).eval(), rows_for("gpt2")))


def test_a_source_that_is_not_seen_to_be_read_is_refused():
    """What no module makes of the encoder's output is not followed to the cross-attention that reads it."""
    model, row = build("bart"), rows_for("bart")[0]
    decoder = model.get_decoder()
    plainly = decoder.forward
    decoder.forward = lambda *args, encoder_hidden_states, **named: plainly(
        *args, encoder_hidden_states=2 * encoder_hidden_states, **named
    )
    with pytest.raises(
        ModelCapabilityError, match="No attention of BartForConditionalGeneration from target to source"
    ):
        list(attentions(model, [row]))


@pytest.fixture(params=["target first", "source first"])
def merged(request, monkeypatch):
    """A model that weighs source and target in one softmax, their keys in either order."""

    class Turned:
        def __getattr__(self, name):
            return getattr(torch, name)

        def cat(self, tensors, dim):  # keys, values and masks come as lists
            return torch.cat(tensors[::-1] if isinstance(tensors, list) else tensors, dim)

    if request.param == "source first":
        monkeypatch.setattr(modeling_t5gemma2, "torch", Turned())
    return families.build("t5gemma2-seq2seq", torch.float64)


def plainly_weighed(module, row):
    """By name the weights of every layer, found where the library computes them, source and target cut apart by which
    keys no query sees ahead."""
    found = []
    plain = modeling_t5gemma2.eager_attention_forward

    def watch(module, *args, **named):
        context, weights = plain(module, *args, **named)
        if type(module).__name__ == "T5Gemma2MergedAttention":
            found.append(weights)
        return context, weights

    with patch.object(modeling_t5gemma2, "eager_attention_forward", watch):
        transformers_own(module, row)
    both = torch.cat(found)
    read = len(row.source_ids)
    first, last = both[..., : both.shape[-2]], both[..., read:]
    if not first.triu(1).any():
        return {"decoder": first, "cross": both[..., both.shape[-2] :]}
    assert not last.triu(1).any()
    return {"decoder": last, "cross": both[..., :read]}


def rows_of_lengths(module, *sizes):
    row = row_of(module)
    for source, target in sizes:
        ids = row.target_ids[: target + 1]
        yield evolve(row, source_ids=np.arange(source) * 7 % 50 + 5, target_ids=ids, steps=np.array([target]))


def test_source_and_target_in_one_softmax_are_told_apart(merged):
    module = merged
    rows = list(rows_of_lengths(module, (7, 13), (5, 5), (3, 9)))
    with attention_implementation(module, "eager"):
        right = [plainly_weighed(module, row) for row in rows]
    for came, expected in zip(Model(module).attentions(rows), right, strict=True):
        assert came.one_softmax
        for where in ("decoder", "cross"):
            torch.testing.assert_close(getattr(came, where), expected[where], rtol=0, atol=1e-6)
        whole = came.decoder.sum(-1) + came.cross.sum(-1)
        torch.testing.assert_close(whole, torch.ones_like(whole), rtol=0, atol=1e-6)
    (one,) = Model(module).attentions(rows_of_lengths(module, (4, 1)))  # nothing lies ahead of one position
    assert (one.decoder.shape[-1], one.cross.shape[-1]) == (1, 4)


def test_values_of_a_source_weighed_with_the_target_are_zeroed(merged):
    """Against the library's pass with the values of one key zeroed in one layer, read behind that layer."""
    module, row = merged, row_of(merged)
    heads = {where: Heads() for where in ("encoder", "decoder", "cross")}
    asked = {"metric": "cosine", "heads": heads, "every_query": False, "encoder": False, "decoder": True}
    (came,) = Model(module).zeroed_values([row], **asked)
    decoder = module.get_decoder()
    states, zeroed = [], []

    def zero(part, args, output):
        for read, key in zeroed:
            if args[0].shape[1] == read:
                output = output.clone()
                output[:, key] = 0
        return output

    def state():
        states.clear()
        transformers_own(module, row)
        return states[0]

    for index, layer in enumerate(decoder.layers):
        behind = decoder.norm if index == len(decoder.layers) - 1 else layer
        handles = [
            layer.self_attn.v_proj.register_forward_hook(zero),
            behind.register_forward_hook(lambda part, args, output: states.append(output[0, -1])),
        ]
        clean = state()
        for distances in (came.decoder, came.cross):
            for key in range(distances.shape[-1]):
                zeroed[:] = [(distances.shape[-1], key)]
                expected = 1 - torch.cosine_similarity(clean, state(), dim=0)
                assert float(distances[index, -1, key]) == pytest.approx(float(expected), abs=1e-6)
        zeroed.clear()
        for handle in handles:
            handle.remove()


def test_logits_are_sums_over_source_and_target_in_one_softmax(merged):
    (terms,) = Model(merged).logit_terms([row_of(merged)], contrasts=[None])
    whole = (
        terms.decoder.sum((0, 2)) + terms.cross.sum((0, 2)) + terms.embedding + terms.feed_forward.sum(0) + terms.bias
    )
    torch.testing.assert_close(whole, terms.logits)
    assert (terms.decoder.shape[-1], terms.cross.shape[-1]) == (13, 7)


def test_neither_of_source_and_target_in_one_softmax_is_a_state(merged):
    model, row = Model(merged), row_of(merged)
    asks = (
        lambda: (chunk for terms in model.attention_terms([row], queries="all") for chunk in terms.chunks),
        lambda: model.head_terms([row], mixtures=[None], reduce=lambda terms: terms),
    )
    for ask in asks:
        with pytest.raises(ModelCapabilityError, match="source and target in one softmax"):
            list(ask())


def test_keys_beside_the_source_that_cannot_be_found_are_refused():
    module = families.build("t5gemma2-seq2seq")
    merged = type(module.get_decoder().layers[0].self_attn)
    plainly = merged.forward

    def doubled(self, *args, encoder_hidden_states, **named):
        return plainly(self, *args, encoder_hidden_states=2 * encoder_hidden_states, **named)

    refused = pytest.raises(ModelCapabilityError, match="in one softmax, the 7 of the source and others")
    with patch.object(merged, "forward", doubled), refused:
        list(Model(module).attentions([row_of(module)]))


def test_attention_outside_of_blocks_is_refused():
    model = build("gpt2")
    model.transformer.h = nn.Sequential(*model.transformer.h)
    with pytest.raises(ModelCapabilityError, match="outside of any list of blocks"):
        list(attentions(model, rows_for("gpt2")))
    assert model.config._attn_implementation != "wherefrom_watched"


def test_reduced_precision_stays_close():
    (exact,) = attentions(build("llama"), rows_for("llama")[:1])
    (rough,) = attentions(build("llama", dtype=torch.bfloat16), rows_for("llama")[:1])
    assert (exact.decoder - rough.decoder.float()).abs().max() < 0.1
