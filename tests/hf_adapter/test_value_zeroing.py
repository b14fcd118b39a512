"""Value zeroing against a slow version: every block run anew for each zeroed position, by the model's own code."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn
from transformers.models.llama import modeling_llama
from wherefrom.adapters.internals import Heads
from wherefrom.errors import ModelCapabilityError, SettingsError
from wherefrom_hf.inside import attention, value_zeroing
from wherefrom_hf.inside.attention_watch import first_tensor, watching
from wherefrom_hf.inside.teacher_forcing import run
from wherefrom_hf.inside.value_zeroing import zeroed_values
from wherefrom_hf.running.attention_kernel import observed_by

from tests.hf_adapter.architectures import CONFIGS, ENCODER_DECODERS, UNUSUAL, build, rows_for
from tests.zoo import families

OWN_VALUES = {
    "xglm": ("v_proj", lambda values, j: values[:, j].zero_()),
    "gptj": ("v_proj", lambda values, j: values[:, j].zero_()),
    "gpt_neo": ("v_proj", lambda values, j: values[:, j].zero_()),
    "mpt": ("Wqkv", lambda fused, j: fused[:, j, 32:].zero_()),
    "openai-gpt": ("c_attn", lambda fused, j: fused[:, j, 32:].zero_()),
    "bloom": ("query_key_value", lambda fused, j: fused.view(*fused.shape[:2], 4, 3, -1)[:, j, :, 2].zero_()),
    "megatron-bert": ("value", lambda values, j: values[:, j].zero_()),
    "roformer": ("value", lambda values, j: values[:, j].zero_()),
    "falcon": ("query_key_value", lambda fused, j: fused.view(*fused.shape[:2], 6, -1)[:, j, 5].zero_()),
}
"""Where models that compute attention by themselves keep their values, and how to zero those of one position."""

POST_NORM = ("openai-gpt", "bart", "marian", "roberta", "opt-post-norm", "led", "encoder-decoder")
"""Models without a norm behind their last blocks."""


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


class ZeroedAt:
    """A kernel that zeroes the values of one position in one attention module."""

    def __init__(self, module, position):
        self.module, self.position = module, position

    def attend(self, kernel, module, query, key, value, *inputs, **options):
        if module is self.module:
            value = value.clone()
            value[:, :, self.position] = 0
        return kernel(module, query, key, value, *inputs, **options)


@contextmanager
def values_zeroed(name, model, attention, position):
    if name not in OWN_VALUES:
        with observed_by(model, ZeroedAt(attention, position)):
            yield
        return
    part, zero = OWN_VALUES[name]

    def edit(module, inputs, output):
        output = output.clone()
        zero(output, position)
        return output

    handle = getattr(_holder(attention, part), part).register_forward_hook(edit)
    try:
        yield
    finally:
        handle.remove()


def _holder(attention, part):
    return next(module for module in attention.modules() if hasattr(module, part))


def slow_distances(name, model, row, where, metric="cosine"):
    """Shape (layers, all queries, keys): each block called with its clean inputs and one position's values zeroed."""
    with watching(model) as watch:
        run(model, [row], watch)
    layers = []
    attended = watch.in_layers(where)
    for one in attended:
        call = watch.block_of(one)
        norm = watch.behind.get(call.stack) if one is attended[-1] else None
        clean = call.result[0] if norm is None else norm(call.result[0])
        columns = []
        for position in range(one.weights.shape[-1]):
            with torch.no_grad(), values_zeroed(name, model, one.module, position):
                states = first_tensor(call.module(*call.args, **call.kwargs))[0]
                states = states if norm is None else norm(states)
            apart = clean.flatten(1), states.flatten(1)  # of all streams, where a block keeps several
            if metric == "cosine":
                columns.append(1 - torch.cosine_similarity(*apart, dim=-1))
            else:
                columns.append((apart[0] - apart[1]).norm(dim=-1))
        layers.append(torch.stack(columns, dim=-1))
    return torch.stack(layers)


def answer_for(model, row, **changes):
    asked = {"metric": "cosine", "heads": {}, "every_query": False, "encoder": True, "decoder": True, "fused": False}
    (answer,) = zeroed_values(model, [row], **{**asked, **changes})
    return answer


@pytest.mark.parametrize("name", [*CONFIGS, "encoder-decoder", "opt-post-norm"])
def test_distances_are_those_of_blocks_run_with_zeroed_values(name):
    model = build(name)
    row = rows_for(name, ((5, 6),))[0]
    answer = answer_for(model, row)
    compared = {"decoder": answer.decoder}
    if name in ENCODER_DECODERS:
        compared |= {"encoder": answer.encoder, "cross": answer.cross}
    else:
        assert answer.encoder is None
        assert answer.cross is None
    for where, distances in compared.items():
        slow = slow_distances(name, model, row, where)
        if where != "encoder":
            slow = slow[:, row.steps - 1]
        torch.testing.assert_close(distances, slow, rtol=1e-3, atol=3e-6)
        assert distances.max() > 1e-2


@pytest.mark.parametrize("name", [*CONFIGS, *UNUSUAL])
def test_the_last_layer_is_read_behind_a_norm_or_as_it_is(name):
    """What else reads it (a projection to another width, of OPT's or to a decoder's) is no part of its states."""
    model = build(name)
    with watching(model) as watch:
        run(model, rows_for(name)[:1], watch)
    behind = {type(module).__name__ for module in watch.behind.values()}
    assert behind == set() if name in POST_NORM else behind
    assert all("Norm" in found for found in behind), behind


@pytest.mark.parametrize("length", range(2, 10))
@pytest.mark.parametrize("name", ["t5", "mt5", "gpt2", "bloom", "gemma3", "bart"])
def test_no_length_is_mistaken_for_a_number_of_heads(name, length):
    """They have four, and position biases and masks are laid out by heads and queries."""
    model, row = build(name), rows_for(name, ((length, length),))[0]
    slow = slow_distances(name, model, row, "decoder")[:, row.steps - 1]
    torch.testing.assert_close(answer_for(model, row).decoder, slow, rtol=1e-3, atol=3e-6)


def test_small_distances_are_more_than_rounding():
    """Of states that are long and hardly move, in single precision."""
    clean = 30 * torch.randn(3, 576)
    moved = clean[[0, 1, 1, 2]] + 0.1 * torch.randn(4, 576) * torch.tensor([[1e-2], [1e-1], [1.0], [30.0]])
    queries = torch.tensor([0, 1, 1, 2])
    found = value_zeroing._Distance("cosine", clean).of(moved, some_pairs(queries))
    exact = 1 - torch.cosine_similarity(clean[queries].double(), moved.double())
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=0)
    assert exact.min() < 1e-8


def test_states_without_a_direction():
    clean, moved = torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    found = value_zeroing._Distance("cosine", clean).of(moved, some_pairs(torch.tensor([0, 1, 0])))
    assert found.tolist() == [1, 1, 1]


def some_pairs(queries):
    return value_zeroing._Pairs(queries, torch.zeros_like(queries), of_all=False)


@pytest.mark.parametrize("every", [1, 3, 4, 7, 100])
@pytest.mark.parametrize("share", [0.0, 0.7, 0.95, 1.0])
def test_each_pair_is_computed_once(every, share):
    torch.manual_seed(0)
    touched = torch.rand(3, 40) < share
    parts = list(value_zeroing._Pairs.cut(touched, every))
    found = [pair for part in parts for pair in zip(part.queries.tolist(), part.keys.tolist(), strict=True)]
    assert sorted(found) == sorted(map(tuple, touched.nonzero().tolist()))
    assert all(0 < len(part.keys) <= every and bool((part.keys.diff() >= 0).all()) for part in parts)
    if share == 1:
        assert all(part.of_all == (every >= 3) for part in parts)
    of_queries = torch.randn(3, 5)
    for part in parts:
        of_pairs = torch.randn(len(part.keys), 5)
        assert torch.equal(part.minus(of_queries, of_pairs), of_queries[part.queries] - of_pairs)


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("part", ["", "mlp", "mlp.up_proj", "input_layernorm", "self_attn", "self_attn.v_proj"])
def test_under_a_hook_of_the_users(part, long, monkeypatch):
    """A block is computed again as it runs, hooks and all."""
    model = build("llama")
    row = rows_for("llama", ((5, 6),))[0]
    if long:
        monkeypatch.setattr(attention, "FUSED_FROM", 1)

    def steered(module, inputs, output):
        moved = first_tensor(output) * 1.5 + 0.3
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    plain = answer_for(model, row, fused=long).decoder
    for block in model.model.layers:
        block.get_submodule(part).register_forward_hook(steered)
    distances = answer_for(model, row, fused=long).decoder
    slow = slow_distances("llama", model, row, "decoder")[:, row.steps - 1]
    torch.testing.assert_close(distances, slow, rtol=1e-3, atol=3e-6)
    assert not torch.allclose(distances, plain, atol=1e-3)


@pytest.mark.parametrize(
    "name",
    [
        *("qwen3_next", "afmoe", "bitnet", "bert", "roberta", "megatron-bert", "roformer", "granite_swa"),
        *("axk2", "hy_v4"),
    ],
)
def test_behind_a_gate_a_norm_or_no_projection_at_all(name):
    """What follows the weighted values is no plain projection of the attention module: its kernel answers instead, or
    the module gives the weighted values themselves. The last two choose keys by an index of their own."""
    model = families.build(name)
    row = rows_for(name, ((5, 6),))[0]
    distances = answer_for(model, row).decoder
    slow = slow_distances(name, model, row, "decoder")[:, row.steps - 1]
    torch.testing.assert_close(distances, slow, rtol=1e-3, atol=3e-6)
    assert distances.max() > 1e-3


def test_what_happens_to_each_number_behind_the_product_is_refused(monkeypatch):
    """Weights times values are not what attention gives there, so zeroing a value would take another part of it."""
    model = families.build("llama")
    kernel = modeling_llama.eager_attention_forward

    def squared(*args, **kwargs):
        context, weights = kernel(*args, **kwargs)
        return context * context, weights

    monkeypatch.setattr(modeling_llama, "eager_attention_forward", squared)
    model.config._attn_implementation = "eager"
    with pytest.raises(ModelCapabilityError, match="weights times the values"):
        answer_for(model, rows_for("llama", ((5, 6),))[0])


@pytest.mark.parametrize("name", ["gpt2", "marian", "t5"])
def test_euclidean_distances(name):
    model = build(name)
    row = rows_for(name, ((5, 6),))[0]
    answer = answer_for(model, row, metric="euclidean")
    slow = slow_distances(name, model, row, "decoder", "euclidean")[:, row.steps - 1]
    torch.testing.assert_close(answer.decoder, slow, rtol=1e-4, atol=1e-5)


def test_chunks_change_nothing(monkeypatch):
    model = build("bart")
    row = rows_for("bart", ((5, 6),))[0]
    whole = answer_for(model, row)
    monkeypatch.setattr(value_zeroing, "queries_at_once", lambda device, width: 3)
    pieces = answer_for(model, row)
    for name in ("decoder", "encoder", "cross"):
        torch.testing.assert_close(getattr(whole, name), getattr(pieces, name), rtol=1e-4, atol=1e-6)


def test_every_query_contains_those_of_the_steps():
    model = build("t5")
    row = rows_for("t5", ((5, 7),))[0]
    later = type(row)(target_ids=row.target_ids, steps=np.array([3, 6]), source_ids=row.source_ids)
    every = answer_for(model, later, every_query=True)
    some = answer_for(model, later)
    assert every.decoder.shape[1:] == (6, 6)
    torch.testing.assert_close(every.decoder[:, [2, 5]], some.decoder, rtol=1e-4, atol=1e-6)


def test_heads_taken_together_in_another_way_are_all_heads():
    model = build("llama")
    row = rows_for("llama", ((0, 6),))[0]
    everything = answer_for(model, row).decoder
    by_layer = answer_for(model, row, heads={"decoder": Heads(by_layer={0: (0, 1), 1: None})}).decoder
    negative = answer_for(model, row, heads={"decoder": Heads(everywhere=(-1, 0))}).decoder
    torch.testing.assert_close(by_layer, everything)
    torch.testing.assert_close(negative, everything)
    first = answer_for(model, row, heads={"decoder": Heads(by_layer={0: (1,)})}).decoder
    assert first[1].abs().max() == 0
    assert not torch.allclose(first[0], everything[0])


@pytest.mark.parametrize(
    "changes, groups", [({"new_decoder_architecture": True, "num_kv_heads": 2}, 2), ({"multi_query": True}, 1)]
)
def test_heads_are_those_of_keys_and_values_where_a_model_repeats_them_itself(changes, groups, monkeypatch):
    kind, settings = CONFIGS["falcon"]
    monkeypatch.setitem(CONFIGS, "falcon", (kind, {**settings, **changes}))
    model, row = build("falcon"), rows_for("falcon")[0]
    width = 4 // groups + 2  # a group's queries, its key and its value
    zero = ("query_key_value", lambda fused, j: fused.view(*fused.shape[:2], groups, width, -1)[:, j, 0, -1].zero_())
    monkeypatch.setitem(OWN_VALUES, "falcon", zero)
    slow = slow_distances("falcon", model, row, "decoder")[:, row.steps - 1]
    found = answer_for(model, row, heads={"decoder": Heads(everywhere=(0,))}).decoder
    torch.testing.assert_close(found, slow, rtol=1e-3, atol=3e-6)
    assert found.max() > 1e-2
    with pytest.raises(SettingsError, match=f"names head {groups}; layer 0 has {groups} key/value heads"):
        answer_for(model, row, heads={"decoder": Heads(everywhere=(groups,))})


@pytest.mark.parametrize("heads", [Heads(everywhere=(2,)), Heads(by_layer={0: (-3,)})])
def test_heads_that_do_not_exist_are_refused(heads):
    with pytest.raises(SettingsError, match="2 key/value heads"):
        answer_for(build("llama"), rows_for("llama")[0], heads={"decoder": heads})


def test_layers_that_do_not_exist_are_refused():
    with pytest.raises(SettingsError, match="layers 0 to 1"):
        answer_for(build("llama"), rows_for("llama")[0], heads={"decoder": Heads(by_layer={5: None})})


@pytest.mark.parametrize("heads", [Heads(everywhere=(0,)), Heads(by_layer={9: (0,)})])
@pytest.mark.parametrize("where", ["encoder", "cross"])
def test_heads_of_attention_that_a_model_lacks_are_refused(where, heads):
    with pytest.raises(SettingsError, match=f"{where}_zeroed_units_indices .* LlamaForCausalLM has no such attention"):
        answer_for(build("llama"), rows_for("llama")[0], heads={where: heads})
    answer_for(build("llama"), rows_for("llama")[0], heads={where: Heads()})


@pytest.mark.parametrize("where", ["encoder", "decoder"])
def test_heads_of_attention_that_is_not_asked_for_are_refused(where):
    model, row = build("bart"), rows_for("bart")[0]
    with pytest.raises(SettingsError, match=f"output_{where}_self_scores=False leaves its scores out"):
        answer_for(model, row, heads={where: Heads(everywhere=(0,))}, **{where: False})


class MixesPositions(nn.Module):
    """A feed-forward layer that looks at the neighbour: not to be recomputed position by position."""

    def forward(self, states):
        return states.roll(1, dims=1)


def test_a_block_that_mixes_positions_elsewhere_is_refused():
    model = build("llama")
    model.model.layers[1].mlp = MixesPositions()
    with pytest.raises(ModelCapabilityError, match=r"layers\.1 could not be recomputed"):
        answer_for(model, rows_for("llama")[0])
    assert "forward" not in vars(model.model.layers[1].self_attn)
    assert model.config._attn_implementation != "wherefrom_watched"


def test_what_stands_behind_attention_may_be_anything_that_keeps_to_its_position():
    model = build("llama")
    inner = model.model.layers[0].self_attn.o_proj
    model.model.layers[0].self_attn.o_proj = nn.Sequential(nn.Tanh(), inner, nn.Tanh())
    row = rows_for("llama")[0]
    slow = slow_distances("llama", model, row, "decoder")[:, row.steps - 1]
    torch.testing.assert_close(answer_for(model, row).decoder, slow, rtol=1e-3, atol=3e-6)


def test_a_block_that_mixes_positions_behind_attention_is_refused():
    model = build("llama")
    inner = model.model.layers[0].self_attn.o_proj

    class Shifted(nn.Module):
        def forward(self, states):
            return inner(states.cumsum(1))

    model.model.layers[0].self_attn.o_proj = Shifted()
    with pytest.raises(ModelCapabilityError, match="position by position"):
        answer_for(model, rows_for("llama")[0])


def test_reduced_precision_stays_close():
    row = rows_for("llama")[0]
    exact = answer_for(build("llama"), row).decoder
    rough = answer_for(build("llama", dtype=torch.bfloat16), row).decoder
    assert (exact - rough).abs().max() < 0.1 * exact.max()
