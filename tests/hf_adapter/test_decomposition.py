"""Attention layers and logits as sums: exact on every architecture, refused where the structure is not understood."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError
from wherefrom.methods import AltiLogit
from wherefrom.progress import no_progress
from wherefrom.questions.question import Question
from wherefrom.questions.target_function import TargetFunction
from wherefrom.step_functions import STEP_FUNCTIONS
from wherefrom_hf.inside import decomposition
from wherefrom_hf.inside.attention_watch import BlockCall, LeafCall, watching
from wherefrom_hf.inside.decomposition import attention_terms
from wherefrom_hf.inside.frozen_norm import freeze
from wherefrom_hf.inside.logit_terms import logit_terms
from wherefrom_hf.inside.teacher_forcing import run

from tests.hf_adapter.architectures import CONFIGS, ENCODER_DECODERS, build, rows_for
from tests.zoo import families
from tests.zoo.checks import Model, row_of

ONLY_SINGLE_PRECISION = ("mixtral", "gpt_oss", "deepseek_v3", "xglm")
"""Their code fails in float64."""

POST_NORM = ("bart", "marian")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def exact(name):
    return build(name, dtype=torch.float32 if name in ONLY_SINGLE_PRECISION else torch.float64)


def tolerance(name):
    return {"rtol": 0, "atol": 2e-4 if name in ONLY_SINGLE_PRECISION else 1e-5}


@pytest.mark.parametrize("name", [*CONFIGS, "encoder-decoder"])
def test_terms_sum_to_outputs_and_states(name):
    row = rows_for(name)[0]
    (terms,) = attention_terms(exact(name), [row], queries="all")
    seen = set()
    for one in terms.chunks:
        seen.add((one.where, one.layer))
        torch.testing.assert_close(one.values.sum(1) + one.bias, one.output, **tolerance(name))
        torch.testing.assert_close(one.mixed.sum(1) + one.residual + one.constant, one.state, **tolerance(name))
    kinds = ("encoder", "decoder", "cross") if name in ENCODER_DECODERS else ("decoder",)
    assert seen == {(kind, layer) for kind in kinds for layer in range(2)}
    assert terms.layers == dict.fromkeys(kinds, 2)


@pytest.mark.parametrize(
    "family", [pytest.param("cohere2_moe", marks=pytest.mark.heavy), "granite_swa", "nemotron_h", "zaya"]
)
def test_states_are_the_sum_of_their_terms_in_unusual_blocks(family):
    """Experts beside attention, nothing behind it, a kernel that scales its result, modules that take two tensors."""
    model = families.build(family)
    (terms,) = attention_terms(model, [row_of(model)], queries="all")
    chunks = list(terms.chunks)
    assert chunks
    for one in chunks:
        torch.testing.assert_close(one.values.sum(1) + one.bias, one.output, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(one.mixed.sum(1) + one.residual + one.constant, one.state, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "family, norms",
    [
        ("beam", lambda block: [block.pre_feedforward_layernorm]),
        ("longcat_flash", lambda block: block.post_attention_layernorm),
    ],
)
def test_the_state_behind_attention_is_what_the_next_norm_reads(family, norms):
    """Where state and output are both scaled, and where a feed-forward layer stands between two attentions."""
    model, read = families.build(family), []
    for block in model.model.layers:
        for norm in norms(block):
            norm.register_forward_pre_hook(lambda module, given: read.append(given[0][0]))
    (terms,) = attention_terms(model, [row_of(model)], queries="all")
    chunks = list(terms.chunks)
    for one, right in zip(chunks, read, strict=False):  # what follows was read when the chunks were made
        torch.testing.assert_close(one.state, right, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(one.mixed.sum(1) + one.residual + one.constant, right, rtol=1e-3, atol=1e-3)
    assert len(chunks) == sum(len(norms(block)) for block in model.model.layers)


def test_of_several_streams_none_is_the_state():
    model = families.build("hy_v4")
    (terms,) = attention_terms(model, [row_of(model)], queries="all")
    with pytest.raises(ModelCapabilityError, match="keeps several streams"):
        list(terms.chunks)


@pytest.mark.parametrize("factor", [1.0, 0.22])
def test_factors_are_found_beside_large_states_in_half_precision(factor):
    torch.manual_seed(0)
    residual, entering = 40 * torch.randn(6, 16), torch.randn(6, 16)
    total = (residual + factor * entering).bfloat16()
    read = LeafCall(nn.Identity(), total, total, 0)
    call = BlockCall(nn.Identity(), "block", "blocks", 0, (total,), {}, torch.zeros_like(total), leaves=[read])
    share, scale = decomposition._factors(call, residual, entering)
    assert share == 1.0
    assert scale == (1.0 if factor == 1.0 else pytest.approx(factor, abs=0.1))


@pytest.mark.parametrize("name", [*CONFIGS, "encoder-decoder"])
def test_logits_are_the_sum_of_their_terms(name):
    model, row = exact(name), rows_for(name)[0]
    with torch.no_grad():
        target = torch.tensor(row.target_ids[None, : row.steps[-1]])
        given = {"input_ids": target}
        if row.source_ids is not None:
            given = {"input_ids": torch.tensor(row.source_ids[None]), "decoder_input_ids": target}
        logits = model(**given).logits[0][row.steps - 1, row.target_ids[row.steps]]
    (terms,) = logit_terms(model, [row], contrasts=[None])
    torch.testing.assert_close(terms.logits, logits, **tolerance(name))
    total = terms.decoder.sum((0, 2)) + terms.embedding + terms.feed_forward.sum(0) + terms.bias
    if name in ENCODER_DECODERS:
        total = total + terms.cross.sum((0, 2))
    torch.testing.assert_close(total, logits, **tolerance(name))
    assert terms.decoder.abs().max() > 0.01
    assert terms.feed_forward.abs().max() > 0.01
    for index, step in enumerate(row.steps):
        assert terms.decoder[:, index, step:].abs().sum() == 0


@pytest.mark.parametrize(
    "family", ["bert", "granite_swa", "modernbert-decoder", "nanochat", "qwen2_moe", "recurrent_gemma", "xmod", "zaya"]
)
def test_heads_caps_and_gates_are_held(family):
    """Activations and a norm in the head, capped logits, gates beside experts, one norm in two places, channels that
    are scaled behind attention."""
    model = families.build(family)
    row = row_of(model)
    with torch.no_grad():
        ids = torch.tensor(row.target_ids[None, : row.steps[-1]])
        logits = model(input_ids=ids, use_cache=False).logits[0][row.steps - 1, row.target_ids[row.steps]]
    (terms,) = logit_terms(model, [row], contrasts=[None])
    total = terms.decoder.sum((0, 2)) + terms.embedding + terms.feed_forward.sum(0) + terms.bias
    torch.testing.assert_close(total, logits, rtol=0, atol=2e-4)
    assert terms.decoder.abs().max() > 1e-3
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("family", ["dbrx", "llama4_text"])
def test_what_experts_bring_is_what_all_of_them_give_at_a_position(family):
    """An expert's own output has a line for each token it was given, or for each token of each expert. Those of the
    last block pass the final norm alone, which is done by hand here."""
    model, seen = families.build(family), {}
    row = row_of(model)
    stack, norm, part = {
        "dbrx": lambda m: (m.transformer.blocks, m.transformer.norm_f, "ffn"),
        "llama4_text": lambda m: (m.model.layers, m.model.norm, "feed_forward"),
    }[family](model)
    experts = getattr(stack[-1], part)
    handles = [
        experts.register_forward_hook(lambda module, given, output: seen.update(experts=output)),
        norm.register_forward_hook(lambda module, given, output: seen.update(state=given[0])),
    ]
    ids = torch.tensor(row.target_ids[None, : row.steps[-1]])
    with torch.no_grad():
        model(input_ids=ids, use_cache=False)
    for handle in handles:
        handle.remove()
    brought = seen["experts"] if family == "dbrx" else seen["experts"][0]
    brought, state = brought.reshape(ids.shape[1], -1), seen["state"][0]
    if family == "dbrx":
        brought, state = (x - x.mean(-1, keepdim=True) for x in (brought, state))
    direction = norm.weight * (state.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
    at = row.steps - 1
    expected = (brought * direction)[at] @ model.lm_head.weight[row.target_ids[row.steps]].T
    (terms,) = logit_terms(model, [row], contrasts=[None])
    torch.testing.assert_close(terms.feed_forward[-1], expected.diagonal().detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name, reads",
    [
        ("gpt2", (1, 2)),
        ("gemma2", (1, 2)),
        ("olmo2", (1, 2)),
        ("mixtral", (1, 2)),
        ("t5", (2, 4)),
        ("bart", (2, 4)),
        ("gpt_neox", (0, 1)),
        ("gptj", (0, 1)),
        ("phi", (0, 1)),
        ("falcon", (0, 1)),
        ("cohere", (0, 1)),
    ],
)
def test_which_state_a_feed_forward_part_reads(name, reads):
    (terms,) = logit_terms(exact(name), rows_for(name)[:1], contrasts=[None])
    assert terms.feed_forward_reads == reads
    assert len(terms.feed_forward) == len(reads)


def test_feed_forward_parts_between_two_attentions_of_one_block():
    model = families.build("longcat_flash")
    (terms,) = logit_terms(model, [row_of(model)], contrasts=[None])
    blocks = len(model.model.layers)
    assert terms.feed_forward_reads == tuple(
        count for block in range(blocks) for count in (2 * block + 1, 2 * block + 2)
    )


@pytest.mark.parametrize("name", ["gpt_neox", "gptj", "phi", "cohere"])
def test_what_a_parallel_feed_forward_part_adds_is_of_the_state_it_reads(name):
    """In a model of one block it reads the embedding of the predicting position, and that alone."""
    kind, config = CONFIGS[name]
    layers = {"n_layer": 1} if "n_layer" in config else {"num_hidden_layers": 1}
    torch.manual_seed(0)
    cls = getattr(transformers, kind)
    module = cls(cls.config_class(vocab_size=40, pad_token_id=0, **{**config, **layers})).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.3)
    model = Model(module)
    ids, step = np.array([5, 9, 12, 30, 22, 7]), 5
    function = TargetFunction(function=STEP_FUNCTIONS.get("logit")(), target_ids=ids[[step]])
    (scores,) = AltiLogit().attribute(
        model, [Question(target_ids=ids, steps=np.array([step]), target_function=function)], no_progress
    )
    (terms,) = model.logit_terms([Row(target_ids=ids, steps=np.array([step]))], contrasts=[None])
    expected = terms.decoder[0, 0].clone()
    expected[step - 1] += terms.embedding[0] + terms.feed_forward.sum()
    torch.testing.assert_close(scores.target[:step, 0], expected)
    assert terms.feed_forward.abs().max() > 0.01 * terms.logits.abs().max()


def test_a_cap_takes_the_same_share_of_every_term():
    capped, plain = exact("gemma2"), exact("gemma2")
    plain.config.final_logit_softcapping = None
    capped.config.final_logit_softcapping = 0.5
    row = rows_for("gemma2")[0]
    (some,), (whole,) = (list(logit_terms(model, [row], contrasts=[None])) for model in (capped, plain))
    share = some.logits / whole.logits
    torch.testing.assert_close(some.logits, 0.5 * torch.tanh(whole.logits / 0.5))
    assert float(share.min()) < 0.99
    torch.testing.assert_close(some.decoder, share[:, None] * whole.decoder)
    torch.testing.assert_close(some.feed_forward, share * whole.feed_forward)
    torch.testing.assert_close(some.embedding, share * whole.embedding)


def test_what_is_changed_in_another_manner_is_refused():
    model = families.build("gemma3n_text")
    with pytest.raises(ModelCapabilityError, match="not the sum of what its layers bring"):
        list(logit_terms(model, [row_of(model)], contrasts=[None]))


def test_attention_behind_which_positions_are_mixed_is_refused():
    model = families.build("inkling_text")
    with pytest.raises(ModelCapabilityError, match="self_attn gives passes another part of InklingForCausalLM"):
        list(logit_terms(model, [row_of(model)], contrasts=[None]))


class Adapted(nn.Module):
    """A projection that an adapter adds to, as peft names its parts."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base_layer = base
        self.added = nn.Linear(base.in_features, base.out_features, bias=False, dtype=base.weight.dtype)

    def forward(self, states):
        return self.base_layer(states) + self.added(states)


def test_an_adapter_on_the_output_projection_is_to_be_merged():
    model = build("llama")
    attention = model.model.layers[0].self_attn
    attention.o_proj = Adapted(attention.o_proj)
    (told,) = attention_terms(model, rows_for("llama")[:1], queries="all")
    with pytest.raises(ModelCapabilityError, match="merge_and_unload"):
        list(told.chunks)


def test_a_contrast_gives_the_difference_of_two_logits():
    model, row = exact("llama"), rows_for("llama")[0]
    contrast = (row.target_ids[row.steps] + 1) % 40
    (lead,) = logit_terms(model, [row], contrasts=[contrast])
    (target,) = logit_terms(model, [row], contrasts=[None])
    swapped = type(row)(target_ids=np.concatenate([row.target_ids[:1], contrast]), steps=row.steps)
    with torch.no_grad():
        # the contrast's own logits on the true prefix, one step at a time
        for index, step in enumerate(row.steps):
            ids = np.concatenate([row.target_ids[:step], contrast[index : index + 1]])
            (other,) = logit_terms(model, [type(swapped)(target_ids=ids, steps=np.array([step]))], contrasts=[None])
            torch.testing.assert_close(
                target.decoder[:, index, :step] - other.decoder[:, 0, :step], lead.decoder[:, index, :step]
            )


def test_attention_part_of_a_hand_computed_gpt2_logit():
    """The first layer's attention, through ln_f with the pass's own statistics, by the textbook formula."""
    model, row = exact("gpt2"), rows_for("gpt2")[0]
    (terms,) = logit_terms(model, [row], contrasts=[None])
    with torch.no_grad(), watching(model) as watch:
        run(model, [row], watch)
    one = watch.in_layers("decoder")[0]
    final = watch.blocks[-1].result[0]
    norm = model.transformer.ln_f
    for index, step in enumerate(row.steps):
        at = step - 1
        direction = model.lm_head.weight[row.target_ids[step]] * norm.weight
        deviation = (final[at].var(unbiased=False) + norm.eps).sqrt()
        for key in range(step):
            value = (one.weights[0, :, at, key, None] * one.values[0, :, key]).reshape(-1)
            brought = value @ one.module.c_proj.weight
            expected = (brought - brought.mean()) @ direction / deviation
            torch.testing.assert_close(terms.decoder[0, index, key], expected.detach(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", POST_NORM)
def test_the_state_of_a_post_norm_sublayer_is_behind_its_norm(name):
    model, row = exact(name), rows_for(name)[0]
    (terms,) = attention_terms(model, [row], queries="all")
    first = next(one for one in terms.chunks if one.where == "encoder")
    layer = model.model.encoder.layers[0]
    with torch.no_grad(), watching(model) as watch:
        run(model, [row], watch)
    call = next(call for call in watch.blocks if "encoder" in call.stack)
    expected = layer.self_attn_layer_norm(call.state[0] + watch.in_layers("encoder")[0].result[0])
    torch.testing.assert_close(first.state, expected.detach())


def test_chunks_of_queries_are_the_whole_in_pieces(monkeypatch):
    model, row = exact("t5"), rows_for("t5")[0]
    (whole,) = attention_terms(model, [row], queries="all")
    whole = {(one.where, one.layer): one for one in whole.chunks}
    monkeypatch.setattr(decomposition, "_NUMBERS_AT_ONCE", 2 * 5 * 16)
    (pieces,) = attention_terms(model, [row], queries="all")
    count = 0
    for one in pieces.chunks:
        count += 1
        of = whole[one.where, one.layer]
        span = slice(one.first_query, one.first_query + len(one.state))
        torch.testing.assert_close(one.mixed, of.mixed[span])
        torch.testing.assert_close(one.constant, of.constant[span])
    assert count > len(whole)


def test_only_the_queries_of_the_steps():
    model, row = exact("gpt2"), rows_for("gpt2")[0]
    late = type(row)(target_ids=row.target_ids, steps=np.array([4, 5]))
    (terms,) = attention_terms(model, [late], queries="steps")
    assert {(one.first_query, len(one.state)) for one in terms.chunks} == {(3, 2)}


class GatedResidual(nn.Module):
    """A block whose attention enters through a gate of its own for every channel."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, states, **kwargs):
        attended, _ = self.block.self_attn(self.block.input_layernorm(states), **kwargs)
        states = states + torch.linspace(0.1, 1, states.shape[-1], dtype=states.dtype) * attended
        return states + self.block.mlp(self.block.post_attention_layernorm(states))


def test_a_gated_residual_connection_is_refused():
    model = exact("llama")
    model.model.layers[1] = GatedResidual(model.model.layers[1])
    (terms,) = attention_terms(model, rows_for("llama")[:1], queries="all")
    with pytest.raises(ModelCapabilityError, match="not simply added"):
        list(terms.chunks)


def test_the_logit_of_a_gated_residual_connection_is_still_exact():
    model = exact("llama")
    model.model.layers[1] = GatedResidual(model.model.layers[1])
    (terms,) = logit_terms(model, rows_for("llama")[:1], contrasts=[None])
    total = terms.decoder.sum((0, 2)) + terms.embedding + terms.feed_forward.sum(0) + terms.bias
    torch.testing.assert_close(total, terms.logits, rtol=0, atol=1e-5)


def test_hooks_are_gone_afterwards():
    model = exact("bart")
    list(logit_terms(model, rows_for("bart")[:1], contrasts=[None]))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


@pytest.mark.parametrize("module", [nn.LayerNorm(7), nn.RMSNorm(7), nn.RMSNorm(8, elementwise_affine=False)])
def test_a_norm_is_recognised_and_frozen(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    states = torch.randn(5, module.normalized_shape[0])
    norm = freeze(module, states[None], module(states[None]))
    assert norm is not None
    torch.testing.assert_close(norm(states[None])[0], module(states), rtol=1e-4, atol=1e-5)
    assert norm.centres == isinstance(module, nn.LayerNorm)
    torch.testing.assert_close(norm.linear(states) + norm.shift, module(states).detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.linear(2 * states), 2 * norm.linear(states))


@pytest.mark.parametrize("module", [nn.GELU(), nn.Tanh(), nn.Sigmoid(), nn.Identity(), nn.Softmax(-1), nn.Linear(6, 6)])
def test_other_layers_are_no_norms(module):
    states = torch.randn(1, 5, 6)
    assert freeze(module, states, module(states)) is None
