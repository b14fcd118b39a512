"""Models are probed, not trusted: causal, the same under other attention, going on from a cache."""

from __future__ import annotations

from inspect import signature
from types import MethodType
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch.nn import functional
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    BertConfig,
    BertLMHeadModel,
    LlamaForCausalLM,
    NllbMoeConfig,
    NllbMoeForConditionalGeneration,
    PreTrainedModel,
)
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from wherefrom.adapters import Row
from wherefrom.errors import ModelCapabilityError
from wherefrom_hf.running import probe as probing
from wherefrom_hf.running.choices import Choices
from wherefrom_hf.running.embedding import input_embeddings
from wherefrom_hf.running.gradients import Differentiator
from wherefrom_hf.running.ownership import reserved
from wherefrom_hf.running.predict import Predictor
from wherefrom_hf.running.probe import Probe, need_beside, need_same

from tests.hf_adapter.architectures import CONFIGS, build, of_logits, rows_for
from tests.looking import Looks
from tests.zoo import families
from tests.zoo.checks import Model, attention, distance, plain_logits, row_of

SHARPER = "test_sharper"


def _sharper(module: Any, query: Any, *rest: Any, **options: Any) -> Any:
    """Attention as nobody else computes it."""
    return sdpa_attention_forward(module, 3 * query, *rest, **options)


AttentionInterface.register(SHARPER, _sharper)
AttentionMaskInterface.register(SHARPER, sdpa_mask)


def predictor_of(module: PreTrainedModel) -> Predictor:
    torch.set_num_threads(1)
    return Predictor(module, *input_embeddings(module), 0)


def by_autograd(module: PreTrainedModel, row: Row) -> np.ndarray:
    """d(logit of each step)/d(embedding), one step at a time, with the model as it is loaded."""
    embedding = module.get_input_embeddings()
    ids = torch.from_numpy(row.target_ids[: row.steps[-1]])[None]  # a model may break ties by the length
    grads = []
    for step in row.steps:
        leaf = embedding(ids).detach().requires_grad_()
        handle = embedding.register_forward_hook(lambda *_, leaf=leaf: leaf)
        logit = module(input_ids=ids, use_cache=False).logits[0, step - 1, row.target_ids[step]]
        handle.remove()
        grads.append(torch.autograd.grad(logit, leaf)[0][0].numpy())
    return np.stack(grads)


def not_causal() -> PreTrainedModel:
    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
    return BertLMHeadModel(BertConfig(vocab_size=40, is_decoder=False, **small)).eval()


@pytest.mark.parametrize("name", ["gpt2", "llama", "t5", "bart", "mistral", "gemma3", "opt"])
def test_ordinary_models_are_what_they_seem(name: str) -> None:
    probe = predictor_of(build(name)).probe
    assert probe.causal() is None
    assert probe.same_under("eager") is None
    assert probe.watchable() is None
    assert probe.continues()
    assert probe.beside() is None


def of_experts(fraction: float, *, encoder: int = 1, decoder: int = 0) -> PreTrainedModel:
    """A model whose experts take a fraction of all tokens of a pass, padding too, and drop the rest.

    Args:
        encoder: Every so many of its blocks have experts; 0: none has.
        decoder: The same.
    """
    sizes = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "num_experts": 4}
    config = NllbMoeConfig(
        vocab_size=64, encoder_sparse_step=encoder, decoder_sparse_step=decoder,
        moe_eval_capacity_token_fraction=fraction,
        max_position_embeddings=64, pad_token_id=0, eos_token_id=1, decoder_start_token_id=2, **sizes, **heads,
    )  # fmt: skip
    torch.manual_seed(0)
    return families.drawn(NllbMoeForConditionalGeneration(config).double().eval(), 0.3, seed=3)


@pytest.mark.parametrize("fraction", [0.3, 0.9, 1.0])
def test_what_is_said_of_a_row_does_not_hang_on_those_beside_it(fraction: float) -> None:
    module = of_experts(fraction)
    assert (Probe(module, input_embeddings(module)[1]).beside() is None) == (fraction == 1)
    model, rng = Model(module), np.random.default_rng(0)
    ids, steps = rng.integers(4, 62, 12), np.array([3, 11])
    sources = [rng.integers(4, 62, length) for length in (40, 33, 16, 7)]
    rows = [of_logits(Row(target_ids=ids, steps=steps, source_ids=source)) for source in sources]
    for row, said, gradients in zip(rows, model.predict(rows), model.gradients(rows), strict=True):
        assert distance(said.logits, torch.stack([plain_logits(module, row, int(step)) for step in steps])) < 1e-9
        (alone,) = model.gradients([row])
        assert distance(gradients.source, alone.source) < 1e-9
    for row, watched in zip(rows, model.attentions(rows), strict=True):
        (alone,) = model.attentions([row])
        for where in ("decoder", "encoder", "cross"):
            assert distance(getattr(watched, where), getattr(alone, where)) < 1e-9


@pytest.mark.parametrize("fraction", [0.3, 0.8, 0.9, 1.0])
def test_a_decoder_whose_experts_drop_tokens_by_what_comes_later_is_refused(fraction: float) -> None:
    """A trial of a few dozen tokens may be one of which nothing is dropped."""
    module = of_experts(fraction, encoder=0, decoder=1)
    assert (Probe(module, input_embeddings(module)[1]).causal() is None) == (fraction == 1)


def test_answers_that_hang_on_those_beside_them_are_generated_one_by_one() -> None:
    module, rng = of_experts(0.3), np.random.default_rng(0)
    prompts = [rng.integers(4, 62, length) for length in (40, 40, 7)]
    model = Model(module)
    model.tokenizer = None
    settings = {"max_new_tokens": 6, "do_sample": False}
    together = model.generate(prompts, settings=settings)
    for prompt, (answer,) in zip(prompts, together, strict=True):
        expected = module.generate(torch.from_numpy(prompt)[None], **settings)[0]
        assert answer.tolist() == expected.tolist()


def test_rows_and_baselines_that_hang_on_each_other_are_not_compared() -> None:
    module = of_experts(0.3)
    with pytest.raises(ModelCapabilityError, match=r"rows and their baselines in one pass: another row beside it"):
        need_beside(predictor_of(module).probe)


@pytest.mark.parametrize("name", CONFIGS)
def test_no_probe_is_longer_than_a_table_of_positions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a card a look-up beyond a table ends all work there, so none may be tried."""
    beyond: list[int] = []
    monkeypatch.setattr(torch, "gather", checking(torch.gather, beyond))
    probe = predictor_of(build(name)).probe
    for answer in (probe.causal(), probe.watchable()):
        assert answer is None or "fails with" not in answer
    probe.continues()
    probe.pads_left()
    assert beyond == []


def checking(gather: Any, beyond: list[int]) -> Any:
    """``torch.gather`` that notes indices beyond what it is given."""

    def looking(table: Any, dim: int, index: Any, **options: Any) -> Any:
        if int(index.max()) >= table.shape[dim]:
            beyond.append(int(index.max()))
        return gather(table, dim, index, **options)

    return looking


def test_a_model_that_sees_the_future_is_refused() -> None:
    predictor = predictor_of(not_causal())
    row = Row(target_ids=np.arange(5, 12), steps=np.array([3, 5]))
    for asked in (
        predictor.predict([row], None),
        Differentiator(predictor).gradients([of_logits(row)], None, True, True),
    ):
        with pytest.raises(ModelCapabilityError, match="is not causal: changing later tokens changes logits by"):
            list(asked)


class LastAlone(LlamaForCausalLM):
    """Answers the last position unless it is told."""

    def forward(self, input_ids: Any = None, logits_to_keep: int = 1, **options: Any) -> Any:
        return super().forward(input_ids, logits_to_keep=logits_to_keep, **options)


class AlwaysLastAlone(LlamaForCausalLM):
    """Answers the last position, whatever it is told."""

    def forward(self, *args: Any, **options: Any) -> Any:
        return super().forward(*args, **options | {"logits_to_keep": 1})


def test_a_model_that_keeps_the_last_logits_by_default_is_asked_for_all() -> None:
    module = build("llama")
    row = Row(target_ids=np.arange(5, 12), steps=np.array([3, 5]))
    expected = next(Model(module).predict([row])).logits
    module.__class__ = LastAlone
    torch.testing.assert_close(next(Model(module).predict([row])).logits, expected)
    module = build("llama")
    module.__class__ = AlwaysLastAlone
    with pytest.raises(ModelCapabilityError, match=r"AlwaysLastAlone answers 1 of \d+ positions, and predictions"):
        list(Model(module).predict([row]))


class ByPlace(LlamaForCausalLM):
    """What it makes of its logits hangs on how many there are before them."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = super().forward(*args, **kwargs)
        output.logits = output.logits / (1 + torch.arange(output.logits.shape[1]) / 4)[None, :, None]
        return output


class Copying(LlamaForCausalLM):
    """It adds to logits what the ids of the input are, place by place."""

    def forward(self, input_ids: Any = None, **kwargs: Any) -> Any:
        output = super().forward(input_ids=input_ids, **kwargs)
        output.logits = output.logits + torch.nn.functional.one_hot(input_ids, output.logits.shape[-1])
        return output


class Capped(LlamaForCausalLM):
    """What it makes of its logits is that of each alone."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = super().forward(*args, **kwargs)
        output.logits = 30 * torch.tanh(output.logits / 30)
        return output


@pytest.mark.parametrize("kind, why", [(ByPlace, "two places alone have other logits by"), (Copying, "it fails with")])
def test_logits_that_hang_on_where_they_stand_are_refused(kind: Any, why: str) -> None:
    module = build("llama")
    module.__class__ = kind
    predictor = predictor_of(module)
    row = of_logits(Row(target_ids=np.arange(5, 12), steps=np.array([3, 5])))
    for asked in (
        predictor.predict([row], None),
        Differentiator(predictor).gradients([row], None, True, True),
    ):
        with pytest.raises(ModelCapabilityError, match=rf"{kind.__name__} makes something of its logits .*{why}"):
            list(asked)
    assert predictor.probe.causal() is None
    assert predictor.probe.watchable() is None, "attention is none of its logits"


def test_logits_that_are_changed_one_by_one_are_read() -> None:
    module = build("llama")
    module.__class__ = Capped
    ids, steps = np.arange(5, 12), np.array([3, 5])
    (answer,) = predictor_of(module).predict([Row(target_ids=ids, steps=steps)], None)
    with torch.no_grad():
        expected = module(input_ids=torch.tensor(ids)[None]).logits[0, steps - 1]
    torch.testing.assert_close(answer.logits, expected)


def test_a_model_whose_attention_says_nothing_yet_is_asked_again_when_it_has_learned() -> None:
    module = not_causal()
    learned = {name: weight.clone() for name, weight in module.state_dict().items()}
    with torch.no_grad():
        for layer in module.bert.encoder.layer:
            layer.attention.output.dense.weight.zero_()
    probe = predictor_of(module).probe
    assert probe.causal() is None
    module.load_state_dict(learned)
    with pytest.raises(ModelCapabilityError, match="is not causal"):
        probe.need_causal()


def test_the_setting_that_makes_a_model_causal_is_named() -> None:
    with pytest.raises(ModelCapabilityError, match="BERT-like ones with is_decoder=True"):
        predictor_of(not_causal()).probe.need_causal()
    config, kind = families.classes()["xlm"]
    small = families.shrunk(config)
    small.causal = False
    with pytest.raises(ModelCapabilityError, match="this kind is one with causal=True in model_kwargs's config"):
        predictor_of(kind(small).eval()).probe.need_causal()
    assert predictor_of(families.build("xlm")).probe.causal() is None
    config, kind = families.classes()["gemma3_text"]
    small = families.shrunk(config)
    small.use_bidirectional_attention = True
    with pytest.raises(ModelCapabilityError, match="this kind is one with use_bidirectional_attention=False in"):
        predictor_of(kind(small).eval()).probe.need_causal()


@pytest.mark.parametrize("name", ["xlnet", "prophetnet-seq2seq"])
def test_where_no_setting_makes_a_model_causal_none_is_named(name: str) -> None:
    with pytest.raises(ModelCapabilityError, match=r"is not causal.* Load a causal model\. Layers") as refused:
        predictor_of(families.build(name)).probe.need_causal()
    assert "=True" not in str(refused.value)


def test_gradients_are_those_of_the_loaded_attention() -> None:
    module = build("llama")
    (row, *_) = [of_logits(row) for row in rows_for("llama")]
    plain = by_autograd(module, row)
    module.config._attn_implementation = SHARPER
    sharper = by_autograd(module, row)
    assert np.abs(sharper - plain).max() > 0.01 * np.abs(plain).max()
    predictor = predictor_of(module)
    assert "changes logits" in str(predictor.probe.same_under("eager"))
    (came,) = Differentiator(predictor).gradients([row], None, True, True)
    last = int(row.steps[-1])
    np.testing.assert_allclose(came.target[:, :last], sharper[:, :last], atol=1e-5)


def test_what_looks_into_another_attention_refuses() -> None:
    module = build("llama")
    module.config._attn_implementation = SHARPER
    probe = predictor_of(module).probe
    with pytest.raises(ModelCapabilityError, match=f"instead of '{SHARPER}' changes logits by"):
        need_same(probe, "eager")
    assert probe.watchable() is not None


@pytest.fixture
def forgetful() -> PreTrainedModel:
    """A model that says something else when it goes on from a cache."""
    module = build("llama")
    whole = type(module).forward

    def forward(self: Any, input_ids: Any = None, past_key_values: Any = None, **rest: Any) -> Any:
        begun = past_key_values is not None and past_key_values.get_seq_length() > 0
        output = whole(self, input_ids=input_ids, past_key_values=past_key_values, **rest)
        output.logits = output.logits * (2 if begun else 1)
        return output

    module.forward = MethodType(forward, module)
    return module


def test_a_cache_that_changes_answers_is_not_used(forgetful: PreTrainedModel) -> None:
    predictor = predictor_of(forgetful)
    assert not predictor.probe.continues()
    rows = [evolve(row, first_change=3) for row in rows_for("llama")]
    expected = [answer.logits for answer in predictor_of(build("llama")).predict(rows, None)]
    for came, right in zip(predictor.predict(rows, None), expected, strict=True):
        torch.testing.assert_close(came.logits, right)


def test_a_module_is_probed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = build("llama")
    passes: list[int] = []
    module.register_forward_hook(Looks(lambda *_: passes.append(1)))
    for _ in range(2):
        probe = predictor_of(module).probe
        probe.causal(), probe.watchable(), probe.same_under("eager"), probe.continues()
        made = len(passes)
    assert made == len(passes) <= 11


def test_a_pass_that_fails_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    module = build("llama")

    def broken(self: Any, ids: Any) -> Any:
        raise KeyError("no such thing")

    monkeypatch.setattr(Probe, "_logits", broken)
    assert "fails with KeyError ('no such thing')" in str(predictor_of(module).probe.causal())


def test_a_pass_that_failed_is_tried_again_by_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    module, tried = build("llama"), []

    def busy(self: Any, ids: Any) -> Any:
        tried.append(True)
        raise RuntimeError("busy")

    with reserved(module):
        probe = predictor_of(module).probe
        monkeypatch.setattr(Probe, "_logits", busy)
        for _ in range(3):
            assert "fails with RuntimeError (busy)" in str(probe.causal())
        assert len(tried) == 2  # whether it is so, and whether anything is read
    monkeypatch.undo()
    with reserved(module):
        assert probe.causal() is None


def test_running_out_of_memory_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = predictor_of(build("llama")).probe

    def full(self: Any, ids: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Probe, "_logits", full)
    with pytest.raises(torch.OutOfMemoryError):
        probe.causal()
    monkeypatch.undo()
    assert probe.causal() is None


@pytest.mark.parametrize("kind", [StopIteration, IndexError, RuntimeError, AttributeError, AssertionError])
def test_what_a_structure_breaks_is_a_refusal(kind: type[Exception]) -> None:
    refused = pytest.raises(ModelCapabilityError, match=f"cannot be looked into .{kind.__name__}")
    with refused, probing.looking_into(build("llama")):
        raise kind("odd")


@pytest.mark.filterwarnings("ignore:.*looks its input up a second time")  # Gemma 3n does, and its gradients are right
@pytest.mark.parametrize("name", ["deepseek_v32", "falcon", "lfm2", "minimax", "gemma3n_text", "jamba"])
def test_families_that_need_it_have_the_gradients_of_torch(name: str) -> None:
    module = families.build(name)
    predictor = predictor_of(module)
    ids = np.arange(3, 27) * 5 % 60 + 3
    row = of_logits(Row(target_ids=ids, steps=np.array([9, 20, 23])))
    (came,) = Differentiator(predictor).gradients([row], None, True, True)
    right = by_autograd(module, row)
    np.testing.assert_allclose(came.target[:, :23], right[:, :23], atol=2e-3 * np.abs(right).max())


NONE, WIDE = float("nan"), float("inf")


@pytest.mark.parametrize(
    "expected, came, alike",
    [
        ([1.0, NONE], [1.0, NONE], True),
        ([1.0, -WIDE], [1.0, -WIDE], True),
        ([1.0, 2.0], [1.0, NONE], False),
        ([1.0, NONE], [1.0, 2.0], False),
        ([NONE, NONE], [1.0, 2.0], False),
        ([1.0, -WIDE], [1.0, -3e38], False),
        ([1.0, WIDE], [1.0, -WIDE], False),
        ([1.0, WIDE], [1.0, NONE], False),
    ],
)
def test_what_is_no_number_on_one_side_alone_is_a_difference(
    expected: list[float], came: list[float], alike: bool
) -> None:
    probe = predictor_of(build("llama")).probe
    reason = probe._difference(torch.tensor(expected), torch.tensor(came), "this changes")
    assert (reason is None) is alike


@pytest.mark.parametrize("name", ["llama", "gemma2", "bloom", "mpt"])
def test_double_precision_that_padding_makes_no_numbers_of_is_not_padded(name: str) -> None:
    """Whatever transformers gives there: a batch says what its members say alone."""
    module = build(name, attention="eager", dtype=torch.float64)
    prompts = [torch.arange(5, 8), torch.arange(9, 26)]
    filled = torch.stack([functional.pad(ids, (17 - len(ids), 0)) for ids in prompts])
    visible = torch.stack([functional.pad(torch.ones_like(ids), (17 - len(ids), 0)) for ids in prompts])
    given = {"attention_mask": visible, "position_ids": (visible.cumsum(-1) - 1).clamp_min(0)}
    with torch.no_grad():
        kept = {key: value for key, value in given.items() if key in signature(module.forward).parameters}
        together = module(input_ids=filled, **kept).logits[0, -1]
        alone = module(input_ids=prompts[0][None]).logits[0, -1]
    assert predictor_of(module).probe.pads_left() == torch.allclose(together, alone, atol=1e-6)


def test_dropout_that_is_on_is_off_in_a_probe() -> None:
    module = build("gpt2").train()
    state = torch.get_rng_state()
    probe = predictor_of(module).probe
    assert probe.causal() is None
    assert probe.continues()
    assert module.training
    assert torch.equal(torch.get_rng_state(), state)


def test_code_that_asks_whether_attention_is_eager_is_watched_too() -> None:
    """What its indexer selects becomes a mask under the names "eager" and "sdpa" alone."""
    module = families.build("deepseek_v32")
    before = module.config._attn_implementation
    assert Probe(module, predictor_of(module).target).watchable() is None
    row = row_of(module)
    assert attention(Model(module), row) < 1e-5
    (weights,) = Model(module).attentions([row])
    seen = (weights.decoder[:, :, -1] > 0).sum(-1)
    assert int(seen.max()) == module.config.index_topk < row.steps[-1]
    assert module.config._attn_implementation == before


def between_experts(name: str, *, seed: int = 0, dtype: torch.dtype = torch.bfloat16) -> PreTrainedModel:
    """A mixture in half precision, some of whose tokens lie between two experts."""
    return families.drawn(families.build(name), 0.2, seed=seed).to(dtype)


@pytest.mark.parametrize("name", ["olmoe", "qwen2_moe", "granitemoe", "glm4_moe"])
def test_a_token_that_another_expert_takes_in_half_precision_is_no_other_attention(name: str) -> None:
    for seed in range(3):
        probe = predictor_of(between_experts(name, seed=seed)).probe
        assert probe.watchable() is None
        need_same(probe, "eager")


@pytest.mark.parametrize("name", ["olmoe", "granitemoe"])
def test_another_attention_of_a_mixture_is_seen_in_half_precision(name: str) -> None:
    module = between_experts(name)
    module.config._attn_implementation = SHARPER
    assert f"instead of {SHARPER!r} changes logits" in str(predictor_of(module).probe.watchable())


def test_choices_of_a_pass_are_held_in_another() -> None:
    choices, scores = Choices(), torch.tensor([[3.0, 1.0, 2.0]])
    with choices:
        torch.topk(scores, 2)
        scores.argmax(-1)
        scores.topk(1, dim=0)
    with choices.held():
        values, indices = torch.topk(input=-scores, k=2, dim=-1)
        assert (values.tolist(), indices.tolist()) == ([[-3.0, -2.0]], [[0, 2]])
        assert (-scores).argmax(-1).tolist() == [0]
        assert scores[:, :2].topk(1, dim=0).indices.shape == (1, 2), "of another shape its own are taken"
        assert (-scores).topk(1).indices.tolist() == [[1]], "nothing is ahead"
