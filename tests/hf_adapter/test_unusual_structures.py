"""Models built in unusual ways: right, or refused with the reason; each case a kind that real families show."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from transformers import AutoTokenizer, PreTrainedModel
from wherefrom import load_model
from wherefrom.adapters import ModelCard, Row
from wherefrom.errors import InputError, ModelCapabilityError, WherefromWarning
from wherefrom.methods.alti import mixtures
from wherefrom.methods.attention_rollout import rollout
from wherefrom.methods.libra import RULES as LIBRA
from wherefrom.questions.examples import check_ids
from wherefrom_hf.demo import demo_path
from wherefrom_hf.inside import attention as attention_module
from wherefrom_hf.inside.attention import attentions
from wherefrom_hf.inside.attention_watch import projection_of, watching
from wherefrom_hf.inside.decomposition import attention_terms
from wherefrom_hf.inside.teacher_forcing import run
from wherefrom_hf.running.attention_kernel import observed_by
from wherefrom_hf.running.embedding import input_embedding, input_embeddings
from wherefrom_hf.running.heads import all_heads, most_heads
from wherefrom_hf.running.positions import Limits, has_table_of_positions, limits_of
from wherefrom_hf.running.probe import Probe
from wherefrom_hf.text.generation import generate

from tests.hf_adapter.architectures import build
from tests.hf_adapter.test_value_zeroing import ZeroedAt, answer_for, slow_distances
from tests.zoo import families
from tests.zoo.checks import Model, attention, gradients, predictions, row_of


def probe_of(name: str) -> Probe:
    module = families.build(name)
    return Probe(module, input_embedding(module))


def multipliers(name: str) -> torch.Tensor:
    model = Model(families.build(name))
    row = row_of(model.module)
    base = evolve(row, target_ids=np.full_like(row.target_ids, 7))
    with torch.no_grad():
        (answer,) = model.rescaled_gradients([row], [base])
    return answer.target


@pytest.mark.parametrize("name", ["llama4_text", "phimoe", "mamba2", "qwen3_next"])
def test_deeplift_past_infinities_gives_numbers_or_refuses(name):
    """Masks of routers and scans: chords between two equal infinities have no slope."""
    try:
        target = multipliers(name)
    except ModelCapabilityError as refusal:
        assert "rescale rule" in str(refusal)  # noqa: PT017  # either is right
        return
    assert torch.isfinite(target).all()
    assert target.abs().max() > 0


def test_deeplift_of_several_tokens_at_once_is_refused():
    with pytest.raises(ModelCapabilityError, match=r"one state per position|not causal"):
        multipliers("prophetnet-seq2seq")


@pytest.mark.parametrize("name", ["bamba", "qwen3_next"])
def test_inputs_are_not_followed_through_blocks_without_attention(name):
    model = Model(families.build(name))
    row = row_of(model.module)
    (weights,) = model.attentions([row])
    assert weights.unseen > 0
    with pytest.raises(ModelCapabilityError, match="no attention"):
        rollout(weights, 0.5)


def test_terms_are_not_followed_either():
    model = Model(families.build("jamba"))
    (terms,) = model.attention_terms([row_of(model.module)], queries="all")
    with pytest.raises(ModelCapabilityError, match="no attention"):
        list(mixtures(terms))


def test_where_all_blocks_attend_inputs_are_followed():
    model = Model(families.build("llama"))
    (weights,) = model.attentions([row_of(model.module)])
    assert weights.unseen == 0
    assert torch.allclose(rollout(weights, 0.5)[1].sum(-1), torch.tensor(1.0), atol=1e-5)


ANSWERS: dict[str, Callable[[Model, Row], Iterable[Any]]] = {
    "gradients": lambda model, row: model.gradients([row]),
    "by rules": lambda model, row: model.ruled_gradients([row], rules=LIBRA),
    "of given embeddings": lambda model, row: model.predict([given(model, row)]),
    "of layers below": lambda model, row: model.layer_states([given(model, row)], layer="model.layers.1.self_attn"),
}


def given(model: Model, row: Row) -> Row:
    return evolve(row, target_embeds=torch.zeros_like(model.embed(row.target_ids, side="target")))


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("name", ["gemma4_text", "deepseek_v4"])
def test_a_second_look_up_by_id_is_told_once(name, answers):
    """Of another table, and of the experts that an id goes to."""
    model = Model(families.build(name))
    row = row_of(model.module)
    list(model.predict([row]))  # warnings are errors here: ids do all that they do
    with pytest.warns(WherefromWarning, match="looks its input up a second time"):
        list(ANSWERS[answers](model, row))
    list(ANSWERS[answers](model, row))  # it is not said again


class Adapted(torch.nn.Embedding):
    """An embedding with a second table within, as adapters make it."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.more = torch.nn.Parameter(torch.ones(sizes))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return super().forward(ids) + torch.nn.functional.embedding(ids, self.more)


def test_what_the_input_embedding_looks_up_itself_is_no_second_look_up():
    module = families.build("llama")
    module.set_input_embeddings(Adapted(families.VOCABULARY, 32))
    model = Model(module)
    assert model._predictor.probe.looks_up_again() is None
    list(model.gradients([row_of(module)]))  # warnings are errors here


@pytest.mark.parametrize("name", ["gpt2", "opt", "t5-seq2seq", "m2m_100-seq2seq", "prophetnet-seq2seq"])
def test_positions_are_no_second_look_up(name):
    module = families.build(name)
    assert Probe(module, input_embeddings(module)[1]).looks_up_again() is None


@pytest.mark.parametrize("name, pads", [("llama", True), ("gpt2", True), ("bart", False), ("rwkv", False)])
def test_left_padding_is_tried(name, pads):
    assert probe_of(name).pads_left() is pads


@pytest.mark.parametrize("name", ["llama", "bart", "rwkv"])
def test_prompts_generated_from_together_answer_as_alone(name):
    module = families.build(name)
    pads = probe_of(name).pads_left()
    prompts = [np.array([5, 9, 13, 21, 8]), np.array([7, 30]), np.array([11, 12, 40])]
    common = {
        "decoder_prefixes": None,
        "settings": {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False},
        "seed": None,
        "pad_id": 0,
        "tokenizer": None,
        "device": torch.device("cpu"),
        "pads_left": pads,
    }
    together = generate(module, prompts, **common)
    for prompt, answers in zip(prompts, together, strict=True):
        ((alone,),) = generate(module, [prompt], **common)
        np.testing.assert_array_equal(answers[0], alone)


@pytest.mark.parametrize(
    "name, limit, wall",
    [("t5", 512, False), ("llama", 2048, False), ("gpt2", 1024, True), ("opt", 32, True), ("gptj", 32, True)],
)
def test_a_limit_is_a_wall_where_there_is_a_table_of_positions(name, limit, wall):
    assert has_table_of_positions(build(name), limit) is wall


def logits_of(module: PreTrainedModel, tokens: int) -> torch.Tensor:
    """Of a text, and of a source as long, where there is an encoder."""
    ids = torch.arange(tokens)[None] % 50 + 8  # none of them a padding token, which has no position of its own
    given = {"decoder_input_ids": ids} if module.config.is_encoder_decoder else {}
    with torch.no_grad():
        return module(input_ids=ids, **given, use_cache=False).logits


@pytest.mark.parametrize("name", ["roberta", "xlm-roberta", "camembert"])
@pytest.mark.parametrize("pad", [0, 1, 5])
def test_entries_up_to_that_of_padding_are_no_positions_of_tokens(name, pad):
    kind, model = families.classes()[name]
    config = families.shrunk(kind)
    config.pad_token_id = pad
    module = model(config).eval()
    assert limits_of(module).most == 128 - (pad + 1)
    assert torch.isfinite(logits_of(module, 128 - (pad + 1))).all()


def test_a_text_longer_than_the_positions_behind_padding_is_refused_in_words():
    tokenizer = AutoTokenizer.from_pretrained(demo_path("lm"))
    kind, model = families.classes()["roberta"]
    config = families.shrunk(kind)
    config.vocab_size, config.pad_token_id = len(tokenizer), tokenizer.pad_token_id
    most = 128 - (tokenizer.pad_token_id + 1)
    wrapped = load_model(model(config).eval(), "dummy", tokenizer=tokenizer, device="cpu")
    assert wrapped.adapter.card.max_length == most
    with pytest.raises(InputError, match=f"reads at most {most}"):
        wrapped.attribute("The nurse . " * 60, show_progress=False)


def test_it_is_said_that_a_text_is_longer_than_what_a_tokenizer_says_also_before_a_wall():
    card = ModelCard(name="small", kind="decoder-only", max_length=128, made_for=100)
    with pytest.warns(WherefromWarning, match="was made for 100"):
        check_ids(card, np.arange(110), "prompt")
    with pytest.raises(InputError, match="at most 128"):
        check_ids(card, np.arange(130), "prompt")


WALLS = ["gpt2", "gptj", "opt", "biogpt", "roberta", "xlm-roberta", "bart-seq2seq", "pegasus-seq2seq", "marian-seq2seq"]


@pytest.mark.parametrize("name", WALLS)
def test_law_as_many_tokens_as_there_are_positions_for_are_read_and_no_more(name):
    module = families.build(name)
    most = limits_of(module).most
    assert torch.isfinite(logits_of(module, most)).all()
    with pytest.raises((IndexError, RuntimeError), match="out of"):
        logits_of(module, most + 1)


@pytest.mark.parametrize("name", ["llama", "mistral", "t5-seq2seq", "bloom"])
def test_law_where_no_number_of_positions_ends_what_is_read_more_is_read(name):
    module = families.build(name)
    assert limits_of(module).most is None
    assert torch.isfinite(logits_of(module, 140)).all()


@pytest.mark.parametrize(
    "name, said, most, made_for",
    [
        ("gpt2", 10**30, 128, 128),
        ("gpt2", 100, 128, 100),
        ("gpt2", 500, 128, 128),
        ("roberta", 10**30, 127, 127),
        ("roberta", 100, 127, 100),
        ("llama", 100, None, 100),
        ("llama", 10**30, None, 128),
        ("bloom", 10**30, None, None),
    ],
)
def test_what_a_tokenizer_says_is_no_wall(name, said, most, made_for):
    assert limits_of(families.build(name), said) == Limits(most, made_for)


@pytest.mark.parametrize("name, limit", [("llama", 39), ("gemma2", 40), ("bart", 36), ("t5", 38), ("t5", 32)])
def test_words_and_distances_are_no_table_of_positions(name, limit):
    module = build(name)
    tables = [part.num_embeddings for part in module.modules() if isinstance(part, torch.nn.Embedding)]
    assert any(limit <= entries <= limit + 4 for entries in tables)
    assert not has_table_of_positions(module, limit)


@pytest.mark.parametrize("name", ["afmoe", "qwen3_next", "bert", "roberta"])
def test_terms_behind_a_gate_or_beside_the_module_are_what_zeroed_values_take(name):
    model = families.build(name)
    row = row_of(model)
    with watching(model, leaves=True) as watch:
        run(model, [row], watch)
    (terms,) = attention_terms(model, [row], queries="all")
    layers = {one.layer: one for one in terms.chunks}
    for layer, one in enumerate(watch.in_layers("decoder")):
        call = watch.block_of(one)
        projection, projected = projection_of(one)
        for key in (0, 3):
            seen = []
            handle = projection.register_forward_hook(lambda part, given, output, seen=seen: seen.append(output))
            with torch.no_grad(), observed_by(model, ZeroedAt(one.module, key)):
                call.module(*call.args, **call.kwargs)
            handle.remove()
            taken = projected[0] - seen[0].reshape(projected.shape)[0]
            torch.testing.assert_close(layers[layer].values[:, key], taken, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["afmoe", "qwen3_next", "qwen3_5_text"])
def test_a_gate_in_half_precision_is_one(name, dtype):
    half = families.build(name, dtype)
    row = row_of(half)
    # the first block that attends: in those above routers may choose others
    one, other = (
        next(iter(next(attention_terms(model, [row], queries="all")).chunks)).values
        for model in (half, copy.deepcopy(half).float())
    )
    torch.testing.assert_close(one, other, rtol=0, atol=0.05 * float(other.abs().max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_a_mixture_of_channels_behind_attention_is_no_gate(dtype):
    """What the projection reads is as large as the context and made of it, but not element by element."""
    model = Model(families.build("afmoe", dtype))
    for layer in model.module.model.layers:
        inner = layer.self_attn.o_proj
        mixing = torch.nn.Linear(inner.in_features, inner.in_features, bias=False, dtype=dtype)
        layer.self_attn.o_proj = torch.nn.Sequential(torch.nn.Tanh(), mixing, inner)
    (terms,) = model.attention_terms([row_of(model.module)], queries="steps")
    with pytest.raises(ModelCapabilityError, match="more than a gate"):
        list(terms.chunks)


def test_a_norm_between_attention_and_projection_is_held_as_it_was():
    model = families.build("bitnet")
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.attn_sub_norm.weight.uniform_(0.5, 2)
    row = row_of(model)
    with watching(model, leaves=True) as watch:
        run(model, [row], watch)
    (terms,) = attention_terms(model, [row], queries="all")
    for one, found in zip(watch.in_layers("decoder"), terms.chunks, strict=True):
        attention = one.module
        assert one.projection is attention.o_proj
        context, norm = one.context[0].flatten(1), attention.attn_sub_norm
        size = (context.square().mean(-1, keepdim=True) + norm.variance_epsilon).rsqrt()
        for key in (0, 3):
            values = one.values[0].repeat_interleave(2, dim=0)[:, key]
            brought = (one.weights[0, :, :, key].T[..., None] * values).flatten(1)
            right = brought * size * norm.weight @ attention.o_proj.weight.T
            torch.testing.assert_close(found.values[:, key], right.detach(), rtol=1e-3, atol=1e-4)


def test_a_norm_there_that_takes_off_the_mean_is_refused():
    model = Model(families.build("bitnet"))
    for layer in model.module.model.layers:
        layer.self_attn.attn_sub_norm = torch.nn.LayerNorm(32)
    (terms,) = model.attention_terms([row_of(model.module)], queries="steps")
    with pytest.raises(ModelCapabilityError, match="more than a gate or a norm"):
        list(terms.chunks)


def test_a_model_with_rotations_reads_more_than_it_was_made_for_and_says_so():
    model = load_model("demo:lm", "saliency", device="cpu")
    text = "The teacher saw the doctor . " * 24
    length = len(model.encode(text).ids)
    assert length > 128
    assert model.adapter.card.max_length is None
    with pytest.warns(WherefromWarning, match="was made for 128"):
        done = model.attribute(text, text + "He", attr_pos_start=length, show_progress=False)
    assert np.isfinite(np.nan_to_num(done[0].target_attributions)).all()
    assert done[0].target_attributions[:length, 0].any(axis=-1).all()


def test_relative_positions_have_no_limit_of_their_own():
    module = build("t5")
    row = row_of(families.build("t5-seq2seq"))
    row = evolve(row, target_ids=row.target_ids % 30 + 3, source_ids=np.arange(600) % 30 + 3, target_function=None)
    module.config.n_positions = 512
    model = Model(module)
    (answer,) = model.predict([row])
    assert torch.isfinite(answer.logits).all()
    assert not has_table_of_positions(module, 512)


@pytest.mark.parametrize("name, reason", [("musicgen", "names several")])
def test_models_without_one_input_embedding_are_refused(name, reason):
    model = Model(families.build(name))
    with pytest.raises(ModelCapabilityError, match=reason):
        list(model.predict([row_of(model.module)]))


def test_a_part_that_names_no_input_embedding_is_refused():
    with pytest.raises(ModelCapabilityError, match="Linear names none"):
        input_embedding(torch.nn.Linear(2, 2))


@pytest.mark.parametrize("check", [predictions, gradients, attention])
def test_a_decoder_that_hides_later_positions_only_beside_the_source_is_given_it(check):
    """Its encoder and decoder are no models by themselves, and it names an embedding as its output layer."""
    module = families.build("fsmt-seq2seq")
    assert check(Model(module), row_of(module)) < 1e-4


def test_what_generation_says_step_by_step_is_what_is_most_likely_in_one_pass():
    module = families.build("fsmt-seq2seq")
    source = row_of(module).source_ids
    settings = {"max_new_tokens": 5, "min_new_tokens": 5, "num_beams": 1, "do_sample": False}
    common = {"decoder_prefixes": None, "seed": None, "pad_id": 1, "tokenizer": None, "device": torch.device("cpu")}
    ((said,),) = generate(module, [source], settings=settings, **common)
    row = Row(target_ids=said, steps=np.arange(1, 6), source_ids=source)
    (came,) = Model(module).predict([row])
    np.testing.assert_array_equal(came.logits.argmax(-1).numpy(), said[1:])


def test_what_holds_positions_ahead_of_rows_is_read_by_row_or_refused():
    model = Model(families.build("fsmt-seq2seq"))
    row = row_of(model.module)
    other = evolve(row, source_ids=row.source_ids[::-1].copy(), target_ids=row.target_ids[::-1].copy())
    together, apart = list(model.attentions([row, other])), [next(model.attentions([one])) for one in (row, other)]
    for came, right in zip(together, apart, strict=True):
        torch.testing.assert_close(came.decoder, right.decoder)
        torch.testing.assert_close(came.cross, right.cross)
    even = evolve(row, target_ids=row.target_ids[:13], steps=np.array([4, 12]), source_ids=row.source_ids[:6])
    even = evolve(even, target_function=row_of(model.module).target_function.at(np.array([0, 1])))
    with pytest.raises(ModelCapabilityError, match="positions ahead of the 2 rows"):
        list(model.rescaled_gradients([even], [evolve(even, target_ids=np.full_like(even.target_ids, 7))]))


@pytest.mark.parametrize("name", ["afmoe", "bitnet", "doge", "qwen3_5_text", "qwen3_next"])
def test_long_rows_are_looked_into_as_short_ones(name, monkeypatch):
    """Blocks whose attention runs again for some positions, and attention that is given its mask by name."""
    module = families.build(name)
    row = evolve(row_of(module), steps=np.array([5, 13]))
    distances, (weights,) = answer_for(module, row).decoder, attentions(module, [row], queries="steps")
    monkeypatch.setattr(attention_module, "FUSED_FROM", 1)
    torch.testing.assert_close(answer_for(module, row, fused=True).decoder, distances, rtol=1e-3, atol=3e-6)
    (long,) = attentions(module, [row], queries="steps", fused=True)
    torch.testing.assert_close(long.decoder, weights.decoder, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", ["diffllama", "gemma3n_text", "inkling_text", "t5gemma2-seq2seq"])
def test_no_refusal_sends_to_another(name):
    """Of what looks inside it says at most that it may work."""
    model = Model(families.build(name))
    row = row_of(model.module)
    asks = {
        "attention": lambda: model.attentions([row]),
        "value_zeroing": lambda: model.zeroed_values(
            [row], metric="cosine", heads={}, every_query=False, encoder=True, decoder=True
        ),
        "value_norms": lambda: (list(one.chunks) for one in model.attention_terms([row], queries="all")),
        "alti_logit": lambda: model.logit_terms([row], contrasts=[None]),
        "flashtrace": lambda: model.head_terms([row], mixtures=[None], reduce=lambda terms: terms),
    }
    advice = []
    for ask in asks.values():
        try:
            list(ask())
        except ModelCapabilityError as refusal:
            advice.append(str(refusal).split(" Use ")[1].split(". ")[0])
    assert advice
    assert not any(method in one for one in advice for method in (*asks, "alti"))


def test_one_attention_in_two_calls_is_one_of_wider_heads():
    module = families.build("diffllama")
    row = row_of(module)
    assert attention(Model(module), row) < 1e-5
    distances = answer_for(module, row).decoder
    assert distances.shape[0] == 2
    slow = slow_distances("diffllama", module, row, "decoder")[:, row.steps - 1]
    torch.testing.assert_close(distances, slow, rtol=1e-3, atol=3e-6)
    assert distances.max() > 1e-3


@pytest.mark.parametrize("family, most, together", [("dots3_note_text", 64, 68), ("llama", 4, 8), ("mamba", 0, 0)])
def test_heads_are_counted_where_layers_have_another_number(family, most, together):
    config = families.shrunk(families.classes()[family][0])
    assert most_heads(config) == most
    assert all_heads(config) == together


def test_a_model_that_adds_tokens_of_its_own_to_generate_is_refused():
    module = families.build("xlm")
    before = dict(module.__dict__)
    common = {"decoder_prefixes": None, "seed": None, "pad_id": 0, "tokenizer": None, "device": torch.device("cpu")}
    with pytest.raises(ModelCapabilityError, match=r"adds 1 of its own tokens .* as generated_texts"):
        generate(module, [np.array([5, 9, 13])], settings={"max_new_tokens": 2}, **common)
    assert module.__dict__ == before


def _other_tokens(module, prepared):
    read = prepared[f"{_side(module)}input_ids"].clone()
    read[:, -1] = 11
    return {f"{_side(module)}input_ids": read}


def _other_embeddings(module, prepared):
    embedded = module.get_input_embeddings()(prepared[f"{_side(module)}input_ids"])
    return {f"{_side(module)}input_ids": None, f"{_side(module)}inputs_embeds": 2 * embedded}


def _side(module):
    return "decoder_" if module.config.is_encoder_decoder else ""


@pytest.mark.parametrize("family", ["llama", "bart"])
@pytest.mark.parametrize(
    "change, match",
    [
        (_other_tokens, r"reads other tokens in place of some of the \d tokens it is given"),
        (_other_embeddings, r"reads embeddings of its own in place of the \d tokens it is given"),
    ],
)
def test_a_model_that_reads_other_than_what_was_said_to_generate_is_refused(family, change, match):
    module = families.build(family)
    plain = module.prepare_inputs_for_generation
    common = {"decoder_prefixes": None, "seed": None, "pad_id": 0, "tokenizer": None, "device": torch.device("cpu")}
    prompts, settings = [np.array([5, 9, 13]), np.array([7, 8])], {"max_new_tokens": 2, "num_beams": 2}
    assert len(generate(module, prompts, settings=settings, **common)) == 2

    def prepare(*args, **kwargs):
        prepared = plain(*args, **kwargs)
        return prepared | change(module, prepared)

    module.prepare_inputs_for_generation = prepare
    with pytest.raises(ModelCapabilityError, match=match):
        generate(module, prompts, settings=settings, **common)


def test_what_breaks_on_the_way_back_is_a_refusal():
    model = Model(families.build("reformer"))
    with pytest.raises(ModelCapabilityError, match="cannot be differentiated"):
        list(model.gradients([row_of(model.module)]))
