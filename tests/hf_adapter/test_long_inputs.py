"""Long inputs: fused attention, block by block, part by part; the numbers stay those of the whole graph."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from attrs import evolve
from wherefrom import load_model
from wherefrom.adapters import Row
from wherefrom.adapters.internals import Heads
from wherefrom.errors import SettingsError
from wherefrom_hf.demo import demo_path
from wherefrom_hf.inside import attention as attention_module
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.inside.attention_watch import Attended
from wherefrom_hf.inside.value_zeroing import _Zeroing, zeroed_values
from wherefrom_hf.running import block_by_block, chunking, gradients
from wherefrom_hf.running.answering import first_tensor, with_first
from wherefrom_hf.running.attention_kernel import FUSED
from wherefrom_hf.running.attention_products import SoftmaxAttention
from wherefrom_hf.running.chunking import halving
from wherefrom_hf.running.constants import constant_weights
from wherefrom_hf.running.embedding import input_embedding
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.kept_states import Keeping
from wherefrom_hf.running.memory import as_bytes
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.probe import Probe
from wherefrom_hf.running.split_block import at_positions

from tests.hf_adapter.architectures import CONFIGS, ENCODER_DECODERS, UNUSUAL, build, rows_for
from tests.hf_adapter.test_gradients import asked, close, plainly

DECODERS = [name for name in [*CONFIGS, *UNUSUAL] if name not in ENCODER_DECODERS]


def tight(name: str, monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """A model for which every row is long, and every graph too heavy."""
    monkeypatch.setattr(chunking, "HOST_PRODUCT_POSITIONS", 1)
    module = build(name, attention="sdpa" if name == "llama" else "eager")
    return Predictor(module, None, input_embedding(module), 0, memory_limit=1)


@pytest.mark.parametrize("name", DECODERS)
def test_gradients_of_every_decoder(name, monkeypatch):
    predictor = tight(name, monkeypatch)
    rows = [asked(row) for row in rows_for(name)]
    for row, answer in zip(rows, Differentiator(predictor).gradients(rows, None, True, True), strict=True):
        values, target, _ = plainly(predictor, row)
        close(answer.values.numpy(), values)
        close(answer.target.numpy(), target)


def test_common_decoders_do_go_block_by_block(monkeypatch):
    for name in ("llama", "gpt2", "qwen2", "gemma3", "gpt_neox"):
        differentiator = Differentiator(tight(name, monkeypatch))
        plan = differentiator._plan([asked(rows_for(name)[0])], target=True, single=True)
        assert plan.blocks is not None, name
        assert plan.blocks.bytes_per_position > 0


def test_weights_are_no_part_of_what_a_graph_keeps(monkeypatch):
    """They are there anyway: counted, they would send every row through block by block."""
    module = build("llama")
    embedding = input_embedding(module)
    with constant_weights(module):
        blocks = block_by_block.find_blocks(module, embedding)
    wide = sum(weight.shape[0] for weight in module.model.layers[0].parameters()) * 4
    assert wide < blocks.bytes_per_position < 4 * wide, "of each position what each weight gave, and some more"


def test_common_blocks_are_cut_behind_their_attention(monkeypatch):
    for name in ("llama", "gpt2", "qwen2", "gemma3", "gpt_neox"):
        blocks = Differentiator(tight(name, monkeypatch))._structure.blocks
        assert blocks is not None
        assert all(split is not None and split.alone for split in blocks.splits), name


def test_gradients_of_one_row_among_others_leave_less_to_its_passes(monkeypatch):
    """Those of a single row become the result; those of one among others stand beside what is made of them."""
    predictor = tight("llama", monkeypatch)
    differentiator = Differentiator(predictor)
    row = asked(rows_for("llama")[0])
    assert differentiator._structure.blocks is not None
    answer = next(differentiator.gradients([row], None, True, True))
    predictor._memory_limit = 4 * answer.target.nbytes
    monkeypatch.setattr(Predictor, "keeps_weights", lambda *_: False)
    heavy = evolve(differentiator._structure.blocks, bytes_per_position=2**30)
    differentiator._found = evolve(differentiator._structure, blocks=heavy)
    limits = [differentiator._plan([row], True, single=single).limit for single in (True, False)]
    ends = 2 * answer.target[0].nbytes
    assert limits == [4 * answer.target.nbytes, 3 * answer.target.nbytes - ends]
    own, seen = differentiator._plan, []
    monkeypatch.setattr(
        differentiator, "_plan", lambda rows, target, single: seen.append(single) or own(rows, target, single=single)
    )
    for rows in ([row], [row, row], iter([row])):
        list(differentiator.gradients(rows, 1, True, True))
    assert seen == [True, False, False, False], "of rows that come one by one there may be more"


def test_outputs_that_take_half_of_the_limit_go_together():
    model = load_model(str(demo_path("lm")), device="cpu", memory_limit="16 MiB").adapter
    row = Row(target_ids=np.zeros(1024, np.int64), steps=np.arange(1, 5))
    each = 1024 * model.card.width * 4
    assert model.outputs_at_once(row) == 2**24 // 2 // each > 1  # type: ignore[attr-defined]
    assert model.outputs_at_once(row, copies=3) == 2**24 // 6 // each  # type: ignore[attr-defined]
    assert model.outputs_at_once(row, copies=10**6) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3", "gpt_neox"])
@pytest.mark.parametrize("kernel", ["ours", "autograd's"])
def test_gradients_in_pieces_behind_attention(name, kernel, monkeypatch):
    """Several outputs together, a few positions at a time, with and without our own way through the kernel."""
    monkeypatch.setattr(block_by_block, "PIECE", 4)
    predictor = tight(name, monkeypatch)
    differentiator = Differentiator(predictor)
    assert all(differentiator._structure.blocks.splits)
    differentiator._plan = plan_with_room(differentiator)
    sizes = []
    products = SoftmaxAttention.products

    def counted(one, above, context):
        sizes.append(len(above))
        return products(one, above, context)

    monkeypatch.setattr(SoftmaxAttention, "products", counted)
    if kernel == "autograd's":
        monkeypatch.setattr(SoftmaxAttention, "of", lambda *given: None)
    row = asked(rows_for(name)[0])
    (answer,) = differentiator.gradients([row], None, True, True)
    close(answer.target.numpy(), plainly(predictor, row)[1])
    assert sizes == ([len(row.steps)] * len(differentiator._structure.blocks.members) if kernel == "ours" else [])


@pytest.mark.parametrize("written", [False, True])
def test_as_many_outputs_go_together_as_states_leave_room_for(written, tmp_path, monkeypatch):
    predictor = tight("llama", monkeypatch)
    monkeypatch.setattr(gradients, "keeping", lambda *_: Keeping(folder=str(tmp_path) if written else None))
    row = asked(rows_for("llama")[0])
    config, length = predictor.module.config, int(row.steps[-1])
    state = length * config.hidden_size * 4
    keys_and_values = 2 * length * config.num_key_value_heads * config.head_dim * 4
    differentiator, sizes = Differentiator(predictor), []
    assert all(differentiator._structure.blocks.splits)
    own, products = differentiator._plan, SoftmaxAttention.products
    limit = block_by_block._ATTENTION_STATES * state + 3 * ((state + keys_and_values) * 11 // 10)
    monkeypatch.setattr(differentiator, "_plan", lambda *given, **more: evolve(own(*given, **more), limit=limit))
    monkeypatch.setattr(
        SoftmaxAttention,
        "products",
        lambda one, above, context: sizes.append(len(above)) or products(one, above, context),
    )
    (answer,) = differentiator.gradients([row], None, True, True)
    close(answer.target.numpy(), plainly(predictor, row)[1])
    assert len(row.steps) == 5
    last = [3, 2] if written else [2, 2, 1]
    assert sizes == [*last, 3, 2], "behind the last block the state of the first is there too"


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_several_rows_go_block_by_block_together(name, monkeypatch):
    monkeypatch.setattr(block_by_block, "PIECE", 6)
    predictor = tight(name, monkeypatch)
    row, other = (asked(one) for one in rows_for(name)[:2])
    answers = list(Differentiator(predictor).gradients([row, other], 2, True, True))
    for one, answer in zip((row, other), answers, strict=True):
        close(answer.target.numpy(), plainly(predictor, one)[1])


def plan_with_room(differentiator):
    """Once the plan is made there is room: all outputs go together."""
    own = differentiator._plan

    def plan(rows, target, *, single):
        return evolve(own(rows, target, single=single), limit=2**30)

    return plan


def test_a_block_that_mixes_positions_behind_its_attention_stays_whole(monkeypatch):
    predictor = tight("llama", monkeypatch)
    layer = predictor.module.model.layers[0].mlp
    own = layer.forward
    layer.forward = lambda states: own(states).cumsum(1)
    blocks = Differentiator(predictor)._structure.blocks
    assert blocks is not None
    assert not any(blocks.splits)


def test_attention_that_mixes_positions_in_front_of_its_kernel_goes_through_whole(monkeypatch):
    monkeypatch.setattr(block_by_block, "PIECE", 4)
    predictor = tight("llama", monkeypatch)
    layer = predictor.module.model.layers[0].self_attn.k_proj
    own = layer.forward
    layer.forward = lambda states: own(states).cumsum(1)
    row = asked(rows_for("llama")[0])
    (answer,) = Differentiator(predictor).gradients([row], None, True, True)
    close(answer.target.numpy(), plainly(predictor, row)[1])


def test_attention_that_asks_something_else_of_a_piece_goes_through_whole(monkeypatch):
    """From a length on, that the trial does not have."""
    monkeypatch.setattr(block_by_block, "PIECE", 4)
    predictor = tight("llama", monkeypatch)
    row = asked(Row(target_ids=np.arange(20) % 13 + 5, steps=np.array([18, 19])))
    layer = predictor.module.model.layers[0].self_attn.k_proj
    own = layer.forward
    layer.forward = lambda states: own(states) * (1 + (states.shape[1] > 16))
    differentiator = Differentiator(predictor)
    assert all(split.alone for split in differentiator._structure.blocks.splits)
    (answer,) = differentiator.gradients([row], None, True, True)
    close(answer.target.numpy(), plainly(predictor, row)[1])


@pytest.mark.parametrize("part", ["self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj"])
def test_no_graph_is_of_more_positions_than_a_piece(part, monkeypatch):
    monkeypatch.setattr(block_by_block, "PIECE", 4)
    predictor = tight("llama", monkeypatch)
    differentiator = Differentiator(predictor)
    row = asked(rows_for("llama")[0])
    assert all(split.alone for split in differentiator._structure.blocks.splits)
    layer = predictor.module.model.layers[0].get_submodule(part)
    own, lengths = layer.forward, set()

    def noted(states):
        if torch.is_grad_enabled():
            lengths.add(states.shape[1])
        return own(states)

    layer.forward = noted
    list(differentiator.gradients([row], None, True, True))
    assert max(lengths) == 4 < len(row.target_ids)


def test_arguments_of_some_positions():
    states, ids, mask = torch.randn(1, 6, 4), torch.arange(6)[None], torch.ones(1, 1, 6, 6, dtype=torch.bool).tril()
    waves, frequencies, kept = torch.rand(1, 6, 8), torch.rand(1, 1, 6, 6) + 1, torch.randn(1, 9, 4)
    some = slice(2, 4)
    assert torch.equal(at_positions(states, some, 6), states[:, 2:4])
    assert torch.equal(at_positions(ids, some, 6), ids[:, 2:4])
    assert torch.equal(at_positions(ids[0], some, 6), ids[0, 2:4])
    assert torch.equal(at_positions(mask, some, 6), mask[:, :, 2:4, 2:4])
    assert torch.equal(at_positions(frequencies, some, 6), frequencies[:, :, 2:4])
    assert [one.shape for one in at_positions((waves, waves), some, 6)] == [(1, 2, 8)] * 2
    assert at_positions(kept, some, 6) is kept
    assert at_positions("causal", some, 6) == "causal"
    assert torch.equal(at_positions(states, torch.tensor([5, 0, 5]), 6), states[:, [5, 0, 5]])


@pytest.mark.parametrize("where", ["", "self_attn", "mlp", "self_attn.o_proj"])
def test_hooks_that_came_after_the_trial_change_gradients_as_they_change_values(where, monkeypatch):
    """They might not be asked once, or of all positions: blocks with hooks go through whole."""
    predictor = tight("llama", monkeypatch)
    differentiator = Differentiator(predictor)
    assert all(differentiator._structure.blocks.splits)

    def doubled(part, args, output):
        scale = torch.arange(first_tensor(output).shape[1])[:, None] + 1.0  # by position
        return with_first(output, first_tensor(output) * scale)

    predictor.module.model.layers[1].get_submodule(where).register_forward_hook(doubled)
    row = asked(rows_for("llama")[0])
    (answer,) = differentiator.gradients([row], None, True, True)
    close(answer.target.numpy(), plainly(predictor, row)[1])


@pytest.mark.parametrize("count, most, size", [(16, 4, 4), (16, 5, 4), (16, 7, 6), (16, 100, 16), (3, 0, 1)])
def test_outputs_are_cut_evenly(count, most, size):
    assert block_by_block._evenly(count, most) == size


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
def test_the_limit_holds_where_many_products_run_at_once(name, monkeypatch):
    """As on a card: plain attention would keep the weights of all layers and heads, as many as the length squared."""
    monkeypatch.setattr(chunking, "HOST_PRODUCT_POSITIONS", 10**6)
    module = build(name, attention="sdpa" if name == "llama" else "eager")
    row = asked(rows_for(name)[0])
    plans = []
    for limit in (2**30, 1):
        predictor = Predictor(module, None, input_embedding(module), 0, memory_limit=limit)
        differentiator = Differentiator(predictor)
        plans.append(differentiator._plan([row], target=True, single=True))
        (answer,) = differentiator.gradients([row], None, True, True)
        close(answer.target.numpy(), plainly(predictor, row)[1])
    assert [plan.implementation for plan in plans] == ["eager", FUSED]
    assert [plan.blocks is not None for plan in plans] == [False, True]


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_states_that_were_not_kept_are_made_again(stride, monkeypatch):
    predictor = tight("llama", monkeypatch)
    config = predictor.module.config
    config.num_hidden_layers = 6
    torch.manual_seed(0)
    module = type(predictor.module)(config).eval()
    predictor = Predictor(module, None, input_embedding(module), 0, memory_limit=1)
    monkeypatch.setattr(gradients, "keeping", lambda *_: Keeping(stride))
    row = asked(rows_for("llama")[0])
    (answer,) = Differentiator(predictor).gradients([row], None, True, True)
    close(answer.target.numpy(), plainly(predictor, row)[1])


def test_the_trial_sees_blocks_that_share_more_than_a_state(monkeypatch):
    """A second way from the embeddings into a later block: gradients through the states alone would miss it."""
    module = build("llama")
    embedding = input_embedding(module)
    assert block_by_block.find_blocks(module, embedding) is not None
    seen = {}
    module.model.layers[0].register_forward_pre_hook(lambda part, args: seen.update(state=args[0]))
    module.model.layers[1].register_forward_hook(lambda part, args, output: output + seen["state"])
    assert block_by_block.find_blocks(module, embedding) is None


def test_weights_ask_for_gradients_afterwards_as_before(monkeypatch):
    predictor = tight("llama", monkeypatch)
    weights = list(predictor.module.parameters())
    weights[3].requires_grad_(False)
    before = [weight.requires_grad for weight in weights]
    list(Differentiator(predictor).gradients([asked(rows_for("llama")[0])], None, True, True))
    assert [weight.requires_grad for weight in weights] == before
    assert all(weight.grad is None for weight in weights)


def test_out_of_memory_halves_the_rows_and_loses_none():
    sizes = []

    def work(rows: list[int]) -> list[int]:
        sizes.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError("no room")
        return [10 * row for row in rows]

    assert list(halving(work, list(range(7)))) == [0, 10, 20, 30, 40, 50, 60]
    assert sizes == [7, 3, 1, 2, 4, 2, 2]


def test_gradients_survive_running_out_of_memory(monkeypatch):
    module = build("llama")
    predictor = Predictor(module, None, input_embedding(module), 0)
    differentiator = Differentiator(predictor)
    rows = [asked(row) for row in rows_for("llama")]
    right = [answer.target.numpy() for answer in differentiator.gradients(rows, 1, True, True)]
    whole = differentiator._answers

    def scarce(some, *others):
        if len(some) > 1:
            raise torch.OutOfMemoryError("no room")
        return whole(some, *others)

    monkeypatch.setattr(differentiator, "_answers", scarce)
    came = list(differentiator.gradients(rows, None, True, True))
    assert len(came) == len(rows)
    for answer, expected in zip(came, right, strict=True):
        close(answer.target.numpy(), expected)


OF_THE_FUSED_KERNEL = pytest.mark.parametrize(
    "name, dtype",
    [*((name, torch.float32) for name in ("llama", "mistral", "gpt2", "gpt_neox")), ("llama", torch.float64)],
)


@OF_THE_FUSED_KERNEL
def test_attention_of_the_steps_under_the_fused_kernel(name, dtype, monkeypatch):
    module = build(name, dtype=dtype)
    rows = [evolve(row, steps=row.steps[[1, -1]]) for row in rows_for(name)]
    right = list(attentions(module, rows, queries="all", mean_heads=False, fused=False))
    monkeypatch.setattr(attention_module, "FUSED_FROM", 1)
    came = list(attentions(module, rows, queries="steps", mean_heads=False, fused=True))
    mean = list(attentions(module, rows, queries="steps", mean_heads=True, fused=True))
    for row, whole, part, reduced in zip(rows, right, came, mean, strict=True):
        expected = whole.decoder[:, :, row.steps - 1]
        torch.testing.assert_close(part.decoder, expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(reduced.decoder, expected.mean(1, keepdim=True), rtol=1e-5, atol=1e-6)


@OF_THE_FUSED_KERNEL
def test_zeroed_values_under_the_fused_kernel(name, dtype, monkeypatch):
    module = build(name, dtype=dtype)
    rows = [evolve(row, steps=row.steps[[1, -1]]) for row in rows_for(name)]
    choices = {
        "metric": "cosine",
        "heads": {"decoder": Heads()},
        "every_query": False,
        "encoder": False,
        "decoder": True,
    }
    right = list(zeroed_values(module, rows, fused=False, **choices))
    monkeypatch.setattr(attention_module, "FUSED_FROM", 1)
    for came, expected in zip(zeroed_values(module, rows, fused=True, **choices), right, strict=True):
        torch.testing.assert_close(came.decoder, expected.decoder, rtol=1e-3, atol=1e-5)


def test_no_more_than_two_blocks_are_held_while_values_are_zeroed(monkeypatch):
    kind, settings = CONFIGS["llama"]
    monkeypatch.setitem(CONFIGS, "llama", (kind, {**settings, "num_hidden_layers": 5}))
    module = build("llama")
    row = rows_for("llama")[0]
    there: list[weakref.ref[Attended]] = []
    most = 0
    own = _Zeroing.block

    def noted(work, call, attended):
        nonlocal most
        there.extend(map(weakref.ref, attended))
        del attended[:-1]
        own(work, call, attended)
        most = max(most, sum(one() is not None for one in there))

    monkeypatch.setattr(_Zeroing, "block", noted)
    monkeypatch.setattr(attention_module, "FUSED_FROM", 1)
    heads = {"decoder": Heads()}
    (answer,) = zeroed_values(
        module, [row], metric="cosine", heads=heads, every_query=False, encoder=False, decoder=True, fused=True
    )
    assert len(answer.decoder) == len(there) == 5
    assert most <= 2


@pytest.mark.parametrize(
    "given, expected",
    [
        (None, None),
        (2**30, 2**30),
        (np.int64(2**30), 2**30),
        ("512 MiB", 2**29),
        ("1.5GiB", 3 * 2**29),
        ("100 MB", 10**8),
        ("2G", 2**31),
        ("1 tib", 2**40),
        (str(2**24), 2**24),
    ],
)
def test_amounts_of_memory(given, expected):
    assert as_bytes(given) == expected


@pytest.mark.parametrize("given", [0, True, "much", "3 bits", "3 ib", "1 KiB", -(2**30), 1.5])
def test_what_is_no_amount_of_memory(given):
    with pytest.raises(SettingsError, match="memory_limit"):
        as_bytes(given)


def test_the_limit_comes_in_by_load_model():
    model = load_model(str(demo_path("lm")), device="cpu", memory_limit="64 MiB")
    assert model.adapter._predictor.memory_limit == 2**26  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match="memory_limit"):
        load_model(str(demo_path("lm")), device="cpu", memory_limit="plenty")


@pytest.mark.parametrize("name", ["gemma2", "gpt_oss"])
def test_models_that_the_fused_kernel_cannot_serve_are_found_out(name):
    """Capped scores and sinks: it refuses the one and forgets the other."""
    module = build(name)
    assert Probe(module, input_embedding(module)).same_under(FUSED) is not None


def test_scores_do_not_depend_on_the_limit(monkeypatch):
    text = "The teacher saw the doctor . The nurse"
    scores = []
    for at_once, limit in ((384, 2**30), (1, 1)):
        monkeypatch.setattr(chunking, "HOST_PRODUCT_POSITIONS", at_once)
        model = load_model("demo:lm", "saliency", device="cpu")
        monkeypatch.setattr(model.adapter, "_memory_limit", limit)
        done = model.attribute(text, text + " saw the", show_progress=False)
        assert (model.adapter._differentiator._plan([_row(model, text)], True, single=True).blocks is None) == (
            limit > 1
        )
        scores.append(done[0].target_attributions)
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-3, atol=1e-6)


def _row(model, text):
    ids = model.encode(text).ids
    return asked(Row(target_ids=ids, steps=np.array([len(ids) - 1])))


@pytest.mark.parametrize(
    "method, settings, texts",
    [
        ("saliency", {}, 3),
        ("input_x_gradient", {}, 3),
        ("integrated_gradients", {"n_steps": 3, "internal_batch_size": 1}, 1),
        ("integrated_gradients", {"tolerance": 0.5, "internal_batch_size": 1}, 1),
    ],
)
def test_gradients_are_let_go_before_the_next_are_made(method, settings, texts, monkeypatch):
    """Of long inputs they are as large as the scores, and more of them at once are not needed."""
    made: list[weakref.ref[object]] = []
    answers = Differentiator._answers

    def noted(self, *args):
        assert not any(one() is not None for one in made)
        (answer,) = answers(self, *args)
        made.append(weakref.ref(answer))
        return [answer]

    monkeypatch.setattr(Differentiator, "_answers", noted)
    monkeypatch.setattr(Differentiator, "_cost", lambda *_: chunking.HOST_POSITIONS)
    model = load_model("demo:lm")
    model.attribute(["to be or not"] * texts, ["to be or not to be"] * texts, method, show_progress=False, **settings)
    assert len(made) >= 3
