"""Attention weights through the adapter: every way of writing attention, every implementation, batches, errors."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import MambaConfig, MambaForCausalLM
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.inside.attention_watch import watching

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


def test_source_and_target_in_one_softmax_are_refused():
    module = families.build("t5gemma2-seq2seq")
    model, row = Model(module), row_of(module)
    asks = (
        lambda: model.attentions([row]),
        lambda: (chunk for terms in model.attention_terms([row], queries="all") for chunk in terms.chunks),
        lambda: model.head_terms([row], mixtures=[None], reduce=lambda terms: terms),
        lambda: model.logit_terms([row], contrasts=[None]),
        lambda: model.zeroed_values([row], metric="cosine", heads={}, every_query=False, encoder=True, decoder=True),
    )
    for ask in asks:
        with pytest.raises(ModelCapabilityError, match="in one softmax, the 7 of the source and others"):
            list(ask())


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
